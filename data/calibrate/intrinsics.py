"""Calibrates focal length, principal point and lens from footage of the board in many places and tilts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.calibrate.board import Board
from data.calibrate.coverage import choose_views, missing
from data.calibrate.detection import survey
from data.calibrate.footage import Footage
from data.calibrate.lens import Lens, calibrate_lens, rms
from data.calibrate.picture import draw_coverage
from data.calibrate.record import write_intrinsics
from data.calibrate.seen import usable_sightings
from modules.utils import UserError, log

FRAMES = 250  # of a video that are looked at
FOCAL_STD, CENTRE_STD = 0.005, 0.01  # largest standard deviations, as shares of the focal length and of the longer side
HIGH_RMS = 0.0007  # residual, as a share of the longer side, from which on something does not fit


@dataclass(frozen=True)
class IntrinsicsResult:
    """A calibrated lens, and what was written."""

    lens: Lens
    file: Path
    picture: Path


def calibrate_intrinsics(footage: Footage, board: Board, out: Path) -> IntrinsicsResult:
    """Writes a camera file without extrinsics, and a picture of the coverage beside it.

    Raises UserError, which says what to film, if the board was not seen, not in enough places and tilts, or if the result
    would be too uncertain. The picture is written even then.
    """
    found = survey(footage, board, FRAMES)
    views = choose_views(usable_sightings(footage, board, found), board, footage.size)
    picture = out.with_suffix(".png")
    lacking = missing(views, board, footage.size)
    if lacking:
        draw_coverage(picture, views, None, board, footage.size)
        raise UserError(
            f"{footage.path}: the board was not filmed in enough ways; film also {'; '.join(lacking)} ({picture} shows what "
            "there is)"
        )
    lens = calibrate_lens(views, board, footage.size)
    draw_coverage(picture, views, lens, board, footage.size)
    _refuse_uncertain(footage, lens, picture)
    write_intrinsics(out, lens, footage, board)
    _report(footage, lens)
    return IntrinsicsResult(lens, out, picture)


def _refuse_uncertain(footage: Footage, lens: Lens, picture: Path) -> None:
    """Raises UserError if the focal length or the principal point are too uncertain."""
    focal = float((lens.std[:2] / [lens.K[0, 0], lens.K[1, 1]]).max())
    centre = float(lens.std[2:4].max())
    if focal > FOCAL_STD or centre > CENTRE_STD * max(footage.size):
        raise UserError(
            f"{footage.path}: the focal length is known only to {100 * focal:.1f} %, the principal point to {centre:.0f} px "
            f"({picture}); film the board larger in the picture, tilted further and to all sides, and held still"
        )


def _report(footage: Footage, lens: Lens) -> None:
    """Logs the lens and the views that fit worst."""
    values = [lens.K[0, 0], lens.K[1, 1], lens.K[0, 2], lens.K[1, 2]]
    named = ", ".join(
        f"{name} {value:.1f} ± {std:.1f}"
        for name, value, std in zip(("fx", "fy", "cx", "cy"), values, lens.std, strict=False)
    )
    log.info("%s: %s px; lens %s", footage.path, named, np.round(lens.distortion, 4).tolist())
    per_view = np.array([rms(residuals) for residuals in lens.residuals_px])
    worst = [f"{lens.views[index].name} ({per_view[index]:.2f} px)" for index in per_view.argsort()[::-1][:3]]
    log.info(
        "%s: residual %.2f px in %d views; the largest in %s",
        footage.path,
        lens.rms_px,
        len(lens.views),
        ", ".join(worst),
    )
    if lens.rms_px > HIGH_RMS * max(footage.size):
        log.warning(
            "%s: the residual of %.1f px is large; is the board flat, the focus locked, zoom and stabilisation off, and the "
            "board held still?",
            footage.path, lens.rms_px,
        )  # fmt: skip
