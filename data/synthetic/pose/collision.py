"""Self-collision of a person: capsules along the bones, fitted to the person's own flesh."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.synthetic.body.model import Posed
from data.synthetic.pose.figure import Figure
from data.synthetic.pose.posture import SIDES

TRUNK = ("pelvis", "belly", "waist", "ribs", "chest")
# Penetration (mm) of two capsules that is tolerated, because flesh is soft.
TOLERANCE_MM = 18.0
HAND_TOLERANCE_MM = 32.0  # a hand on the body or on the other hand, an arm at the ribs
SOFT_TOLERANCE_MM = 60.0  # thighs against the belly, calves against thighs
ROUND = 0.9  # a trunk is rounder than a capsule of its width and depth
# A limb: the bones at the ends of its axis, where along it the capsule starts and ends, and the bones of its skin.
LIMBS = {
    "head": ("neck03", "head", 0.0, 1.0, ("head", "jaw", "neck03")),
    "upperarm": ("upperarm01", "lowerarm01", 0.5, 0.95, ("upperarm02",)),
    "forearm": ("lowerarm01", "wrist", 0.1, 1.0, ("lowerarm01", "lowerarm02")),
    "hand": ("wrist", "finger3-2", 0.2, 1.0, ("metacarpal", "finger3")),
    "thigh": ("upperleg01", "lowerleg01", 0.45, 0.95, ("upperleg02",)),
    "shin": ("lowerleg01", "foot", 0.1, 0.95, ("lowerleg01", "lowerleg02")),
    "foot": ("foot", "toe3-2", 0.2, 1.0, ("foot", "toe2", "toe3")),
}


@dataclass(frozen=True)
class Capsules:
    """K capsules of one person, each fixed to a bone at rest."""

    names: tuple[str, ...]
    bones: np.ndarray  # (K,)
    ends_rest: np.ndarray  # (K, 2, 3) mm
    radii: np.ndarray  # (K,) mm
    pairs: np.ndarray  # (P, 2) capsules that are tested against each other
    tolerance_mm: np.ndarray  # (P,) mm


def fit_capsules(figure: Figure) -> Capsules:
    """Returns capsules as thick as the person's limbs; the trunk is a stack of horizontal ones. Once per person."""
    parts = _trunk(figure)
    for name, (first, last, start, end, skin) in LIMBS.items():
        for side in ("",) if name == "head" else SIDES:
            parts[_named(name, side)] = _limb(figure, _named(first, side), _named(last, side), (start, end), skin, side)
    names = tuple(parts)
    bones, ends, radii = zip(*parts.values(), strict=True)
    pairs = [(a, b) for a in range(len(names)) for b in range(a) if _is_checked(names[a], names[b])]
    tolerance_mm = [_tolerance_mm(names[a], names[b]) for a, b in pairs]
    return Capsules(names, np.array(bones), np.array(ends), np.array(radii), np.array(pairs), np.array(tolerance_mm))


def deepest_overlap(
    figure: Figure, capsules: Capsules, heads: np.ndarray, rotations: np.ndarray
) -> tuple[str, str, float]:
    """Returns the two parts that overlap most and by how much beyond the tolerance (mm; below 0: no collision)."""
    turned = (capsules.ends_rest - figure.shape.heads[capsules.bones][:, None]) @ rotations[capsules.bones].swapaxes(
        1, 2
    )
    ends = turned + heads[capsules.bones][:, None]
    first, second = capsules.pairs.T
    apart = segment_distances(ends[first], ends[second])
    depth = capsules.radii[first] + capsules.radii[second] - capsules.tolerance_mm - apart
    worst = int(np.argmax(depth))
    return capsules.names[first[worst]], capsules.names[second[worst]], float(depth[worst])


def collides(figure: Figure, capsules: Capsules, posed: Posed) -> bool:
    """Whether any two parts collide."""
    return deepest_overlap(figure, capsules, posed.heads, posed.rotations)[2] > 0


def segment_distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns the distances (P,) between segments (P, 2, 3) (Ericson, Real-Time Collision Detection, 5.1.9)."""
    a, b, between = first[:, 1] - first[:, 0], second[:, 1] - second[:, 0], first[:, 0] - second[:, 0]
    aa, bb, ab = (np.einsum("pi,pi->p", *pair) for pair in ((a, a), (b, b), (a, b)))
    ac, bc = np.einsum("pi,pi->p", a, between), np.einsum("pi,pi->p", b, between)
    cross = aa * bb - ab * ab
    apart = cross > 1e-12 * aa * bb  # not parallel, at any length
    least = np.finfo(float).tiny  # avoids a division by zero for segments of length 0
    s = np.clip(np.where(apart, ab * bc - ac * bb, 0.0) / np.where(apart, cross, 1.0), 0, 1)
    t = np.clip((ab * s + bc) / np.maximum(bb, least), 0, 1)
    s = np.clip((ab * t - ac) / np.maximum(aa, least), 0, 1)
    found = np.linalg.norm(between + s[:, None] * a - t[:, None] * b, axis=1)
    if apart.all():
        return np.asarray(found)
    ends = [_to_segment(end, second) for end in first.swapaxes(0, 1)]
    ends += [_to_segment(end, first) for end in second.swapaxes(0, 1)]
    return np.where(apart, found, np.min(ends, 0))  # parallel segments are closest at an end


def _to_segment(points: np.ndarray, segments: np.ndarray) -> np.ndarray:
    """Returns the distances (P,) of points (P, 3) to segments (P, 2, 3)."""
    way, off = segments[:, 1] - segments[:, 0], points - segments[:, 0]
    squared = np.maximum((way**2).sum(1), np.finfo(float).tiny)
    along = np.clip((off * way).sum(1) / squared, 0, 1)
    return np.asarray(np.linalg.norm(off - along[:, None] * way, axis=1))


def _named(name: str, side: str) -> str:
    return f"{name}.{side}" if side and not name.startswith(("head", "neck")) else name


Part = tuple[int, np.ndarray, float]


def _limb(figure: Figure, first: str, last: str, span: tuple[float, float], skin: Sequence[str], side: str) -> Part:
    """Returns the capsule between two bones; `span` are the shares of the way at which it starts and ends."""
    start, end = span
    bone = figure.model.bone("upperarm02." + side if first.startswith("upperarm") else first)
    root = figure.at(first)
    if first == "neck03":
        head = figure.shape.vertices[figure.vertices_of(*skin)]
        middle, radius = (head.max(0) + head.min(0)) / 2, float(np.ptp(head[:, 0]) / 2)
        up = np.array([0, 0, max(0.0, float(np.ptp(head[:, 2])) / 2 - radius)])
        return figure.model.bone("head"), np.stack([middle - 0.5 * up, middle + up]), radius
    if first.startswith("upperleg"):
        bone = figure.model.bone("upperleg02." + side)
    way = figure.at(last) - root
    ends = np.stack([root + start * way, root + end * way])
    vertices = figure.shape.vertices[_on_side(figure, skin, side)]
    along = (vertices - root) @ way / float(way @ way)
    covered = vertices[(along > start) & (along < end)]
    away = covered - root - along[(along > start) & (along < end)][:, None] * way
    return bone, ends, float(np.percentile(np.linalg.norm(away, axis=1), 50))


def _on_side(figure: Figure, skin: Sequence[str], side: str) -> np.ndarray:
    indices = figure.vertices_of(*skin)
    sides = np.array([name.endswith(side) for name in figure.model.bones])
    return indices[sides[figure.owners[indices]]]


def _trunk(figure: Figure) -> dict[str, Part]:
    """Returns horizontal capsules at five heights of the trunk, from the hips to the armpits."""
    skin = figure.shape.vertices[figure.vertices_of("root", "pelvis", "spine", "breast", "upperleg01", "clavicle")]
    low = figure.shape.tails[figure.model.bone("pelvis.L")][2]  # the body's own hips; below them the thighs protrude
    high = figure.at("upperarm01.L")[2] - 30
    result = {}
    for name, bone, share in zip(
        TRUNK, ("root", "spine05", "spine03", "spine02", "spine01"), np.linspace(0, 0.92, 5), strict=True
    ):
        height = low + share * (high - low)
        near = skin[np.abs(skin[:, 2] - height) < 40]
        (left, front), (right, back) = np.percentile(near[:, :2], 1, axis=0), np.percentile(near[:, :2], 99, axis=0)
        radius = ROUND * min(back - front, right - left) / 2
        half = max((right - left) / 2 - radius, 1.0)
        y = (front + back) / 2
        result[name] = (figure.model.bone(bone), np.array([[-half, y, height], [half, y, height]]), float(radius))
    return result


def _is_checked(first: str, second: str) -> bool:
    """Whether two capsules can collide and are not adjacent."""
    kinds, sides = [first.split(".", maxsplit=1)[0], second.split(".", maxsplit=1)[0]], [first[-1], second[-1]]
    same = sides[0] == sides[1] and "." in first and "." in second
    if all(kind in (*TRUNK, "head") for kind in kinds):
        return False
    if any(kind in (*TRUNK, "head") for kind in kinds):
        limb = next(kind for kind in kinds if kind not in (*TRUNK, "head"))
        other = next(kind for kind in kinds if kind in (*TRUNK, "head"))
        return not (limb == "thigh" and other == "pelvis") and not (limb == "upperarm" and other == "chest")
    neighbours = (
        {"upperarm", "forearm"},
        {"forearm", "hand"},
        {"thigh", "shin"},
        {"shin", "foot"},
        {"upperarm", "hand"},
    )
    return not (same and set(kinds) in neighbours)


def _tolerance_mm(first: str, second: str) -> float:
    kinds = {first.split(".", maxsplit=1)[0], second.split(".", maxsplit=1)[0]}
    leg_at_trunk = bool(kinds & {"thigh", "shin", "foot"}) and bool(kinds & {*TRUNK, "thigh"})
    if (leg_at_trunk and kinds != {"shin", "thigh"}) or ("upperarm" in kinds and kinds & {"ribs", "waist", "belly"}):
        return SOFT_TOLERANCE_MM if "upperarm" not in kinds else HAND_TOLERANCE_MM
    return HAND_TOLERANCE_MM if "hand" in kinds and kinds <= {"hand", "forearm", "head", *TRUNK} else TOLERANCE_MM
