"""The plan of a synthetic set: who trains, validates and tests, how files are named, and what a set must have been made by."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from modules.layout import validation_path
from modules.utils import UserError, read_json, write_json

RECIPE = 2
"""The version of everything that decides what is drawn and how it looks. Another one makes other images of the same seed."""
POSE = "1"  # every person has one recording
MARKER, MANIFEST, SAMPLE, SHEET = "synthetic.json", "manifest.csv", "sample_submission.json", "contact_sheet.jpg"
FEWEST_PEOPLE = 7  # fewer leave a split without anybody
_TEST, _VALIDATION, _ROUND = frozenset({3, 10, 17}), frozenset({6, 13}), 20


@dataclass(frozen=True)
class Options:
    """What a set is made of. More people may be added to a set; everything else makes another one."""

    people: int
    frames: int
    cameras: int
    seed: int

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

    def stands(self, options: Options, frame: int) -> bool:
        """Whether a moment is done: its label is written last."""
        images = [self.image_path(view, frame) for view in range(1, options.cameras + 1)]
        return all(map(_holds_something, [self.label_path(frame), *images]))


def _holds_something(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def role_of(index: int) -> str:
    """What a person (from 0) is for: train, validation or test. The same in a set of every size, so that sets can grow."""
    place = index % _ROUND
    return "test" if place in _TEST else "validation" if place in _VALIDATION else "train"


def split_of(index: int) -> str:
    """The split whose folder a person lies in."""
    return "test" if role_of(index) == "test" else "train"


def find_recording(root: Path, index: int) -> Recording | None:
    """The recording of a person that was begun in an earlier run, or None."""
    split = split_of(index)
    for folder in sorted((root / f"task04_{split}" / "labels").glob(f"{POSE}_*-{index}")):
        return Recording(root, split, index, folder.name.removeprefix(f"{POSE}_"))
    return None


def is_done(root: Path, index: int, options: Options) -> bool:
    """Whether a person's whole recording stands."""
    recording = find_recording(root, index)
    if recording is None or not all(recording.stands(options, frame) for frame in range(options.frames)):
        return False
    return all(_holds_something(recording.camera_path(view)) for view in range(1, options.cameras + 1))


def is_complete(root: Path, options: Options) -> bool:
    """Whether a set is finished and all of it still stands: its lists, and everybody's files."""
    lists = [root / MANIFEST, root / SAMPLE, root / SHEET, validation_path(root)]
    finished = finished_options(root) == options and all(map(_holds_something, lists))
    return finished and all(is_done(root, index, options) for index in range(options.people))


def generator(options: Options, *place: int) -> np.random.Generator:
    """The random numbers of one place in the set (a person, and within it a stage, a frame, a view), of no other's making."""
    return np.random.default_rng([options.seed, RECIPE, len(place), *place])  # to NumPy trailing zeros are nothing


def marker(options: Options) -> dict[str, object]:
    """What the marker file of a set says, beside whether it is finished."""
    return {"recipe": RECIPE, **asdict(options)}


def check_folder(root: Path, options: Options) -> None:
    """UserError where the folder holds a set that was made otherwise, or of more people, so that two kinds never mix."""
    path = root / MARKER
    if not path.exists():
        if any((root / f"task04_{split}").exists() for split in ("train", "test")):
            raise UserError(f"{root}: this folder holds a data set that was not made here; name another one by --out")
        return
    found = read_json(path, f"remove {root} to make the set again")
    wanted = marker(options)
    for key in ("recipe", "frames", "cameras", "seed"):
        if not isinstance(found, dict) or found.get(key) != wanted[key]:
            old = found.get(key) if isinstance(found, dict) else None
            raise UserError(
                f"{path}: this set was made with {key} {old}, not {wanted[key]}; remove {root} to make it again, or name "
                "another folder by --out"
            )
    begun = begun_options(root)
    if begun is not None and begun.people > options.people:
        raise UserError(
            f"{path}: this set was begun with {begun.people} people, more than {options.people}, and those beyond would stay "
            f"in it unlisted; write --people {begun.people} or more, remove {root} to make it again, or name another folder "
            "by --out"
        )


def write_marker(root: Path, options: Options, finished: bool) -> None:
    """Say what a set is made of, and whether all of it stands."""
    write_json(root / MARKER, marker(options) | {"finished": finished})


def finished_options(root: Path) -> Options | None:
    """What a set that is finished was made of; None of one that is not, or is of another recipe."""
    options = begun_options(root)
    finished = options is not None and read_json(root / MARKER).get("finished") is True
    return options if finished else None


def begun_options(root: Path) -> Options | None:
    """What a set that was begun here is made of, or None."""
    try:
        found = read_json(root / MARKER)
        if found["recipe"] != RECIPE:
            return None
        return Options(*(int(found[key]) for key in ("people", "frames", "cameras", "seed")))
    except (UserError, KeyError, TypeError, ValueError):
        return None
