"""Defines what a public data set is: a module that finds its views."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from modules.calibrations.reading import ReadOptions, read_cameras
from modules.files.layout import natural_order
from modules.files.names import SUFFIXES
from modules.pose_utils import Camera
from modules.utils import UserError


@dataclass(frozen=True)
class View:
    """Images of one person by one camera that stands still."""

    split: str  # train or test
    pose: str
    person: str
    camera_name: str
    camera: Camera
    images: Mapping[str, Path]  # by sequence
    source: Path  # the file that the camera is from
    joints_world: Mapping[str, np.ndarray] = field(default_factory=dict)  # (24, 3) mm by sequence
    validates: bool = False

    @property
    def recording(self) -> str:
        """`<POSE>_<PERSON>`."""
        return f"{self.pose}_{self.person}"

    @property
    def name(self) -> str:
        """`<POSE>_<PERSON>_<CAM>`."""
        return f"{self.recording}_{self.camera_name}"


class PublicSet(Protocol):
    """A public data set. Each is a module of this package."""

    NAME: str  # of the command
    TITLE: str  # for messages
    TERMS: str  # where a user registers and reads the licence

    def views(self, folder: Path) -> Iterator[View]:
        """Yields the views of a folder as it is published. Raises UserError that names file, field and fix."""
        ...


def images_in(folder: Path) -> dict[str, Path]:
    """Returns the images of a folder by their numbers from 0, in natural order of their names. Raises UserError if none."""
    found = [path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES] if folder.is_dir() else []
    if not found:
        raise UserError(f"{folder}: there is no image in here; take the video's images out into this folder")
    found.sort(key=lambda path: natural_order(path.name))
    return {f"{index:05d}": path for index, path in enumerate(found)}


def cameras_of(path: Path, form: str) -> dict[str, Camera]:
    """Returns the cameras of a calibration of this format, a key of FORMATS, by name. Raises UserError as its reader does."""
    return read_cameras(path, ReadOptions(form))


def camera_of(path: Path, cameras: Mapping[str, Camera], name: str, images: Path) -> Camera:
    """Returns a camera by name. Raises UserError if the calibration does not hold the one that `images` are of."""
    if name not in cameras:
        raise UserError(f"{images}: {path} has no camera {name}; rename the folder, or fetch the calibration again")
    return cameras[name]
