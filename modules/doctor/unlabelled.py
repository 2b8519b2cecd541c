"""Checks cameras that no label can be projected through, by the people that the extractor finds in their images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modules.cache.store import open_cache
from modules.checks.camera_files import nobody, view_of
from modules.checks.recordings import ONE_CAMERA, Finding
from modules.checks.report import check_views
from modules.checks.views import View, views_of_rows
from modules.config.schema import Config
from modules.doctor.files import Files, Report
from modules.extractors import configured_extractor
from modules.files.cameras import camera_from_numbers
from modules.files.images import decode_image
from modules.files.layout import Frame, list_frames
from modules.pose_utils import Camera, undistort
from modules.utils import UserError


def check_unlabelled(config: Config, split: str, frames: Sequence[Frame], files: Files, report: Report) -> None:
    """Adds what is wrong or odd with the cameras of these images to the report.

    The split's cache is used if it is complete; otherwise the extractor runs on the images.
    """
    if not frames:
        return
    views = _cached(config, split, frames) or _examined(config, frames, files, report)
    report_findings(check_views(views), report)
    people = sum(len(view.sequences) for view in views)
    report.notes.append(
        f"cameras without labels are checked by the size, posture and feet of the people in {people} images"
        + (", and by views of one moment" if _has_moments(views) else "")
    )


def report_findings(findings: Sequence[Finding], report: Report) -> None:
    """Adds findings to the report's problems and notes; files of one calibration are noted with the files already."""
    report.problems += [one.sentence for one in findings if one.is_problem]
    report.notes += [one.sentence for one in findings if not one.is_problem and one.kind != ONE_CAMERA]


def _cached(config: Config, split: str, frames: Sequence[Frame]) -> list[View]:
    """Returns the views of the cached rows of these frames' cameras; none without a complete cache."""
    try:
        rows, _ = open_cache(config, split, list_frames(config.data_root, split))
    except UserError:
        return []
    names = {frame.view for frame in frames}
    return [view for view in views_of_rows(rows.columns) if view.name in names]


def _examined(config: Config, frames: Sequence[Frame], files: Files, report: Report) -> list[View]:
    """Returns the views of these frames as the extractor sees them, a single crop each."""
    extractor = configured_extractor(config.with_tta(False).for_images(len(frames)))
    views: dict[str, list[tuple[Frame, Camera, tuple[int, int], dict[str, np.ndarray]]]] = {}
    for frame in frames:
        try:
            camera = camera_from_numbers(frame.camera_path, files.cameras[frame.camera_path])
            image, _ = decode_image(frame.image_path)
        except UserError:
            continue  # reported with the files
        size = (image.shape[1], image.shape[0])
        found = extractor.estimate([image], [uncalibrated(size)])[0]
        if found is None:
            report.notes.append(f"{frame.file_name}: the extractor finds no person")
            people = nobody()
        else:
            px = np.asarray(undistort(found.joints_px, camera.K, camera.distortion))
            people = {
                "sequence": np.array([frame.sequence]), "joints_px": px[None], "confidence": found.confidence[None],
                "joints_rel_mm": found.joints_rel_mm[None],
            }  # fmt: skip
        views.setdefault(frame.view, []).append((frame, camera, size, people))
    return [_joined(own) for own in views.values()]


def _joined(own: Sequence[tuple[Frame, Camera, tuple[int, int], dict[str, np.ndarray]]]) -> View:
    frame, camera, size, first = own[0]
    return view_of(frame, camera, size, {name: np.concatenate([people[name] for *_, people in own]) for name in first})


def uncalibrated(size: tuple[int, int]) -> Camera:
    """Returns a camera without lens and rotation: the reference detection must not depend on the calibration."""
    K = np.array([[max(size), 0, size[0] / 2], [0, max(size), size[1] / 2], [0, 0, 1.0]])
    return Camera(K, np.eye(3), np.zeros(3), size)


def _has_moments(views: Sequence[View]) -> bool:
    seen = [(view.recording, sequence) for view in views for sequence in view.sequences]
    return len(set(seen)) < len(seen)
