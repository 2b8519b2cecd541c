"""Calibrates where cameras stand from the board on the floor, which becomes the world of all cameras that see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from data.calibrate.board import Board
from data.calibrate.detection import Sighting, survey
from data.calibrate.footage import Footage
from data.calibrate.picture import draw_floor
from data.calibrate.pose import BoardPose, PoseProblem, solve_pose
from data.calibrate.record import Intrinsics, write_pose
from data.calibrate.seen import usable_sightings
from modules.files.atomic import write_bytes
from modules.pose_utils import Camera
from modules.utils import UserError, log

FRAMES = 40  # of a video that are looked at
MOVED = 0.001  # share of the longer side by which corners move if camera or board moved
UP = np.array([0.0, 0.0, 1.0])
UNSURE_UP_DEG = 0.3
FOCUS_SIGMAS, FOCUS_CHANGE = 4.0, 0.005  # from which on a changed focal length is likely
RESIDUAL_RATIO, RESIDUAL_PX = 3.0, 0.5  # against the intrinsics' own footage


@dataclass(frozen=True)
class PlacedCamera:
    """One camera that was placed in the board's world."""

    name: str
    camera: Camera
    pose: BoardPose
    corners: int
    frames: int
    image: np.ndarray  # (H, W, 3) RGB, one frame


def place_camera(footage: Footage, intrinsics: Intrinsics, board: Board, floor_mm: float) -> PlacedCamera:
    """Returns the camera in the board's world, whose floor is at z = `floor_mm`, from frames in which nothing moved.

    Raises UserError if the footage does not fit the intrinsics, or if the board is not seen well enough.
    """
    _check_fit(footage, intrinsics)
    sightings = usable_sightings(footage, board, survey(footage, board, FRAMES))
    still = _still(footage, sightings)
    ids, corners = _mean_corners(still)
    model = intrinsics.camera
    problem = PoseProblem(board.corners_world[ids], corners, model.K, model.distortion, intrinsics.covariance)
    pose = solve_pose(problem)
    if pose.is_ambiguous:
        raise UserError(
            f"{footage.path}: the board is too small in the picture to tell how it is tilted; put it nearer to the camera, "
            "or print it larger"
        )
    _warn(footage, intrinsics, pose)
    camera = Camera(model.K, pose.R, pose.t, footage.size, model.distortion, UP, floor_mm)
    image = next(footage.frames([still[len(still) // 2].frame]))
    return PlacedCamera(footage.title, camera, pose, len(ids), len(still), image)


def write_placed(
    placed: PlacedCamera, intrinsics: Intrinsics, board: Board, folder: Path, is_scale_measured: bool
) -> list[Path]:
    """Writes the camera file, and a picture of the floor through it."""
    pose, camera = placed.pose, placed.camera
    account = {
        "board": board.name,
        "square_mm": board.square_mm,
        "square_from": "the printed ruler" if is_scale_measured else "the design",
        "frames": placed.frames,
        "corners": placed.corners,
        "rms_px": round(pose.rms_px, 4),
        "position_std_mm": [round(float(value), 2) for value in pose.position_std_mm],
        "rotation_std_deg": [round(float(value), 4) for value in pose.rotation_std_deg],
        "up_std_deg": round(pose.up_std_deg, 4),
        "includes_intrinsics": intrinsics.covariance is not None,
    }
    write_pose(folder / f"{placed.name}.json", camera, intrinsics, account)
    drawn = draw_floor(placed.image, camera, board, float(camera.floor_height_mm or 0))
    write_bytes(folder / f"{placed.name}.jpg", cv2.imencode(".jpg", drawn[..., ::-1])[1].tobytes())
    return [folder / f"{placed.name}.json", folder / f"{placed.name}.jpg"]


def board_distance_mm(placed: PlacedCamera, board: Board) -> float:
    """Returns the distance from the camera centre to the board's middle."""
    return float(np.linalg.norm(placed.camera.centre_world - [*(board.size_mm / 2), 0]))


def check_distance(placed: PlacedCamera, board: Board, measured_mm: float) -> None:
    """Raises UserError if the board's middle is not where a tape measure says, so that its squares are of another size."""
    found = board_distance_mm(placed, board)
    share = measured_mm / found
    if abs(share - 1) > 0.05:
        raise UserError(
            f"--distance {measured_mm:g}: by the board, its middle is {found:.0f} mm from {placed.name}, so that its squares "
            f"would be {board.square_mm * share:.1f} mm instead of {board.square_mm:g}; measure the printed ruler "
            "(--ruler), or name the board that is printed"
        )
    log.info("%s: the board's middle is at %.0f mm, and at %.0f by the tape", placed.name, found, measured_mm)


def report(placed: Sequence[PlacedCamera], board: Board) -> None:
    """Logs where each camera stands, and how far cameras are apart."""
    for one in placed:
        height = one.camera.centre_world[2] - float(one.camera.floor_height_mm or 0)
        log.info(
            "%s: %.2f m above the floor, %.2f m from the board; position ± %.1f mm, up ± %.2f degrees, residual %.2f px "
            "(%d corners, %d frame%s)",
            one.name, height / 1000, board_distance_mm(one, board) / 1000, np.linalg.norm(one.pose.position_std_mm),
            one.pose.up_std_deg, one.pose.rms_px, one.corners, one.frames, "" if one.frames == 1 else "s",
        )  # fmt: skip
    for index, one in enumerate(placed):
        for other in placed[index + 1 :]:
            apart = np.linalg.norm(one.camera.centre_world - other.camera.centre_world)
            log.info("%s and %s: %.2f m apart", one.name, other.name, apart / 1000)


def _check_fit(footage: Footage, intrinsics: Intrinsics) -> None:
    """Raises UserError if the frames are not of the size, or not turned as, the intrinsics were calibrated for."""
    size, calibrated = footage.size, intrinsics.size
    if size == calibrated[::-1] and size != calibrated:
        raise UserError(
            f"{footage.path}: this footage is {size[0]}x{size[1]} px, but {intrinsics.path} is calibrated for {calibrated[0]}x"
            f"{calibrated[1]}, turned by a quarter; hold the camera the same way up in both"
        )
    if size != calibrated:
        raise UserError(
            f"{footage.path}: this footage is {size[0]}x{size[1]} px, but {intrinsics.path} is calibrated for {calibrated[0]}x"
            f"{calibrated[1]}; film both in one mode, since photos and other resolutions show another part of the sensor"
        )
    if footage.video is not None and intrinsics.turned_deg not in (None, footage.turned_deg):
        raise UserError(
            f"{footage.path}: this video is shown turned by {footage.turned_deg} degrees, but that of {intrinsics.path} by "
            f"{intrinsics.turned_deg}; hold the camera the same way up in both"
        )


def _still(footage: Footage, sightings: Sequence[Sighting]) -> list[Sighting]:
    """Returns the frames in which the corners are where they mostly are. Raises UserError if most frames are elsewhere."""
    every = {int(corner) for view in sightings for corner in view.ids}
    usual = {
        corner: np.median([view.corners_px[view.ids == corner][0] for view in sightings if corner in view.ids], axis=0)
        for corner in every
    }
    moved = np.array(
        [
            np.median([np.linalg.norm(px - usual[int(i)]) for i, px in zip(view.ids, view.corners_px, strict=True)])
            for view in sightings
        ]
    )
    still = moved <= MOVED * max(footage.size)
    if still.mean() <= 0.5:
        raise UserError(
            f"{footage.path}: the board moves in the picture, by {np.median(moved):.1f} px between frames; put the camera on "
            "a tripod and the board on the floor, and film without touching them"
        )
    if not still.all():
        log.info(
            "%s: camera or board moved in %d of %d frames, which are not used", footage.path, (~still).sum(), len(still)
        )
    return [view for view, stays in zip(sightings, still, strict=True) if stays]


def _mean_corners(sightings: Sequence[Sighting]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the ids (N,) of the corners that were seen in half of the frames, and their medians (N, 2) px."""
    counts: dict[int, list[np.ndarray]] = {}
    for view in sightings:
        for corner, pixel in zip(view.ids, view.corners_px, strict=True):
            counts.setdefault(int(corner), []).append(pixel)
    often = sorted(corner for corner, pixels in counts.items() if 2 * len(pixels) >= len(sightings))
    return np.array(often), np.array([np.median(counts[corner], axis=0) for corner in often])


def _warn(footage: Footage, intrinsics: Intrinsics, pose: BoardPose) -> None:
    """Warns of what does not fit the intrinsics, and of an uncertain direction up."""
    if abs(pose.focal_change) > max(FOCUS_CHANGE, FOCUS_SIGMAS * pose.focal_change_std):
        log.warning(
            "%s: the focal length seems to differ by %s from that of %s; lock focus and zoom, and film both again",
            footage.path, f"{100 * pose.focal_change:+.1f} ± {100 * pose.focal_change_std:.1f} %", intrinsics.path,
        )  # fmt: skip
    elif intrinsics.rms_px is not None and pose.rms_px > max(RESIDUAL_PX, RESIDUAL_RATIO * intrinsics.rms_px):
        log.warning(
            "%s: the residual is %.2f px, but %.2f px where the intrinsics were calibrated; is the board flat, and are focus, "
            "zoom and stabilisation as they were?",
            footage.path, pose.rms_px, intrinsics.rms_px,
        )  # fmt: skip
    if pose.up_std_deg > UNSURE_UP_DEG:
        log.warning(
            "%s: up is known only to %.1f degrees; put the board nearer to the camera, or print it larger",
            footage.path, pose.up_std_deg,
        )  # fmt: skip
