"""Makes a rig's data set on disk: recordings, landmarks, labels, files and the quality page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from data.rig.clock import check_offsets
from data.rig.landmarks import Detect, People2D, detect_view
from data.rig.network_joints import with_network_joints
from data.rig.page import write_page
from data.rig.quality import LANDMARKS, recording_quality
from data.rig.recording_labels import LabelledRecording, Settings, label_recording, test_camera_of
from data.rig.recordings import Recording, Source, find_recordings
from data.rig.splits import TEST, TRAIN, VALIDATION, Group, choose_validation, roles
from data.rig.writing import (
    LANDMARKS_FOLDER,
    Written,
    clear,
    prepare_folder,
    write_lists,
    write_recording,
    written_uses,
)
from modules.extractors.blazepose.detector import BlazePose
from modules.extractors.blazepose.extractor import BlazePoseExtractor
from modules.extractors.blazepose.landmarks import Landmarks
from modules.extractors.blazepose.people import followed_people
from modules.files.hashing import sha256_file
from modules.files.locking import only_writer
from modules.runs.checkpoints import RELEASED
from modules.utils import UserError
from pre_models.blazepose import fetch_blazepose

ONE_PERSON, EVERYBODY = "one person", "everybody, followed"  # who is detected, in the marks of saved landmarks


@dataclass(frozen=True)
class Detection:
    """What sees the joints in each view."""

    weights: str = "heavy"  # BlazePose's
    network: bool = True  # whether labels are of the released weights' joints; otherwise of the landmarks alone


def make_data_set(source: Source, out: Path, settings: Settings, detection: Detection) -> dict[str, Any]:
    """Makes the data set of a folder in `out`, and returns what its marker holds. What an earlier run has seen is reused.

    Raises UserError if a file cannot be used, if nothing is left to train on, or if another process makes one in `out`.
    """
    recordings = find_recordings(source)
    for recording in recordings:
        test_camera_of(recording, settings)  # before the landmarks, which take hours
        check_offsets(recording, settings.offsets or {})
    prepare_folder(out)
    with only_writer(out, "makes a data set in"):
        weights = detection.weights
        fetch_blazepose(weights)
        fingerprint = BlazePoseExtractor.fingerprint_of(weights)
        make_detect = everybody(weights) if settings.people != 1 else one_person(weights)
        mark = f"{fingerprint}/{EVERYBODY if settings.people != 1 else ONE_PERSON}"
        labelled = []
        for recording in recordings:
            people = detect_recording(recording, out, make_detect, mark)
            labelled.append(label_recording(recording, people, settings))
        require_uses(labelled)  # before the released weights, which take hours, too
        if detection.network:
            labelled = [with_network_joints(done, out, settings.refine) for done in labelled]
        marker = {"extractor": fingerprint, "weights": weights, "joints": _joints(detection)}
        return write_data_set(out, labelled, marker)


def _joints(detection: Detection) -> str:
    return f"released weights {sha256_file(RELEASED)[:12]}" if detection.network else LANDMARKS


def detect_recording(recording: Recording, out: Path, make_detect: Callable[[], Detect], mark: str) -> list[People2D]:
    """Returns the people of all frames of all views."""
    return [
        detect_view(view, out / LANDMARKS_FOLDER / recording.name / name, make_detect, mark)
        for name, view in zip(recording.names, recording.views, strict=True)
    ]


def write_data_set(out: Path, labelled: Sequence[LabelledRecording], marker: dict[str, Any]) -> dict[str, Any]:
    """Writes labelled recordings, their lists, the quality page and last the marker, whose content is returned.

    Raises UserError if nothing is left to train on, and then leaves what an earlier run wrote.
    """
    require_uses(labelled)
    by, held_out, uses = divide(labelled)
    written = Written()
    clear(out)
    for done, own in zip(labelled, uses, strict=True):
        write_recording(out, done, own, written)
    quality = {
        "validation": by,
        "held_out": sorted(held_out),
        "images": {use: len(written.images[use]) for use in (TRAIN, VALIDATION, TEST)},
        "recordings": [recording_quality(done) for done in labelled],
    }
    write_page(out, labelled, marker | quality)
    write_lists(out, written, marker | quality)
    return marker | quality


def require_uses(labelled: Sequence[LabelledRecording]) -> None:
    """Raises UserError if nothing is left to train or to validate on."""
    uses = divide(labelled)[2]
    left = set().union(*(written_uses(done, own) for done, own in zip(labelled, uses, strict=True)))
    if not {TRAIN, VALIDATION} <= left:
        raise UserError(
            f"{labelled[0].recording.folder}: no moment is left to train and validate on ({_reasons(labelled)}); check the "
            "calibration and the shifts"
        )


def divide(labelled: Sequence[LabelledRecording]) -> tuple[str, set[str], list[list[np.ndarray]]]:
    """Returns by what validation is held out, who validates, and the use of every person's moments in each recording."""
    groups = [
        [Group(done.recording.name, person.person, done.moments.times_s) for person in done.people] for done in labelled
    ]
    known = len(labelled) == 1 or all(len(done.people) == 1 for done in labelled)
    by, held_out = choose_validation([group for own in groups for group in own], known)
    tests = labelled[0].test_camera is not None
    return by, held_out, [[roles(group, by, held_out, tests) for group in own] for own in groups]


def _reasons(labelled: Sequence[LabelledRecording]) -> str:
    counts: dict[str, int] = {}
    for person in (person for done in labelled for person in done.people):
        for reason, which in person.thrown.items():
            counts[reason] = counts.get(reason, 0) + int(which.sum())
    return (
        ", ".join(f"{count} x {reason}" for reason, count in counts.items() if count)
        or "the recordings are too short, or --step is too large"
    )


def one_person(weights: str) -> Callable[[], Detect]:
    """Returns the maker of a detector of the most confident person in an image."""

    def make() -> Detect:
        model = BlazePose(weights)

        def detect(image_rgb: np.ndarray, _: Sequence[Landmarks]) -> list[Landmarks]:
            found = model.detect(image_rgb)
            return [] if found is None else [found]

        return detect

    return make


def everybody(weights: str) -> Callable[[], Detect]:
    """Returns the maker of a detector of everybody in an image; the first is whom `one_person` finds, if anybody."""

    def make() -> Detect:
        return partial(followed_people, BlazePose(weights))

    return make
