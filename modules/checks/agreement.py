"""Lays views of one moment beside each other: the rays of one joint from two cameras must pass each other closely.

The gap between two rays is measured as a share of the triangulated person, so that it does not depend on the world's unit.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.skeleton import MIRROR
from modules.checks.views import FEWEST_SEEN, View
from modules.pose_utils import pixel2ray

MOST_MOMENTS = 12  # of a pair of cameras
CALM = 0.25  # quantile of the moments: a wrong camera misses in all of them, the extractor in some
PERSON = 4.0  # a standing person's height over the median distance of the joints from their middle
APART_DEG = 8.0  # rays that meet at a smaller angle say little about depth, and so about size
ROUGH = 0.03  # 99 % of the misses of sound pairs are below it
WRONG, WRONG_OF_FEW = 0.05, 0.08  # all misses of sound pairs are below it; the second holds for fewer than MANY moments
MANY = 8
USUAL = 0.008  # median of sound pairs
SIZE = (0.75, 1.5)  # usual size by two views over the extractor's


@dataclass(frozen=True)
class Pair:
    """How two views of the same moments agree."""

    names: tuple[str, str]
    miss: float  # median gap between rays of the same joint, share of the person; 9 if people are behind a camera
    size: float  # of the person by triangulation over the extractor's; NaN if the views are too close together
    moments: int

    @property
    def is_wrong(self) -> bool:
        """Whether no sound pair of views misses by so much."""
        return self.miss > (WRONG if self.moments >= MANY else WRONG_OF_FEW)


def pairs_of(views: Sequence[View]) -> list[Pair]:
    """Returns the agreement of every two views of one recording that share a moment with a person."""
    pairs = (_pair(a, b) for a, b in itertools.combinations(views, 2))
    return [pair for pair in pairs if pair is not None]


def disagrees(pairs: Sequence[Pair]) -> bool:
    """Whether two views of a recording contradict each other."""
    return any(pair.is_wrong for pair in pairs)


def size_of(pairs: Sequence[Pair]) -> float:
    """Returns people's size by triangulation over the extractor's, median over the pairs; NaN if none can tell."""
    sizes = [pair.size for pair in pairs if np.isfinite(pair.size) and not pair.is_wrong]
    return float(np.median(sizes)) if sizes else np.nan


def worst(pairs: Sequence[Pair]) -> float:
    """Returns the largest miss; 0 without pairs."""
    return max((pair.miss for pair in pairs), default=0.0)


def triangulated(views: Sequence[View]) -> dict[str, np.ndarray]:
    """Returns the people (24, 3) world mm of each moment that the first two views with one show, by sequence."""
    people: dict[str, np.ndarray] = {}
    for a, b in itertools.combinations(views, 2):
        places = {sequence: index for index, sequence in enumerate(a.sequences)}
        for index, name in enumerate(b.sequences):
            if name in places and name not in people:
                people[name] = _meet(a, b, _rays(a, [places[name]]), _rays(b, [index]))[1][0]
    return people


def _pair(a: View, b: View) -> Pair | None:
    places = {sequence: index for index, sequence in enumerate(a.sequences)}
    shared = [(places[s], i) for i, s in enumerate(b.sequences) if s in places and _both_see(a, places[s], b, i)]
    if not shared:
        return None
    at = np.unique(np.linspace(0, len(shared) - 1, min(len(shared), MOST_MOMENTS)).astype(int))
    of_a, of_b = (list(index) for index in zip(*(shared[i] for i in at), strict=True))
    ray_a, ray_b = _rays(a, of_a), _rays(b, of_b)
    found = [_meet(a, b, ray_a, other) for other in (ray_b, ray_b[:, list(MIRROR)])]  # the extractor may swap sides
    gaps = [np.nanmedian(gap, axis=1) for gap, _, _ in found]
    best = np.argmin(gaps, axis=0)
    gap, middle, in_front = (np.stack(part)[best, np.arange(len(best))] for part in zip(*found, strict=True))
    extent = np.nanmedian(np.linalg.norm(middle - np.nanmedian(middle, 1, keepdims=True), axis=-1), axis=1)
    own = a.joints_rel_mm[of_a]
    known = np.median(np.linalg.norm(own - np.median(own, 1, keepdims=True), axis=-1), axis=1)
    misses = np.nanmedian(gap, axis=1) / np.maximum(PERSON * extent, 1e-9)
    miss = float(np.quantile(misses, CALM, method="lower"))
    angle = np.degrees(np.arccos(np.clip(np.abs(np.nanmedian((ray_a * ray_b).sum(-1), axis=1)), 0, 1)))
    size = float(np.median(extent / known)) if np.median(angle) > APART_DEG else np.nan
    is_behind = np.mean(in_front) < 0.5 or not np.isfinite(miss)
    return Pair((a.name, b.name), 9.0 if is_behind else min(miss, 9.0), size, len(at))


def _both_see(a: View, of_a: int, b: View, of_b: int) -> bool:
    seen = np.isfinite(a.joints_px[of_a] + b.joints_px[of_b]).all(-1)
    return bool(seen.sum() >= FEWEST_SEEN)


def _rays(view: View, which: list[int]) -> np.ndarray:
    """Returns unit rays in the world: (M, 24, 3)."""
    rays = pixel2ray(view.joints_px[which], view.K) @ view.R
    return np.asarray(rays / np.linalg.norm(rays, axis=-1, keepdims=True))


def _meet(a: View, b: View, ray_a: np.ndarray, ray_b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the gap between rays at closest approach (M, 24), its middle (M, 24, 3), and whether it is in front."""
    between = a.centre_world - b.centre_world
    cosine = (ray_a * ray_b).sum(-1)
    along_a, along_b = ray_a @ between, ray_b @ between
    sine2 = np.maximum(1 - cosine**2, 1e-8)
    depth_a, depth_b = (cosine * along_b - along_a) / sine2, (along_b - cosine * along_a) / sine2
    end_a, end_b = a.centre_world + depth_a[..., None] * ray_a, b.centre_world + depth_b[..., None] * ray_b
    return np.linalg.norm(end_a - end_b, axis=-1), (end_a + end_b) / 2, (depth_a > 0) & (depth_b > 0)
