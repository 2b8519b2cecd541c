"""The keys of camera files: other programs' usual names for them, and the nearest right one for a key that is unknown."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from modules.files.numbers import read_numbers
from modules.utils import UserError, brief

KEYS = (
    "intrinsics", "extrinsics", "image_scale", "image_size", "calibrated_size", "crop_offset", "distortion", "lens",
    "world_up", "floor_height_mm", "source",
)  # fmt: skip
# Names by which OpenCV, its examples and its users write the same numbers, in lower case without separators.
K_NAMES = ("k", "cameramatrix", "intrinsicmatrix", "mtx")  # in px
R_NAMES, RVEC_NAMES = ("r", "rotation", "rotationmatrix"), ("rvec",)
T_NAMES = ("t", "tvec", "translation")
# `source` says where a converted file comes from, and is not read.
LENS_NAMES = ("dist", "distcoeffs", "distcoeff", "distortioncoefficients", "distortioncoeffs")
# What is meant by names that are near none of KEYS by their letters. These are refused, since their units are not known.
_MEANT = {
    "scale": "image_scale", "size": "image_size", "resolution": "image_size", "width": "image_size", "height": "image_size",
    "imgsize": "image_size", "shape": "image_size", "pose": "extrinsics", "rt": "extrinsics", "world2cam": "extrinsics",
    "up": "world_up", "floor": "floor_height_mm", "ground": "floor_height_mm", "k1": "distortion",
    "fx": "intrinsics", "focal": "intrinsics", "focallength": "intrinsics",
}  # fmt: skip
_NEAR = 0.75  # of the letters in common, from which on a key is taken to be misspelled


def with_our_keys(path: Path, data: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Returns a camera file's values by our keys, and the names of the keys that mean nothing here.

    K (px), R, t (mm) and the lens are also read by their usual names. Raises UserError for a key that is near one of ours
    which the file lacks, for two names of one field, and for a rotation without a translation.
    """
    ours = {key: value for key, value in data.items() if key in KEYS}
    others = {key: _letters(key) for key in data if key not in KEYS}
    for usual, key in ((K_NAMES, "intrinsics"), (LENS_NAMES, "distortion")):
        name = _only(path, usual, others, key if ours.get(key) is not None else None)
        if name is not None:
            ours[key] = data[name]
            if key == "intrinsics":
                ours.setdefault("image_scale", 1)
    extrinsics = _extrinsics(path, data, others, "extrinsics" if "extrinsics" in ours else None)
    if extrinsics is not None:
        ours["extrinsics"] = extrinsics
    for key, letters in others.items():
        near = difflib.get_close_matches(letters, [_letters(known) for known in KEYS], n=1, cutoff=_NEAR)
        meant = _MEANT.get(letters) or next((known for known in KEYS if near and _letters(known) == near[0]), None)
        if meant is not None and ours.get(meant) is None:
            raise UserError(f"{path}: the key {brief(key)} is unknown; did you mean {meant}?")
    return ours, tuple(others)


def _letters(key: str) -> str:
    """Returns a key in lower case, without separators."""
    return re.sub(r"[\W_]", "", key).lower()


def _only(path: Path, names: tuple[str, ...], others: dict[str, str], present: str | None) -> str | None:
    """Takes the one key of `others` that is among the usual names, or None; raises if two, or `present`, name its field."""
    found = [key for key, letters in others.items() if letters in names]
    if len(found) + (present is not None) > 1:
        raise UserError(
            f"{path}: {' and '.join([*filter(None, [present]), *found])} name the same field; write one of them"
        )
    for key in found:
        del others[key]
    return found[0] if found else None


def _extrinsics(
    path: Path, data: Mapping[str, Any], others: dict[str, str], present: str | None
) -> list[list[float]] | None:
    """Returns [R|t] from a rotation (matrix or Rodrigues vector) and a translation under their usual names, or None."""
    rotation = _only(path, (*R_NAMES, *RVEC_NAMES), others, present)
    translation = _only(path, T_NAMES, others, present)
    if rotation is None and translation is None:
        return None
    if rotation is None or translation is None:
        missing = "R" if rotation is None else "t"
        raise UserError(
            f"{path}: {translation or rotation} has no {missing} beside it; add it, or write extrinsics, which is [R|t]"
        )
    if _letters(rotation) in RVEC_NAMES:
        R = cv2.Rodrigues(_vector(path, rotation, data[rotation]))[0]
    else:
        R = read_numbers(path, rotation, data[rotation], (3, 3))
    rows: list[list[float]] = np.column_stack([R, _vector(path, translation, data[translation])]).tolist()
    return rows


def _vector(path: Path, name: str, value: Any) -> np.ndarray:
    """Returns three numbers, also of a column or a row in brackets of its own, as OpenCV writes them: (3,)."""
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
        value = value[0]
    column = isinstance(value, list) and all(isinstance(part, list) and len(part) == 1 for part in value)
    return read_numbers(path, name, [part[0] for part in value] if column else value, (3,))


def unread_keys_note(unread: Mapping[Path, tuple[str, ...]]) -> str | None:
    """Returns one sentence that names the keys of camera files which are not read, or None if there are none."""
    names = sorted({name for keys in unread.values() for name in keys})
    if not names:
        return None
    first = next(path for path, keys in unread.items() if keys)
    shown = ", ".join(map(brief, names))
    return f"{first}: keys of camera files that mean nothing here are not read: {shown}; known are {', '.join(KEYS)}"
