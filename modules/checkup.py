"""Run the doctor over a data set on disk: gather the evidence, ask, draw the contact sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from modules import doctor
from modules.config import Config
from modules.doctor import Diagnosis, Evidence
from modules.extraction import unnamed_sentence
from modules.extractors import configured_extractor
from modules.images import decode_image, size_complaint
from modules.layout import Frame, list_frames, read_camera, read_camera_numbers, read_label, read_named_label
from modules.pose_utils import Camera
from modules.utils import UserError
from modules.vis import contact_sheet, witness_tile, write_image

MOST_SENTENCES = 10  # of one kind; the rest is counted
SHEET_COLUMNS = 4


@dataclass
class Report:
    """What the doctor found."""

    told: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    sheet: Path | None = None


def check(config: Config, split: str, images_per_camera: int) -> Report:
    """Look at one split. Complaints are sentences that name a file or a field and the mend."""
    frames = list_frames(config.data_root, split)
    report = Report()
    readable = _check_files(frames, report)
    labelled = [frame for frame in readable if frame.label_path.exists()]
    report.told.append(f"{len(frames)} images, {len(labelled)} of them readable and labelled")
    if not labelled:
        report.complaints.append(f"{config.data_root}: no image has both a readable camera and a label to check it by")
        return report
    _check_numbers(labelled, report)
    evidence, images = _gather(config, _spread(labelled, images_per_camera), report)
    if evidence:
        diagnoses = [doctor.diagnose([e for e in evidence if e.camera == camera]) for camera in _cameras(evidence)]
        _tell(evidence, diagnoses, report)
        report.sheet = config.results_root / "check" / f"{split}.jpg"
        write_image(report.sheet, _sheet(evidence, images, diagnoses))
    return report


def _check_files(frames: Sequence[Frame], report: Report) -> list[Frame]:
    """Every camera and label read as the scripts would; the frames whose numbers can be read at all."""
    sentences: list[str] = []
    unreadable = set()
    for path in sorted({frame.camera_path for frame in frames}):
        try:
            read_camera_numbers(path)
        except UserError as error:
            unreadable.add(path)
            sentences.append(str(error))
            continue
        try:
            read_camera(path)
        except UserError as error:
            sentences.append(str(error))
    unnamed = []
    for path in sorted({frame.label_path for frame in frames if frame.label_path.exists()}):
        try:
            unnamed += [] if read_named_label(path)[1] else [path]
        except UserError as error:
            unreadable.add(path)
            sentences.append(str(error))
    report.told += [unnamed_sentence(unnamed)] if unnamed else []
    report.complaints += sentences[:MOST_SENTENCES]
    if len(sentences) > MOST_SENTENCES:
        report.complaints.append(f"... and {len(sentences) - MOST_SENTENCES} more files like these")
    return [frame for frame in frames if not {frame.camera_path, frame.label_path} & unreadable]


def _check_numbers(labelled: Sequence[Frame], report: Report) -> None:
    """What the labels say without an image: their unit, and where their feet stand."""
    joints = np.stack([read_label(path) for path in sorted({frame.label_path for frame in labelled})])
    complaint = doctor.unit_complaint(joints)
    if complaint is None:
        declared = read_camera_numbers(labelled[0].camera_path).optional
        if "floor_height_mm" in declared:
            complaint = doctor.floor_complaint(joints, declared["world_up"], declared["floor_height_mm"])
    if complaint:
        report.complaints.append(complaint)


def _spread(frames: Sequence[Frame], count: int) -> list[Frame]:
    """Up to `count` frames of each camera, spread over its images."""
    chosen = []
    for camera in sorted({frame.camera for frame in frames}):
        own = [frame for frame in frames if frame.camera == camera]
        chosen += [own[i] for i in sorted({round(x) for x in np.linspace(0, len(own) - 1, min(count, len(own)))})]
    return chosen


def _gather(config: Config, frames: Sequence[Frame], report: Report) -> tuple[list[Evidence], list[np.ndarray]]:
    """Evidence of each frame in which the extractor finds a person, and its image."""
    extractor = configured_extractor(config)
    evidence, images = [], []
    for frame in frames:
        try:
            image, orientation = decode_image(frame.image_path)
        except UserError as error:
            report.complaints.append(str(error))
            continue
        size = (image.shape[1], image.shape[0])
        numbers = read_camera_numbers(frame.camera_path)
        complaint = size_complaint(frame.image_path, image, numbers.optional.get("image_size"), orientation)
        if complaint:
            report.complaints.append(complaint)
        found = extractor.estimate([image], [_uncalibrated(size)])[0]
        if found is None:
            report.told.append(f"{frame.file_name}: the extractor finds no person")
            continue
        evidence.append(
            Evidence(
                frame.file_name, frame.camera, size, found.joints_px, numbers.intrinsics, numbers.image_scale,
                numbers.extrinsics, numbers.optional.get("distortion"), read_label(frame.label_path),
            )
        )  # fmt: skip
        images.append(image)
    if not evidence:
        report.complaints.append(f"{config.data_root}: the extractor finds nobody in the images looked at")
    return evidence, images


def _uncalibrated(size: tuple[int, int]) -> Camera:
    """A camera that leaves 2D points as they are: the witness must not depend on the calibration in question."""
    K = np.array([[max(size), 0, size[0] / 2], [0, max(size), size[1] / 2], [0, 0, 1.0]])
    return Camera(K, np.eye(3), np.zeros(3), size)


def _cameras(evidence: Sequence[Evidence]) -> list[str]:
    return sorted({one.camera for one in evidence})


def _tell(evidence: Sequence[Evidence], diagnoses: Sequence[Diagnosis], report: Report) -> None:
    for found in diagnoses:
        where = f"camera {found.camera}"
        if found.mistakes is None:
            report.complaints.append(
                f"{where}: labels land {_px(found.before_px)} from what the extractor sees, and none of the known mistakes "
                "explains it; check that cameras, labels and images belong together"
            )
        elif found.mistakes:
            what = "; ".join(f"{mistake.what}: {mistake.mend}" for mistake in found.mistakes)
            report.complaints.append(
                f"{where}: {what} (as written, labels land {_px(found.before_px)} from what the extractor sees; "
                f"once mended, {_px(found.after_px)})"
            )
        else:
            report.told.append(f"{where}: labels land {_px(found.before_px)} from what the extractor sees")
    inside = doctor.inside_share(evidence)
    report.told.append(f"{inside:.0%} of the label joints lie inside their images")


def _px(value: float) -> str:
    return f"{value:.0f} px away" if np.isfinite(value) else "behind the camera or far"


def _sheet(evidence: Sequence[Evidence], images: Sequence[np.ndarray], diagnoses: Sequence[Diagnosis]) -> np.ndarray:
    """Every image as written, and beside it once mended where something is to mend."""
    mistakes = {found.camera: found.mistakes or () for found in diagnoses}
    tiles = []
    for one, image in zip(evidence, images, strict=True):
        readings = {"as written": (), "once mended": mistakes[one.camera]}
        for title, reading in readings.items():
            if title == "as written" or reading:
                pixels = doctor.project(one, doctor.read_with(one, reading))
                tiles.append(witness_tile(image, one.joints_px, pixels, f"{one.file_name}  {title}"))
    return contact_sheet(tiles, SHEET_COLUMNS)
