"""How well a rig labels its own recording: against exact truth on rendered ones.

    python -m benchmarks.rig_recording --out results/rig_recording
    python -m benchmarks.rig_labels --recording results/rig_recording [--out results/rig_labels]
    python -m benchmarks.rig_people --out results/rig_people
    python -m benchmarks.rig_labels --recording results/rig_people --still

A recording of `benchmarks.rig_recording` is labelled as `data.rig.prepare` does it, by the landmarks alone and by the released
weights; what they see is kept in OUT. Printed are the distances of all labels from the truth, how often one person's labels go
over to somebody else, how often they are within the standard deviation that the labels tell, and the shifts that are found if
one camera's recording begins later. Of many recordings (`--still`: whose moments do not follow each other), only the distances.
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
from data.rig.data_set import EVERYBODY, ONE_PERSON, detect_recording, everybody, one_person
from data.rig.landmarks import People2D
from data.rig.network_joints import SHARE, with_network_joints
from data.rig.quality import LANDMARKS
from data.rig.recording_labels import LabelledPerson, LabelledRecording, Settings, label_recording
from data.rig.recordings import Recording, Source, find_recordings
from model.skeleton import JOINT_NAMES
from modules.console import run_script
from modules.extractors.blazepose.extractor import BlazePoseExtractor
from modules.utils import UserError, log

LATE_FRAMES = 7
NETWORK = "released weights"


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


def every_moment(recording: Recording) -> Recording:
    """Returns a recording whose moments are so far apart that none tells anything of the next."""
    return replace(
        recording, views=tuple(replace(view, times_s=60.0 * np.arange(len(view.times_s))) for view in recording.views)
    )


def label_both_ways(
    recording: Recording, people: Sequence[People2D], out: Path, refine: bool, offsets: dict[str, int] | None
) -> dict[str, LabelledRecording]:
    """Returns the labels by the landmarks alone, and by the released weights."""
    landmarks = label_recording(recording, people, Settings(refine=refine, offsets=offsets))
    return {LANDMARKS: landmarks, NETWORK: with_network_joints(landmarks, out, refine)}


def many(recordings: Sequence[Recording], out: Path) -> None:
    """Prints the distances in many recordings of one person each, with the exact extrinsics."""
    errors: dict[str, list[np.ndarray]] = {}
    for recording in map(every_moment, recordings):
        truth = read_truth(recording)[0]
        people = detect(recording, out, one=True)
        try:
            ways = label_both_ways(recording, people, out, False, {})
        except UserError as error:
            log.info("%s", error)
            continue
        by = {name: done.people[0].labels.joints_world for name, done in ways.items()}
        kept = ways[NETWORK].people[0].kept
        moved = (by[NETWORK] - by[LANDMARKS]) / SHARE[:, None]
        by |= {f"network's share {share:.1f} in limbs": by[LANDMARKS] + np.where(SHARE < 1, share, 1)[:, None] * moved
               for share in (0.0, 0.3, 0.7, 1.0)}  # fmt: skip
        for name, joints in by.items():
            errors.setdefault(name, []).append(np.linalg.norm(joints - truth, axis=-1)[kept])
    for name, values in errors.items():
        all_mm = np.concatenate(values)
        print(
            f"{name}: median {np.median(all_mm):.1f} mm, mean {all_mm.mean():.1f}, 90 % below "
            f"{np.percentile(all_mm, 90):.1f} ({len(all_mm)} moments of {len(values)} recordings)"
        )


def read_truth(recording: Recording) -> np.ndarray:
    """Returns the true joints (P, F, 24, 3) world mm of a recording's people."""
    with np.load(recording.folder / TRUTH) as archive:
        return np.asarray(archive["joints_world"])


def detect(recording: Recording, out: Path, one: bool) -> list[People2D]:
    """Returns the landmarks in all views, of the most confident person or of everybody."""
    make, who = (one_person, ONE_PERSON) if one else (everybody, EVERYBODY)
    return detect_recording(recording, out, make("heavy"), f"{BlazePoseExtractor.fingerprint_of('heavy')}/{who}")


def main() -> None:
    """Measures the recordings that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recording", type=Path, default=Path("results/rig_recording"))
    parser.add_argument("--out", type=Path, default=Path("results/rig_labels"))
    parser.add_argument(
        "--still", action="store_true", help="moments do not follow each other, as of benchmarks.rig_people"
    )
    arguments = parser.parse_args()
    recordings = find_recordings(Source(arguments.recording))
    if arguments.still:
        many(recordings, arguments.out)
        return
    recording, truths = recordings[0], read_truth(recordings[0])
    people = detect(recording, arguments.out, len(truths) == 1)
    for refine in (True, False):
        for by, done in label_both_ways(recording, people, arguments.out, refine, None).items():
            print(
                f"{done.found.dropped} of {done.found.detections} detections belong to none of {len(done.people)} people"
            )
            print(f"labels by {by}, extrinsics", "refined:" if refine else "as given (exact):")
            for person in done.people:
                for name, value in summary(person, truths).items():
                    print(f"  {person.person}: {name}: {value}")
    for camera, name in enumerate(recording.names):
        clock = synchronise(*late(recording, people, camera), None)
        print(f"{name} begins {LATE_FRAMES} frames later: found {np.round(clock.shifts_s * clock.rate, 2).tolist()}")


if __name__ == "__main__":
    run_script(main)
