"""Finds what cannot be right about the cameras of one file: their distances, and whether they look at one place.

A reading in the wrong unit, with the centre for t, or with another direction of the rotation gives numbers of the right
shapes. It rarely gives cameras that stand 0.3 to 30 m apart, look at one place from further than a metre, and stand level.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from modules.pose_utils import Camera

Rig = Mapping[str, Camera]
APART_MM = (300.0, 30_000.0)
PERSON_MM = 1000.0  # a picture that shows less where the cameras look at, or from nearer, shows no person
SEEN_SHARE = 0.75  # of the cameras that must have this place in their picture
_PARALLEL_DEG = 5.0  # axes closer than this do not say where they meet
_FACING_DEG = 12.0  # nor do those of two cameras that look at each other
_MISS, _TILT = 0.15, 0.1  # usual miss of an axis, in halves of the picture, and usual sine of a camera's roll
_LEVEL = 0.12  # the largest sine of a roll that is called level
_FAR = 3.0  # the miss of a camera that has the place behind it
_STEPS = 5  # of moving the meeting place
_SEARCHED = 4  # cameras whose pictures are searched for a common place
_ACROSS = np.linspace(-0.9, 0.9, 5)  # where in their pictures, in halves of them
_DEPTHS = np.geomspace(0.1, 10.0, 16)  # how far away, in the largest distance of two cameras
_AXES = np.concatenate([np.eye(3), -np.eye(3)])


def apart_mm(rig: Rig) -> float:
    """Returns the largest distance of two cameras; of one camera alone, that from the world's origin."""
    centres = np.array([camera.centre_world for camera in rig.values()])
    others = centres if len(centres) > 1 else np.zeros((1, 3))
    return float(np.linalg.norm(centres[:, None] - others[None], axis=-1).max())


def is_apart(rig: Rig) -> bool:
    """Whether the cameras are apart as those of a rig are."""
    return APART_MM[0] <= apart_mm(rig) <= APART_MM[1]


def size_problem(rig: Rig) -> str | None:
    """Returns why the cameras' distances cannot be right, or None. A single camera at the origin has none."""
    apart = apart_mm(rig)
    if apart == 0 and len(rig) == 1:
        return None
    if not is_apart(rig):
        what = "the cameras are {} apart" if len(rig) > 1 else "the camera is {} from the world's origin"
        return f"{what.format(length(apart))}, where {length(APART_MM[0])} to {length(APART_MM[1])} is usual"
    place = meeting_place(rig)
    if place is None and len(rig) == 1:
        place = np.zeros(3)  # a single camera that has the world's origin in its picture
    depths = [] if place is None else [(depth_of(one, place), one) for one in rig.values() if miss_of(one, place) <= 1]
    if len(depths) < SEEN_SHARE * len(rig):
        return None
    if np.median([depth for depth, _ in depths]) < PERSON_MM:
        return (
            f"the cameras look at a place that is {length(float(np.median([d for d, _ in depths])))} in front of them"
        )
    shown = float(np.median([2 * depth * _half_view(one).max() for depth, one in depths]))
    return f"the pictures show {length(shown)}, which no person fits in" if shown < PERSON_MM else None


def direction_problem(rig: Rig) -> str | None:
    """Returns why the cameras' directions cannot be right, or None if they can, or if there is no telling."""
    place = meeting_place(rig)
    if place is None:
        return None
    enough = SEEN_SHARE * len(rig)
    if _seen_by(rig, place[None])[0] >= enough:
        return None
    if _seen_by(rig, _points_in_pictures(rig)).max() >= enough:
        return None  # they look past each other, at a place that is off the middle of their pictures
    blind = [name for name, camera in rig.items() if miss_of(camera, place) > 1]
    return (
        f"the pictures show no place in common: {len(blind)} of {len(rig)} cameras (first {blind[0]}) do not have the place "
        "that is nearest to all optical axes in their picture, nor does another place suit them"
    )


def meeting_place(rig: Rig) -> np.ndarray | None:
    """Returns the place (3,) world mm that is nearest to the middles of all pictures; None if the optical axes do not say.

    The point nearest to all axes is moved to the least squares of its angles off them, in parts of the angles of view.
    """
    axes = np.array([camera.R[2] for camera in rig.values()])
    alike = axes @ axes.T
    if (alike > np.cos(np.radians(_PARALLEL_DEG))).all() or (
        len(axes) == 2 and alike.min() < -np.cos(np.radians(_FACING_DEG))
    ):
        return None
    centres = np.array([camera.centre_world for camera in rig.values()])
    half_view = np.array([_half_view(camera).min() for camera in rig.values()])
    place, least = _nearest(np.ones(len(axes)), axes, centres), np.inf
    for _ in range(_STEPS):
        missed = float(np.square(misses_of(rig, place[None])).sum())
        if missed >= least:
            break
        best, least = place, missed
        depth = np.maximum(((place - centres) * axes).sum(-1), _DEPTHS[0] * apart_mm(rig))
        place = _nearest((depth * half_view) ** -2.0, axes, centres)
    return best


def _misses(rig: Rig, place: np.ndarray) -> np.ndarray:
    """Returns the miss of each camera (N,); of two whose axes meet outside their pictures, those of a common place."""
    own = misses_of(rig, place[None])[:, 0]
    if len(rig) != 2 or own.max() <= 1:
        return own
    misses = misses_of(rig, _points_in_pictures(rig))
    return np.asarray(misses[:, np.square(misses).sum(0).argmin()])


def _nearest(weights: np.ndarray, axes: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Returns the point (3,) of the least weighted squared distances from N axes (N, 3) through centres (N, 3)."""
    across = (weights / weights.sum())[:, None, None] * (np.eye(3) - axes[:, :, None] * axes[:, None, :])
    return np.asarray(np.linalg.lstsq(across.sum(0), (across @ centres[..., None]).sum(0)[:, 0], rcond=None)[0])


def _points_in_pictures(rig: Rig) -> np.ndarray:
    """Returns points (P, 3) world mm that spread over the pictures of up to _SEARCHED cameras, from near to far."""
    cameras = [list(rig.values())[index] for index in np.linspace(0, len(rig) - 1, _SEARCHED).round().astype(int)]
    x, y = (grid.ravel() for grid in np.meshgrid(_ACROSS, _ACROSS))
    found = []
    for camera in cameras:
        rays = np.stack([*(_half_view(camera)[:, None] * [x, y]), np.ones(len(x))], -1)
        found.append((apart_mm(rig) * _DEPTHS[:, None, None] * rays).reshape(-1, 3) @ camera.R + camera.centre_world)
    return np.concatenate(found)


def _seen_by(rig: Rig, points: np.ndarray) -> np.ndarray:
    """Returns how many cameras have each of the points (P, 3) in their picture, (P,)."""
    return np.asarray((misses_of(rig, points) <= 1).sum(0))


def level_axis(rig: Rig) -> str | None:
    """Returns the axis of the world to which most cameras stand level, such as `z` or `-y`; None if no axis stands out."""
    rolls = np.median(_sines(rig, _AXES)[0], axis=0)
    first, second = np.sort(rolls)[:2]
    if len(rig) < 2 or first > _LEVEL or second < 2 * _LEVEL:
        return None
    return ("x", "y", "z", "-x", "-y", "-z")[int(np.argmin(rolls))]


def length(mm: float) -> str:
    """Returns a length for a message."""
    return f"{mm / 1000:.3g} m" if mm >= 100 else f"{mm:.2g} mm"


@dataclass(frozen=True)
class Standing:
    """The checks of cameras that stand around one place. `up` (3,) is the world's; None: perhaps one of its axes."""

    up: np.ndarray | None = None

    def size_problem(self, rig: Rig) -> str | None:
        """See `size_problem`."""
        return size_problem(rig)

    def direction_problem(self, rig: Rig) -> str | None:
        """See `direction_problem`."""
        return direction_problem(rig)

    def tells(self, rig: Rig) -> bool:
        """Whether anything about the directions can be seen: not of a single camera whose up is unknown."""
        return len(rig) > 1 or self.up is not None

    def agrees(self, rig: Rig) -> bool:
        """Whether the cameras say which place they look at; a single one need not."""
        return len(rig) == 1 or meeting_place(rig) is not None

    def cost(self, rig: Rig) -> float:
        """Returns how unusual a rig is: the mean squares of the axes' misses and of the rolls in their usual sizes."""
        place = meeting_place(rig)
        miss = 0.0 if place is None else float(np.square(_misses(rig, place)).mean())
        return miss / _MISS**2 + roll_cost(rig, _AXES if self.up is None else self.up[None])


def roll_cost(rig: Rig, ups: np.ndarray) -> float:
    """Returns the mean square of the cameras' rolls in their usual size, for the best of U directions (U, 3)."""
    return float(_rolls(rig, ups).min()) / _TILT**2


def _rolls(rig: Rig, ups: np.ndarray) -> np.ndarray:
    """Returns the mean square (U,) of the sines of the cameras' rolls, or of those of cameras that hang on their side."""
    level, on_its_side = _sines(rig, ups)
    return np.asarray((np.minimum(level, on_its_side) ** 2).mean(0))


def _sines(rig: Rig, ups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the sines (N, U) of the rolls of N cameras against U directions (U, 3), and against those a quarter turn on."""
    sides = np.array([camera.R[:2] for camera in rig.values()]) @ ups.T  # (N, 2, U)
    return np.abs(sides[:, 0]) + 0.5 * (sides[:, 1] > 0), np.abs(sides[:, 1])  # y of a level camera points down


def depth_of(camera: Camera, point: np.ndarray) -> float:
    return float(camera.R[2] @ point + camera.t[2])


def _half_view(camera: Camera) -> np.ndarray:
    """Returns the tangents (2,) of half the angles of view, from the principal point if the size is unknown."""
    half = camera.K[:2, 2] if camera.image_size is None else np.array(camera.image_size) / 2
    return np.asarray(half / camera.K[[0, 1], [0, 1]])


def miss_of(camera: Camera, point: np.ndarray) -> float:
    """Returns a point's distance from the axis in halves of the picture: up to 1 in the picture; at most _FAR."""
    return float(misses_of({"": camera}, point[None])[0, 0])


def misses_of(rig: Rig, points: np.ndarray) -> np.ndarray:
    """As `miss_of`, (N, P) of points (P, 3) in N cameras."""
    R, t = np.array([camera.R for camera in rig.values()]), np.array([camera.t for camera in rig.values()])
    half_view = np.array([_half_view(camera) for camera in rig.values()])
    points_cam = points @ R.transpose(0, 2, 1) + t[:, None]
    z = np.where(points_cam[..., 2] > 0, points_cam[..., 2], np.nan)
    miss = (np.abs(points_cam[..., :2]) / half_view[:, None]).max(-1) / z
    return np.asarray(np.where(miss < _FAR, miss, _FAR))
