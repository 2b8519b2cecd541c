"""Where a recording takes place: a room or open ground that leaves the person free, what stands in a view's way, a seat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.synthetic.cameras import View
from data.synthetic.furniture import fabric, wood
from data.synthetic.parts import Lighting, Mesh
from data.synthetic.room import KINDS, SHARES, make_room, occluders
from data.synthetic.shapes import about_z, box, cylinder, mesh

AROUND_MM = 350.0  # kept free beyond the joints: hands, hair, clothes
SMALL_MM = 3500.0  # cameras further away than this do not fit into a corridor
SEAT_MM = 370.0
MOST_HIDDEN = 0.6  # of the joints in any frame and view: somebody behind a pillar altogether teaches nothing


@dataclass(frozen=True)
class Surroundings:
    """All that is seen of a recording but the person. The floor lies at 0."""

    kind: str
    meshes: list[Mesh]
    lighting: Lighting
    seat_seed: int

    def seat(self, place: tuple[float, float, float] | None) -> list[Mesh]:
        """What somebody sits on: a box or a stool whose top's middle is at `place`, mm; nothing for None."""
        if place is None:
            return []
        rng = np.random.default_rng(self.seat_seed)
        x, y, height = place
        is_box, material = rng.random() < 0.6, (wood if rng.random() < 0.6 else fabric)(rng)
        solid = box((SEAT_MM, SEAT_MM, height), bevel=12) if is_box else cylinder(SEAT_MM / 2, height, sides=32)
        return [mesh("seat", material, [solid.turned(about_z(rng.uniform(0, 90))).moved((x, y, 0))])]


def surround(rng: np.random.Generator, joints: np.ndarray, views: Sequence[View]) -> Surroundings:
    """Surroundings for a person whose joints are (F, 24, 3) mm over a floor at 0, with things before the occluded views."""
    places = joints.reshape(-1, 3)[:, :2]
    middle = (places.min(0) + places.max(0)) / 2
    radius = float(np.linalg.norm(places - middle, axis=1).max()) + AROUND_MM
    cameras = np.stack([view.camera.centre_world for view in views])
    kind = _kind(rng, float(np.linalg.norm(cameras[:, :2] - middle, axis=1).max()))
    yaw = float(rng.uniform(0, 360))
    meshes, lighting = make_room(
        rng, keep_clear=[(middle[0], middle[1], radius)], cameras=cameras, yaw_degrees=yaw,
        centre_mm=(middle[0], middle[1]), kind=kind,
    )  # fmt: skip
    things: list[Mesh] = []
    for view in views:
        if view.occluded:
            more = occluders(rng, view.camera.centre_world, np.append(middle, 0.0), person_radius_mm=radius)
            if all(most_hidden([*things, *more], camera, joints) <= MOST_HIDDEN for camera in cameras):
                things += more
    meshes = [*meshes, *things]
    return Surroundings(kind, meshes, lighting, int(rng.integers(2**31)))


def most_hidden(things: Sequence[Mesh], camera_mm: np.ndarray, joints: np.ndarray) -> float:
    """The largest share of a frame's joints (F, 24, 3) mm that lie behind `things` for a camera at (3,) mm.

    A joint is behind where the way to it crosses a triangle (Möller & Trumbore 1997).
    """
    if not things:
        return 0.0
    corners = np.concatenate([thing.vertices_world[thing.triangles] for thing in things])
    way = (joints - camera_mm).reshape(-1, 1, 3)
    first, second, to_camera = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0], camera_mm - corners[:, 0]
    p, q = np.cross(way, second), np.cross(to_camera, first)
    determinant = (p * first).sum(-1)
    determinant = np.where(np.abs(determinant) < 1e-9, np.inf, determinant)
    u, v = (p * to_camera).sum(-1) / determinant, (way * q).sum(-1) / determinant
    along = (q * second).sum(-1) / determinant
    crossed = (u >= 0) & (v >= 0) & (u + v <= 1) & (along > 0) & (along < 1)
    return float(crossed.any(-1).reshape(joints.shape[:2]).mean(-1).max())


def _kind(rng: np.random.Generator, farthest_mm: float) -> str:
    """A kind of place that has room for cameras so far away."""
    shares = np.array(
        [share * (kind != "corridor" or farthest_mm < SMALL_MM) for kind, share in zip(KINDS, SHARES, strict=True)]
    )
    return str(rng.choice(KINDS, p=shares / shares.sum()))
