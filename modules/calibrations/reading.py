"""Recognises a calibration, reads its cameras in px and mm, and refuses what cannot be a rig."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from modules.calibrations.base import ARBITRARY, AUTO, MM_PER_UNIT, FileCamera, FileRig, Format
from modules.calibrations.formats import FORMATS
from modules.calibrations.misreadings import FEW, SURE, Checks, better_reading, is_above_floor, possible_factors
from modules.calibrations.moving import Moving
from modules.calibrations.open_questions import open_questions
from modules.calibrations.plausibility import Standing, apart_mm, is_apart, size_problem
from modules.calibrations.source import Source
from modules.pose_utils import Camera
from modules.utils import UserError, log

MOST_NAMES = 20  # in a message
_GUESSED = ("m", "mm")  # units that a file of unknown unit may be in; more would leave some rigs ambiguous


@dataclass(frozen=True)
class ReadOptions:
    """What a user says of a calibration that its file does not."""

    format: str = AUTO  # a key of FORMATS
    unit: str = AUTO  # of t in the file: a key of MM_PER_UNIT
    scale: float | None = None  # t is multiplied by this; mm per unit where the file's unit is arbitrary
    up: np.ndarray | None = None  # (3,) unit vector in the file's world
    floor_mm: float | None = None  # along up
    needs_pose: bool = True  # whether intrinsics alone are refused; otherwise R = I and t = 0 stand for a missing pose


@dataclass(frozen=True)
class Calibration:
    """The cameras of a file by name, in px and mm, and how it was read."""

    path: Path
    format: str
    unit: str
    cameras: dict[str, Camera]
    notes: tuple[str, ...]  # sentences that a user should see


def read_cameras(path: Path, options: ReadOptions = ReadOptions()) -> dict[str, Camera]:
    """Reads a calibration of any known format as cameras by name, with K in px and t in mm, and logs what was decided.

    Raises UserError if the file is of no known format, is malformed, or holds cameras that cannot be right.
    """
    calibration = read_calibration(path, options)
    for note in calibration.notes:
        log.info("%s: %s", path, note)
    return calibration.cameras


def read_calibration(path: Path, options: ReadOptions = ReadOptions()) -> Calibration:
    """As `read_cameras`, with the format and what was decided. Logs nothing."""
    return read_source(Source(path), options)


def read_source(source: Source, options: ReadOptions = ReadOptions()) -> Calibration:
    """As `read_calibration`, of a source that may have been parsed already."""
    path = source.path
    format_ = find_format(source, options.format)
    rig = format_.read(source)
    unposed = next((name for name, camera in rig.cameras.items() if camera.R is None or camera.t is None), None)
    if unposed is not None and options.needs_pose:
        raise UserError(
            f"{path}: {format_.TITLE} holds the intrinsics of {unposed} and no extrinsics; add [R|t], world to camera, to a "
            "camera file of your own, or take the joints in the camera's axes with predict.py --frame camera"
        )
    if unposed is not None:
        cameras = {name: _camera(camera, 1.0, options) for name, camera in rig.cameras.items()}
        return Calibration(path, format_.NAME, "mm", cameras, rig.notes)
    unit, note = _unit(path, rig, options)
    cameras = _in_mm(rig, unit, options)
    for name, camera in cameras.items():
        require_centred(path, name, camera)
        _require_above_floor(path, name, camera)
    checks = _checks(rig, unit, options)
    _require_plausible(path, format_, cameras, checks)
    notes = [*rig.notes, *filter(None, [note]), *open_questions(format_.TITLE, rig, unit, cameras, checks)]
    return Calibration(path, format_.NAME, unit, cameras, tuple(notes))


def choose(path: Path, cameras: Mapping[str, Camera], name: str | None) -> str:
    """Returns the name of the camera that is meant; None means the only one. Raises UserError if there is no such camera."""
    if name is None and len(cameras) == 1:
        return next(iter(cameras))
    if name in cameras and name is not None:
        return name
    shown = ", ".join(list(cameras)[:MOST_NAMES]) + (", …" if len(cameras) > MOST_NAMES else "")
    what = f"there is no camera {name} in this file" if name is not None else f"this file holds {len(cameras)} cameras"
    raise UserError(f"{path}: {what}; choose by name: {shown}")


def is_calibration(source: Source) -> bool:
    """Whether a file or folder is of one of the formats, by its content."""
    return any(format_.sniff(source) for format_ in FORMATS.values())


def find_format(source: Source, name: str = AUTO) -> Format:
    """Returns the named format, or the one that recognises the content. Raises UserError if there is none."""
    source.data  # noqa: B018  # raises if the file cannot be read
    candidates = [FORMATS[name]] if name != AUTO else list(FORMATS.values())
    found = next((format_ for format_ in candidates if format_.sniff(source)), None)
    if found is not None:
        return found
    problem = source.parse_problem()
    if problem is not None:
        raise UserError(f"{source.path}: {problem}")
    if (source.path / "cameras.bin").is_file():
        raise UserError(
            f"{source.path}: this is COLMAP's binary model; convert it by colmap model_converter --output_type TXT"
        )
    what = "this folder holds" if source.is_folder else "this file is"
    if name != AUTO:
        raise UserError(
            f"{source.path}: {what} no calibration of {FORMATS[name].TITLE}; leave --format out, or name another"
        )
    raise UserError(f"{source.path}: {what} no calibration of a known format; docs/cameras.md lists them")


def _unit(path: Path, rig: FileRig, options: ReadOptions) -> tuple[str, str | None]:
    """Returns the unit of t, and a sentence if it was found by plausibility."""
    if options.unit != AUTO:
        return options.unit, None
    if rig.unit == ARBITRARY:
        if options.scale is None:
            raise UserError(
                f"{path}: lengths in this file are in a unit of their own; convert it by python -m data.cameras "
                "--scale MM, the mm of one of them, which a distance that you know gives"
            )
        return "mm", None
    if rig.unit != AUTO:
        return rig.unit, None
    fitting = [unit for unit in _GUESSED if size_problem(_in_mm(rig, unit, options)) is None]
    if len(fitting) == 1:
        apart = apart_mm(_in_mm(rig, fitting[0], options)) / 1000
        between = "the cameras are then" if len(rig.cameras) > 1 else "the camera is then"
        end = "apart" if len(rig.cameras) > 1 else "from the world's origin"
        return fitting[0], f"lengths are taken to be in {fitting[0]}: {between} {apart:.2f} m {end}"
    if fitting:
        return "mm", "the camera stands at the world's origin, so that the unit does not matter"
    apart_units = [unit for unit in _GUESSED if is_apart(_in_mm(rig, unit, options))]
    if apart_units:  # the directions are wrong, rather than the unit, and are refused as such
        return apart_units[0], None
    numbers = apart_mm(_in_mm(rig, "mm", options))
    possible = _plausible_units(rig, options)
    fix = f"if they are in {possible[0]}, add --unit {possible[0]}" if possible else "add --unit or --scale"
    raise UserError(
        f"{path}: the unit of its lengths is unknown: distances of {numbers:.4g} fit neither m nor mm; convert it "
        f"by python -m data.cameras: {fix}"
    )


def _plausible_units(rig: FileRig, options: ReadOptions) -> list[str]:
    return [unit for unit in MM_PER_UNIT if size_problem(_in_mm(rig, unit, options)) is None]


def _in_mm(rig: FileRig, unit: str, options: ReadOptions) -> dict[str, Camera]:
    mm = _mm_per_unit(unit, options)
    return {name: _camera(camera, mm, options) for name, camera in rig.cameras.items()}


def _mm_per_unit(unit: str, options: ReadOptions) -> float:
    return MM_PER_UNIT[unit] * (1.0 if options.scale is None else options.scale)


def _camera(camera: FileCamera, mm: float, options: ReadOptions) -> Camera:
    R = np.eye(3) if camera.R is None else camera.R
    t = np.zeros(3) if camera.t is None else camera.t * mm
    return Camera(camera.K, R, t, camera.image_size, camera.distortion, options.up, options.floor_mm)


def _checks(rig: FileRig, unit: str, options: ReadOptions) -> Checks:
    if not rig.moves:
        return Standing(options.up)
    mm = _mm_per_unit(unit, options)
    return Moving(options.up, {name: points * mm for name, points in rig.people.items()})


def _require_plausible(path: Path, format_: Format, cameras: Mapping[str, Camera], checks: Checks) -> None:
    """Raises UserError, which names what would make it plausible, if the cameras cannot be right as read."""
    size, direction = checks.size_problem(cameras), checks.direction_problem(cameras)
    better = better_reading(cameras, checks, SURE) if len(cameras) > FEW else None
    if direction is not None or better is not None:
        fix = (
            f"they do if {better.what}: write [R|t], world to camera"
            if better
            else "check R and t, which map world to camera"
        )
        what = direction or "the cameras hardly look at one place, or do not stand level"
        raise UserError(f"{path}: {what}; {fix}")
    if size is not None:
        factors = possible_factors(cameras, checks)
        fix = (
            f"they would be plausible if lengths were {factors[0]:g} times as large" if factors else "check the lengths"
        )
        raise UserError(
            f"{path}: {size}, in the unit of {format_.TITLE}; {fix}: "
            "convert it by python -m data.cameras with --unit or --scale"
        )


def _require_above_floor(path: Path, name: str, camera: Camera) -> None:
    up, floor = camera.world_up, camera.floor_height_mm
    if up is not None and not is_above_floor(camera):
        raise UserError(
            f"{path}: camera {name} is not above the floor (up {np.round(up, 3).tolist()}, floor {floor:g} mm); correct --up "
            "and --floor, or its [R|t], which maps world to camera"
        )


def require_centred(path: Path, name: str, camera: Camera) -> None:
    """Raises UserError if the principal point is far from the picture's middle: K is of another picture."""
    if camera.image_size is None:
        return
    size = np.array(camera.image_size)
    if ((camera.K[:2, 2] < 0.25 * size) | (camera.K[:2, 2] > 0.75 * size)).any():
        x, y = camera.K[:2, 2]
        swapped = ((camera.K[:2, 2] > 0.25 * size[::-1]) & (camera.K[:2, 2] < 0.75 * size[::-1])).all()
        fix = "width and height are probably swapped" if swapped else "correct the size, or K, which is of another size"
        raise UserError(
            f"{path}: the principal point of camera {name} is at ({x:.0f}, {y:.0f}) in a picture of {size[0]}x{size[1]} px; "
            f"{fix}"
        )
