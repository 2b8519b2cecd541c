"""Finds which cameras of a recording contradict the others: swapped files, one file for several views, a moved camera."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from modules.checks.agreement import ROUGH, Pair, disagrees, pairs_of, triangulated, worst
from modules.checks.limits import is_problem, odd_measures
from modules.checks.measures import measure
from modules.checks.views import View
from modules.pose_utils import cam2pixel, pixel2ray, project_rotation, world2cam

CLEARLY = 3.0  # times smaller is the miss of the right assignment of files
MOST_PERMUTED = 4  # of more views, only two are swapped
FITS = 0.03  # median distance of a moved camera's joints from the others', share of the person


@dataclass(frozen=True)
class Stranger:
    """A camera that the others of its recording contradict, while they agree with each other."""

    view: View
    miss_most: float  # largest miss against another view, share of the person
    is_severe: bool  # whether that is a problem
    turned_deg: float | None = None  # the motion after which it agrees; None if none does
    moved_mm: float | None = None


def identical(views: Sequence[View], calibration: bool = False) -> list[View]:
    """Returns the largest group of views with the same [R|t], with `calibration` of the same K, too; empty if all differ."""
    groups: dict[bytes, list[View]] = {}
    for view in views:
        numbers = np.column_stack([view.R, view.t, *([view.K] if calibration else [])])
        groups.setdefault(numbers.tobytes(), []).append(view)
    largest = max(groups.values(), key=len, default=[])
    return largest if len(largest) > 1 else []


def swapped_files(views: Sequence[View], pairs: Sequence[Pair]) -> list[tuple[View, View]]:
    """Returns (view, whose camera file fits it) for views whose files are swapped; empty if that explains nothing."""
    before = worst(pairs)
    best, found = before / CLEARLY, []
    for order in _orders(len(views)):
        changed = [_with_camera_of(view, views[i]) for view, i in zip(views, order, strict=True)]
        if any(is_problem(odd_measures(measure(view))) for view in changed):
            continue
        miss = worst(pairs_of(changed))
        if miss < min(best, ROUGH):
            best, found = (
                miss,
                [(view, views[i]) for n, (view, i) in enumerate(zip(views, order, strict=True)) if n != i],
            )
    return found


def _orders(count: int) -> list[tuple[int, ...]]:
    own = tuple(range(count))
    if count <= MOST_PERMUTED:
        return [order for order in itertools.permutations(own) if order != own]
    pairs = itertools.combinations(own, 2)
    return [tuple(b if i == a else a if i == b else i for i in own) for a, b in pairs]


def _with_camera_of(view: View, other: View) -> View:
    lensless = replace(view, distortion=other.distortion)  # px differ by the lens alone, which is far below a miss
    return replace(lensless, K=other.K, R=other.R, t=other.t)


def stranger(views: Sequence[View], pairs: Sequence[Pair]) -> Stranger | None:
    """Returns the one view without which the others agree; None with fewer than three, or if no single one is to blame."""
    found = []
    for view in views:
        rest = [pair for pair in pairs if view.name not in pair.names]
        own = [pair.miss for pair in pairs if view.name in pair.names]
        if rest and own and worst(rest) < ROUGH and max(own) > CLEARLY * worst(rest):
            found.append((worst(rest), max(own), view, disagrees(pairs)))
    if not found:
        return None
    _, miss, view, is_severe = min(found, key=lambda one: one[0])
    motion = _motion(view, [one for one in views if one.name != view.name])
    return Stranger(view, miss, is_severe, *(motion or (None, None)))


def angle_deg(R: np.ndarray) -> float:
    """Returns by how many degrees a rotation (3, 3) turns; what is no rotation is projected onto the nearest one."""
    return float(np.degrees(np.linalg.norm(cv2.Rodrigues(project_rotation(R))[0])))


def camera_pose(points_world: np.ndarray, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Returns R (3, 3) and t (3,) of the camera that sees points (N, 3) along rays (N, 3) with z = 1; None if undetermined."""
    xy = np.ascontiguousarray(rays[:, :2])
    extent = np.linalg.norm(np.ptp(points_world, axis=0))
    if not (np.isfinite(points_world).all() and np.isfinite(xy).all() and extent > 0):
        return None
    try:  # in units of the points' extent, since OpenCV refuses points that are closer together than it expects
        found, turn, t = cv2.solvePnP(
            points_world / extent, xy, np.eye(3), np.zeros(4), flags=cv2.SOLVEPNP_SQPNP
        )  # fmt: skip
    except cv2.error:
        return None
    return (np.asarray(cv2.Rodrigues(turn)[0]), np.asarray(t[:, 0] * extent)) if found else None


def _motion(view: View, others: Sequence[View]) -> tuple[float, float] | None:
    """Returns by how many degrees and mm a camera must move to agree with people triangulated in the others."""
    places = {name: index for index, name in enumerate(view.sequences)}
    people = {name: joints for name, joints in triangulated(others).items() if name in places}
    if not people:
        return None
    world = np.concatenate(list(people.values()))
    px = np.concatenate([view.joints_px[places[name]] for name in people])
    usable = np.isfinite(world).all(1) & np.isfinite(px).all(1)
    if usable.sum() < 24:
        return None
    pose = camera_pose(world[usable], pixel2ray(px[usable], view.K))
    if pose is None:
        return None
    R, t = pose
    miss = np.linalg.norm(cam2pixel(world2cam(world[usable], R, t), view.K) - px[usable], axis=-1)
    person = np.median([np.ptp(view.joints_px[places[name]], axis=0).max() for name in people])
    angle = angle_deg(R @ view.R.T)
    moved = float(np.linalg.norm(-R.T @ t - view.centre_world))
    return (angle, moved) if np.median(miss) < FITS * person else None
