"""Tells people apart in several views: which detections of all cameras, frame after frame, show one person."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from modules.pose_utils import Camera
from modules.rig.epipolar import fundamental_matrix, pair_costs
from modules.rig.triangulation import KERNEL_PX, project, robust_cost, triangulate

PAIR_COST = 0.5  # robust epipolar cost up to which two views may show one person
TRACK_COST = 0.7  # the same against where the person was a moment ago
TRACK_PX = 6 * KERNEL_PX  # kernel of the latter: people move between frames
BODY_MM = (400.0, 2600.0)  # extent of a person; two people who are taken for one mostly have another
BACK_MM, STEP_MM = (
    300.0,
    50.0,
)  # whoever comes back is within this of where they were lost, and this more for each frame
PATIENCE = 30  # frames for which a person may be unseen before they count as another one


@dataclass(frozen=True)
class Detections:
    """All people in the frames of one camera: undistorted px (F, P, N, 2) and weights (F, P, N), 0 where nobody is."""

    points_px: np.ndarray
    weights: np.ndarray

    def present(self, frame: int) -> list[int]:
        """The places of the people who were detected in a frame."""
        return [int(place) for place in np.flatnonzero((self.weights[frame] > 0).any(-1))]


@dataclass
class Person:
    """One person: where they are among each camera's detections, and where they were last."""

    places: np.ndarray  # (C, F) place among the detections; -1 where the camera does not show them
    points_world: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))  # (N, 3) mm
    last_seen: int = -1

    @property
    def frames(self) -> int:
        """The number of frames in which at least two cameras show them."""
        return int(((self.places >= 0).sum(0) >= 2).sum())


class Matcher:
    """Follows people through the frames of C cameras: by reprojection while they are known, by epipolar lines at first."""

    def __init__(self, views: Sequence[Detections], cameras: Sequence[Camera], mirror: Sequence[int]) -> None:
        self.views, self.cameras, self.mirror = views, cameras, mirror
        self.people: list[Person] = []
        self._F = {
            (a, b): fundamental_matrix(cameras[a], cameras[b]) for a, b in itertools.combinations(range(len(views)), 2)
        }

    def run(self) -> list[Person]:
        """Returns everybody whom at least two cameras saw at a time, the one with the most frames first."""
        for frame in range(len(self.views[0].weights)):
            free = [view.present(frame) for view in self.views]
            self._follow(frame, free)
            for group in self._new_groups(frame, free):
                person = Person(np.full((len(self.views), len(self.views[0].weights)), -1))
                if not self._place(person, frame, group):
                    continue
                back = self._who_is_back(person, frame)
                if back is None:
                    self.people.append(person)
                else:
                    self._place(back, frame, group)
        return sorted(self.people, key=lambda person: -person.frames)

    def _who_is_back(self, new: Person, frame: int) -> Person | None:
        """Returns the person who was lost not long ago, and whom a new one can only be, by how far they may have walked."""
        near = []
        for person in self.people:
            gap = frame - person.last_seen
            away = float(np.linalg.norm(np.median(new.points_world - person.points_world, axis=0)))
            if 0 < gap <= PATIENCE and away <= BACK_MM + STEP_MM * gap:
                near.append(person)
        return near[0] if len(near) == 1 else None

    def _one(self, camera: int, frame: int, place: int) -> tuple[np.ndarray, np.ndarray]:
        view = self.views[camera]
        return view.points_px[frame, place], view.weights[frame, place]

    def _follow(self, frame: int, free: list[list[int]]) -> None:
        """Assigns the detections of a frame to the people who were seen not long ago, and removes them from `free`."""
        known = [person for person in self.people if frame - person.last_seen <= PATIENCE]
        groups: list[dict[int, int]] = [{} for _ in known]
        for camera, places in enumerate(free):
            if not known or not places:
                continue
            costs = np.array([[self._distance(person, camera, frame, place) for place in places] for person in known])
            for row, column in zip(*linear_sum_assignment(costs), strict=True):
                if costs[row, column] <= TRACK_COST:
                    groups[row][camera] = places[column]
        for person, group in zip(known, groups, strict=True):
            if len(group) >= 2 and self._place(person, frame, group):
                for camera, place in group.items():
                    free[camera].remove(place)

    def _distance(self, person: Person, camera: int, frame: int, place: int) -> float:
        """Returns the robust cost of a detection against a person's last place, with the sides that fit better."""
        px, weights = self._one(camera, frame, place)
        expected = project(person.points_world[None], [self.cameras[camera]])[0][0, 0]
        costs = []
        for order in (list(range(len(self.mirror))), list(self.mirror)):
            cost = robust_cost(np.linalg.norm(px[order] - expected, axis=-1), weights[order], TRACK_PX)
            costs.append(float(cost.sum()) / max(float(weights.sum()), 1e-9))
        return min(costs)

    def _new_groups(self, frame: int, free: Sequence[Sequence[int]]) -> list[dict[int, int]]:
        """Returns groups of free detections that may show one person each, joined pair by pair, the cheapest first."""
        costs: dict[tuple[tuple[int, int], tuple[int, int]], float] = {}
        for (a, b), F in self._F.items():
            for i, j in itertools.product(free[a], free[b]):
                views = self._one(a, frame, i), self._one(b, frame, j)
                costs[(a, i), (b, j)] = float(pair_costs(F, *views, self.mirror, 2 * KERNEL_PX)[0].min())
        groups: list[dict[int, int]] = [{a: i} for a, places in enumerate(free) for i in places]
        for (one, other), cost in sorted(costs.items(), key=lambda item: item[1]):
            if cost > PAIR_COST:
                break
            first, second = (next(g for g in groups if g.get(camera) == place) for camera, place in (one, other))
            if first is second or set(first) & set(second):
                continue
            between = [costs[tuple(sorted([x, y]))] for x in first.items() for y in second.items()]  # type: ignore[index]
            if max(between) <= PAIR_COST:
                groups.remove(second)
                first.update(second)
        return [group for group in groups if len(group) >= 2]

    def _place(self, person: Person, frame: int, group: dict[int, int]) -> bool:
        """Triangulates a group and enters it as the person's place in this frame; False if it is no person."""
        views = sorted(group)
        chosen = [self._one(camera, frame, group[camera]) for camera in views]
        order = list(self.mirror)
        px, weights = [chosen[0][0]], [chosen[0][1]]
        for camera, (points, w) in zip(views[1:], chosen[1:], strict=True):  # sides as in the group's first view
            pair = pair_costs(self._F[views[0], camera], chosen[0], (points, w), order, 2 * KERNEL_PX)[0]
            swap = pair[1] < pair[0]
            px.append(points[order] if swap else points)
            weights.append(w[order] if swap else w)
        cameras = [self.cameras[camera] for camera in views]
        points_world = triangulate(np.stack(px)[:, None], np.stack(weights)[:, None], cameras).points_world[0]
        finite = points_world[np.isfinite(points_world).all(-1)]
        extent = float(np.linalg.norm(np.ptp(finite, axis=0))) if len(finite) else 0.0
        if len(finite) < len(order) // 2 or not BODY_MM[0] <= extent <= BODY_MM[1]:
            return False
        person.points_world = np.where(np.isfinite(points_world), points_world, np.median(finite, 0))
        person.last_seen = frame
        for camera, place in group.items():
            person.places[camera, frame] = place
        return True
