"""The plan of a synthetic set: its splits, its file names, and the options it was made with."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from modules.files.atomic import read_json, write_json
from modules.files.labels import validation_path
from modules.utils import UserError

RECIPE = 2
"""The version of everything that determines the images. Another version makes other images from the same seed."""
POSE = "1"  # every person has one recording
MARKER, MANIFEST, SAMPLE, SHEET = "synthetic.json", "manifest.csv", "sample_submission.json", "contact_sheet.jpg"
FEWEST_PEOPLE = 7  # with fewer, a split would be empty
BAREFOOT_SHARE = 0.14
_DEFAULTS = {"crops": False, "barefoot": BAREFOOT_SHARE}  # options that markers of older sets do not have
_TEST, _VALIDATION, _ROUND = frozenset({3, 10, 17}), frozenset({6, 13}), 20


@dataclass(frozen=True)
class Options:
    """What a set is made of. People can be added to a set; any other change makes a different set."""

    people: int
    frames: int
    cameras: int
    seed: int
    crops: bool = False  # only the person's part of each image
    barefoot: float = BAREFOOT_SHARE  # the share of people without shoes and socks

    @property
    def images(self) -> int:
        return self.people * self.frames * self.cameras


@dataclass(frozen=True)
class Recording:
    """One person's recording: the images of `frames` moments by `cameras` cameras, in one split."""

    root: Path
    split: str  # train or test
    index: int
    person: str  # the PERSON field, such as F160A-17

    @property
    def name(self) -> str:
        return f"{POSE}_{self.person}"

    @property
    def folder(self) -> Path:
        return self.root / f"task04_{self.split}"

    def camera_path(self, camera: int) -> Path:
        return self.folder / "camera" / f"{self.name}_{camera}.json"

    def image_path(self, camera: int, frame: int) -> Path:
        view = f"{self.name}_{camera}"
        return self.folder / "images" / view / f"{view}_{frame}.jpg"

    def label_path(self, frame: int) -> Path:
        return self.folder / "labels" / self.name / f"3D_{self.name}_{frame}.json"

    def has_frame(self, options: Options, frame: int) -> bool:
        """Whether all files of a moment exist. Its label is written last."""
        images = [self.image_path(view, frame) for view in range(1, options.cameras + 1)]
        return all(map(_is_non_empty, [self.label_path(frame), *images]))


def _is_non_empty(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def role_of(index: int) -> str:
    """Returns the role of a person (from 0): train, validation or test. It does not depend on the size of the set."""
    place = index % _ROUND
    return "test" if place in _TEST else "validation" if place in _VALIDATION else "train"


def split_of(index: int) -> str:
    """Returns the split whose folder holds a person."""
    return "test" if role_of(index) == "test" else "train"


def find_recording(root: Path, index: int) -> Recording | None:
    """Returns the recording of a person that an earlier run started, or None."""
    split = split_of(index)
    for folder in sorted((root / f"task04_{split}" / "labels").glob(f"{POSE}_*-{index}")):
        return Recording(root, split, index, folder.name.removeprefix(f"{POSE}_"))
    return None


def is_done(root: Path, index: int, options: Options) -> bool:
    """Whether all files of a person's recording exist."""
    recording = find_recording(root, index)
    if recording is None or not all(recording.has_frame(options, frame) for frame in range(options.frames)):
        return False
    return all(_is_non_empty(recording.camera_path(view)) for view in range(1, options.cameras + 1))


def is_complete(root: Path, options: Options) -> bool:
    """Whether a set is finished and all its lists and recordings exist."""
    lists = [root / MANIFEST, root / SAMPLE, root / SHEET, validation_path(root)]
    finished = finished_options(root) == options and all(map(_is_non_empty, lists))
    return finished and all(is_done(root, index, options) for index in range(options.people))


def generator(options: Options, *place: int) -> np.random.Generator:
    """Returns the random generator of one place in the set: a person and, within it, a stage, a frame and a view."""
    # The length tells places apart, because NumPy ignores trailing zeros.
    return np.random.default_rng([options.seed, RECIPE, len(place), *place])


def marker(options: Options) -> dict[str, object]:
    """Returns the content of a set's marker file, apart from whether the set is finished."""
    return {"recipe": RECIPE, **asdict(options)}


def check_folder(root: Path, options: Options) -> None:
    """Raises UserError if the folder holds a set made with other options or with more people, so that sets never mix."""
    path = root / MARKER
    if not path.exists():
        if any((root / f"task04_{split}").exists() for split in ("train", "test")):
            raise UserError(f"{root}: this folder holds a data set of another origin; choose another one by --out")
        return
    found = read_json(path, f"remove {root} to make the set again")
    wanted = marker(options)
    for key in ("recipe", "frames", "cameras", "seed", "crops", "barefoot"):
        old = found.get(key, _DEFAULTS.get(key)) if isinstance(found, dict) else None
        if old != wanted[key]:
            raise UserError(
                f"{path}: this set was made with {key} {old}, not {wanted[key]}; remove {root} to make it again, or choose "
                "another folder by --out"
            )
    begun = begun_options(root)
    if begun is not None and begun.people > options.people:
        raise UserError(
            f"{path}: this set was started with {begun.people} people, more than {options.people}, and the others would "
            f"remain in it unlisted; write --people {begun.people} or more, remove {root} to make it again, or choose "
            "another folder by --out"
        )


def write_marker(root: Path, options: Options, finished: bool) -> None:
    """Writes the marker file: the set's options, and whether the set is finished."""
    write_json(root / MARKER, marker(options) | {"finished": finished})


def finished_options(root: Path) -> Options | None:
    """Returns the options of a finished set; None if the set is unfinished or of another recipe."""
    options = begun_options(root)
    finished = options is not None and read_json(root / MARKER).get("finished") is True
    return options if finished else None


def begun_options(root: Path) -> Options | None:
    """Returns the options of a set that was started in this folder, or None."""
    try:
        found = read_json(root / MARKER)
        if found["recipe"] != RECIPE:
            return None
        people, frames, cameras, seed = (int(found[key]) for key in ("people", "frames", "cameras", "seed"))
        crops, barefoot = (found.get(key, default) for key, default in _DEFAULTS.items())
        return Options(people, frames, cameras, seed, bool(crops), float(barefoot))
    except (UserError, KeyError, TypeError, ValueError):
        return None
