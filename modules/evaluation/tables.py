"""Computes the metrics of every method, and formats them as Markdown and CSV."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np

from modules import metrics
from modules.cache.table import Rows
from modules.evaluation.task import Task
from modules.files.atomic import write_text

COLUMNS = {
    "world_mpjpe": "world", "root": "root", "root_relative_mpjpe": "root-rel.", "pa_mpjpe": "PA", "pck150": "PCK@150",
    "auc": "AUC", "competition_mse": "MSE mm²",
}  # fmt: skip


def report(rows: Rows, methods: dict[str, np.ndarray]) -> dict[str, Any]:
    """Returns every metric of every method: overall, per joint and per camera."""
    reference = rows["joints_world_mm"]
    cameras = {str(name): rows["camera"] == name for name in sorted(set(rows["camera"]))}
    return {
        name: {
            "overall": metrics.evaluate(joints, reference),
            "per_joint": metrics.per_joint(joints, reference),
            "per_camera": {camera: metrics.evaluate(joints[at], reference[at]) for camera, at in cameras.items()},
        }
        for name, joints in methods.items()
    }


def format_table(results: dict[str, Any]) -> str:
    """Returns the overall metrics as a Markdown table, in mm unless stated."""
    lines = ["| mm | " + " | ".join(COLUMNS.values()) + " |", "| --- |" + " --- |" * len(COLUMNS)]
    for method, result in results.items():
        cells = (_cell(name, result["overall"][name]) for name in COLUMNS)
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(metric: str, value: float) -> str:
    decimals = {"pck150": 3, "auc": 3, "competition_mse": 0}.get(metric, 1)
    return f"{value:.{decimals}f}"


def format_breakdown(results: dict[str, Any], part: str) -> str:
    """Returns the world error of every method per joint or per camera as a Markdown table."""
    keys = list(next(iter(results.values()))[part])
    lines = [
        f"| world, mm: {part.replace('_', ' ')} | " + " | ".join(results) + " |",
        "| --- |" + " --- |" * len(results),
    ]
    for key in keys:
        cells = (f"{result[part][key]['world_mpjpe']:.1f}" for result in results.values())
        lines.append(f"| {key} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def write_per_image(path: Path, task: Task, methods: dict[str, np.ndarray]) -> None:
    """Writes one CSV row per image: whether a person was found, and each method's world error."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file_name", "found", "score", *(f"world_mpjpe_mm: {name}" for name in methods)])
    reference = task.rows["joints_world_mm"]
    errors = [metrics.joint_errors(joints, reference).mean(1) for joints in methods.values()]
    for index, name in enumerate(task.names):
        cells = [f"{error[index]:.2f}" for error in errors]
        writer.writerow([name, bool(task.rows["found"][index]), f"{task.rows['score'][index]:.4f}", *cells])
    write_text(path, text.getvalue())
