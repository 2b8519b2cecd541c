"""Makes the answer of a prediction from the people of all images: who is meant, who is who, how sure, smoothed or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from model.skeleton import JOINT_NAMES, ROOT
from modules.checks.error_effects import ErrorEffects
from modules.export.poses import Poses
from modules.inference.smoothing import smooth
from modules.inference.uncertainty import Calibration
from modules.predict.checks import reasons_of, with_effects
from modules.predict.parts import People
from modules.predict.source import Source
from modules.predict.tracking import GATE, Observed, position_covariance, squared_distance, track
from modules.predict.view import View

ALL = "all"
WORDS = {"confident": "the most confident", "largest": "the largest", "nearest": "the nearest"}
UNSURE_SHARE = 1.5  # of the median expected error of a source, above which a row has a warning
UNSURE_MM = 250.0  # mean expected error above which it has one anywhere
BARELY_SEEN = 0.4  # mean confidence of the 2D joints


@dataclass(frozen=True)
class Answering:
    """How an answer is made of people."""

    person: str = "confident"  # confident, largest, nearest or all
    smooths: bool = False
    calibration: Calibration | None = None  # of the run's log errors


@dataclass(frozen=True)
class Chosen:
    """The rows of an answer: indices of People, in the order of image and person."""

    rows: np.ndarray  # (N,)
    person: np.ndarray  # (N,) number of the person
    segment: np.ndarray  # (N,) rows of one segment are surely of one person
    warnings: list[list[str]]  # (N,)


def make_answer(
    people: People, source: Source, view: View, how: Answering, effects: ErrorEffects, origin: dict[str, Any]
) -> Poses:
    """Returns the poses of the chosen people, in the order of images and people, with warnings, smoothed as `how` says.

    `effects` are what findings about the camera imply for the expected error of each of the people.
    """
    errors = _expected_errors(people, how.calibration)
    everybody = how.person == ALL
    chosen = (
        _everybody(people, errors, source, view) if everybody else _one_person(people, errors, source, view, how.person)
    )
    kept, expected = people.take(chosen.rows), with_effects(errors, effects)[chosen.rows]
    errors, of_camera = errors[chosen.rows], reasons_of(effects)
    warnings = [
        [*first, *of_camera[row], *more]
        for first, row, more in zip(chosen.warnings, chosen.rows, _reasons(kept, expected), strict=True)
    ]
    raw, times = kept.joints_mm, source.time_s[kept.image]
    return Poses(
        joints_mm=smoothed(raw, errors, times, chosen.segment) if how.smooths else raw,
        expected_error_mm=expected, frame_index=source.frame_index[kept.image], time_s=times,
        person=chosen.person, found=kept.found, image=[source.image_name(index) for index in kept.image],
        frame=origin["frame"], up=view.camera.world_up, floor_height_mm=view.camera.floor_height_mm,
        raw_joints_mm=raw if how.smooths else None, warnings=["; ".join(reasons) for reasons in warnings], origin=origin,
    )  # fmt: skip


def smoothed(joints_mm: np.ndarray, errors_mm: np.ndarray, time_s: np.ndarray, segments: np.ndarray) -> np.ndarray:
    """Returns joints (N, 24, 3), each segment (N,) of rows smoothed over its times (N,); rows with NaN stay as they are."""
    result = joints_mm.copy()
    known = np.isfinite(joints_mm).all((1, 2))
    errors = np.where(np.isfinite(errors_mm), errors_mm, 100.0)
    for segment in np.unique(segments[known]):
        rows = np.flatnonzero(known & (segments == segment))
        result[rows] = smooth(joints_mm[rows], errors[rows], time_s[rows])
    return result


def _expected_errors(people: People, calibration: Calibration | None) -> np.ndarray:
    """Returns the calibrated mean error of each joint (P, 24) mm, NaN where it is not predicted."""
    if calibration is None:
        return np.full_like(people.log_error, np.nan)
    return calibration.expected_mm(people.log_error)


def _everybody(people: People, errors: np.ndarray, source: Source, view: View) -> Chosen:
    """Returns everybody; in a sequence each person has one number, else they are numbered within each image."""
    numbers = people.person_index.copy()
    if source.is_sequence:
        seen = np.flatnonzero(people.found)
        observed = Observed(
            people.image[seen], source.time_s[people.image[seen]], people.joints_mm[seen, ROOT], errors[seen, ROOT]
        )
        numbers[seen] = track(observed, view.camera.centre_world)
    order = np.lexsort((numbers, people.image))
    return Chosen(order, numbers[order], numbers[order], [[] for _ in order])


def _one_person(people: People, errors: np.ndarray, source: Source, view: View, rule: str) -> Chosen:
    """Returns the person whom the rule takes in each image; the warnings name images with several, and jumps.

    All rows have the number 0. Where a sequence jumps to a person who is farther away than errors and time explain, a new
    segment begins.
    """
    if rule == "largest":
        rank = -people.box_xywh[:, 2:].prod(1)
    elif rule == "nearest":
        rank = np.linalg.norm(people.joints_mm[:, ROOT] - view.camera.centre_world, axis=1)
    else:
        rank = people.person_index.astype(float)
    order = np.lexsort((np.nan_to_num(rank, nan=np.inf), people.image))
    rows = order[np.unique(people.image[order], return_index=True)[1]]
    counts = np.bincount(people.image[people.found], minlength=len(source.names))[people.image[rows]]
    warnings = [[f"{count} people seen, {WORDS[rule]} one taken"] if count > 1 else [] for count in counts]
    segment = np.zeros(len(rows), int)
    for place in jumps(people.take(rows), errors[rows], source, view) if source.is_sequence else ():
        warnings[place].append("far from the person of the image before, perhaps somebody else")
        segment[place:] += 1
    return Chosen(rows, np.zeros(len(rows), int), segment, warnings)


def jumps(people: People, errors: np.ndarray, source: Source, view: View) -> list[int]:
    """Returns the rows, one per image, whose person is farther from the last one than errors and time explain."""
    found, last = [], -1
    centre, times = view.camera.centre_world, source.time_s[people.image]
    for row in np.flatnonzero(people.found).tolist():
        if last >= 0:
            here, before = people.joints_mm[row, ROOT], people.joints_mm[last, ROOT]
            covariances = [position_covariance(people.joints_mm[i, ROOT], errors[i, ROOT], centre) for i in (row, last)]
            if squared_distance(here, covariances[0], before, covariances[1], times[row] - times[last]) > GATE:
                found.append(row)
        last = row
    return found


def _reasons(people: People, errors: np.ndarray) -> list[list[str]]:
    """Returns why each row by itself needs a look."""
    means = errors.mean(1)
    usual = float(np.nanmedian(means)) if np.isfinite(means).any() else np.inf
    reasons = []
    for row in range(len(people)):
        if not people.found[row]:
            reasons.append(["nobody found"])
            continue
        why = []
        if means[row] > UNSURE_MM or (means[row] > UNSURE_SHARE * usual and len(people) > 10):
            why.append(f"expected error {means[row]:.0f} mm")
        if people.outside[row].any():
            outside = [JOINT_NAMES[joint] for joint in np.flatnonzero(people.outside[row])]
            why.append(
                f"{len(outside)} joints outside the image ({', '.join(outside[:3])}{', …' if outside[3:] else ''})"
            )
        if people.confidence[row].mean() < BARELY_SEEN:
            why.append("barely visible")
        reasons.append(why)
    return reasons
