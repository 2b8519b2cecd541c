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
    for view in views:
        if view.occluded:
            person = np.append(middle, 0.0)
            meshes = [*meshes, *occluders(rng, view.camera.centre_world, person, person_radius_mm=radius)]
    return Surroundings(kind, meshes, lighting, int(rng.integers(2**31)))


def _kind(rng: np.random.Generator, farthest_mm: float) -> str:
    """A kind of place that has room for cameras so far away."""
    shares = np.array(
        [share * (kind != "corridor" or farthest_mm < SMALL_MM) for kind, share in zip(KINDS, SHARES, strict=True)]
    )
    return str(rng.choice(KINDS, p=shares / shares.sum()))
