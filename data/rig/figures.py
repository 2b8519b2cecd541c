"""The pictures of the quality page: labels on images, residuals, limbs over time, and the costs of shifts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import numpy as np
from matplotlib import pyplot as plt

from data.rig.quality import joint_residuals_px
from data.rig.recording_labels import LabelledPerson, LabelledRecording
from data.rig.selection import limb_lengths
from model.skeleton import JOINT_NAMES
from modules.extractors.blazepose.landmarks import LANDMARKS_TO_SMPL24
from modules.pose_utils import project_to_image
from modules.recorders import save_figure
from modules.vis import COMPARISON_LEGEND, comparison_tile, contact_sheet, write_image

MOST_TILES, COLUMNS = 8, 4


def draw_labels(path: Path, done: LabelledRecording, person: LabelledPerson) -> None:
    """Draws labels of some kept moments on images of all cameras in turn, beside what the extractor sees there."""
    tiles, count = [], len(done.cameras)
    for number, moment in enumerate(_spread(np.flatnonzero(person.kept), MOST_TILES)):
        turns = [(number + step) % count for step in range(count)]
        camera = next((turn for turn in turns if _place(done, person, turn, moment) is not None), None)
        if camera is not None:
            tiles.append(_tile(done, person, moment, camera))
    if tiles:
        write_image(path, contact_sheet(tiles, COLUMNS, COMPARISON_LEGEND), 90)


def _spread(values: np.ndarray, count: int) -> list[int]:
    """Returns `count` of the values, evenly spread; all if there are fewer."""
    if len(values) <= count:
        return [int(value) for value in values]
    return [int(values[place]) for place in np.linspace(0, len(values) - 1, count).round().astype(int)]


def _place(done: LabelledRecording, person: LabelledPerson, camera: int, moment: int) -> tuple[int, int] | None:
    """Returns a camera's frame of a moment and the person's place in it; None if it shows neither."""
    frame = int(done.moments.frames[camera, moment])
    place = int(person.track.places[camera][frame]) if frame >= 0 else -1
    return None if place < 0 else (frame, place)


def _tile(done: LabelledRecording, person: LabelledPerson, moment: int, camera: int) -> np.ndarray:
    found = _place(done, person, camera, moment)
    assert found is not None
    frame, place = found
    image = next(iter(done.recording.views[camera].read([frame])))
    seen = LANDMARKS_TO_SMPL24 @ done.people2d[camera].points_px[frame, place]
    label = project_to_image(person.labels.joints_world[moment], done.cameras[camera])
    role = ", test" if camera == done.test_camera else ""
    return comparison_tile(
        np.ascontiguousarray(image), seen, label, f"{done.recording.names[camera]}{role}, moment {moment}"
    )


def plot_residuals(path: Path, done: LabelledRecording, person: LabelledPerson) -> None:
    """Plots the median reprojection error of each camera and joint."""
    table = joint_residuals_px(done, person)
    figure, axes = plt.subplots(figsize=(11, 0.9 + 0.45 * len(table)), layout="constrained")
    image = axes.imshow(table, aspect="auto", cmap="viridis", vmin=0)
    axes.set_yticks(
        range(len(table)),
        [name + (" (test)" if i == done.test_camera else "") for i, name in enumerate(done.recording.names)],
    )
    axes.set_xticks(range(len(JOINT_NAMES)), JOINT_NAMES, rotation=60, ha="right", fontsize=8)
    for (row, column), value in np.ndenumerate(table):
        if np.isfinite(value):
            colour = "black" if value > 0.6 * np.nanmax(table) else "white"
            axes.text(column, row, f"{value:.0f}", ha="center", va="center", fontsize=7, color=colour)
    figure.colorbar(image, ax=axes, label="median residual, px")
    save_figure(figure, path)


def plot_limbs(path: Path, done: LabelledRecording, person: LabelledPerson) -> None:
    """Plots limb lengths and the pelvis's uncertainty over time; thrown moments are grey, and those without a label missing."""
    times = done.moments.times_s
    thrown = np.any(list(person.thrown.values()), axis=0)
    shown = person.kept | thrown
    figure, (above, below) = plt.subplots(
        2, 1, figsize=(10, 5), sharex=True, layout="constrained", height_ratios=[2, 1]
    )
    for name, lengths in limb_lengths(person.labels.joints_world).items():
        above.plot(times[shown], lengths[shown], "--" if name.startswith("right") else "-", linewidth=1, label=name)
    known = [lengths[person.kept] for lengths in limb_lengths(person.labels.joints_world).values() if person.kept.any()]
    if known:
        above.set_ylim(0.5 * min(np.median(v) for v in known), 1.4 * max(np.median(v) for v in known))
    above.set_ylabel("limb length, mm")
    above.legend(ncols=4, fontsize=7, loc="upper right")
    sd_mm = np.full(len(times), np.nan)
    sd_mm[person.kept] = np.median(person.labels.joints_sd_mm[person.kept], axis=1)
    below.plot(times[shown], sd_mm[shown])
    below.set_ylabel("joints' SD, mm")
    below.set_xlabel("time, s")
    for axes in (above, below):
        for moment in np.flatnonzero(thrown):
            axes.axvspan(
                times[moment] - 0.5 / done.moments.per_second,
                times[moment] + 0.5 / done.moments.per_second,
                color="0.85",
                lw=0,
            )
    save_figure(figure, path)


def plot_shifts(path: Path, done: LabelledRecording) -> None:
    """Plots the cost of each camera's shifts, and the one that is used."""
    clock = done.moments.clock
    assert clock.estimate is not None
    figure, axes = plt.subplots(figsize=(8, 3.2), layout="constrained")
    names: Sequence[str] = done.recording.names
    for index, (name, cost) in enumerate(zip(names, clock.estimate.costs, strict=True)):
        (line,) = axes.plot(clock.estimate.lags / clock.rate, cost, label=name)
        axes.axvline(clock.shifts_s[index], color=line.get_color(), linestyle=":", linewidth=1)
    axes.set_xlabel(f"shift against {names[0]}, s")
    axes.set_ylabel("epipolar cost (1: fits nowhere)")
    axes.legend(fontsize=8)
    save_figure(figure, path)
