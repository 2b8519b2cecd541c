"""Measured floors against declared ones: on the demo and the synthetic set, from labels and from triangulated views.

    python -m benchmarks.floor [--synthetic data/synthetic/set] [--demo data/demo]

The camera files' world_up and floor_height_mm are hidden from the measurement and compared with it afterwards. The floors
of the synthetic set are exact. Those of the demo are fitted to the triangulated heels and toes of its labels, which are
not the joints of the synthetic people, so that its differences have a constant part. Views are the cached 2D joints of
the test part (of a complete cache), triangulated; no label is used. Also printed: how high the lowest foot joint of
people is over the floor, and how far the people's direction is from up in samples of few recordings.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from modules.cache.store import cache_folder, read_manifest, read_rows
from modules.config.schema import Config
from modules.console import run_script
from modules.floor.assignment import VIEWED_SOLE_MM, VIEWS, assign_worlds
from modules.floor.people import Recording
from modules.floor.recordings import read_recordings, recordings_of_views
from modules.floor.up import angle_deg, people_direction
from modules.floor.worlds import SOLE_MM, World, measure_worlds

SAMPLES = 200  # of each number of recordings
ROTATIONS = (1, 2, 3, 4)


@dataclass(frozen=True)
class Truth:
    """What the camera files of a recording declare."""

    up: np.ndarray
    floor_mm: float


def hidden(recordings: Sequence[Recording]) -> list[Recording]:
    """Returns the recordings with cameras that declare nothing."""
    return [
        replace(one, cameras=[replace(camera, world_up=None, floor_height_mm=None) for camera in one.cameras])
        for one in recordings
    ]


def truths(recordings: Sequence[Recording]) -> dict[str, Truth]:
    """Returns what the recordings declare."""
    found = {}
    for one in recordings:
        up, floor = one.cameras[0].world_up, one.cameras[0].floor_height_mm
        if up is None or floor is None:
            raise ValueError(f"{one.name}: this benchmark needs camera files that declare world_up and floor_height_mm")
        found[one.name] = Truth(up, floor)
    return found


def read_viewed(root: Path) -> list[Recording] | None:
    """Reads the recordings of the test part with the people in their views; None without a complete cache."""
    config = Config.model_validate({"DATA": {"root": str(root)}})
    folder = cache_folder(config, "test")
    manifest = read_manifest(folder)
    if manifest is None:
        return None
    return recordings_of_views(read_rows(folder, manifest["parts"]).columns)


def differences(worlds: Sequence[World], truth: dict[str, Truth]) -> tuple[np.ndarray, np.ndarray, int]:
    """Returns floor differences in mm, the turn of up in degrees, and how many recordings have no floor."""
    floors, turns, refused = [], [], 0
    for world in worlds:
        for name in world.recordings:
            if world.up is not None:
                turns.append(angle_deg(np.array(world.up), truth[name].up))
            if world.floor_mm is None:
                refused += 1
            else:
                floors.append(world.floor_mm - truth[name].floor_mm)
    return np.array(floors), np.array(turns), refused


def row(what: str, worlds: Sequence[World], truth: dict[str, Truth]) -> str:
    """Returns one row of the table."""
    floors, turns, refused = differences(worlds, truth)
    up = f"{turns.max():.1f}" if len(turns) else "none"
    if not len(floors):
        return f"| {what} | {len(truth)} | {refused} | | | | | {up} |"
    size = np.abs(floors)
    stated = np.median([world.floor_error_mm for world in worlds if world.floor_error_mm is not None])
    return (
        f"| {what} | {len(truth)} | {refused} | {np.median(floors):+.0f} | {np.median(size):.0f} | "
        f"{np.percentile(size, 90):.0f} | {stated:.0f} | {up} |"
    )


def demo_rows(root: Path) -> list[str]:
    """Returns the rows of the demo's rotations: from the labels, and as its test camera is given them."""
    rows = []
    for number in ROTATIONS:
        folder = root / f"test_camera_{number}"
        if not folder.is_dir():
            continue
        training, test = read_recordings(folder, "train"), read_recordings(folder, "test")
        nobody = [replace(one, joints_world=np.zeros((0, 24, 3))) for one in hidden(test)]
        known = measure_worlds(hidden(training), "labels")
        rows.append(row(f"demo, test camera {number}, training labels", known, truths(training)))
        assigned = assign_worlds(nobody, hidden(training), known)
        rows.append(row(f"demo, test camera {number}, the test part", assigned, truths(test)))
    return rows


def synthetic_rows(root: Path) -> list[str]:
    """Returns the rows of the synthetic set."""
    training, test, viewed = read_recordings(root, "train"), read_recordings(root, "test"), read_viewed(root)
    known = measure_worlds(hidden(training), "labels")
    rows = [
        row("synthetic, training labels", known, truths(training)),
        row("synthetic, labels of the test part", measure_worlds(hidden(test), "labels"), truths(test)),
    ]
    if viewed is not None:
        views = measure_worlds(hidden(viewed), VIEWS, VIEWED_SOLE_MM)
        rows.append(row("synthetic, views of the test part", views, truths(test)))
        rows.append(
            row("synthetic, the test part", assign_worlds(hidden(viewed), hidden(training), known), truths(test))
        )
    return rows


def sole_line(what: str, recordings: Sequence[Recording]) -> str:
    """Returns the height of the lowest foot joint over the declared floor: median, 5th and 95th percentile, deviation."""
    heights, _, _ = differences(measure_worlds(hidden(recordings), what, sole_mm=0), truths(recordings))
    low, middle, high = np.percentile(heights, [5, 50, 95])
    return f"sole, {what}: {middle:.1f} mm (5 to 95 %: {low:.0f} to {high:.0f}), standard deviation {heights.std():.1f}"


def direction_line(recordings: Sequence[Recording], count: int) -> str:
    """Returns how far the people's direction is from up in samples of `count` recordings."""
    rng, angles = np.random.default_rng(0), []
    up = truths(recordings)[recordings[0].name].up
    for _ in range(SAMPLES):
        chosen = rng.choice(len(recordings), count, replace=False)
        found = people_direction(np.concatenate([recordings[index].joints_world for index in chosen]))
        if not isinstance(found, str) and found @ up > 0.5:
            angles.append(angle_deg(found, up))
    middle, high = np.percentile(angles, [50, 95])
    return (
        f"people's direction, {count} recordings: {middle:.1f} degrees from up, 95 % within {high:.1f} ({len(angles)} "
        f"of {SAMPLES} samples have one)"
    )


def main() -> None:
    """Prints the table and the constants that the measurement uses."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demo", metavar="FOLDER", type=Path, default=Path("data/demo"))
    parser.add_argument("--synthetic", metavar="FOLDER", type=Path, default=Path("data/synthetic/set"))
    arguments = parser.parse_args()
    print("| | recordings | without a floor | floor, median mm | size, median | 90 % | stated error | up, degrees |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for line in demo_rows(arguments.demo):
        print(line)
    if not arguments.synthetic.is_dir():
        return
    for line in synthetic_rows(arguments.synthetic):
        print(line)
    training, viewed = read_recordings(arguments.synthetic, "train"), read_viewed(arguments.synthetic)
    print(f"\nconstants: {SOLE_MM:g} mm (labels), {VIEWED_SOLE_MM:g} mm (views)")
    print(sole_line("labels", training))
    if viewed is not None:
        print(sole_line("views", viewed))
    for count in (1, 3, 5, 10, 30, 100):
        if count <= len(training):
            print(direction_line(training, count))


if __name__ == "__main__":
    run_script(main)
