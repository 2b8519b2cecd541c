"""Writes camera files that say how they were calibrated and how exactly, and reads their intrinsics back."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from data.calibrate.board import Board
from data.calibrate.footage import Footage
from data.calibrate.lens import PARAMETERS, Lens
from modules.files.atomic import read_json, write_json
from modules.files.cameras import camera_document, camera_from_numbers, read_camera_numbers
from modules.files.numbers import read_numbers, require_object
from modules.pose_utils import Camera
from modules.utils import UserError

CALIBRATION = "calibration"  # the key of a camera file under which this package keeps its account
_AGAIN = "run `python -m data.calibrate intrinsics` again"


@dataclass(frozen=True)
class Intrinsics:
    """A camera file's intrinsics and what it says of their exactness."""

    path: Path
    camera: Camera  # R and t mean nothing
    size: tuple[int, int]  # (width, height) px
    covariance: np.ndarray | None  # (9, 9) of PARAMETERS; None if the file does not say
    rms_px: float | None
    turned_deg: int | None  # the rotation of the video; None if unknown
    account: dict[str, Any] = field(default_factory=dict)


def write_intrinsics(path: Path, lens: Lens, footage: Footage, board: Board) -> None:
    """Writes a camera file without extrinsics, K in px."""
    camera = Camera(lens.K, np.eye(3), np.zeros(3), footage.size, lens.distortion)
    document = camera_document(camera, image_scale=1.0)
    del document["extrinsics"]
    account = {
        "board": board.name,
        "views": len(lens.views),
        "corners": sum(len(view.ids) for view in lens.views),
        "rms_px": round(lens.rms_px, 4),
        "turned_deg": footage.turned_deg,
        "std": {name: float(f"{value:.3g}") for name, value in zip(PARAMETERS, lens.std, strict=True)},
        "covariance": [[float(f"{value:.6g}") for value in row] for row in lens.covariance],
    }
    write_json(path, {**document, CALIBRATION: {"intrinsics": account}})


def write_pose(path: Path, camera: Camera, intrinsics: Intrinsics, account: dict[str, Any]) -> None:
    """Writes a complete camera file, with the accounts of its intrinsics and its extrinsics."""
    accounts = {"intrinsics": intrinsics.account, "extrinsics": account}
    write_json(path, {**camera_document(camera, image_scale=1.0), CALIBRATION: accounts})


def read_intrinsics(path: Path) -> Intrinsics:
    """Reads K, lens and image size of any camera file, and their covariance if it was made here.

    Raises UserError if intrinsics or image_size are missing, or if the account is malformed.
    """
    numbers = read_camera_numbers(path, needs_extrinsics=False)
    camera = camera_from_numbers(path, numbers)
    if camera.image_size is None:
        raise UserError(f"{path}: the field image_size is missing; add the [width, height] in px that K belongs to")
    account = require_object(path, read_json(path)).get(CALIBRATION) or {}
    own = account.get("intrinsics") if isinstance(account, dict) else None
    if not isinstance(own, dict) or not own:
        return Intrinsics(path, camera, camera.image_size, None, None, None)
    missing = [name for name in ("covariance", "rms_px", "turned_deg") if name not in own]
    if missing:
        raise UserError(f"{path}: calibration.intrinsics has no {missing[0]}; {_AGAIN}")
    covariance = read_numbers(path, "calibration.intrinsics.covariance", own["covariance"], (9, 9))
    rms = float(read_numbers(path, "calibration.intrinsics.rms_px", own["rms_px"], ()))
    turned = own["turned_deg"]
    if turned is not None:
        turned = int(read_numbers(path, "calibration.intrinsics.turned_deg", turned, ()))
    return Intrinsics(path, camera, camera.image_size, covariance, rms, turned, own)
