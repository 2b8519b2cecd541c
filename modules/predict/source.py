"""The images of one prediction, in order: image files, or the chosen frames of a video."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from modules.extractors.base import Hint
from modules.files import video
from modules.files.hashing import image_tail, sha256_file, tail_mark
from modules.files.image_header import read_header, second_size_problem
from modules.files.images import read_image, size_problem
from modules.files.sources import find_sources, is_video, names_below
from modules.predict.view import View
from modules.utils import UserError


@dataclass(frozen=True)
class Selection:
    """Which images of a source are used, and when they were taken."""

    start_s: float | None = None  # of a video: the first and the last moment
    end_s: float | None = None
    every: int = 1  # each so many-th image
    frames_per_second: float | None = None  # of image files that are the frames of one recording


class Images(Protocol):
    """Images whose people are predicted."""

    @property
    def names(self) -> list[str]:
        """The names (N,) of the images, each different."""
        ...

    @property
    def frame_index(self) -> np.ndarray:
        """The number (N,) of each image in the list or video, before the selection."""
        ...

    def marks(self, start: int, stop: int) -> list[Any]:
        """Returns what changes when the images of this range change."""
        ...

    def images(self, start: int, stop: int) -> Iterator[np.ndarray]:
        """Yields the images of a range: RGB (H, W, 3) uint8. Raises UserError for one that cannot be read."""
        ...

    def hint(self, index: int) -> Hint | None:
        """Returns where the wanted person is in an image; None: everybody is wanted."""
        ...


class Source(Images, Protocol):
    """The images of one prediction that a user named."""

    @property
    def path(self) -> Path:
        """What a user named: the video, the single image, or the folder that holds all images."""
        ...

    @property
    def time_s(self) -> np.ndarray:
        """The time (N,) of each image, NaN where it is unknown."""
        ...

    @property
    def is_sequence(self) -> bool:
        """Whether the images are moments of one recording, so that people can be followed."""
        ...

    def size(self, index: int) -> tuple[int, int]:
        """Returns the (width, height) of an image."""
        ...

    def image_name(self, index: int) -> str:
        """Returns the path of an image below `path`, or the video's name."""
        ...

    def images(self, start: int, stop: int, step: int = 1) -> Iterator[np.ndarray]:
        """See Images; of every `step`-th image."""
        ...


@dataclass(frozen=True)
class ImageFiles:
    """Image files, in the order in which they were named."""

    path: Path
    files: list[Path]
    names: list[str]
    sizes: list[tuple[int, int]]
    frame_index: np.ndarray
    time_s: np.ndarray
    is_sequence: bool

    def size(self, index: int) -> tuple[int, int]:
        """See Source."""
        return self.sizes[index]

    def image_name(self, index: int) -> str:
        """See Source."""
        return self.names[index]

    def marks(self, start: int, stop: int) -> list[Any]:
        """See Source: size and hash of the last bytes, as for the images of a data set."""
        return [tail_mark(path, image_tail(path.name)) for path in self.files[start:stop]]

    def images(self, start: int, stop: int, step: int = 1) -> Iterator[np.ndarray]:
        """See Source."""
        for index in range(start, stop, step):
            yield read_image(self.files[index], self.sizes[index])

    def hint(self, index: int) -> None:
        """See Source: everybody is wanted."""


@dataclass(frozen=True)
class VideoFrames:
    """Chosen frames of a video."""

    video: video.Video
    frame_index: np.ndarray
    mark: str  # the SHA-256 of the video
    is_sequence: bool = True

    @property
    def path(self) -> Path:
        """See Source."""
        return self.video.path

    @cached_property
    def names(self) -> list[str]:
        """See Source: the video's name and the frame's number."""
        return [f"{self.video.path.name}#{index}" for index in self.frame_index]

    @cached_property
    def time_s(self) -> np.ndarray:
        """See Source: from the video's first frame."""
        return np.asarray(self.video.times_s[self.frame_index])

    def size(self, index: int) -> tuple[int, int]:
        """See Source: the same for all frames."""
        return self.video.size

    def image_name(self, index: int) -> str:
        """See Source."""
        return self.path.name

    def marks(self, start: int, stop: int) -> list[Any]:
        """See Source: the hash of the whole file, since any part of it may hold these frames."""
        return [self.mark]

    def images(self, start: int, stop: int, step: int = 1) -> Iterator[np.ndarray]:
        """See Source."""
        return video.read_frames(self.video, self.frame_index[start:stop:step].tolist())

    def hint(self, index: int) -> None:
        """See Source: everybody is wanted."""


def open_source(named: Sequence[str], selection: Selection, view: View) -> Source:
    """Returns the images that the command line names, all of which fit the camera.

    Raises UserError for a missing, broken or unreadable one, before anything is extracted.
    """
    files = find_sources(named)
    if is_video(files[0]):
        return _open_video(files[0], selection, view)
    if selection.start_s is not None or selection.end_s is not None:
        raise UserError(
            "--start, --end: these choose a part of a video, but images are named; name the images that you want"
        )
    return _open_images(files, selection, view)


def _open_video(path: Path, selection: Selection, view: View) -> VideoFrames:
    opened = video.open_video(path)
    if selection.frames_per_second is not None:
        raise UserError(f"--fps: {path} is a video, which has times of its own; leave --fps out")
    declared = view.camera.image_size
    if opened.quarter_turns % 2 and declared not in (None, opened.size) and declared == opened.size[::-1]:
        raise UserError(
            f"{path}: this video is shown turned, at {opened.size[0]}x{opened.size[1]} px, but its camera is calibrated for "
            f"the stored {declared[0]}x{declared[1]}; calibrate on frames as they are shown"
        )
    if opened.pixel_aspect != 1 and declared != opened.size:
        raise UserError(
            f"{path}: the pixels of this video are not square ({opened.pixel_aspect}), and {view.path} does not say that K is "
            f"of the stored {opened.size[0]}x{opened.size[1]} px; add image_size if it is, or make them square "
            "(ffmpeg -i IN -vf scale=iw*sar:ih,setsar=1 OUT.mp4)"
        )
    view.camera_for(path, opened.size)
    start = -np.inf if selection.start_s is None else selection.start_s
    end = np.inf if selection.end_s is None else selection.end_s
    chosen = np.flatnonzero((opened.times_s >= start) & (opened.times_s <= end))[:: selection.every]
    if not len(chosen):
        raise UserError(f"{path}: no frame is between --start and --end; the video lasts {opened.times_s[-1]:.2f} s")
    return VideoFrames(opened, chosen, sha256_file(path))


def _open_images(files: list[Path], selection: Selection, view: View) -> ImageFiles:
    files = files[:: selection.every]
    folder, names = names_below(files)
    sizes = [_checked_size(path, view) for path in files]
    if view.camera.image_size is None:
        for path, size in zip(files, sizes, strict=True):
            other = second_size_problem(path, size, (files[0], sizes[0]), view.path)
            if other is not None:
                raise UserError(f"{other}, or name the size with --calibrated-size if images were resized")
    index = np.arange(len(files)) * selection.every
    rate = selection.frames_per_second
    times = np.full(len(files), np.nan) if rate is None else index / rate
    return ImageFiles(files[0] if len(files) == 1 else folder, files, names, sizes, index, times, rate is not None)


def _checked_size(path: Path, view: View) -> tuple[int, int]:
    """Returns an image's size. Raises UserError if it is broken, is turned by EXIF ambiguously, or does not fit the camera."""
    header = read_header(path)
    if header.problem:
        raise UserError(header.problem)
    turned = header.orientation != 1 and size_problem(path, header.size, view.camera.image_size, header.orientation)
    if turned:
        raise UserError(turned)
    view.camera_for(path, header.size)
    return header.size
