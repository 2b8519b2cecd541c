"""How well a rig labels its own recording: against exact truth on a rendered one, and against the demo's labels.

    python -m benchmarks.rig_recording --out results/rig_recording
    python -m benchmarks.rig_labels --recording results/rig_recording [--out results/rig_labels] [--weights heavy]

A recording of `benchmarks.rig_recording` is labelled as `data.rig.prepare` does it; landmarks are kept in OUT. Printed are the
distances of all labels from the truth, how often one person's labels go over to somebody else, how often they are within the
standard deviation that the labels tell, and the shifts that are found if one camera's recording begins later.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rig_recording import TRUTH
from data.rig.clock import synchronise
from data.rig.data_set import detect_recording, everybody, one_person
from data.rig.landmarks import People2D
from data.rig.recording_labels import LabelledPerson, Settings, label_recording
from data.rig.recordings import Recording, Source, find_recordings
from model.skeleton import JOINT_NAMES
from modules.console import run_script
from modules.extractors.blazepose.extractor import BlazePoseExtractor

LATE_FRAMES = 7


def errors_mm(person: LabelledPerson, truth: np.ndarray) -> np.ndarray:
    """Returns the distances (M, 24) mm of the kept labels from the truth (F, 24, 3)."""
    return np.asarray(np.linalg.norm(person.labels.joints_world - truth, axis=-1)[person.kept])


def nearest_truth(person: LabelledPerson, truths: np.ndarray) -> np.ndarray:
    """Returns the true joints (F, 24, 3) of the one of P people (P, F, 24, 3) to whom the labels are nearest."""
    return np.asarray(min(truths, key=lambda truth: float(np.median(errors_mm(person, truth)))))


def true_people(person: LabelledPerson, truths: np.ndarray) -> np.ndarray:
    """Returns which of P people (P, F, 24, 3) is nearest to the labels at each kept moment, (M,)."""
    return np.asarray(np.stack([np.median(errors_mm(person, truth), axis=-1) for truth in truths]).argmin(0))


def summary(person: LabelledPerson, truths: np.ndarray) -> dict[str, Any]:
    """Returns the figures of one person's labels, against the one of P people (P, F, 24, 3) to whom they are nearest."""
    truth, who = nearest_truth(person, truths), true_people(person, truths)
    errors = errors_mm(person, truth)
    sd = person.labels.joints_sd_mm[person.kept]
    offset = (person.labels.joints_world - truth)[person.kept]
    bias = np.linalg.norm(offset.mean(0), axis=-1)
    return {
        "kept": int(person.kept.sum()),
        "thrown": {reason: int(which.sum()) for reason, which in person.thrown.items()},
        "nearest_true_person": np.bincount(who, minlength=len(truths)).tolist(),
        "identity_switches": int((np.diff(who) != 0).sum()),
        "median_mm": round(float(np.median(errors)), 1),
        "mean_mm": round(float(errors.mean()), 1),
        "percentile_90_mm": round(float(np.percentile(errors, 90)), 1),
        "told_sd_mm": round(float(np.median(sd)), 1),
        "root_mean_square_over_sd": round(float(np.sqrt((errors**2 / sd**2).mean())), 2),
        "within_sd": round(float((errors < sd).mean()), 2),
        "per_joint_mm": {name: round(float(v), 1) for name, v in zip(JOINT_NAMES, np.median(errors, 0), strict=True)},
        "mean_offset_mm": {name: round(float(v), 1) for name, v in zip(JOINT_NAMES, bias, strict=True)},
    }


def late(recording: Recording, people: Sequence[People2D], camera: int) -> tuple[Recording, list[People2D]]:
    """Returns the recording and landmarks as if one camera had begun LATE_FRAMES later."""
    views = list(recording.views)
    views[camera] = replace(views[camera], times_s=views[camera].times_s[:-LATE_FRAMES])
    cut = [
        People2D(one.points_px[LATE_FRAMES:], one.visibility[LATE_FRAMES:]) if index == camera else one
        for index, one in enumerate(people)
    ]
    return replace(recording, views=tuple(views)), cut


def main() -> None:
    """Measures the recording that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recording", type=Path, default=Path("results/rig_recording"))
    parser.add_argument("--out", type=Path, default=Path("results/rig_labels"))
    parser.add_argument("--weights", choices=["heavy", "full"], default="heavy")
    arguments = parser.parse_args()
    recording = find_recordings(Source(arguments.recording))[0]
    with np.load(arguments.recording / TRUTH) as archive:
        truths = archive["joints_world"]
    make, who = (one_person, "one person") if len(truths) == 1 else (everybody, "everybody")
    mark = f"{BlazePoseExtractor.fingerprint_of(arguments.weights)}/{who}"
    people = detect_recording(recording, arguments.out, make(arguments.weights), mark)
    for refine in (True, False):
        done = label_recording(recording, people, Settings(refine=refine))
        print(f"{done.found.dropped} of {done.found.detections} detections belong to none of {len(done.people)} people")
        print("extrinsics", "refined:" if refine else "as given (exact):")
        for person in done.people:
            for name, value in summary(person, truths).items():
                print(f"  {person.person}: {name}: {value}")
    for camera, name in enumerate(recording.names):
        clock = synchronise(*late(recording, people, camera), None)
        print(f"{name} begins {LATE_FRAMES} frames later: found {np.round(clock.shifts_s * clock.rate, 2).tolist()}")


if __name__ == "__main__":
    run_script(main)
