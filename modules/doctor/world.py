"""Checks the world frame of a data set: its unit, its up direction, and its floor, for every camera file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from modules.checks.mistakes import EXTRINSICS, LABELS, SWAPPED_SIDES
from modules.doctor import world_checks
from modules.doctor.diagnosis import Diagnosis
from modules.doctor.files import Files, Report, shortened
from modules.doctor.world_checks import Declared
from modules.files.layout import Frame

FLOOR_STEP_MM = 100.0  # camera files whose floors differ by less are checked together


@dataclass(frozen=True)
class Unreliable:
    """The parts of a data set that cannot be used to check the world frame until they are fixed."""

    cameras: frozenset[str] = field(default_factory=frozenset)  # whose [R|t] is wrong
    labels: bool = False  # their axes are not those of the cameras


def unreliable_parts(diagnoses: Sequence[Diagnosis]) -> Unreliable:
    """Returns the cameras whose extrinsics or labels do not fit as written, and whether the labels' axes are wrong."""
    wrong_axes = set(LABELS) - {SWAPPED_SIDES}
    wrong = wrong_axes | set(EXTRINSICS)
    return Unreliable(
        frozenset(d.camera for d in diagnoses if d.mistakes is None or wrong & set(d.mistakes)),
        any(wrong_axes & set(d.mistakes or ()) for d in diagnoses),
    )


def check_world(files: Files, unreliable: Unreliable, report: Report) -> None:
    """Compares unit, up and floor in labels and cameras with what every camera file declares."""
    unit = world_checks.unit_problem(np.stack(list(files.labels.values()))) if files.labels else None
    report.problems += [unit] if unit else []
    notes: dict[str, list[Declared]] = {}
    problems: dict[str, list[Declared]] = {}
    declared = _declared(files.frames, files)
    recordings: dict[str, list[Frame]] = {}
    for frame in files.frames:
        recordings.setdefault(frame.recording, []).append(frame)
    for group in _similar(declared):
        frames = [frame for recording in sorted({one.recording for one in group}) for frame in recordings[recording]]
        joints = np.zeros((0, 24, 3)) if unreliable.labels else _joints(frames, files)
        up = np.median([one.world_up for one in group], axis=0)
        found = world_checks.up_finding(
            up, world_checks.people_up(joints), world_checks.cameras_up(_rotations(frames, files, unreliable))
        )
        if found is not None:
            (problems if found.is_problem else notes).setdefault(found.sentence, []).extend(group)
        if unit is None and len(joints) and not (found and found.is_problem):
            floor = _floor_problem(joints, up, group)
            if floor:
                problems.setdefault(floor, []).extend(group)
    report.notes += _sentences(notes)
    report.problems += _sentences(problems)
    _check_agreement(declared, report)


def _declared(frames: Sequence[Frame], files: Files) -> list[Declared]:
    """Returns the up and floor of each camera file that declares an up."""
    declared = {}
    for frame in frames:
        optional = files.cameras[frame.camera_path].optional
        if "world_up" in optional:
            declared[frame.camera_path] = Declared(
                frame.camera_path, frame.recording, optional["world_up"], optional.get("floor_height_mm")
            )
    return list(declared.values())


def _similar(declared: Sequence[Declared]) -> list[list[Declared]]:
    """Groups camera files with about the same up and floor: with more labels together, one unusual pose weighs less."""
    groups: dict[object, list[Declared]] = {}
    for one in declared:
        floor = None if one.floor_height_mm is None else round(one.floor_height_mm / FLOOR_STEP_MM)
        groups.setdefault((*(one.world_up.round(1) + 0.0), floor), []).append(one)
    return list(groups.values())


def _joints(frames: Sequence[Frame], files: Files) -> np.ndarray:
    """Returns the labels of the frames: (N, 24, 3)."""
    paths = sorted({frame.label_path for frame in frames} & set(files.labels))
    return np.stack([files.labels[path] for path in paths]) if paths else np.zeros((0, 24, 3))


def _rotations(frames: Sequence[Frame], files: Files, unreliable: Unreliable) -> list[np.ndarray]:
    """Returns the world→camera rotations (3, 3) of the reliable cameras."""
    paths = sorted({frame.camera_path for frame in frames if frame.camera not in unreliable.cameras})
    rotations = [files.cameras[path].extrinsics[:, :3] for path in paths]
    return [R for R in rotations if np.allclose(R @ R.T, np.eye(3), atol=1e-3)]


def _floor_problem(joints: np.ndarray, up: np.ndarray, group: Sequence[Declared]) -> str | None:
    """Returns the problem with the group's floor, or None if there is none or no floor is declared."""
    heights = [one.floor_height_mm for one in group if one.floor_height_mm is not None]
    return world_checks.floor_problem(joints, up, float(np.median(heights))) if heights else None


def _sentences(found: dict[str, list[Declared]]) -> list[str]:
    """Returns each sentence with the first camera file that it is about, and the number of further ones."""
    sentences = []
    for sentence, declared in found.items():
        more = f" and {len(declared) - 1} more camera files" if len(declared) > 1 else ""
        sentences.append(f"{declared[0].path}{more}: {sentence}")
    return shortened(sentences)


def _check_agreement(declared: Sequence[Declared], report: Report) -> None:
    """Checks that the cameras of one recording declare the same world. Recordings may differ, which is only noted."""
    recordings: dict[str, list[Declared]] = {}
    for one in declared:
        recordings.setdefault(one.recording, []).append(one)
    inside = [world_checks.disagreement(own, world_checks.SAME_FLOOR_MM) for own in recordings.values()]
    fix = "the cameras of one recording share one world, so write the same in all of them"
    report.problems += shortened([f"{sentence}; {fix}" for sentence in inside if sentence])
    if not any(inside):
        between = world_checks.disagreement([own[0] for own in recordings.values()], world_checks.FLOOR_MM)
        report.notes += [f"{between}; fix it unless these recordings have a world each"] if between else []
