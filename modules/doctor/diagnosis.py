"""Measures how far labels project from the extractor's joints, and finds the usual mistakes that explain it.

The extractor's 2D joints need no calibration. With the right K and [R|t], labels project onto them. If they do not, the
usual mistakes are corrected one at a time, then in combinations of two and three, until the labels fit.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from model.skeleton import JOINT_NAMES
from modules.checks.labels import FITS
from modules.checks.mistakes import (
    FAMILIES,
    RATIOS,
    SIZES,
    SWAPPED_SIDES,
    Evidence,
    Mistake,
    Scene,
    corrected_scene,
    scene_as_written,
)
from modules.files.rotations import rotation_problem
from modules.pose_utils import cam2pixel, distort, world2cam

MOST_MISTAKES = 3  # at once; with more, labels of another recording could be made to fit
RESIZED = 2.0  # SIZES must fit this many times better: a person nearer than the label looks like a resized image
SHRINKS = np.array([1.0, *(1 / float(ratio) for ratio in RATIOS)])  # scale of K: unchanged, and for each of SIZES


def project(evidence: Evidence, scene: Scene) -> np.ndarray:
    """Projects the label to px of the raw image: (24, 2), NaN for joints behind the camera."""
    cam = world2cam(scene.joints_world, scene.R, scene.t)
    with np.errstate(all="ignore"):
        pixels = distort(cam2pixel(cam, scene.K), scene.K, evidence.distortion)
    return np.where(cam[:, 2:] > 0, pixels, np.nan)


def projected_px(evidence: Evidence, mistakes: Sequence[Mistake] = ()) -> np.ndarray:
    """Returns the projected label (24, 2) px under these mistakes.

    All joints are inf if R is not a rotation, K is not a camera matrix, or a joint is behind the camera.
    """
    scene = corrected_scene(evidence, mistakes)
    is_rotation = rotation_problem(scene.R) is None
    has_focal = scene.K[0, 0] > 0 and scene.K[1, 1] > 0 and np.abs(scene.K[2] - [0, 0, 1]).max() < 1e-8
    pixels = project(evidence, scene) if is_rotation and has_focal else np.full((len(JOINT_NAMES), 2), np.inf)
    return pixels if np.isfinite(pixels).all() else np.full_like(pixels, np.inf)


def misfit_px(evidence: Evidence, mistakes: Sequence[Mistake] = ()) -> float:
    """Returns the median distance in px between projected label and extractor; inf if the label does not project."""
    return float(np.median(np.linalg.norm(projected_px(evidence, mistakes) - evidence.joints_px, axis=-1)))


def person_px(evidence: Evidence) -> float:
    """Returns the longer side in px of the box around the extractor's joints."""
    return float(np.ptp(evidence.joints_px, axis=0).max())


def misfits(evidence: Sequence[Evidence], mistakes: Sequence[Mistake] = ()) -> np.ndarray:
    """Returns the misfit as a share of the person's size, median over images: (1 + len(SIZES),).

    The first value is for these mistakes, the others for these and one of SIZES. A smaller K moves every pixel towards
    (0, 0) in proportion, lens distortion included, so that one projection serves them all.
    """
    shares = []
    for one in evidence:
        projected = SHRINKS[:, None, None] * projected_px(one, mistakes)
        shares.append(np.median(np.linalg.norm(projected - one.joints_px, axis=-1), axis=-1) / person_px(one))
    return np.asarray(np.median(shares, axis=0))


@dataclass(frozen=True)
class Diagnosis:
    """The mistakes that explain the images of one camera: () if they fit as written, None if nothing explains them."""

    camera: str
    before_px: float  # misfit as written
    mistakes: tuple[Mistake, ...] | None
    after_px: float  # misfit once fixed


def diagnose(evidence: Sequence[Evidence]) -> Diagnosis:
    """Finds the fewest mistakes under which the labels of one camera fit its images; among equally few, the best fit."""
    camera = evidence[0].camera

    def px(mistakes: Sequence[Mistake]) -> float:
        return float(np.median([misfit_px(one, mistakes) for one in evidence]))

    before = px(())
    smaller: dict[tuple[Mistake, ...], np.ndarray] = {}  # tried with one mistake fewer; one of SIZES may be added
    for count in range(MOST_MISTAKES + 1):
        tried = {mistakes: misfits(evidence, mistakes) for mistakes in combinations(count)}
        scores = {mistakes: score[0] for mistakes, score in tried.items()}
        for mistakes, score in smaller.items():
            scores |= {(*mistakes, size): RESIZED * share for size, share in zip(SIZES, score[1:], strict=True)}
        best = min(scores, key=lambda mistakes: round(scores[mistakes], 6))
        swapped = () if count else _swapped_sides(evidence, scores[best])
        if swapped:
            return Diagnosis(camera, before, swapped, px(swapped))
        if scores[best] < FITS:
            return Diagnosis(camera, before, best, px(best))
        smaller = tried
    return Diagnosis(camera, before, None, before)


def combinations(count: int) -> Iterator[tuple[Mistake, ...]]:
    """Yields all combinations of `count` mistakes from different families, without SIZES, which `misfits` adds."""
    for families in itertools.combinations([family for family in FAMILIES if family is not SIZES], count):
        yield from itertools.product(*families)


def _swapped_sides(evidence: Sequence[Evidence], as_written: float) -> tuple[Mistake, ...]:
    """Returns (SWAPPED_SIDES,) if left and right fit clearly better when swapped, else ().

    Left and right joints are so close that swapped ones may pass FITS, so the better of the two fits decides.
    `as_written` is the misfit without a mistake, as a share of the person's size.
    """
    sides = (SWAPPED_SIDES,)
    sided = [joint for joint, name in enumerate(JOINT_NAMES) if name.startswith(("left_", "right_"))]

    def of_sided(mistakes: Sequence[Mistake]) -> float:
        distances = [
            np.linalg.norm((project(one, corrected_scene(one, mistakes)) - one.joints_px)[sided], axis=-1).mean()
            / person_px(one)
            for one in evidence
        ]
        return float(np.median(distances))

    return sides if as_written < 2 * FITS and of_sided(sides) < 0.5 * of_sided(()) else ()


def inside_share(evidence: Sequence[Evidence]) -> float:
    """Returns the share of label joints that project into their image."""
    inside = [
        ((pixels >= -0.5) & (pixels <= np.array(one.image_size) - 0.5)).all(-1).mean()
        for one in evidence
        for pixels in [project(one, scene_as_written(one))]
    ]
    return float(np.mean(inside))
