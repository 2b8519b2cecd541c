"""Draws the overlays and the 3D plot of a test."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from modules import vis
from modules.cache.table import camera_of
from modules.evaluation.task import Task
from modules.files.images import read_image

OVERLAYS, PLOTS = 8, 4  # largest number of images that are drawn as overlays, and in 3D


def draw(folder: Path, task: Task, predicted: np.ndarray) -> None:
    """Writes overlays of evenly spaced images into `folder`, and one 3D plot of some of them."""
    labelled = task.rows["labelled"].astype(bool)
    count = min(OVERLAYS, len(task.names))
    chosen = np.unique(np.linspace(0, len(task.names) - 1, count).round().astype(int)) if count else np.array([], int)
    for index in chosen:
        frame = task.frames[index]
        camera = camera_of(task.rows, index)
        reference = task.rows["joints_world_mm"][index] if labelled[index] else None
        image = read_image(frame.image_path, camera.image_size)
        picture = vis.overlay(image, camera, predicted[index], reference, frame.file_name)
        vis.write_image(folder / "overlays" / f"{Path(frame.file_name).stem}.jpg", picture)
    shown = chosen[:: max(1, len(chosen) // PLOTS)][:PLOTS]
    if len(shown):
        references = task.rows["joints_world_mm"][shown] if labelled[shown].all() else None
        up = vis.up_to_draw(task.rows["world_up"][shown[0]], task.rows["R"])
        titles = [task.names[index] for index in shown]
        vis.plot_world(folder / "world.png", predicted[shown], references, up, titles)
