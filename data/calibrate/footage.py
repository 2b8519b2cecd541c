"""Opens what a user has filmed of the board: a video as it is shown, or images with their pixels as stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from modules.files.image_header import read_header
from modules.files.images import decode_image
from modules.files.sources import find_sources, is_video
from modules.files.video import Video, open_video, read_frames
from modules.utils import UserError, log


@dataclass(frozen=True)
class Footage:
    """The frames of one camera, without their pixels."""

    path: Path  # the video, the image, or the folder of images
    size: tuple[int, int]  # (width, height) px of every frame
    video: Video | None  # None: image files
    files: tuple[Path, ...] = ()

    def __len__(self) -> int:
        return len(self.files) if self.video is None else len(self.video.pts)

    @property
    def title(self) -> str:
        """The name of the camera's files: that of the video, image or folder."""
        return self.path.absolute().stem

    @property
    def turned_deg(self) -> int | None:
        """By how much a video's pixels are turned counter-clockwise to be shown; None for images, which do not say."""
        return None if self.video is None else 90 * self.video.quarter_turns

    @property
    def seconds_per_frame(self) -> float:
        """The mean time between frames; NaN if they are not moments of a video."""
        if self.video is None or not self.video.frames_per_second:
            return float("nan")
        return 1 / self.video.frames_per_second

    def name(self, index: int) -> str:
        """Returns what a frame is called in messages."""
        return self.files[index].name if self.video is None else f"{self.video.times_s[index]:.2f} s"

    def spread(self, most: int) -> list[int]:
        """Returns the numbers of at most so many evenly spaced frames."""
        return sorted(set(np.linspace(0, len(self) - 1, min(most, len(self))).round().astype(int).tolist()))

    def frames(self, wanted: Sequence[int]) -> Iterator[np.ndarray]:
        """Yields frames by their ascending numbers: RGB (H, W, 3) uint8. Raises UserError for one that cannot be read."""
        if self.video is not None:
            yield from read_frames(self.video, wanted)
            return
        for index in wanted:
            yield decode_image(self.files[index])[0]


def open_footage(named: str) -> Footage:
    """Opens a video, an image, or a folder, glob or list of images.

    Raises UserError if there is none, if it is unreadable, or if the images are of several sizes.
    """
    files = find_sources([named])
    if is_video(files[0]):
        video = open_video(files[0])
        return Footage(files[0], video.size, video)
    headers = [read_header(path) for path in files]
    size = headers[0].size
    for path, header in zip(files, headers, strict=True):
        if header.size != size:
            raise UserError(
                f"{path}: this image is {header.size[0]}x{header.size[1]} px, but {files[0].name} is {size[0]}x{size[1]}; a "
                "calibration holds for one size, so name images of one size"
            )
    turned = [path.name for path, header in zip(files, headers, strict=True) if header.orientation != 1]
    if turned:
        log.info(
            "%s: its EXIF orientation is not applied; calibrated are the pixels as stored, %dx%d", turned[0], *size
        )
    path = Path(named) if Path(named).is_dir() else files[0] if len(files) == 1 else files[0].parent
    return Footage(path, size, None, tuple(files))
