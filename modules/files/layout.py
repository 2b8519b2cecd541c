"""Knows the competition's folder layout: where images, cameras, labels and lists are.

<root>/task04_<split>/images/<POSE>_<PERSON>_<CAM>/<POSE>_<PERSON>_<CAM>_<SEQ>.jpg
<root>/task04_<split>/camera/<POSE>_<PERSON>_<CAM>.json
<root>/task04_<split>/labels/<POSE>_<PERSON>/3D_<POSE>_<PERSON>_<SEQ>.json
<root>/task04_train/validation.json      (optional: the names of the validation images)
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from modules.files.names import SUFFIXES, is_view, name_fields, nfc, original_of_copy
from modules.utils import UserError, brief, one_line

_LITTER = frozenset({"thumbs.db", "desktop.ini"})  # what operating systems leave, besides hidden files
# Why a file below images/ is passed over.
NO_VIEW, NO_IMAGE, COPY = "in no folder <POSE>_<PERSON>_<CAM>", "no image that is read", "a copy of another image"
MISNAMED = "not named <POSE>_<PERSON>_<CAM>_<SEQ>"


@dataclass(frozen=True)
class Frame:
    """One image of a split: its data root, its split, and the four fields of its name."""

    root: Path
    split: str
    file_name: str
    pose: str
    person: str
    camera: str
    sequence: str
    sample_name: str = field(default="", compare=False)  # as a sample spells file_name; empty: the same
    # Paths on disk from the folder of the split, by their composed form, where these differ; the same for all frames.
    spelled: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    @property
    def requested_name(self) -> str:
        """The image's name as the sample spells it, if there is one, in whichever Unicode form."""
        return self.sample_name or self.file_name

    @property
    def folder(self) -> Path:
        """The folder of the split."""
        return split_folder(self.root, self.split)

    @property
    def view(self) -> str:
        """`<POSE>_<PERSON>_<CAM>`: one recording by one camera."""
        return f"{self.pose}_{self.person}_{self.camera}"

    @property
    def recording(self) -> str:
        """`<POSE>_<PERSON>`: one recording by all its cameras, which share one world frame."""
        return f"{self.pose}_{self.person}"

    @property
    def image_in_folder(self) -> str:
        """The image file's path from the folder of the split, as text: a million of them are made quickly."""
        return f"{self._on_disk(f'images/{self.view}')}/{self.file_name}"

    @property
    def image_path(self) -> Path:
        """The image file."""
        return self.folder / self.image_in_folder

    @property
    def image_from_root(self) -> str:
        """The image file's path from the data root, as text."""
        return f"{self.folder.name}/{self.image_in_folder}"

    @property
    def camera_path(self) -> Path:
        """The camera file of this view."""
        return self.folder / self._on_disk(f"camera/{self.view}.json")

    @property
    def label_path(self) -> Path:
        """The label file, which all cameras of the recording share."""
        return self.folder / self._on_disk(f"labels/{self.recording}/3D_{self.recording}_{self.sequence}.json")

    def _on_disk(self, path: str) -> str:
        return self.spelled.get(path, path)


@dataclass
class Listing:
    """The images of a split, and what else is below its folder of images."""

    frames: list[Frame]
    strays: dict[str, list[str]]  # paths from the folder of images, by the reason for which they are passed over


def split_folder(root: Path, split: str) -> Path:
    """Returns the folder of the split `train` or `test` in a data root."""
    return root / f"task04_{split}"


def is_safe_name(name: str) -> bool:
    """Returns whether a file name from a user's file cannot leave the folder that it is joined to."""
    return bool(name) and name not in (".", "..") and not any(c in name for c in "/\\:\0\n\r")


def parse_image_name(name: str, where: object) -> dict[str, str]:
    """Returns the fields pose, person, camera and sequence of an image name.

    Raises UserError, which begins with `where`, if the name has another form.
    """
    try:
        return name_fields(name)
    except ValueError as error:
        raise UserError(
            f"{where}: an image is named <POSE>_<PERSON>_<CAM>_<SEQ>.jpg, such as 30_F160A_1_4.jpg, not {brief(name)} "
            f"({error}); rename it"
        ) from None


def list_frames(root: Path, split: str) -> list[Frame]:
    """Lists every image of a split, with numbers in natural order.

    Raises UserError if there is no image, or if one is in the wrong folder.
    """
    return scan_images(root, split).frames


def scan_images(root: Path, split: str) -> Listing:
    """Returns every image of a split as `list_frames` does, and the files and folders beside them that are passed over."""
    images = split_folder(root, split) / "images"
    if not images.is_dir():
        raise UserError(f"{images}: this folder is missing; DATA.root must hold task04_{split}/images")
    listing = Listing([], {})
    spelled: dict[str, str] = {}
    for folder in _visible(images):
        if not folder.is_dir() or not is_view(folder.name):
            listing.strays.setdefault(NO_VIEW, []).append(folder.name)
            continue
        if not folder.name.isascii():
            spelled[f"images/{nfc(folder.name)}"] = f"images/{folder.name}"
        _scan_view(Path(folder.path), Frame(root, split, "", "", "", "", "", spelled=spelled), listing)
    if not listing.frames:
        strays = stray_sentences(root, split, listing)
        found = f" ({strays[0].removeprefix(f'{images}: ')})" if strays else ""
        raise UserError(f"{images}: there is no image in here{found}; put <POSE>_<PERSON>_<CAM>/*.jpg into it")
    if any(not frame.file_name.isascii() for frame in listing.frames):
        spelled.update(_other_spellings(split_folder(root, split)))
    listing.frames.sort(key=lambda frame: natural_order(frame.file_name))
    return listing


def stray_sentences(root: Path, split: str, listing: Listing) -> list[str]:
    """Returns one sentence per reason for which files and folders below the folder of images are passed over."""
    images = split_folder(root, split) / "images"
    return [
        f"{images}: {len(paths)} files or folders are passed over ({reason}), such as {one_line(min(paths))}"
        for reason, paths in listing.strays.items()
    ]


def _scan_view(folder: Path, template: Frame, listing: Listing) -> None:
    """Adds the images in the folder of a view to the listing, and what else is there to its strays."""
    entries = list(_visible(folder))
    names = {entry.name for entry in entries}
    for name in names:
        reason = None
        if Path(name).suffix.lower() not in SUFFIXES:
            reason = NO_IMAGE
        elif original_of_copy(name) in names:
            reason = COPY
        else:
            try:
                fields = name_fields(name)
            except ValueError as error:
                reason = f"{MISNAMED}: {error}"
        if reason is not None:
            listing.strays.setdefault(reason, []).append(f"{folder.name}/{name}")
            continue
        frame = Frame(template.root, template.split, name, **fields, spelled=template.spelled)
        if frame.view != nfc(folder.name):
            raise UserError(f"{folder / name}: this image belongs in the folder {frame.view}; move it there")
        listing.frames.append(frame)


def _visible(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yields the entries of a folder that are not hidden and not left there by an operating system."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith(".") and entry.name.lower() not in _LITTER:
                yield entry


def _other_spellings(folder: Path) -> dict[str, str]:
    """Returns the paths of cameras and labels whose spelling on disk is not Unicode's composed form, by that form."""
    paths = [path.relative_to(folder).as_posix() for path in (*folder.glob("camera/*"), *folder.glob("labels/*/*"))]
    return {nfc(path): path for path in paths if nfc(path) != path}


def images_by_camera(frames: Iterable[Frame]) -> dict[Path, list[Path]]:
    """Returns the images of frames by their camera files, in the order of the frames."""
    found: dict[Path, list[Path]] = {}
    for frame in frames:
        found.setdefault(frame.camera_path, []).append(frame.image_path)
    return found


def natural_order(text: str) -> list[tuple[int, int | str]]:
    """Returns a sort key that orders digits by their value: a_9 before a_10."""
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in re.split(r"(\d+)", text) if part]
