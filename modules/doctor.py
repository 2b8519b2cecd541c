"""Where labels land in the image as the files are written, and which of the usual mistakes explains it where they miss.

The extractor's 2D joints need no calibration, so they are the witness: labels that go through the right K and [R|t] land
on them. Where they do not, the usual mistakes are undone one by one, then in twos and threes, and what fits is named.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from modules.doctor_mistakes import (
    EXCHANGED_SIDES,
    FAMILIES,
    RATIOS,
    SIZES,
    Evidence,
    Mistake,
    Scene,
    as_written,
    read_with,
)
from modules.pose_utils import cam2pixel, distort, world2cam
from modules.skeleton import JOINT_NAMES

FITS = 0.1  # of the person's size in the image: joints of different definitions lie this near to each other at most
MOST_MISTAKES = 3  # at once: with more of them undone, labels of something else could be made to fit
RESIZED = (
    2.0  # times as well must SIZES fit as others: a person who stands nearer than the label says looks resized, too
)
SHRINKS = np.array([1.0, *(1 / float(ratio) for ratio in RATIOS)])  # what K shrinks by: as it is, and for each of SIZES


def project(evidence: Evidence, scene: Scene) -> np.ndarray:
    """The label in px of the raw image: (24, 2), NaN for what lies behind the camera."""
    cam = world2cam(scene.joints_world, scene.R, scene.t)
    with np.errstate(all="ignore"):
        pixels = distort(cam2pixel(cam, scene.K), scene.K, evidence.distortion)
    return np.where(cam[:, 2:] > 0, pixels, np.nan)


def landing_px(evidence: Evidence, mistakes: Sequence[Mistake] = ()) -> np.ndarray:
    """Where the label lands, (24, 2) px; infinitely far where R is no rotation or joints lie behind the camera."""
    scene = read_with(evidence, mistakes)
    is_rotation = np.abs(scene.R @ scene.R.T - np.eye(3)).max() < 1e-3 and np.linalg.det(scene.R) > 0
    has_focal = scene.K[0, 0] > 0 and scene.K[1, 1] > 0 and np.abs(scene.K[2] - [0, 0, 1]).max() < 1e-8
    pixels = project(evidence, scene) if is_rotation and has_focal else np.full((len(JOINT_NAMES), 2), np.inf)
    return pixels if np.isfinite(pixels).all() else np.full_like(pixels, np.inf)


def misfit_px(evidence: Evidence, mistakes: Sequence[Mistake] = ()) -> float:
    """Median distance in px between label and extractor; infinite where it lands nowhere."""
    return float(np.median(np.linalg.norm(landing_px(evidence, mistakes) - evidence.joints_px, axis=-1)))


def person_px(evidence: Evidence) -> float:
    """The larger side of the extractor's joints in the image."""
    return float(np.ptp(evidence.joints_px, axis=0).max())


def misfits(evidence: Sequence[Evidence], mistakes: Sequence[Mistake] = ()) -> np.ndarray:
    """Median over the images of the misfit as a share of the person's size: with these mistakes, and each of SIZES beside.

    A K that shrinks moves every pixel towards (0, 0) by as much, lens distortion included: one projection serves all.
    """
    shares = []
    for one in evidence:
        landed = SHRINKS[:, None, None] * landing_px(one, mistakes)
        shares.append(np.median(np.linalg.norm(landed - one.joints_px, axis=-1), axis=-1) / person_px(one))
    return np.median(shares, axis=0)


@dataclass(frozen=True)
class Diagnosis:
    """What fits the images of one camera: nothing wrong, these mistakes, or (None) none of those known."""

    camera: str
    before_px: float
    mistakes: tuple[Mistake, ...] | None
    after_px: float


def diagnose(evidence: Sequence[Evidence]) -> Diagnosis:
    """The fewest mistakes under which the labels of one camera fit its images; among as few, the best fit."""
    camera = evidence[0].camera

    def px(mistakes: Sequence[Mistake]) -> float:
        return float(np.median([misfit_px(one, mistakes) for one in evidence]))

    before = px(())
    smaller: dict[tuple[Mistake, ...], np.ndarray] = {}  # what was tried with one mistake fewer: SIZES may join it
    for count in range(MOST_MISTAKES + 1):
        tried = {mistakes: misfits(evidence, mistakes) for mistakes in combinations(count)}
        scores = {mistakes: score[0] for mistakes, score in tried.items()}
        for mistakes, score in smaller.items():
            scores |= {(*mistakes, size): RESIZED * share for size, share in zip(SIZES, score[1:], strict=True)}
        best = min(scores, key=lambda mistakes: round(scores[mistakes], 6))
        exchanged = () if count else _exchanged_sides(evidence, scores[best])
        if exchanged:
            return Diagnosis(camera, before, exchanged, px(exchanged))
        if scores[best] < FITS:
            return Diagnosis(camera, before, best, px(best))
        smaller = tried
    return Diagnosis(camera, before, None, before)


def combinations(count: int) -> Iterator[tuple[Mistake, ...]]:
    """So many mistakes at once, of different families; SIZES, which `misfits` adds to each, apart."""
    for families in itertools.combinations([family for family in FAMILIES if family is not SIZES], count):
        yield from itertools.product(*families)


def _exchanged_sides(evidence: Sequence[Evidence], as_it_is: float) -> tuple[Mistake, ...]:
    """Exchanged sides lie so near to each other that the wrong ones may fit too: here the better fit decides."""
    sides = (EXCHANGED_SIDES,)
    sided = [joint for joint, name in enumerate(JOINT_NAMES) if name.startswith(("left_", "right_"))]

    def of_sided(mistakes: Sequence[Mistake]) -> float:
        distances = [
            np.linalg.norm((project(one, read_with(one, mistakes)) - one.joints_px)[sided], axis=-1).mean()
            / person_px(one)
            for one in evidence
        ]
        return float(np.median(distances))

    return sides if as_it_is < 2 * FITS and of_sided(sides) < 0.5 * of_sided(()) else ()


def inside_share(evidence: Sequence[Evidence]) -> float:
    """The share of label joints that project into their image."""
    inside = [
        ((pixels >= -0.5) & (pixels <= np.array(one.image_size) - 0.5)).all(-1).mean()
        for one in evidence
        for pixels in [project(one, as_written(one))]
    ]
    return float(np.mean(inside))
