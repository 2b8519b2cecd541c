"""What one camera recorded: a video or a folder of images, its frames read one after the other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from modules.files.hashing import digest, sha256_file
from modules.files.image_header import read_header
from modules.files.images import read_image, size_problem
from modules.files.layout import natural_order
from modules.files.sources import IMAGE_SUFFIXES, is_video
from modules.files.video import Video, open_video, read_frames
from modules.utils import UserError

JPEG_QUALITY = 92  # of a video's frames


@dataclass(frozen=True)
class View:
    """One camera's recording: a video, or images in natural order."""

    camera: str  # the file's or folder's name
    path: Path
    times_s: np.ndarray  # (F,) of its frames, from the first one's
    size: tuple[int, int]  # (width, height) px
    video: Video | None = None
    images: tuple[Path, ...] = ()

    @property
    def frames_per_second(self) -> float:
        """The median frame rate; 0 for a single frame."""
        return float(1 / np.median(np.diff(self.times_s))) if len(self.times_s) > 1 else 0.0

    def content(self, frames: Sequence[int]) -> str:
        """Returns a digest of what `read_as_written` yields of these frames: of the whole video, or of these images."""
        if self.video is not None:
            return f"{sha256_file(self.path)}-jpeg{JPEG_QUALITY}"
        return digest([sha256_file(self.images[frame]) for frame in frames])

    def read(self, frames: Sequence[int]) -> Iterator[np.ndarray]:
        """Yields frames by their ascending numbers: RGB (H, W, 3) uint8, as stored."""
        if self.video is not None:
            yield from read_frames(self.video, frames)
        else:
            for frame in frames:
                yield read_image(self.images[frame])

    def read_as_written(self, frames: Sequence[int]) -> Iterator[np.ndarray]:
        """Yields frames as `read`, those of a video as the JPEG images show them that a data set gets of them."""
        for image in self.read(frames):
            yield image if self.video is None else decoded(jpeg(image))


def jpeg(image_rgb: np.ndarray) -> bytes:
    """Returns the JPEG of a video's frame."""
    flags = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    return cv2.imencode(".jpg", image_rgb[..., ::-1], flags)[1].tobytes()


def decoded(data: bytes) -> np.ndarray:
    """Returns the RGB image (H, W, 3) uint8 of a JPEG."""
    return cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def open_view(path: Path, image_rate: float) -> View:
    """Opens a video or a folder of images, which have no times and are taken to follow each other at `image_rate` a second.

    Raises UserError if it cannot be read, or if images of one folder are turned by EXIF or XMP or have different sizes.
    """
    if path.is_file():
        video = open_video(path)
        return View(path.stem, path, video.times_s, video.size, video=video)
    images = images_in(path)
    return View(path.name, path, np.arange(len(images)) / image_rate, common_size(images), images=tuple(images))


def common_size(images: Sequence[Path]) -> tuple[int, int]:
    """Returns (width, height) px of all images of a camera, by their headers.

    Raises UserError if `read_image` would refuse one, or if their sizes differ.
    """
    headers = [read_header(path) for path in images]
    first = headers[0].size
    for path, header in zip(images, headers, strict=True):
        problem = header.problem or size_problem(path, header.size, None, header.orientation)
        if problem is not None:
            raise UserError(problem)
        if header.size != first:
            raise UserError(
                f"{path}: this image is {header.size[0]}x{header.size[1]} px, but {images[0].name} of the same camera is "
                f"{first[0]}x{first[1]}; put images of one size into a camera's folder"
            )
    return first


def images_in(folder: Path) -> list[Path]:
    """Returns the images of a folder in natural order; empty if there is none."""
    images = [path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES and path.name[0] != "."]
    return sorted(images, key=lambda path: natural_order(path.name))


def views_in(folder: Path) -> list[Path]:
    """Returns the videos and the folders of images in a folder, in natural order."""
    found = [
        path
        for path in folder.iterdir()
        if path.name[0] != "." and ((path.is_dir() and images_in(path)) or (path.is_file() and is_video(path)))
    ]
    return sorted(found, key=lambda path: natural_order(path.name))


def camera_of_view(view: str, cameras: Sequence[str], where: Path) -> str:
    """Returns the calibrated camera that a view's name means: the same name, or the only one that the name contains.

    Case, separators and leading zeros do not count. Raises UserError if no camera or several are meant.
    """
    if view in cameras:
        return view
    words = _words(view)
    fits = [camera for camera in cameras if _contains(words, _words(camera))]
    if len(fits) != 1:
        which = "none of them is" if not fits else f"{' and '.join(fits)} are both"
        raise UserError(
            f"{where}: the calibration has the cameras {', '.join(cameras)}, and {which} in the name {view}; rename the "
            "video or folder to its camera"
        )
    return fits[0]


def _words(name: str) -> list[str]:
    """Splits a name into lower-case words and numbers without leading zeros: Cam_01 becomes cam, 1."""
    parts = re.findall(r"\d+|[^\W\d_]+", name.lower())
    return [str(int(part)) if part.isdecimal() else part for part in parts]


def _contains(words: list[str], wanted: list[str]) -> bool:
    return any(words[start : start + len(wanted)] == wanted for start in range(len(words) - len(wanted) + 1))
