"""The doctor's look at the world of a data set: its unit, which way is up, and where the floor is, in every camera file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from modules import doctor_world
from modules.checkup_files import Files, Report, shortened
from modules.doctor import Diagnosis
from modules.doctor_mistakes import EXCHANGED_SIDES, EXTRINSICS, LABELS
from modules.doctor_world import Declared
from modules.layout import Frame

FLOOR_STEP_MM = 100.0  # floors that differ by less are looked at together


@dataclass(frozen=True)
class Doubts:
    """What is no witness of the world until it is mended."""

    cameras: frozenset[str] = field(default_factory=frozenset)  # their [R|t] is something else
    labels: bool = False  # their axes are not the cameras'


def doubts(diagnoses: Sequence[Diagnosis]) -> Doubts:
    """Cameras whose extrinsics or labels do not fit as they are written, and whether it is the labels' axes."""
    turned = set(LABELS) - {EXCHANGED_SIDES}
    untrue = turned | set(EXTRINSICS)
    return Doubts(
        frozenset(d.camera for d in diagnoses if d.mistakes is None or untrue & set(d.mistakes)),
        any(turned & set(d.mistakes or ()) for d in diagnoses),
    )


def check_world(files: Files, unsure: Doubts, report: Report) -> None:
    """Unit, up and floor: what labels and cameras say, held against what every camera file declares."""
    unit = doctor_world.unit_complaint(np.stack(list(files.labels.values()))) if files.labels else None
    report.complaints += [unit] if unit else []
    told: dict[str, list[Declared]] = {}
    complaints: dict[str, list[Declared]] = {}
    declared = _declared(files.frames, files)
    recordings: dict[str, list[Frame]] = {}
    for frame in files.frames:
        recordings.setdefault(frame.recording, []).append(frame)
    for group in _alike(declared):
        frames = [frame for recording in sorted({one.recording for one in group}) for frame in recordings[recording]]
        joints = np.zeros((0, 24, 3)) if unsure.labels else _joints(frames, files)
        up = np.median([one.world_up for one in group], axis=0)
        found = doctor_world.up_finding(
            up, doctor_world.upright(joints), doctor_world.held(_rotations(frames, files, unsure))
        )
        if found is not None:
            (complaints if found.is_complaint else told).setdefault(found.sentence, []).extend(group)
        if unit is None and len(joints) and not (found and found.is_complaint):
            floor = _floor_complaint(joints, up, group)
            if floor:
                complaints.setdefault(floor, []).extend(group)
    report.told += _sentences(told)
    report.complaints += _sentences(complaints)
    _check_agreement(declared, report)


def _declared(frames: Sequence[Frame], files: Files) -> list[Declared]:
    """What each camera file that declares an up declares."""
    declared = {}
    for frame in frames:
        optional = files.cameras[frame.camera_path].optional
        if "world_up" in optional:
            declared[frame.camera_path] = Declared(
                frame.camera_path, frame.recording, optional["world_up"], optional.get("floor_height_mm")
            )
    return list(declared.values())


def _alike(declared: Sequence[Declared]) -> list[list[Declared]]:
    """Groups that declare about the same up and floor: the more labels are asked at once, the less does one pose count."""
    groups: dict[object, list[Declared]] = {}
    for one in declared:
        floor = None if one.floor_height_mm is None else round(one.floor_height_mm / FLOOR_STEP_MM)
        groups.setdefault((*(one.world_up.round(1) + 0.0), floor), []).append(one)
    return list(groups.values())


def _joints(frames: Sequence[Frame], files: Files) -> np.ndarray:
    paths = sorted({frame.label_path for frame in frames} & set(files.labels))
    return np.stack([files.labels[path] for path in paths]) if paths else np.zeros((0, 24, 3))


def _rotations(frames: Sequence[Frame], files: Files, unsure: Doubts) -> list[np.ndarray]:
    paths = sorted({frame.camera_path for frame in frames if frame.camera not in unsure.cameras})
    rotations = [files.cameras[path].extrinsics[:, :3] for path in paths]
    return [R for R in rotations if np.allclose(R @ R.T, np.eye(3), atol=1e-3)]


def _floor_complaint(joints: np.ndarray, up: np.ndarray, group: Sequence[Declared]) -> str | None:
    heights = [one.floor_height_mm for one in group if one.floor_height_mm is not None]
    return doctor_world.floor_complaint(joints, up, float(np.median(heights))) if heights else None


def _sentences(found: dict[str, list[Declared]]) -> list[str]:
    """Each sentence with the file that it is about, and how many more there are."""
    sentences = []
    for sentence, declared in found.items():
        more = f" and {len(declared) - 1} more camera files" if len(declared) > 1 else ""
        sentences.append(f"{declared[0].path}{more}: {sentence}")
    return shortened(sentences)


def _check_agreement(declared: Sequence[Declared], report: Report) -> None:
    """The cameras of one recording share one world; recordings may have one each, which is told."""
    recordings: dict[str, list[Declared]] = {}
    for one in declared:
        recordings.setdefault(one.recording, []).append(one)
    inside = [doctor_world.disagreement(own, doctor_world.SAME_FLOOR_MM) for own in recordings.values()]
    mend = "the cameras of one recording share one world, so write the same in all of them"
    report.complaints += shortened([f"{sentence}; {mend}" for sentence in inside if sentence])
    if not any(inside):
        between = doctor_world.disagreement([own[0] for own in recordings.values()], doctor_world.FLOOR_MM)
        report.told += [f"{between}; mend it unless these recordings have a world each"] if between else []
