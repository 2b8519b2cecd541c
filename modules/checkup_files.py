"""What the doctor reads of every file of a split: cameras and labels in full, of an image its header."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from modules.extraction import unnamed_sentence
from modules.image_header import header_refusal
from modules.layout import CameraNumbers, Frame, read_camera, read_camera_numbers, read_named_label
from modules.utils import UserError

MOST_SENTENCES = 10  # of one kind; the rest is counted


@dataclass
class Report:
    """What the doctor found."""

    told: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    sheet: Path | None = None


@dataclass(frozen=True)
class Files:
    """What can be read of a split: its frames with a camera that is numbers, each camera file, and each label."""

    frames: list[Frame]
    cameras: Mapping[Path, CameraNumbers]
    labels: Mapping[Path, np.ndarray]  # (24, 3)


def read_files(frames: Sequence[Frame], report: Report) -> Files:
    """Every camera and label read as the scripts would."""
    sentences: list[str] = []
    cameras, labels = {}, {}
    for path in sorted({frame.camera_path for frame in frames}):
        try:
            cameras[path] = read_camera_numbers(path)
            read_camera(path)
        except UserError as error:
            sentences.append(str(error))
    unnamed, unreadable = [], set()
    for path in sorted({frame.label_path for frame in frames if frame.label_path.exists()}):
        try:
            labels[path], recognised = read_named_label(path)
            unnamed += [] if recognised else [path]
        except UserError as error:
            unreadable.add(path)
            sentences.append(str(error))
    report.told += [unnamed_sentence(unnamed)] if unnamed else []
    report.complaints += shortened(sentences)
    readable = [frame for frame in frames if frame.camera_path in cameras and frame.label_path not in unreadable]
    return Files(readable, cameras, labels)


def shortened(sentences: Sequence[str]) -> list[str]:
    """The first of many sentences, and how many more there are."""
    rest = len(sentences) - MOST_SENTENCES
    return [*sentences[:MOST_SENTENCES], *([f"... and {rest} more files like these"] if rest > 0 else [])]


def refused_images(files: Files, report: Report) -> set[Path]:
    """The images that extraction would refuse for their header; one sentence for each camera that has some."""
    refused: set[Path] = set()
    for camera, frames in by_camera(files.frames).items():
        sentences = {}
        for frame in frames:
            image_size = files.cameras[frame.camera_path].optional.get("image_size")
            sentence = header_refusal(frame.image_path, image_size)
            if sentence:
                sentences[frame.image_path] = sentence
        if sentences:
            left = "" if len(sentences) < len(frames) else ", so its calibration cannot be checked"
            report.complaints.append(
                f"camera {camera}: {len(sentences)} of {len(frames)} images cannot be used{left}: {_example(sentences)}"
            )
        refused |= set(sentences)
    return refused


def _example(sentences: Mapping[Path, str]) -> str:
    """The first sentence of the most frequent reason: once it is mended, the doctor tells the next one."""
    reasons = {path: sentence.removeprefix(f"{path}: ") for path, sentence in sentences.items()}
    most = Counter(reasons.values()).most_common(1)[0][0]
    return next(sentences[path] for path, reason in reasons.items() if reason == most)


def by_camera(frames: Iterable[Frame]) -> dict[str, list[Frame]]:
    """The frames of each camera, cameras in order."""
    found: dict[str, list[Frame]] = {}
    for frame in frames:
        found.setdefault(frame.camera, []).append(frame)
    return dict(sorted(found.items()))
