"""Runs the doctor over a split: reads its files, runs the extractor, diagnoses each camera, draws the contact sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from modules.checks.mistakes import Evidence, corrected_scene
from modules.config.schema import Config
from modules.doctor import diagnosis
from modules.doctor.diagnosis import Diagnosis
from modules.doctor.files import Files, Report, by_camera, read_files, unusable_images
from modules.doctor.floor import check_floor
from modules.doctor.residual import best_fit
from modules.doctor.unlabelled import check_unlabelled, uncalibrated
from modules.doctor.world import check_world, unreliable_parts
from modules.extractors import configured_extractor
from modules.files.images import decode_image
from modules.files.layout import Frame, list_frames
from modules.files.strays import passed_over
from modules.utils import UserError
from modules.vis import COMPARISON_LEGEND, comparison_tile, contact_sheet, write_image

SHEET_COLUMNS = 4
SYSTEMATIC = 0.025  # of the person's size: a misfit that one fit explains is a problem above it


@dataclass(frozen=True)
class Examined:
    """The images in which the extractor finds a person, and their evidence; two lists of equal length."""

    evidence: list[Evidence] = field(default_factory=list)
    images: list[np.ndarray] = field(default_factory=list)  # RGB


def check(config: Config, split: str, images_per_camera: int) -> Report:
    """Checks one split and returns the report. Every problem names a file, field or camera, and the fix."""
    frames = list_frames(config.data_root, split)
    report = Report()
    report.notes += passed_over(config.data_root, split)
    files = read_files(frames, report)
    labelled = [frame for frame in files.frames if frame.label_path in files.labels]
    report.notes.append(f"{len(frames)} images, {len(labelled)} of them readable and labelled")
    unusable = unusable_images(files, report)
    usable = [frame for frame in labelled if frame.image_path not in unusable]
    examined = _examine(config, _spread(usable, images_per_camera), files, report) if usable else Examined()
    cameras = sorted({one.camera for one in examined.evidence})
    diagnoses = [diagnosis.diagnose([e for e in examined.evidence if e.camera == camera]) for camera in cameras]
    if examined.evidence:
        _report_diagnoses(examined.evidence, diagnoses, report)
        report.sheet = config.results_root / "check" / f"{split}.jpg"
        write_image(report.sheet, _sheet(examined, diagnoses))
    with_labels = {frame.camera for frame in usable}
    others = [frame for frame in files.frames if frame.camera not in with_labels and frame.image_path not in unusable]
    check_unlabelled(config, split, _spread(others, images_per_camera), files, report)
    unreliable = unreliable_parts(diagnoses)
    check_world(files, unreliable, report)
    check_floor(config, split, files, unreliable, report)
    if not labelled:
        _report_unlabelled(config, split, frames, report)
    return report


def _report_unlabelled(config: Config, split: str, frames: Sequence[Frame], report: Report) -> None:
    """Reports that there is no readable label: a note for a test split without labels, else a problem."""
    if split == "test" and not any(frame.label_path.exists() for frame in frames):
        report.notes.append(
            f"{config.data_root}: the test images have no labels, so it is not checked where labels project"
        )
    else:
        report.problems.append(
            f"{config.data_root}: no image has both a readable camera and a readable label; add them, or fix those above"
        )


def _spread(frames: Sequence[Frame], count: int) -> list[Frame]:
    """Returns up to `count` frames of each camera, evenly spread over its images."""
    chosen = []
    for own in by_camera(frames).values():
        chosen += [own[i] for i in sorted({round(x) for x in np.linspace(0, len(own) - 1, min(count, len(own)))})]
    return chosen


def _examine(config: Config, frames: Sequence[Frame], files: Files, report: Report) -> Examined:
    """Runs the extractor on the frames and returns the evidence of those in which it finds a person."""
    one_crop = config.with_tta(False)  # which is exact enough for a reference detection
    extractor = configured_extractor(one_crop.for_images(len(frames)))
    examined = Examined()
    for frame in frames:
        try:
            image, _ = decode_image(frame.image_path)
        except UserError as error:
            report.problems.append(str(error))
            continue
        size = (image.shape[1], image.shape[0])
        found = extractor.estimate([image], [uncalibrated(size)])[0]
        if found is None:
            report.notes.append(f"{frame.file_name}: the extractor finds no person")
            continue
        numbers = files.cameras[frame.camera_path]
        examined.evidence.append(
            Evidence(
                frame.file_name, frame.camera, size, found.joints_px, numbers.intrinsics, numbers.image_scale,
                numbers.extrinsics, numbers.optional.get("distortion"), files.labels[frame.label_path],
            )
        )  # fmt: skip
        examined.images.append(image)
    if not examined.evidence:
        report.problems.append(
            f"{config.data_root}: the extractor finds no person in the examined images; check that they show one"
        )
    return examined


def _report_diagnoses(evidence: Sequence[Evidence], diagnoses: Sequence[Diagnosis], report: Report) -> None:
    """Adds a sentence per camera to the report, and the share of joints inside the images."""
    images = {found.camera: [one for one in evidence if one.camera == found.camera] for found in diagnoses}
    for found in diagnoses:
        where = f"camera {found.camera}"
        if found.mistakes:
            what = "; ".join(f"{mistake.what}: {mistake.fix}" for mistake in found.mistakes)
            report.problems.append(
                f"{where}: {what} (as written, labels project {_distance(found.before_px)}; "
                f"once fixed, {_distance(found.after_px)})"
            )
            continue
        sentence, is_problem = explain_residual(found, images)
        (report.problems if is_problem else report.notes).append(f"{where}: {sentence}")
    inside = diagnosis.inside_share(evidence)
    report.notes.append(f"{inside:.0%} of the label joints are inside their images")


def explain_residual(found: Diagnosis, images: Mapping[str, Sequence[Evidence]]) -> tuple[str, bool]:
    """Returns where the labels of a camera without a known mistake project and what explains it, and whether to fix it.

    `images` are those of every camera.
    """
    own = images[found.camera]
    fit = best_fit(own, {camera: others for camera, others in images.items() if camera != found.camera})
    where = f"labels project {_distance(found.before_px)}"
    if fit is not None:
        size = float(np.median([diagnosis.person_px(one) for one in own]))
        is_large = found.mistakes is None or found.before_px > SYSTEMATIC * size
        return f"{where}, {_distance(fit.left * size)} once this is fixed: {fit.what}; {fit.fix}", is_large
    if found.mistakes is None:
        return (
            f"labels project {_distance(found.before_px)}, and none of the known mistakes explains it; "
            "check that cameras, labels and images belong together"
        ), True
    return where, False


def _distance(value_px: float) -> str:
    """Returns a misfit in words."""
    return (
        f"{value_px:.0f} px from the extractor's joints" if np.isfinite(value_px) else "behind the camera or not at all"
    )


def _sheet(examined: Examined, diagnoses: Sequence[Diagnosis]) -> np.ndarray:
    """Returns the contact sheet: every image as written and, if its camera has mistakes, once fixed."""
    mistakes = {found.camera: found.mistakes or () for found in diagnoses}
    tiles = []
    for one, image in zip(examined.evidence, examined.images, strict=True):
        versions = {"as written": (), "once fixed": mistakes[one.camera]}
        for title, corrected in versions.items():
            if title == "as written" or corrected:
                pixels = diagnosis.project(one, corrected_scene(one, corrected))
                tiles.append(comparison_tile(image, one.joints_px, pixels, f"{one.file_name}  {title}"))
    return contact_sheet(tiles, SHEET_COLUMNS, COMPARISON_LEGEND)
