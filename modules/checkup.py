"""Run the doctor over a data set on disk: gather the evidence, ask, draw the contact sheet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modules import doctor
from modules.checkup_files import Files, Report, by_camera, read_files, refused_images
from modules.checkup_world import check_world, doubts
from modules.config import Config
from modules.doctor import Diagnosis
from modules.doctor_mistakes import Evidence, read_with
from modules.extractors import configured_extractor
from modules.images import decode_image
from modules.layout import Frame, list_frames
from modules.pose_utils import Camera
from modules.utils import UserError
from modules.vis import WITNESS_LEGEND, contact_sheet, witness_tile, write_image

SHEET_COLUMNS = 4


def check(config: Config, split: str, images_per_camera: int) -> Report:
    """Look at one split. Complaints are sentences that name a file or a field and the mend."""
    frames = list_frames(config.data_root, split)
    report = Report()
    files = read_files(frames, report)
    labelled = [frame for frame in files.frames if frame.label_path in files.labels]
    report.told.append(f"{len(frames)} images, {len(labelled)} of them readable and labelled")
    refused = refused_images(files, report)
    usable = [frame for frame in labelled if frame.image_path not in refused]
    evidence, images = _gather(config, _spread(usable, images_per_camera), files, report) if usable else ([], [])
    diagnoses = [doctor.diagnose([e for e in evidence if e.camera == camera]) for camera in _cameras(evidence)]
    if evidence:
        _tell(evidence, diagnoses, report)
        report.sheet = config.results_root / "check" / f"{split}.jpg"
        write_image(report.sheet, _sheet(evidence, images, diagnoses))
    check_world(files, doubts(diagnoses), report)
    if not labelled:
        _tell_unlabelled(config, split, frames, report)
    return report


def _tell_unlabelled(config: Config, split: str, frames: Sequence[Frame], report: Report) -> None:
    """A test set may come without labels; one to train on may not, and labels that are there must be readable."""
    if split == "test" and not any(frame.label_path.exists() for frame in frames):
        report.told.append(
            f"{config.data_root}: the test images have no labels, so cameras, image sizes and EXIF are checked, "
            "but not where labels land"
        )
    else:
        report.complaints.append(f"{config.data_root}: no image has both a readable camera and a label to check it by")


def _spread(frames: Sequence[Frame], count: int) -> list[Frame]:
    """Up to `count` frames of each camera, spread over its images."""
    chosen = []
    for own in by_camera(frames).values():
        chosen += [own[i] for i in sorted({round(x) for x in np.linspace(0, len(own) - 1, min(count, len(own)))})]
    return chosen


def _gather(
    config: Config, frames: Sequence[Frame], files: Files, report: Report
) -> tuple[list[Evidence], list[np.ndarray]]:
    """Evidence of each frame in which the extractor finds a person, and its image."""
    extractor = configured_extractor(config.with_crops("one"))  # a witness need not be as exact as several are
    evidence, images = [], []
    for frame in frames:
        try:
            image, _ = decode_image(frame.image_path)
        except UserError as error:
            report.complaints.append(str(error))
            continue
        size = (image.shape[1], image.shape[0])
        found = extractor.estimate([image], [_uncalibrated(size)])[0]
        if found is None:
            report.told.append(f"{frame.file_name}: the extractor finds no person")
            continue
        numbers = files.cameras[frame.camera_path]
        evidence.append(
            Evidence(
                frame.file_name, frame.camera, size, found.joints_px, numbers.intrinsics, numbers.image_scale,
                numbers.extrinsics, numbers.optional.get("distortion"), files.labels[frame.label_path],
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
                pixels = doctor.project(one, read_with(one, reading))
                tiles.append(witness_tile(image, one.joints_px, pixels, f"{one.file_name}  {title}"))
    return contact_sheet(tiles, SHEET_COLUMNS, WITNESS_LEGEND)
