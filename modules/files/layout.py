"""Knows the competition's folder layout: where images, cameras, labels and lists are.

<root>/task04_<split>/images/<POSE>_<PERSON>_<CAM>/<POSE>_<PERSON>_<CAM>_<SEQ>.jpg
<root>/task04_<split>/camera/<POSE>_<PERSON>_<CAM>.json
<root>/task04_<split>/labels/<POSE>_<PERSON>/3D_<POSE>_<PERSON>_<SEQ>.json
<root>/task04_train/validation.json      (optional: the names of the validation images)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from modules.utils import UserError, brief

IMAGE_NAME = re.compile(
    r"(?P<pose>[A-Za-z0-9-]+)_(?P<person>[A-Za-z0-9-]+)_(?P<camera>[A-Za-z0-9-]+)_(?P<sequence>[A-Za-z0-9-]+)"
    r"\.(?:jpg|jpeg|png)",
    re.IGNORECASE,
)


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
        return f"images/{self.view}/{self.file_name}"

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
        return self.folder / "camera" / f"{self.view}.json"

    @property
    def label_path(self) -> Path:
        """The label file, which all cameras of the recording share."""
        return self.folder / "labels" / self.recording / f"3D_{self.recording}_{self.sequence}.json"


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
    match = IMAGE_NAME.fullmatch(name)
    if match is None:
        raise UserError(
            f"{where}: an image is named <POSE>_<PERSON>_<CAM>_<SEQ>.jpg, such as 30_F160A_1_4.jpg, not {brief(name)}; "
            "rename it"
        )
    return match.groupdict()


def list_frames(root: Path, split: str) -> list[Frame]:
    """Lists every image of a split, with numbers in natural order.

    Raises UserError if there is no image, or if one is misnamed or in the wrong folder.
    """
    images = split_folder(root, split) / "images"
    if not images.is_dir():
        raise UserError(f"{images}: this folder is missing; DATA.root must hold task04_{split}/images")
    frames = []
    for path in images.glob("*/*"):
        if path.name.startswith(".") or path.suffix.lower() not in (".jpg", ".jpeg", ".png"):
            continue
        frame = Frame(root, split, path.name, **parse_image_name(path.name, path))
        if frame.view != path.parent.name:
            raise UserError(f"{path}: this image belongs in the folder {frame.view}; move it there")
        frames.append(frame)
    if not frames:
        raise UserError(f"{images}: there is no image in here; put <POSE>_<PERSON>_<CAM>/*.jpg into it")
    return sorted(frames, key=lambda frame: natural_order(frame.file_name))


def natural_order(text: str) -> list[tuple[int, int | str]]:
    """Returns a sort key that orders digits by their value: a_9 before a_10."""
    return [(0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"(\d+)", text) if part]
