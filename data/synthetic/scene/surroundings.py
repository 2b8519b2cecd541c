"""The surroundings of a recording: a room or open ground that leaves the person free, occluders, and a seat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.synthetic.geometry.meshes import Lighting, Mesh
from data.synthetic.geometry.solids import about_z, box, cylinder, mesh
from data.synthetic.scene.cameras import View
from data.synthetic.scene.materials import fabric, wood
from data.synthetic.scene.room import KINDS, SHARES, RoomPose, make_room, occluders

AROUND_MM = 350.0  # kept free around the joints, for hands, hair and clothes
SMALL_MM = 3500.0  # cameras further away do not fit into a corridor
SEAT_MM = 370.0
MAX_HIDDEN_SHARE = 0.6  # of the joints in any frame and view; fully hidden people are no use for training


@dataclass(frozen=True)
class Surroundings:
    """Everything visible in a recording except the person. The floor is at 0."""

    kind: str
    meshes: list[Mesh]
    lighting: Lighting
    seat_seed: int

    def seat(self, place: tuple[float, float, float] | None) -> list[Mesh]:
        """Returns a box or a stool whose top is centred at `place` in mm; nothing if it is None."""
        if place is None:
            return []
        rng = np.random.default_rng(self.seat_seed)
        x, y, height = place
        is_box, material = rng.random() < 0.6, (wood if rng.random() < 0.6 else fabric)(rng)
        solid = box((SEAT_MM, SEAT_MM, height), bevel=12) if is_box else cylinder(SEAT_MM / 2, height, sides=32)
        return [mesh("seat", material, [solid.turned(about_z(rng.uniform(0, 90))).moved((x, y, 0))])]


def make_surroundings(rng: np.random.Generator, joints: np.ndarray, views: Sequence[View]) -> Surroundings:
    """Returns surroundings for a person with joints (F, 24, 3) mm over a floor at 0, with occluders for occluded views."""
    places = joints.reshape(-1, 3)[:, :2]
    middle = (places.min(0) + places.max(0)) / 2
    radius = float(np.linalg.norm(places - middle, axis=1).max()) + AROUND_MM
    cameras = np.stack([view.camera.centre_world for view in views])
    kind = _kind(rng, float(np.linalg.norm(cameras[:, :2] - middle, axis=1).max()))
    yaw = float(rng.uniform(0, 360))
    meshes, lighting = make_room(
        rng, RoomPose((middle[0], middle[1]), yaw_degrees=yaw), keep_clear=[(middle[0], middle[1], radius)],
        cameras=cameras, kind=kind,
    )  # fmt: skip
    things: list[Mesh] = []
    for view in views:
        if view.occluded:
            more = occluders(rng, view.camera.centre_world, np.append(middle, 0.0), person_radius_mm=radius)
            if all(largest_hidden_share([*things, *more], camera, joints) <= MAX_HIDDEN_SHARE for camera in cameras):
                things += more
    meshes = [*meshes, *things]
    return Surroundings(kind, meshes, lighting, int(rng.integers(2**31)))


def largest_hidden_share(things: Sequence[Mesh], camera_mm: np.ndarray, joints: np.ndarray) -> float:
    """Returns the largest share of a frame's joints (F, 24, 3) mm that `things` hide from a camera at (3,) mm.

    A joint is hidden if its line of sight crosses a triangle (Möller & Trumbore 1997).
    """
    if not things:
        return 0.0
    corners = np.concatenate([thing.vertices_world[thing.triangles] for thing in things])
    way = (joints - camera_mm).reshape(-1, 3)
    first, second, to_camera = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0], camera_mm - corners[:, 0]
    # Triple products in the order in which what the rays share is computed once per triangle.
    q = np.cross(to_camera, first)
    determinant = way @ np.cross(second, first).T
    determinant = np.where(np.abs(determinant) < 1e-9, np.inf, determinant)
    u, v = way @ np.cross(second, to_camera).T / determinant, way @ q.T / determinant
    along = (q * second).sum(-1) / determinant
    crossed = (u >= 0) & (v >= 0) & (u + v <= 1) & (along > 0) & (along < 1)
    return float(crossed.any(-1).reshape(joints.shape[:2]).mean(-1).max())


def _kind(rng: np.random.Generator, farthest_mm: float) -> str:
    """Returns a random kind of place that has space for cameras at this distance."""
    shares = np.array(
        [share * (kind != "corridor" or farthest_mm < SMALL_MM) for kind, share in zip(KINDS, SHARES, strict=True)]
    )
    return str(rng.choice(KINDS, p=shares / shares.sum()))
