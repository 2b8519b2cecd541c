"""Conversion of a posture to a pose of anny: which bones carry which segment, and the offset between the rest poses."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from data.synthetic.body.model import BodyModel, Pose, Shape
from data.synthetic.geometry.rotations import (
    fraction_of,
    rotation_about,
    rotation_from_axes,
    rotation_x,
    rotation_y,
    rotation_z,
    twist_about,
    unit,
)
from data.synthetic.pose.posture import SIDES, SIGNS, Posture

FEET = ("foot.", "toe")
DOWN = np.array([0.0, 0, -1])
LEFT = np.array([1.0, 0, 0])
# Share of a joint's rotation that each bone has reached, from the lowest to the highest: the lumbar spine bends low.
SPINE = (("spine05", 0.2), ("spine04", 0.45), ("spine03", 0.7), ("spine02", 0.9), ("spine01", 1.0))
NECK = (("neck01", 0.2), ("neck02", 0.45), ("neck03", 0.7), ("head", 1.0))
UPPER_TWIST = 0.45  # share of a limb's twist that its first bone takes, so that the skin twists along the limb
FORE_TWIST = (0.35, 0.8)  # shares of the hand's twist that the two bones of the forearm take
CURL = np.radians([55.0, 75.0, 50.0])  # of a fist, per finger joint
THUMB_CURL = np.radians([15.0, 30.0, 35.0])


@dataclass(frozen=True)
class Figure:
    """One person's body as rigid segments, measured in the rest pose (mm)."""

    model: BodyModel
    shape: Shape
    sole_mm: float = 0.0  # thickness of the shoes' soles below the skin of the feet

    def at(self, bone: str) -> np.ndarray:
        """Returns the head of a bone (3,) in the rest pose."""
        return self.shape.heads[self.model.bone(bone)]

    def length(self, first: str, second: str) -> float:
        """Returns the distance between the heads of two bones."""
        return float(np.linalg.norm(self.at(second) - self.at(first)))

    @cached_property
    def leg(self) -> tuple[float, float]:
        """The lengths of thigh and shin."""
        return self.length("upperleg01.L", "lowerleg01.L"), self.length("lowerleg01.L", "foot.L")

    @cached_property
    def arm(self) -> tuple[float, float]:
        """The lengths of upper arm and forearm."""
        return self.length("upperarm01.L", "lowerarm01.L"), self.length("lowerarm01.L", "wrist.L")

    @property
    def body_vertices(self) -> np.ndarray:
        """The indices of the vertices of the skin."""
        return self.model.skin

    @property
    def owners(self) -> np.ndarray:
        """The bone (19158,) with the largest weight at each vertex."""
        return self.model.owners

    @cached_property
    def _groups(self) -> dict[tuple[str, ...], np.ndarray]:
        return {}

    def vertices_of(self, *parts: str) -> np.ndarray:
        """Returns the indices of the skin's vertices whose bone has one of these name prefixes."""
        if parts not in self._groups:
            chosen = np.array([name.startswith(parts) for name in self.model.bones])
            self._groups[parts] = self.body_vertices[chosen[self.owners[self.body_vertices]]]
        return self._groups[parts]

    def heights(self, vertices: np.ndarray) -> np.ndarray:
        """Returns the heights (19158,) of vertices (19158, 3), those of the feet lowered by the soles."""
        heights = vertices[:, 2].copy()
        heights[self.vertices_of(*FEET)] -= self.sole_mm
        return heights

    @cached_property
    def ankle_height(self) -> float:
        """The height of the ankle joint above the sole of a flat foot."""
        sole = self.shape.vertices[self.vertices_of("foot.L", "toe1-1.L", "toe5-1.L"), 2].min()
        return float(self.at("foot.L")[2] - sole) + self.sole_mm

    @cached_property
    def alignments(self) -> dict[str, np.ndarray]:
        """For each segment, the rotation from anny's rest pose to the zero posture."""
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
        still = rotation_from_axes(-DOWN, LEFT)
        # anny's elbows are bent at rest, which defines the hinge axis; in the zero posture that axis points left.
        hinge = np.cross(wrist - elbow, elbow - shoulder)
        forward = np.arctan2((toe - foot)[0], -(toe - foot)[1])
        return {
            "thigh": still @ rotation_from_axes(hip - knee, LEFT).T,
            "shin": still @ rotation_from_axes(knee - foot, LEFT).T,
            "foot": rotation_z(-float(forward)),
            "upperarm": still @ rotation_from_axes(shoulder - elbow, hinge).T,
            "forearm": still @ rotation_from_axes(elbow - wrist, hinge).T,
            # With the thumb in front, the direction from the index to the little finger points back.
            "hand": rotation_from_axes(-DOWN, -DOWN @ rotation_x(np.pi / 2))
            @ rotation_from_axes(wrist - middle, little - index).T,
        }

    def pose(self, posture: Posture) -> Pose:
        """Returns the posture as a pose of this person, with the root bone at its rest position."""
        world = self._trunk(posture)
        for index, side in enumerate(SIDES):
            world |= self._leg(posture, index, side)
            world |= self._arm(posture, index, side, world["spine01"])
        return Pose(self._local(world, self._small(posture)), self.shape.heads[0].copy())

    def _local(self, world: dict[str, np.ndarray], small: dict[str, np.ndarray]) -> np.ndarray:
        """Returns the rotations (163, 3, 3) of bones relative to parents, from world rotations and small local ones."""
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
        world |= {bone: posture.root @ fraction_of(posture.chest, share) for bone, share in SPINE}
        return world | {bone: chest @ fraction_of(posture.head, share) for bone, share in NECK}

    def _leg(self, posture: Posture, index: int, side: str) -> dict[str, np.ndarray]:
        align = self.alignments
        thigh = posture.root @ posture.hip[index]
        shin = thigh @ rotation_x(posture.knee[index])
        foot = shin @ posture.ankle[index] @ align[f"foot.{side}"]
        hip, middle, knee = (self.at(f"{bone}.{side}") for bone in ("upperleg01", "upperleg02", "lowerleg01"))
        twist = (1 - UPPER_TWIST) * twist_about(DOWN, posture.hip[index])
        # The first bone positions the knee; the second only twists about itself and moves no joint.
        first = thigh @ align[f"thigh.{side}"] @ rotation_about(unit(knee - hip), -twist)
        second = first @ rotation_about(unit(knee - middle), twist)
        lower = shin @ align[f"shin.{side}"]
        return {
            f"upperleg01.{side}": first, f"upperleg02.{side}": second,
            f"lowerleg01.{side}": lower, f"lowerleg02.{side}": lower, f"foot.{side}": foot,
        }  # fmt: skip

    def _arm(self, posture: Posture, index: int, side: str, chest: np.ndarray) -> dict[str, np.ndarray]:
        align, sign = self.alignments, SIGNS[index]
        collar, blade = _girdle(posture.shoulder[index], sign)
        upper = chest @ posture.shoulder[index]
        fore = upper @ rotation_x(-posture.elbow[index])
        flexion, deviation = posture.wrist[index]
        hand = fore @ rotation_z(sign * -posture.pronation[index]) @ rotation_y(sign * flexion) @ rotation_x(deviation)
        hand = hand @ align[f"hand.{side}"]
        root, middle, elbow, centre, end = (
            self.at(f"{bone}.{side}") for bone in ("upperarm01", "upperarm02", "lowerarm01", "lowerarm02", "wrist")
        )
        whole, lower = upper @ align[f"upperarm.{side}"], fore @ align[f"forearm.{side}"]
        arm_axis, fore_axis = unit(elbow - root), unit(end - elbow)
        twist = (1 - UPPER_TWIST) * twist_about(arm_axis, (chest @ blade).T @ whole)
        wind = twist_about(fore_axis, lower.T @ hand)
        # As in the leg: the first bone positions the limb's end; the second only twists about itself.
        first, third = whole @ rotation_about(arm_axis, -twist), lower @ rotation_about(fore_axis, FORE_TWIST[0] * wind)
        return {
            f"clavicle.{side}": chest @ collar, f"shoulder01.{side}": chest @ blade,
            f"upperarm01.{side}": first,
            f"upperarm02.{side}": first @ rotation_about(unit(elbow - middle), twist),
            f"lowerarm01.{side}": third,
            f"lowerarm02.{side}": third @ rotation_about(unit(end - centre), (FORE_TWIST[1] - FORE_TWIST[0]) * wind),
            f"wrist.{side}": hand,
        }  # fmt: skip

    def _small(self, posture: Posture) -> dict[str, np.ndarray]:
        result = {}
        for index, side in enumerate(SIDES):
            for toe in range(1, 6):
                result[f"toe{toe}-1.{side}"] = rotation_x(-posture.toes[index])
            for finger in range(1, 6):
                result |= self._finger(side, finger, float(posture.curl[index, finger - 1]))
        return result

    def _finger(self, side: str, finger: int, curl: float) -> dict[str, np.ndarray]:
        axis, angles = self._finger_axes[side, finger], THUMB_CURL if finger == 1 else CURL
        return {
            f"finger{finger}-{joint}.{side}": rotation_about(axis, curl * angle)
            for joint, angle in enumerate(angles, start=1)
        }

    @cached_property
    def _finger_axes(self) -> dict[tuple[str, int], np.ndarray]:
        """The axis (3,) about which each finger of each side curls."""
        return {
            (side, finger): self._finger_axis(side, sign, finger)
            for side, sign in zip(SIDES, SIGNS, strict=True)
            for finger in range(1, 6)
        }

    def _finger_axis(self, side: str, sign: float, finger: int) -> np.ndarray:
        first, second, little, index, wrist = (
            self.at(f"{bone}.{side}")
            for bone in (f"finger{finger}-1", f"finger{finger}-2", "finger5-1", "finger2-1", "wrist")
        )
        palm = sign * np.cross(little - index, (little + index) / 2 - wrist)  # normal of the palm
        return unit(np.cross(second - first, palm))


def _girdle(shoulder: np.ndarray, sign: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns rotations of collar bone and shoulder blade for a raised or crossed arm (a third of it, Inman et al. 1944)."""
    direction = shoulder @ DOWN
    elevation = np.arccos(np.clip(-direction[2], -1, 1))
    lift = np.clip(0.2 * (elevation - np.radians(35)), np.radians(-5), np.radians(30))
    front = np.radians(10) * -direction[1] + np.radians(12) * max(0.0, -sign * float(direction[0]))

    def both(share: float) -> np.ndarray:
        return rotation_z(-sign * share * float(front)) @ rotation_y(-sign * share * float(lift))

    return both(0.7), both(1.4)
