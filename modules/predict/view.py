"""The camera of a prediction: what its file says, completed by the command line, and fitted to each image's size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from modules.calibrations.reading import ReadOptions, choose, is_calibration, read_cameras
from modules.calibrations.source import Source
from modules.files.atomic import read_json
from modules.files.camera_keys import unread_keys_note
from modules.files.cameras import camera_from_numbers, read_camera_numbers
from modules.files.lens import lens_problem_of
from modules.files.numbers import require_object
from modules.pose_utils import Camera, resize_intrinsics
from modules.predict.arguments import CAMERA, WAYS_TO_CALIBRATE, WORLD
from modules.utils import UserError, log


@dataclass(frozen=True)
class CameraOptions:
    """What the command line says of the camera."""

    frame: str = WORLD  # of the answer: world, or camera
    up: np.ndarray | None = None  # (3,) unit vector in `frame`
    floor_mm: float | None = None  # along up, in `frame`
    calibrated_size: tuple[int, int] | None = (
        None  # (width, height) px that K belongs to; images of the same aspect scale it
    )
    name: str | None = None  # of the camera, in a calibration of several


@dataclass(frozen=True)
class View:
    """One camera, in the frame of the answer, that images of several sizes were taken with."""

    path: Path
    camera: Camera  # its image_size is what K belongs to; None: whatever size the images have
    scales: bool  # whether K is scaled to images of another size

    def camera_for(self, name: object, size: tuple[int, int]) -> Camera:
        """Returns the camera of an image of this (width, height). Raises UserError, which begins with `name`, if none fits."""
        calibrated = self.camera.image_size
        if calibrated is None:
            self._check_principal_point(name, size)
            return replace(self.camera, image_size=size)
        if calibrated == size:
            return self.camera
        has, needs = (f"{width}x{height}" for width, height in (size, calibrated))
        scale = size[0] / calibrated[0]
        if abs(calibrated[1] * scale - size[1]) > 1:
            raise UserError(
                f"{name}: this image is {has} px, but its camera is calibrated for {needs}, of another shape, so that it was "
                "cropped; calibrate for it"
            )
        if not self.scales:
            raise UserError(
                f"{name}: this image is {has} px, but its camera is calibrated for {needs}; use images of that size, or, if "
                f"they were only resized, add --calibrated-size {needs}"
            )
        return replace(self.camera, K=resize_intrinsics(self.camera.K, scale), image_size=size)

    def _check_principal_point(self, name: object, size: tuple[int, int]) -> None:
        """Raises UserError if K is plainly of another image size: its principal point is far from the image's middle."""
        share = self.camera.K[:2, 2] / size
        if ((share < 0.25) | (share > 0.75)).any():
            x, y = self.camera.K[:2, 2]
            raise UserError(
                f"{name}: this image is {size[0]}x{size[1]} px, but the principal point in {self.path} is at "
                f"({x:.0f}, {y:.0f}), so K is of another size; add image_size to the file, or name it with --calibrated-size"
            )


def read_view(path: Path, options: CameraOptions) -> View:
    """Reads a camera file for a prediction. Raises UserError if intrinsics are missing, or extrinsics for a world answer.

    Up and floor of the options count only where the file declares none.
    """
    camera = _of_other_program(path, options) if path.exists() else None
    camera = _of_camera_file(path, options) if camera is None else camera
    if options.frame == CAMERA:
        camera = in_own_axes(camera)
    camera = _completed(path, camera, options)
    declared, said = camera.image_size, options.calibrated_size
    if said is not None and declared not in (None, said):
        raise UserError(
            f"--calibrated-size {said[0]}x{said[1]}: {path} says image_size {declared[0]}x{declared[1]}; leave one of them out"
        )
    camera = replace(camera, image_size=declared or said)
    problem = lens_problem_of(path, camera)
    if problem is not None:
        log.warning("%s", problem)
    return View(path, camera, scales=said is not None)


def _of_other_program(path: Path, options: CameraOptions) -> Camera | None:
    """Returns the named camera of another program's calibration; None for a file that may be a camera file of our own."""
    source = Source(path)
    if (
        not is_calibration(source)
        and (source.text.lstrip()[:1] in ("", "{") or source.json is not None)
        and not source.is_folder
    ):
        return None
    in_world = options.frame == WORLD  # otherwise `up` is in the camera's axes, which `_completed` uses
    cameras = read_cameras(path, ReadOptions(up=options.up if in_world else None, needs_pose=in_world))
    return cameras[choose(path, cameras, options.name)]


def _of_camera_file(path: Path, options: CameraOptions) -> Camera:
    """Returns the camera of a file of our own."""
    data = require_object(path, read_json(path, f"name a camera file with --camera; {WAYS_TO_CALIBRATE}"))
    if options.name is not None:
        raise UserError(f"--camera-name {options.name}: {path} holds one camera alone; leave --camera-name out")
    if "intrinsics" not in data:
        raise UserError(
            f"{path}: the field intrinsics is missing; add K divided by image_scale, which is never guessed: "
            f"{WAYS_TO_CALIBRATE}"
        )
    if "extrinsics" not in data and options.frame == WORLD:
        raise UserError(
            f"{path}: the field extrinsics is missing; add [R|t], world to camera, in mm, or take the joints in the camera's "
            "axes with --frame camera"
        )
    numbers = read_camera_numbers(path, needs_extrinsics=options.frame == WORLD)
    note = unread_keys_note({path: numbers.unread})
    if note is not None:
        log.warning("%s", note)
    return camera_from_numbers(path, numbers)


def in_own_axes(camera: Camera) -> Camera:
    """Returns the camera in a frame of its own axes and centre; up and floor, where declared, are expressed in it."""
    up, floor = camera.world_up, camera.floor_height_mm
    if up is not None:
        up = camera.R @ up
        floor = None if floor is None else float(floor + up @ camera.t)
    return replace(camera, R=np.eye(3), t=np.zeros(3), world_up=up, floor_height_mm=floor)


def _completed(path: Path, camera: Camera, options: CameraOptions) -> Camera:
    """Returns the camera with up and floor from the options. Raises UserError if they contradict the file."""
    up = options.up
    if up is not None and camera.world_up is not None and up @ camera.world_up < np.cos(np.radians(1)):
        raise UserError(f"--up: {path} declares another world_up; leave one of them out")
    if options.floor_mm is not None and camera.floor_height_mm not in (None, options.floor_mm):
        raise UserError(f"--floor: {path} declares floor_height_mm {camera.floor_height_mm:g}; leave one of them out")
    up = camera.world_up if camera.world_up is not None else up
    floor = camera.floor_height_mm if camera.floor_height_mm is not None else options.floor_mm
    if floor is not None and up is None:
        raise UserError(
            "--floor: a floor's height is measured along up, which is unknown; name it with --up, such as --up=z"
        )
    if up is not None and floor is not None and up @ camera.centre_world <= floor:
        raise UserError(
            f"{path}: the camera is not above its floor (up {np.round(up, 3).tolist()}, floor {floor:g} mm); correct "
            "--up and --floor, or the file's world_up and floor_height_mm"
        )
    return replace(camera, world_up=up, floor_height_mm=floor)
