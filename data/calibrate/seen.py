"""Says in one sentence why footage cannot be used, and what to film instead."""

from __future__ import annotations

import numpy as np

from data.calibrate.board import Board
from data.calibrate.coverage import BLURRED_PX
from data.calibrate.detection import Sighting, Survey
from data.calibrate.footage import Footage
from modules.utils import UserError, log

MANY = 0.2  # share of the frames with a board, from which on two boards, or another, are no accident


def usable_sightings(footage: Footage, board: Board, found: Survey) -> list[Sighting]:
    """Returns the sightings that are sharp and still enough. Raises UserError, which says what is wrong, if there is none."""
    with_board = len(found.sightings) + len(found.doubled) + len(found.misfits)
    if len(found.doubled) > MANY * with_board:
        raise UserError(
            f"{footage.path}: two boards with the same markers are in view ({found.doubled[0]}, and {len(found.doubled)} of "
            f"{found.looked_at} frames in all); cover one of them, or leave it outside of the picture"
        )
    if len(found.misfits) > MANY * with_board:
        raise UserError(
            f"{footage.path}: the markers in view ({found.misfits[0]}) are not laid out as on the board {board.name}; name the "
            "board that is printed with --board, and keep others outside of the picture"
        )
    if not found.sightings:
        raise UserError(_nothing(footage, board, found))
    sharp = [view for view in found.sightings if view.smear_px <= BLURRED_PX]
    if not sharp:
        blur, motion = (
            float(np.median([getattr(view, name) for view in found.sightings])) for name in ("blur_px", "motion_px")
        )
        raise UserError(
            f"{footage.path}: the board is blurred or moves in each of the {len(found.sightings)} frames in which it is seen "
            f"(edges {blur:.0f} px wide, motion {motion:.0f} px); hold it still for a second at each place, in more light"
        )
    skipped = len(found.doubled) + len(found.misfits) + len(found.sightings) - len(sharp)
    log.info(
        "%s: the board is seen in %d of %d frames%s", footage.path, len(found.sightings), found.looked_at,
        f"; {skipped} blurred or unclear ones are not used" if skipped else "",
    )  # fmt: skip
    return sharp


def _nothing(footage: Footage, board: Board, found: Survey) -> str:
    """Returns why no board was found."""
    blur = float(np.median(found.blur_px)) if found.blur_px else 0.0
    if blur > BLURRED_PX:
        return (
            f"{footage.path}: no board is found, and the frames are blurred (edges {blur:.0f} px wide); hold camera and board "
            "still, in focus and in more light"
        )
    return (
        f"{footage.path}: the board {board.name} is not found in any of {found.looked_at} frames; film it nearer, flat and "
        "evenly lit, and name the board that is printed with --board"
    )
