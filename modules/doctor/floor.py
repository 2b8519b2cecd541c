"""Notes the up and the floor that are measured where camera files declare none, and draws feet over the floor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from modules.config.schema import Config
from modules.doctor.files import Files, Report
from modules.doctor.floor_plot import FeetOverFloor, draw_feet
from modules.doctor.world import Unreliable
from modules.files.cameras import camera_from_numbers
from modules.files.layout import Frame
from modules.floor.assignment import assign_worlds
from modules.floor.people import Recording, is_standing, lowest_feet, usable
from modules.floor.recordings import read_recordings, recordings_of_files
from modules.floor.report import summarise
from modules.floor.worlds import World, declared_worlds, measure_worlds
from modules.pose_utils import Camera
from modules.utils import UserError

NOT_BY_VIEWS = "extraction measures it in several views of a moment, if there are any"


@dataclass(frozen=True)
class _Readable:
    """The frames whose camera is possible and whose label axes are right, and their cameras."""

    frames: list[Frame]
    cameras: Mapping[Path, Camera]


def check_floor(config: Config, split: str, files: Files, unreliable: Unreliable, report: Report) -> None:
    """Adds the measured worlds to the notes, and draws the people's feet over the measured or declared floor.

    The worlds of the test part are those of the training part; its own labels are only drawn.
    """
    readable = _readable(files, unreliable)
    people = recordings_of_files(readable.frames, readable.cameras, {} if unreliable.labels else files.labels)
    known = measure_worlds(people, "labels") if split == "train" else _given(config, people)
    report.notes += [f"measured where camera files declare no floor: {line}" for line in summarise(known)]
    if config.DATA.floor != "auto" and known:
        report.notes.append(f"DATA.floor is {config.DATA.floor}, so that measured floors are not used")
    feet = _feet(people, [*known, *declared_worlds([one for one in people if one.is_declared])])
    if feet:
        report.floor_plot = config.results_root / "check" / f"{split}_floor.png"
        without = len(people) - len(feet)
        draw_feet(
            report.floor_plot,
            feet,
            f"{split}: feet over the floor" + (f" ({without} recordings without)" * bool(without)),
        )


def _readable(files: Files, unreliable: Unreliable) -> _Readable:
    cameras = {}
    for path, numbers in files.cameras.items():
        try:
            cameras[path] = camera_from_numbers(path, numbers)
        except UserError:
            continue  # reported by read_files
    frames = [
        frame for frame in files.frames if frame.camera_path in cameras and frame.camera not in unreliable.cameras
    ]
    return _Readable(frames, cameras)


def _given(config: Config, people: Sequence[Recording]) -> list[World]:
    """Returns the worlds that the training part gives to test recordings."""
    try:
        training = read_recordings(config.data_root, "train")
    except UserError:  # there is none, or the doctor reports it when it checks the training part
        training = []
    nobody = [replace(one, joints_world=np.zeros((0, 24, 3))) for one in people]
    worlds = assign_worlds(nobody, training, measure_worlds(training, "labels"))
    return [replace(world, refusal=NOT_BY_VIEWS) if world.floor_mm is None else world for world in worlds]


def _feet(people: Sequence[Recording], worlds: Sequence[World]) -> list[FeetOverFloor]:
    """Returns the lowest foot joints of each recording that has a floor and people, over that floor."""
    own = {name: world for world in worlds for name in world.recordings}
    feet = []
    for one in people:
        joints, world = usable(one.joints_world), own.get(one.name)
        if len(joints) and world is not None and world.up is not None and world.floor_mm is not None:
            up = np.array(world.up)
            heights = lowest_feet(joints, up) @ up - world.floor_mm
            feet.append(FeetOverFloor(one.name, heights, is_standing(joints, up), world.is_declared))
    return feet
