"""Measures at the vertices of a person in the rest pose, by which clothes are cut: position along limbs, height, drape."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from scipy.ndimage import map_coordinates
from scipy.sparse import csr_array
from scipy.spatial.transform import Rotation

from data.synthetic.body.model import BodyModel, Shape
from data.synthetic.geometry.sheets import neighbour_mean, normals, smoothed

ARM = ("upperarm", "lowerarm", "wrist", "finger", "metacarpal")
FOOT = ("foot", "toe")


@dataclass(frozen=True)
class Anatomy:
    """One person in the rest pose and measures on it. B is the number of base vertices; lengths are in mm."""

    model: BodyModel
    shape: Shape

    def head_of(self, bone: str) -> np.ndarray:
        """Returns the head (start) of a bone, (3,)."""
        return self.shape.heads[self.model.bone(bone)]

    def bone_weight(self, prefixes: tuple[str, ...], side: str = "") -> np.ndarray:
        """Returns the skinning weight (B,) of all bones with these name prefixes (and the suffix .L or .R)."""
        chosen = [name.startswith(prefixes) and name.endswith(side) for name in self.model.bones]
        return np.asarray(self.model.weights @ np.array(chosen, dtype=float))

    @cached_property
    def body(self) -> np.ndarray:
        """The triangles (F, 3) of the skin."""
        return self.model.surfaces["body"]

    @property
    def skin(self) -> np.ndarray:
        """The indices of the vertices of the skin."""
        return self.model.skin

    @cached_property
    def unit(self) -> float:
        """The person's stature over 1700 mm, for lengths that scale with people."""
        return float(np.ptp(self.shape.vertices[self.skin, 2]) / 1700)

    @cached_property
    def normals(self) -> np.ndarray:
        """The unit normals (B, 3) of the skin."""
        return normals(self.shape.vertices, self.body)

    @cached_property
    def neighbours(self) -> csr_array:
        """The matrix (B, B) that averages over the skin's neighbours."""
        return neighbour_mean(self.body, len(self.shape.vertices))

    @cached_property
    def arms(self) -> np.ndarray:
        """The skinning weight (B,) of the arms, 0 to 1."""
        return self.bone_weight(ARM)

    @cached_property
    def along_arm(self) -> np.ndarray:
        """The position (B,) along the arm: 0 at the shoulder, 1 elbow, 2 wrist and on to the fingers; negative on the trunk."""
        result = np.full(len(self.shape.vertices), -1.0)
        for side in "LR":
            points = [self.head_of(f"{bone}.{side}") for bone in ("upperarm01", "lowerarm01", "wrist")]
            mine = (self.arms > 0.5) & ((self.shape.vertices[:, 0] > 0) == (side == "L"))
            result[mine] = _along(self.shape.vertices[mine], points)
        return result

    @cached_property
    def height(self) -> np.ndarray:
        """The height z (B,) of trunk, legs and head; very large on the arms, which horizontal cuts must not touch."""
        return np.where(self.arms > 0.5, 1e4, self.shape.vertices[:, 2])

    @cached_property
    def levels(self) -> dict[str, float]:
        """The height z of floor, ankle, knee, crotch, hip, waist, chest, neck and crown."""
        skin = self.shape.vertices[self.skin]
        hip, neck = self.head_of("upperleg01.L")[2], self.head_of("neck01")[2]
        return {
            "floor": float(skin[:, 2].min()), "ankle": float(self.head_of("foot.L")[2]),
            "knee": float(self.head_of("lowerleg01.L")[2]), "crotch": float(hip - 55 * self.unit), "hip": float(hip),
            "waist": float(hip + 0.27 * (neck - hip)), "chest": float(hip + 0.68 * (neck - hip)), "neck": float(neck),
            "crown": float(skin[:, 2].max()),
        }  # fmt: skip

    @cached_property
    def draped(self) -> np.ndarray:
        """The displacement (B, 3) that makes each vertex of the trunk hang straight, like cloth, from what is above it.

        The outline at each height is made convex (support function in 64 directions) and narrows only slowly below the chest.
        The displacement fades to 0 towards the armpits and the neck.
        """
        v, levels = self.shape.vertices, self.levels
        skin = self.skin
        trunk = v[skin][(self.arms[skin] < 0.15) & (v[skin, 2] > levels["crotch"] - 60) & (v[skin, 2] < levels["neck"])]
        z = np.linspace(levels["neck"], levels["crotch"] - 60, 48)
        angles = np.linspace(-np.pi, np.pi, 65)
        towards = np.stack([np.cos(angles), np.sin(angles)])
        centre = np.array([0.0, float(np.median(trunk[:, 1]))])
        reach = np.zeros((len(z), len(angles)))
        for i, level in enumerate(z):
            near = trunk[np.abs(trunk[:, 2] - level) < 16 * self.unit, :2] - centre
            reach[i] = (near @ towards).max(axis=0) if len(near) else 0
            if level < levels["chest"]:
                reach[i] = np.maximum(reach[i], reach[i - 1] - 0.15 * (z[0] - z[1]))
        flat = v[:, :2] - centre
        radius = np.maximum(np.linalg.norm(flat, axis=1), 1e-6)
        at = np.stack(
            [(z[0] - v[:, 2]) / (z[0] - z[1]), (np.arctan2(flat[:, 1], flat[:, 0]) + np.pi) / (2 * np.pi) * 64]
        )
        missing = np.clip(map_coordinates(reach, at, order=1, mode="nearest") - radius, 0, 70 * self.unit)
        fade = np.clip((levels["neck"] - 70 * self.unit - v[:, 2]) / (90 * self.unit), 0, 1) * np.clip(
            1 - 3 * self.arms, 0, 1
        )
        missing = smoothed(missing * fade, self.neighbours, 8)
        return np.concatenate([flat / radius[:, None] * missing[:, None], np.zeros((len(v), 1))], axis=1)

    def offset_from_skin(self, clearance: np.ndarray, rounds: int) -> np.ndarray:
        """Returns a surface (B, 3) that bridges the skin's hollows by smoothing and keeps `clearance` (B,) mm from it.

        Larger clearance makes the surface smoother, as with loose cloth.
        """
        skin = self.below_cloth
        smooth = smoothed(skin, self.neighbours, rounds)
        outward = smoothed(self.normals, self.neighbours, 6)
        outward /= np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-9)
        bridged = np.maximum(np.einsum("ij,ij->i", smooth - skin, outward), 0)
        lift = smoothed(bridged, self.neighbours, 2) + smoothed(clearance, self.neighbours, 4)
        surface = skin + outward * lift[:, None]
        # Over a pit such as the navel the normals are unreliable; smoothing there cannot push cloth into the skin.
        pit = smoothed(np.clip((bridged - 2.5) / 3, 0, 1), self.neighbours, 3)[:, None]
        return surface + pit * (smoothed(surface, self.neighbours, 12) - surface)

    @cached_property
    def below_cloth(self) -> np.ndarray:
        """The skin (B, 3) with flattened nipples."""
        v = self.shape.vertices
        tips = [self.shape.tails[self.model.bone(f"breast.{side}")] for side in "LR"]
        near = np.max([np.exp(-(((v - tip) / (42 * self.unit)) ** 2).sum(axis=1)) for tip in tips], axis=0)
        return np.asarray(v + near[:, None] * (smoothed(v, self.neighbours, 14) - v))

    @cached_property
    def pattern_place(self) -> np.ndarray:
        """Texture coordinates (B, 3) for cloth: the rest pose with hanging arms, so that patterns run along sleeves."""
        result = self.shape.vertices.copy()
        for side in "LR":
            shoulder = self.head_of(f"upperarm01.{side}")
            arm = self.head_of(f"wrist.{side}") - shoulder
            turn, _ = Rotation.align_vectors([[0, 0, -1.0]], [arm])
            mine = (self.shape.vertices[:, 0] > 0) == (side == "L")
            hanging = turn.apply(self.shape.vertices - shoulder) + shoulder
            result = np.where(mine[:, None], result + self.arms[:, None] * (hanging - result), result)
        return result


def _along(points: np.ndarray, chain: list[np.ndarray]) -> np.ndarray:
    """Returns the position (N,) of points along a chain of joints, in links; it extrapolates beyond the ends."""
    best, result = np.full(len(points), np.inf), np.zeros(len(points))
    for link, (start, end) in enumerate(pairwise(chain)):
        line = end - start
        t = (points - start) @ line / (line @ line)
        low, high = (0.0 if link else -np.inf), (1.0 if link < len(chain) - 2 else np.inf)
        clamped = np.clip(t, low, high)
        distance = np.linalg.norm(points - start - clamped[:, None] * line, axis=1)
        nearer = distance < best
        best, result = np.where(nearer, distance, best), np.where(nearer, link + clamped, result)
    return result
