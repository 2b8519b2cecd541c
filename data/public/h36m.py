"""Finds the views of Human3.6M, without labels: its joints lack SMPL's collars and spine, and lie elsewhere in the body.

A calibration (camera-parameters.json, metadata.xml, VideoPose3D's dictionary as cameras.json, or MMPose's cameras.pkl),
and images/<subject>/<subject>_<action>.<camera>/ as MMPose's converter takes them out of the videos.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from data.public.base import View, camera_of, cameras_of, images_in
from modules.utils import UserError

NAME, TITLE = "h36m", "Human3.6M"
TERMS = "http://vision.imar.ro/human3.6m/"
_FILES = {
    "camera-parameters.json": "h36m",
    "metadata.xml": "h36m",
    "cameras.json": "h36m-derived",
    "cameras.pkl": "h36m-derived",
    "annotation_body3d/cameras.pkl": "h36m-derived",
}
_VIDEO = re.compile(r"(S\d+)_([^.]+)\.(\d+)")


def views(folder: Path) -> Iterator[View]:
    """See PublicSet."""
    path = next((folder / name for name in _FILES if (folder / name).is_file()), None)
    if path is None:
        raise UserError(f"{folder}: there is no calibration in here; put one of {', '.join(_FILES)} into it")
    videos = sorted(video for video in (folder / "images").glob("S*/*") if video.is_dir())
    if not videos:
        raise UserError(
            f"{folder / 'images'}: there is no folder <subject>/<subject>_<action>.<camera> in here; make one of each "
            "video's images"
        )
    cameras = cameras_of(path, _FILES[path.relative_to(folder).as_posix()])
    for video in videos:
        match = _VIDEO.fullmatch(video.name)
        if match is None:
            raise UserError(
                f"{video}: this is no name of Human3.6M, such as S1_Directions_1.54138969; rename the folder"
            )
        subject, action, name = match.groups()
        camera = camera_of(path, cameras, f"{subject}_{name}", video)
        pose = re.sub(r"[ _]+", "-", action)
        yield View("test", pose, subject, name, camera, images_in(video), path)
