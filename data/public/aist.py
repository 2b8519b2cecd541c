"""Finds the views of AIST++, without labels: its 17 joints are COCO's, and SMPL's need the SMPL model, which is not shipped.

cameras/mapping.txt, cameras/setting<N>.json, and images/<video>/ with the images of AIST's videos, such as
gBR_sBM_c01_d04_mBR0_ch01.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from data.public.base import View, camera_of, cameras_of, images_in
from modules.utils import UserError

NAME, TITLE = "aist", "AIST++"
TERMS = "https://google.github.io/aistplusplus_dataset/ and https://aistdancedb.ongaaccel.jp/"
_FIELDS = 6  # genre, situation, camera, dancer, music, choreography


def views(folder: Path) -> Iterator[View]:
    """See PublicSet."""
    mapping = folder / "cameras" / "mapping.txt"
    settings = _settings(mapping)
    videos = sorted(path for path in (folder / "images").glob("*") if path.is_dir())
    if not videos:
        raise UserError(f"{folder / 'images'}: there is no folder in here; make one of each video's images")
    for video in videos:
        fields = video.name.split("_")
        if len(fields) != _FIELDS:
            raise UserError(f"{video}: this is no name of AIST, such as gBR_sBM_c01_d04_mBR0_ch01; rename the folder")
        genre, situation, camera, dancer, music, choreography = fields
        take = "_".join((genre, situation, "cAll", dancer, music, choreography))
        if take not in settings:
            raise UserError(f"{mapping}: there is no line of {take}; fetch the file again, or remove {video}")
        path = folder / "cameras" / f"{settings[take]}.json"
        known = camera_of(path, cameras_of(path, "aist"), camera, video)
        pose = "-".join((genre, situation, music, choreography))
        yield View("test", pose, dancer, camera, known, images_in(video), path)


def _settings(path: Path) -> dict[str, str]:
    """Returns the setting of each take."""
    try:
        rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError):
        raise UserError(f"{path}: this file is missing or no text; unpack AIST++'s cameras") from None
    bad = next((row for row in rows if len(row) != 2), None)
    if bad is not None:
        raise UserError(f"{path}: a line is not a take and its setting; fetch the file again")
    return {take: setting for take, setting in rows}
