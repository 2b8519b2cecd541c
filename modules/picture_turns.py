"""Turns pictures by quarters, with their cameras, so that people stand upright in them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from modules.pose_utils import Camera

FISHEYE_COEFFICIENTS, THIN_PRISM_COEFFICIENTS = 4, 12
LEAST_ROLL_DEG = 60.0  # by which a picture is rolled at least before it is turned
LEAST_UP = 0.5  # of up in the image plane: a camera that looks steeply down has no upright picture


def quarter_turns(camera: Camera) -> int:
    """Returns how often the camera's picture is turned by 90 degrees clockwise until people stand upright in it: 0 to 3.

    It is 0 where `world_up` is not declared, where a quarter turn would leave K with skew no upper
    triangle, and for a lens with a tilted sensor.
    """
    if camera.world_up is None or _is_tilted(camera.distortion):
        return 0
    x, y, _ = camera.R @ camera.world_up
    length = float(np.hypot(x, y))
    if length < LEAST_UP or -y > np.cos(np.radians(LEAST_ROLL_DEG)) * length:
        return 0
    turns = int(np.argmax([-y, -x, y, x]))  # the picture's side that up points to: top, left, bottom, right
    return 0 if turns % 2 and camera.K[0, 1] != 0 else turns


def axes_turn(turns: int) -> np.ndarray:
    """Returns the rotation (3, 3) of camera axes when a picture is turned clockwise by so many quarters."""
    return np.asarray(np.linalg.matrix_power(np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]), turns % 4))


def picture_turn(size: tuple[int, int], turns: int) -> np.ndarray:
    """Returns the map (3, 3) of px [u, v, 1] when a picture of (width, height) is turned clockwise by so many quarters."""
    width, height = size
    M = np.eye(3)
    for _ in range(turns % 4):
        M = np.array([[0.0, -1, height - 1], [1, 0, 0], [0, 0, 1]]) @ M
        width, height = height, width
    return M


def turn_camera(camera: Camera, size: tuple[int, int], turns: int) -> Camera:
    """Returns the camera of its picture of (width, height), turned clockwise by so many quarters."""
    Q = axes_turn(turns)
    turned_size = size[::-1] if turns % 2 else size
    return replace(
        camera, K=picture_turn(size, turns) @ camera.K @ Q.T, R=Q @ camera.R, t=Q @ camera.t,
        distortion=_turn_lens(camera.distortion, Q[:2, :2]), image_size=None if camera.image_size is None else turned_size,
    )  # fmt: skip


def _turn_lens(lens: np.ndarray | None, Q: np.ndarray) -> np.ndarray | None:
    """Returns the coefficients of the turned lens; the tangential and the thin prism ones are vectors in the image plane."""
    if lens is None or len(lens) == FISHEYE_COEFFICIENTS:
        return lens
    turned = lens.copy()
    turned[[3, 2]] = Q @ lens[[3, 2]]  # p2 acts along x, p1 along y
    if len(lens) >= THIN_PRISM_COEFFICIENTS:
        turned[[8, 10]], turned[[9, 11]] = Q @ lens[[8, 10]], Q @ lens[[9, 11]]
    return turned


def _is_tilted(lens: np.ndarray | None) -> bool:
    return lens is not None and len(lens) > THIN_PRISM_COEFFICIENTS and bool(lens[THIN_PRISM_COEFFICIENTS:].any())
