"""Put anny into a posture: which of its bones carry which part of the plain figure, and how its rest differs from that."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from data.synthetic.body import BodyModel, Pose, Shape
from data.synthetic.posture import SIDES, SIGNS, Posture
from data.synthetic.turns import (
    frame,
    part_of,
    turn_about,
    turn_x,
    turn_y,
    turn_z,
    twist_about,
    unit,
)

FEET = ("foot.", "toe")
DOWN = np.array([0.0, 0, -1])
LEFT = np.array([1.0, 0, 0])
# How much of the turn between two parts a bone has taken, from the lower to the upper: most lumbar bending is low.
SPINE = (("spine05", 0.2), ("spine04", 0.45), ("spine03", 0.7), ("spine02", 0.9), ("spine01", 1.0))
NECK = (("neck01", 0.2), ("neck02", 0.45), ("neck03", 0.7), ("head", 1.0))
UPPER_TWIST = 0.45  # of a limb's twist taken by its first bone, so that the skin winds along the limb
FORE_TWIST = (0.35, 0.8)  # of the hand's twist taken by the two bones of the forearm
CURL = np.radians([55.0, 75.0, 50.0])  # of a fist, per joint of a finger
THUMB_CURL = np.radians([15.0, 30.0, 35.0])


@dataclass(frozen=True)
class Figure:
    """One person's limbs as rigid parts, measured at rest (mm)."""

    model: BodyModel
    shape: Shape
    sole_mm: float = 0.0  # how far shoes reach below the skin of the feet

    def at(self, bone: str) -> np.ndarray:
        """(3,) where a bone begins at rest."""
        return self.shape.heads[self.model.bone(bone)]

    def length(self, first: str, second: str) -> float:
        """From one bone's head to another's."""
        return float(np.linalg.norm(self.at(second) - self.at(first)))

    @cached_property
    def leg(self) -> tuple[float, float]:
        """The lengths of thigh and shin."""
        return self.length("upperleg01.L", "lowerleg01.L"), self.length("lowerleg01.L", "foot.L")

    @cached_property
    def arm(self) -> tuple[float, float]:
        """The lengths of upper arm and forearm."""
        return self.length("upperarm01.L", "lowerarm01.L"), self.length("lowerarm01.L", "wrist.L")

    @cached_property
    def body_vertices(self) -> np.ndarray:
        """The indices of the vertices of the skin."""
        return np.unique(self.model.surfaces["body"])

    @cached_property
    def owners(self) -> np.ndarray:
        """(19158,) the bone that each vertex goes with most."""
        weights = self.model.weights
        return np.asarray(weights.argmax(axis=1)).ravel()

    @cached_property
    def _groups(self) -> dict[tuple[str, ...], np.ndarray]:
        return {}

    def vertices_of(self, *parts: str) -> np.ndarray:
        """The indices of the skin's vertices that go with bones whose names begin so."""
        if parts not in self._groups:
            chosen = np.array([name.startswith(parts) for name in self.model.bones])
            self._groups[parts] = self.body_vertices[chosen[self.owners[self.body_vertices]]]
        return self._groups[parts]

    def heights(self, vertices: np.ndarray) -> np.ndarray:
        """(19158,) how high vertices (19158, 3) are, those of the feet lower by their shoes' soles."""
        heights = vertices[:, 2].copy()
        heights[self.vertices_of(*FEET)] -= self.sole_mm
        return heights

    @cached_property
    def ankle_height(self) -> float:
        """From the shoe's sole to the ankle's joint in a foot that stands flat."""
        sole = self.shape.vertices[self.vertices_of("foot.L", "toe1-1.L", "toe5-1.L"), 2].min()
        return float(self.at("foot.L")[2] - sole) + self.sole_mm

    @cached_property
    def alignments(self) -> dict[str, np.ndarray]:
        """For each limb's part the turn that brings anny's rest to the plain figure's."""
        return {f"{part}.{side}": turn for side in SIDES for part, turn in self._limbs(side).items()}

    def _limbs(self, side: str) -> dict[str, np.ndarray]:
        hip, knee, foot, shoulder, elbow, wrist, index, middle, little, toe = (
            self.at(f"{bone}.{side}")
            for bone in (
                "upperleg01",
                "lowerleg01",
                "foot",
                "upperarm01",
                "lowerarm01",
                "wrist",
                "finger2-1",
                "finger3-1",
                "finger5-1",
                "toe2-1",
            )
        )
        still = frame(-DOWN, LEFT)
        # The elbow of anny's rest is bent: it shows the hinge, whose axis in the plain figure is the left.
        hinge = np.cross(wrist - elbow, elbow - shoulder)
        forward = np.arctan2((toe - foot)[0], -(toe - foot)[1])
        return {
            "thigh": still @ frame(hip - knee, LEFT).T,
            "shin": still @ frame(knee - foot, LEFT).T,
            "foot": turn_z(-float(forward)),
            "upperarm": still @ frame(shoulder - elbow, hinge).T,
            "forearm": still @ frame(elbow - wrist, hinge).T,
            # From the index to the little finger goes to the back when the thumb is in front.
            "hand": frame(-DOWN, -DOWN @ turn_x(np.pi / 2)) @ frame(wrist - middle, little - index).T,
        }

    def pose(self, posture: Posture) -> Pose:
        """The posture on this person, its root bone where it stands at rest."""
        world = self._trunk(posture)
        for index, side in enumerate(SIDES):
            world |= self._leg(posture, index, side)
            world |= self._arm(posture, index, side, world["spine01"])
        return Pose(self._local(world, self._small(posture)), self.shape.heads[0].copy())

    def _local(self, world: dict[str, np.ndarray], small: dict[str, np.ndarray]) -> np.ndarray:
        """(163, 3, 3) each bone against its parent: from the turns in the world, and small ones against the parent."""
        local = np.tile(np.eye(3), (len(self.model.bones), 1, 1))
        turns = np.empty_like(local)
        for bone, (name, parent) in enumerate(zip(self.model.bones, self.model.parents, strict=True)):
            above = turns[parent] if parent >= 0 else np.eye(3)
            if name in world:
                local[bone] = above.T @ world[name]
            elif name in small:
                local[bone] = small[name]
            turns[bone] = above @ local[bone]
        return local

    @staticmethod
    def _trunk(posture: Posture) -> dict[str, np.ndarray]:
        chest = posture.root @ posture.chest
        world = {"root": posture.root}
        world |= {bone: posture.root @ part_of(posture.chest, share) for bone, share in SPINE}
        return world | {bone: chest @ part_of(posture.head, share) for bone, share in NECK}

    def _leg(self, posture: Posture, index: int, side: str) -> dict[str, np.ndarray]:
        align = self.alignments
        thigh = posture.root @ posture.hip[index]
        shin = thigh @ turn_x(posture.knee[index])
        foot = shin @ posture.ankle[index] @ align[f"foot.{side}"]
        hip, middle, knee = (self.at(f"{bone}.{side}") for bone in ("upperleg01", "upperleg02", "lowerleg01"))
        twist = (1 - UPPER_TWIST) * twist_about(DOWN, posture.hip[index])
        # The first bone keeps the knee in its place, the second turns about itself and moves no joint.
        first = thigh @ align[f"thigh.{side}"] @ turn_about(unit(knee - hip), -twist)
        second = first @ turn_about(unit(knee - middle), twist)
        lower = shin @ align[f"shin.{side}"]
        return {
            f"upperleg01.{side}": first, f"upperleg02.{side}": second,
            f"lowerleg01.{side}": lower, f"lowerleg02.{side}": lower, f"foot.{side}": foot,
        }  # fmt: skip

    def _arm(self, posture: Posture, index: int, side: str, chest: np.ndarray) -> dict[str, np.ndarray]:
        align, sign = self.alignments, SIGNS[index]
        collar, blade = _girdle(posture.shoulder[index], sign)
        upper = chest @ posture.shoulder[index]
        fore = upper @ turn_x(-posture.elbow[index])
        flexion, deviation = posture.wrist[index]
        hand = fore @ turn_z(sign * -posture.pronation[index]) @ turn_y(sign * flexion) @ turn_x(deviation)
        hand = hand @ align[f"hand.{side}"]
        root, middle, elbow, centre, end = (
            self.at(f"{bone}.{side}") for bone in ("upperarm01", "upperarm02", "lowerarm01", "lowerarm02", "wrist")
        )
        whole, lower = upper @ align[f"upperarm.{side}"], fore @ align[f"forearm.{side}"]
        arm_axis, fore_axis = unit(elbow - root), unit(end - elbow)
        twist = (1 - UPPER_TWIST) * twist_about(arm_axis, (chest @ blade).T @ whole)
        wind = twist_about(fore_axis, lower.T @ hand)
        # As in the leg: the first bone keeps the limb's end in its place, the second turns about itself.
        first, third = whole @ turn_about(arm_axis, -twist), lower @ turn_about(fore_axis, FORE_TWIST[0] * wind)
        return {
            f"clavicle.{side}": chest @ collar, f"shoulder01.{side}": chest @ blade,
            f"upperarm01.{side}": first,
            f"upperarm02.{side}": first @ turn_about(unit(elbow - middle), twist),
            f"lowerarm01.{side}": third,
            f"lowerarm02.{side}": third @ turn_about(unit(end - centre), (FORE_TWIST[1] - FORE_TWIST[0]) * wind),
            f"wrist.{side}": hand,
        }  # fmt: skip

    def _small(self, posture: Posture) -> dict[str, np.ndarray]:
        answer = {}
        for index, side in enumerate(SIDES):
            for toe in range(1, 6):
                answer[f"toe{toe}-1.{side}"] = turn_x(-posture.toes[index])
            for finger in range(1, 6):
                answer |= self._finger(side, SIGNS[index], finger, float(posture.curl[index, finger - 1]))
        return answer

    def _finger(self, side: str, sign: float, finger: int, curl: float) -> dict[str, np.ndarray]:
        first, second, little, index, wrist = (
            self.at(f"{bone}.{side}")
            for bone in (f"finger{finger}-1", f"finger{finger}-2", "finger5-1", "finger2-1", "wrist")
        )
        palm = sign * np.cross(little - index, (little + index) / 2 - wrist)  # out of the palm
        axis = unit(np.cross(second - first, palm))
        angles = THUMB_CURL if finger == 1 else CURL
        return {
            f"finger{finger}-{joint}.{side}": turn_about(axis, curl * angle)
            for joint, angle in enumerate(angles, start=1)
        }


def _girdle(shoulder: np.ndarray, sign: float) -> tuple[np.ndarray, np.ndarray]:
    """Collar bone and shoulder blade go along with a raised or crossed arm (about a third of it, Inman et al. 1944)."""
    direction = shoulder @ DOWN
    elevation = np.arccos(np.clip(-direction[2], -1, 1))
    lift = np.clip(0.2 * (elevation - np.radians(35)), np.radians(-5), np.radians(30))
    front = np.radians(10) * -direction[1] + np.radians(12) * max(0.0, -sign * float(direction[0]))

    def both(share: float) -> np.ndarray:
        return turn_z(-sign * share * float(front)) @ turn_y(-sign * share * float(lift))

    return both(0.7), both(1.4)
