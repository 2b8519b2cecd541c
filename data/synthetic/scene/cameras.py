"""Random camera rigs of a synthetic recording.

A rig is a ring about the person or irregular, 2 to 7 m away and 0.8 to 3 m above the floor, with focal lengths of 800 to 2500
px, landscape or portrait. An ordinary view contains every joint of every frame with a margin for hands, crown and soles; a
truncated one cuts some of them off.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from model.skeleton import ROOT
from modules.pose_utils import Camera, project_to_image, undistort
from modules.utils import UserError

HEIGHT_MM = (800.0, 3000.0)
DISTANCE_MM = (2000.0, 7000.0)
FOCAL_PX = (800.0, 2500.0)
SIDES_PX = (1920, 1080)
FILL = (0.66, 0.97)  # share of the image that the person spans, in the tighter direction
REACH_MM = 170.0  # margin from joints to surface: crown, fingertips, toes and clothes
EDGE_PX = 8.0
CUT_SHARE = (0.04, 0.45)  # share of a truncated view's joints that lie outside, in the most truncated frame
TRIES = 2000
UP = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True)
class View:
    """One camera of a recording, and its intended properties."""

    camera: Camera
    truncated: bool
    occluded: bool  # furniture is placed in front of the person


@dataclass(frozen=True)
class ViewProbabilities:
    """The probabilities of a view's properties."""

    portrait: float = 0.35
    distorted: float = 0.4
    truncated: float = 0.12
    occluded: float = 0.25
    ring: float = 0.5


def sample_rig(
    rng: np.random.Generator,
    joints_world: np.ndarray,
    floor_mm: float,
    count: int,
    probabilities: ViewProbabilities | None = None,
) -> list[View]:
    """Returns the cameras of a recording with joints (F, 24, 3) in world mm, over a floor at `floor_mm`.

    Raises UserError if no camera can contain the person, which implies an implausible size.
    """
    probabilities = probabilities or ViewProbabilities()
    person = _Person(joints_world, (joints_world.min((0, 1)) + joints_world.max((0, 1))) / 2, floor_mm)
    distance = np.exp(rng.uniform(*np.log(DISTANCE_MM)))
    start = rng.uniform(0, 2 * np.pi)
    ring = rng.random() < probabilities.ring
    views = []
    for index in range(count):
        wanted_view = View(_NOWHERE, rng.random() < probabilities.truncated, rng.random() < probabilities.occluded)
        azimuth = start + 2 * np.pi * (index + rng.uniform(-0.25, 0.25)) / count if ring else None
        views.append(_sample_view(rng, person, distance, azimuth, wanted_view, probabilities))
    return views


_NOWHERE = Camera(np.eye(3), np.eye(3), np.zeros(3))


@dataclass(frozen=True)
class _Person:
    """What a camera looks at."""

    joints_world: np.ndarray  # (F, 24, 3) mm
    centre: np.ndarray  # (3,) mm
    floor_mm: float


def _sample_view(
    rng: np.random.Generator, person: _Person, distance: float, azimuth: float | None, wanted_view: View,
    probabilities: ViewProbabilities,
) -> View:  # fmt: skip
    joints_world, centre, floor_mm = person.joints_world, person.centre, person.floor_mm
    portrait, distorted = rng.random() < probabilities.portrait, rng.random() < probabilities.distorted
    size = (SIDES_PX[1], SIDES_PX[0]) if portrait else SIDES_PX
    for attempt in range(TRIES):
        angle = rng.uniform(0, 2 * np.pi) if azimuth is None else azimuth + rng.normal(0, 0.1)
        away = np.clip(distance * np.exp(rng.normal(0, 0.15 + attempt / 200)), *DISTANCE_MM)
        height = floor_mm + rng.triangular(HEIGHT_MM[0], 1400.0, HEIGHT_MM[1])
        position = np.array([*(centre[:2] + away * np.array([np.cos(angle), np.sin(angle)])), height])
        camera = _aim(rng, position, centre, joints_world, size, wanted_view.truncated)
        if camera is None:
            continue
        if distorted:
            camera = replace(camera, distortion=sample_distortion(rng, camera))
        if _is_wanted(camera, joints_world, wanted_view.truncated):
            return replace(wanted_view, camera=replace(camera, world_up=UP.copy(), floor_height_mm=floor_mm))
    raise UserError(
        f"no camera {DISTANCE_MM[0] / 1000:g} to {DISTANCE_MM[1] / 1000:g} m away can contain this person, whose joints span "
        f"{np.ptp(joints_world, axis=(0, 1)).round().tolist()} mm; the motion must be wrong"
    )


def look_at(position: np.ndarray, target: np.ndarray, roll: float = 0.0) -> np.ndarray:
    """Returns R (3, 3), world to camera, of a camera at `position` whose axis meets `target`; roll in radians."""
    forward = (target - position) / np.linalg.norm(target - position)
    right = np.cross(forward, UP)
    right /= np.linalg.norm(right)
    level = np.stack([right, np.cross(forward, right), forward])
    turn = np.array([[np.cos(roll), -np.sin(roll), 0.0], [np.sin(roll), np.cos(roll), 0.0], [0.0, 0.0, 1.0]])
    return turn @ level


def _aim(
    rng: np.random.Generator, position: np.ndarray, centre: np.ndarray, joints_world: np.ndarray,
    size: tuple[int, int], truncated: bool,
) -> Camera | None:  # fmt: skip
    """Returns a camera here that is aimed and zoomed at the person, or None if the focal length is out of range."""
    roll = np.deg2rad(np.clip(rng.normal(0, 1.5), -5, 5))
    R = look_at(position, centre + rng.normal(0, 60, 3), roll)
    unit = _extent(joints_world, R, position)
    if unit is None:
        return None
    low, high = unit
    share = rng.uniform(1.0, 1.9) if truncated else rng.uniform(*FILL)
    focal = share / ((high - low) / size).max()
    if not FOCAL_PX[0] <= focal <= FOCAL_PX[1]:
        return None
    slack = np.maximum(np.array(size) - focal * (high - low), 0.35 * np.array(size) if truncated else 0.0)
    wanted = np.array(size) / 2 - 0.5 + rng.uniform(-0.5, 0.5, 2) * slack
    principal = np.array(size) / 2 - 0.5 + rng.normal(0, 8, 2)
    # Rotate the camera so that the person's centre is imaged at the wanted pixel.
    R = _between(np.append((low + high) / 2, 1.0), np.append((wanted - principal) / focal, 1.0)) @ R
    K = np.array([[focal, 0.0, principal[0]], [0.0, focal * (1 + rng.normal(0, 0.002)), principal[1]], [0.0, 0.0, 1.0]])
    return Camera(K, R, -R @ position, image_size=size)


def _between(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Returns the smallest rotation (3, 3) from direction `source` to `target` (Rodrigues)."""
    a, b = source / np.linalg.norm(source), target / np.linalg.norm(target)
    v, c = np.cross(a, b), a @ b
    S = np.array([[0.0, -v[2], v[1]], [v[2], 0.0, -v[0]], [-v[1], v[0], 0.0]])
    return np.eye(3) + S + S @ S / (1 + c)


def surroundings(joints_world: np.ndarray) -> np.ndarray:
    """Returns points (F, 24 * 6, 3) that a body may reach around its joints (F, 24, 3)."""
    reach = REACH_MM * np.concatenate([np.eye(3), -np.eye(3)])
    return (joints_world[..., None, :] + reach).reshape(len(joints_world), -1, 3)


def _extent(joints_world: np.ndarray, R: np.ndarray, position: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Returns the person's minimum and maximum of x/z and y/z; None if any point is too close to the camera plane."""
    points = (surroundings(joints_world) - position) @ R.T
    if points[..., 2].min() < 300:
        return None
    plane = points[..., :2] / points[..., 2:]
    return plane.min((0, 1)), plane.max((0, 1))


def sample_distortion(rng: np.random.Generator, camera: Camera) -> np.ndarray:
    """Returns lens coefficients (5,) that shift the image's corners by up to 6 % and are invertible everywhere."""
    width, height = camera.image_size or SIDES_PX
    corner2 = ((width / 2) ** 2 + (height / 2) ** 2) / camera.K[0, 0] ** 2
    for _ in range(100):
        barrel = rng.uniform(-0.06, 0.03)
        k1, k2 = barrel / corner2, rng.normal(0, 0.006) / corner2**2
        distortion = np.array([k1, k2, *rng.normal(0, 3e-4, 2), 0.0])
        if np.isfinite(undistort(border(width, height), camera.K, distortion)).all():
            return distortion
    return np.zeros(5)


def border(width: int, height: int, steps: int = 32) -> np.ndarray:
    """Returns points (4 * steps, 2) px on the image's border, half a pixel outside the outermost centres."""
    u, v = np.linspace(-0.5, width - 0.5, steps), np.linspace(-0.5, height - 0.5, steps)
    low, right, bottom = np.full(steps, -0.5), np.full(steps, width - 0.5), np.full(steps, height - 0.5)
    sides = [np.stack(pair, -1) for pair in ((u, low), (u, bottom), (low, v), (right, v))]
    return np.concatenate(sides)


def is_inside(points_px: np.ndarray, size: tuple[int, int], edge_px: float = 0.0) -> np.ndarray:
    """Returns (...,) whether points (..., 2) px lie in an image of this size, `edge_px` from its border."""
    low, high = edge_px - 0.5, np.array(size) - 0.5 - edge_px
    return np.asarray(((points_px >= low) & (points_px <= high)).all(-1))


def _is_wanted(camera: Camera, joints_world: np.ndarray, truncated: bool) -> bool:
    size = camera.image_size or SIDES_PX
    if not truncated:
        return bool(is_inside(project_to_image(surroundings(joints_world), camera), size, EDGE_PX).all())
    inside = is_inside(project_to_image(joints_world, camera), size)
    cut = 1 - inside.mean(-1)
    return bool(CUT_SHARE[0] <= cut.max() <= CUT_SHARE[1] and inside[:, ROOT].all())
