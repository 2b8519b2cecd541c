"""Finds a folder's recordings: which videos or image folders belong together, and the calibrated camera of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from data.rig.calibration import camera_of_size
from data.rig.views import View, camera_of_view, open_view, views_in
from modules.calibrations.reading import ReadOptions, is_calibration, read_cameras
from modules.calibrations.source import Source as Origin
from modules.files.cameras import read_camera
from modules.files.layout import natural_order
from modules.files.names import is_field
from modules.pose_utils import Camera
from modules.utils import UserError, log

UNNAMED_POSE, UNNAMED_PERSON = "1", "person"  # of a recording whose folder's name does not tell


@dataclass(frozen=True)
class Recording:
    """One recording by C cameras: what each of them recorded, and its calibration for the size of its images."""

    pose: str
    person: str
    folder: Path
    names: tuple[str, ...]  # of the cameras
    views: tuple[View, ...]
    cameras: tuple[Camera, ...]

    @property
    def name(self) -> str:
        """`<POSE>_<PERSON>`."""
        return f"{self.pose}_{self.person}"


@dataclass(frozen=True)
class Source:
    """What a user says of the folder: where the calibration is, and how to understand it and the images."""

    folder: Path
    calibration: Path | None = None  # found in the folder if it is not named
    options: ReadOptions = field(default_factory=ReadOptions)
    fit_width: bool = False
    image_rate: float = 30.0  # images a second, of folders of images


def find_recordings(source: Source) -> list[Recording]:
    """Returns the recordings of a folder: itself if it holds videos or folders of images, else those of its subfolders.

    A subfolder is named <POSE>_<PERSON>, or just <POSE> if all recordings show the same people. Raises UserError if there is
    no recording by two cameras, or a file cannot be used.
    """
    folder = source.folder
    if not folder.is_dir():
        raise UserError(f"{folder}: this folder is missing; name a folder of videos, or of folders of images")
    own = _views(folder)
    folders = (
        [folder] if own else sorted(filter(_views, _subfolders(folder)), key=lambda path: natural_order(path.name))
    )
    if not folders:
        raise UserError(
            f"{folder}: there is no recording by two cameras in here; put one video or folder of images of each camera into "
            "it, or into one subfolder <POSE>_<PERSON> for each recording"
        )
    recordings = [_recording(path, source, None if own else path.name) for path in folders]
    names = [recording.name for recording in recordings]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"{folder}: two recordings are named {name}; name the subfolders <POSE>_<PERSON>")
    return recordings


def _subfolders(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_dir() and path.name[0] != "."]


def _views(folder: Path) -> list[Path]:
    """Returns the views of a recording in this folder, or in its subfolder `videos`; empty if there are fewer than two."""
    for place in (folder, folder / "videos"):
        found = views_in(place) if place.is_dir() else []
        if len(found) >= 2:
            return found
    return []


def _recording(folder: Path, source: Source, named: str | None) -> Recording:
    pose, person = _fields(folder, named)
    calibration = source.calibration or find_calibration(folder, source.folder)
    own = [] if is_calibration(Origin(calibration)) else _camera_files(calibration)
    calibrated = {path.stem: read_camera(path) for path in own} if own else read_cameras(calibration, source.options)
    chosen: dict[str, View] = {}
    for path in _views(folder):
        view = open_view(path, source.image_rate)
        camera = camera_of_view(view.camera, list(calibrated), path)
        if camera in chosen:
            raise UserError(
                f"{path}: camera {camera} has another video or folder, {chosen[camera].path}; remove one of them"
            )
        chosen[camera] = view
    absent = [name for name in calibrated if name not in chosen]
    if absent:
        log.info("%s: no video or folder of %s", folder, ", ".join(absent))
    cameras = [
        camera_of_size(calibrated[name], view.size, view.path, source.fit_width) for name, view in chosen.items()
    ]
    return Recording(pose, person, folder, tuple(chosen), tuple(chosen.values()), tuple(cameras))


def _fields(folder: Path, named: str | None) -> tuple[str, str]:
    """Returns the fields POSE and PERSON that a subfolder's name means."""
    if named is None:
        return UNNAMED_POSE, UNNAMED_PERSON
    parts = named.split("_")
    if len(parts) > 2 or not all(map(is_field, parts)):
        raise UserError(
            f"{folder}: a recording is named <POSE>_<PERSON> or <POSE>, in letters, digits and hyphens; rename it"
        )
    return parts[0], parts[1] if len(parts) == 2 else UNNAMED_PERSON


def find_calibration(*folders: Path) -> Path:
    """Returns the calibration in the first of these folders that holds one, or in its subfolder `calibration` or `cameras`.

    Raises UserError if there is none, or if several could be meant.
    """
    for folder in folders:
        for place in (folder, folder / "calibration", folder / "cameras"):
            found = _calibrations(place) if place.is_dir() else []
            if len(found) > 1:
                names = ", ".join(path.name for path in found)
                raise UserError(f"{place}: {names} could be the calibration; name one with --cameras")
            if found:
                return found[0]
    raise UserError(f"{folders[0]}: there is no calibration of a known format in here; name it with --cameras")


def _calibrations(place: Path) -> list[Path]:
    """Returns the calibrations in a folder: files of it, or the folder itself where its files belong together."""
    files = [
        path for path in sorted(place.iterdir()) if path.is_file() and _may_be(path) and is_calibration(Origin(path))
    ]
    is_own = place.name in ("calibration", "cameras") and (
        is_calibration(Origin(place)) or len(_camera_files(place)) > 1
    )
    return files or ([place] if is_own else [])


def _camera_files(place: Path) -> list[Path]:
    """Returns the camera files of our own form in a folder, each named as its camera; empty for a file."""
    return sorted(place.glob("*.json"), key=lambda path: natural_order(path.name)) if place.is_dir() else []


def _may_be(path: Path) -> bool:
    return path.suffix.lower() in (
        ".toml",
        ".txt",
        ".xml",
        ".json",
        ".yml",
        ".yaml",
        ".pkl",
        ".pickle",
        ".xcp",
        ".calib",
        ".calibration",
    )
