"""Reads all cameras, labels and image headers of a split, and reports those that cannot be used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from modules.files.cameras import CameraNumbers, camera_from_numbers, read_camera_numbers
from modules.files.image_header import view_problems
from modules.files.labels import read_named_label, unrecognised_names_note
from modules.files.layout import Frame, images_by_camera
from modules.files.rotations import is_rounded
from modules.utils import UserError

MOST_SENTENCES = 10  # of one kind; further ones are counted


@dataclass
class Report:
    """The findings of the doctor: sentences to note, problems to fix, the contact sheet, the plot of feet over the floor."""

    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    sheet: Path | None = None
    floor_plot: Path | None = None


@dataclass(frozen=True)
class Files:
    """The readable part of a split. Cameras have numbers of the right shapes, but may be impossible."""

    frames: list[Frame]  # those with a readable camera, and a readable label or none
    cameras: Mapping[Path, CameraNumbers]
    labels: Mapping[Path, np.ndarray]  # (24, 3) as written, in SMPL order


def read_files(frames: Sequence[Frame], report: Report) -> Files:
    """Reads every camera and label as the other scripts do, and adds what they would refuse to the report."""
    sentences: list[str] = []
    cameras, labels = {}, {}
    for path in sorted({frame.camera_path for frame in frames}):
        try:
            cameras[path] = read_camera_numbers(path)
            camera_from_numbers(path, cameras[path])
        except UserError as error:
            sentences.append(str(error))
    report.notes += camera_notes(cameras)
    unnamed, unreadable = [], set()
    for path in sorted({frame.label_path for frame in frames if frame.label_path.exists()}):
        try:
            labels[path], recognised = read_named_label(path)
            unnamed += [] if recognised else [path]
        except UserError as error:
            unreadable.add(path)
            sentences.append(str(error))
    report.notes += [unrecognised_names_note(unnamed)] if unnamed else []
    report.problems += shortened(sentences)
    readable = [frame for frame in frames if frame.camera_path in cameras and frame.label_path not in unreadable]
    return Files(readable, cameras, labels)


def camera_notes(cameras: Mapping[Path, CameraNumbers]) -> list[str]:
    """Returns what camera files leave unguarded: no image_size, a rounded rotation, one calibration in several files."""
    notes = []
    without = [path for path, numbers in cameras.items() if "image_size" not in numbers.optional]
    if without:
        notes.append(
            f"{without[0]}{_more(without)}: image_size is missing, so nothing guards intrinsics against images of another "
            "size; write [width, height] of the picture that was calibrated"
        )
    rounded = [path for path, numbers in cameras.items() if is_rounded(numbers.extrinsics[:, :3])]
    if rounded:
        notes.append(
            f"{rounded[0]}{_more(rounded)}: the rotation in extrinsics is rounded, and the nearest rotation is used; write "
            "more decimals"
        )
    return notes + _one_calibration(cameras)


def _one_calibration(cameras: Mapping[Path, CameraNumbers]) -> list[str]:
    """Returns a note about the files of one recording that hold the same K and [R|t], if there are any."""
    groups: dict[tuple[str, bytes], list[Path]] = {}
    for path, numbers in cameras.items():
        content = np.column_stack([numbers.image_scale * numbers.intrinsics, numbers.extrinsics]).tobytes()
        groups.setdefault((path.stem.rpartition("_")[0], content), []).append(path)
    same = [paths for paths in groups.values() if len(paths) > 1]
    if not same:
        return []
    names = ", ".join(path.name for path in same[0])
    more = f" (and so in {len(same) - 1} more recordings)" if len(same) > 1 else ""
    return [
        f"{same[0][0].parent}: {names} hold the same K and [R|t]{more}; right if one camera took these images, otherwise "
        "write each camera's own"
    ]


def _more(paths: Sequence[Path]) -> str:
    return f" and {len(paths) - 1} more camera files" if len(paths) > 1 else ""


def shortened(sentences: Sequence[str]) -> list[str]:
    """Returns the first MOST_SENTENCES of the sentences, and one that counts the others."""
    rest = len(sentences) - MOST_SENTENCES
    return [*sentences[:MOST_SENTENCES], *([f"... and {rest} more files like these"] if rest > 0 else [])]


def unusable_images(files: Files, report: Report) -> set[Path]:
    """Returns the images that extraction would refuse, and adds one sentence per camera to the report."""
    unusable: set[Path] = set()
    for camera, frames in by_camera(files.frames).items():
        sentences: dict[Path, str] = {}
        for camera_path, paths in images_by_camera(frames).items():
            sentences |= view_problems(paths, camera_path, files.cameras[camera_path].optional.get("image_size"))
        if sentences:
            none_left = "" if len(sentences) < len(frames) else ", so its calibration cannot be checked"
            report.problems.append(
                f"camera {camera}: {len(sentences)} of {len(frames)} images cannot be used{none_left}: "
                f"{_example(sentences)}"
            )
        unusable |= set(sentences)
    return unusable


def _example(sentences: Mapping[Path, str]) -> str:
    """Returns the first sentence of the most frequent reason. The next run reports the next reason."""
    reasons = {path: sentence.removeprefix(f"{path}: ") for path, sentence in sentences.items()}
    most = Counter(reasons.values()).most_common(1)[0][0]
    return next(sentences[path] for path, reason in reasons.items() if reason == most)


def by_camera(frames: Iterable[Frame]) -> dict[str, list[Frame]]:
    """Groups frames by camera, in the order of the cameras' names."""
    found: dict[str, list[Frame]] = {}
    for frame in frames:
        found.setdefault(frame.camera, []).append(frame)
    return dict(sorted(found.items()))
