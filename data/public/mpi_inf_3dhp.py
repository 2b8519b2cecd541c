"""Finds the views of MPI-INF-3DHP's training subjects, without labels: its 28 joints lie elsewhere in the body than SMPL's.

S<N>/Seq<N>/camera.calibration, and S<N>/Seq<N>/imageFrames/video_<camera>/ with the images of its videos.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from data.public.base import View, camera_of, cameras_of, images_in
from modules.utils import UserError

NAME, TITLE = "mpi-inf-3dhp", "MPI-INF-3DHP"
TERMS = "https://vcai.mpi-inf.mpg.de/3dhp-dataset/"


def views(folder: Path) -> Iterator[View]:
    """See PublicSet."""
    files = sorted(folder.glob("S*/Seq*/camera.calibration"))
    if not files:
        raise UserError(f"{folder}: there is no S<N>/Seq<N>/camera.calibration in here; name the set's folder")
    for path in files:
        frames = path.parent / "imageFrames"
        videos = sorted(video for video in frames.glob("video_*") if video.is_dir())
        if not videos:
            raise UserError(f"{frames}: there is no folder video_<camera> in here; make one of each video's images")
        cameras = cameras_of(path, "mpi")
        for video in videos:
            name = video.name.removeprefix("video_")
            camera = camera_of(path, cameras, name, video)
            yield View("test", path.parent.name, path.parent.parent.name, name, camera, images_in(video), path)
