"""How far the committed accuracy rows move with adaptive test-time augmentation: the same images and weights, both ways.

    python -m benchmarks.adaptive_rows [--rows synthetic zero-shot demo]

Each row is computed with all crops and with the adaptive ones: the released weights on the synthetic test images (those of the
frozen list that the set holds), the released weights on all images of each demo camera, and the pose branch, trained and tested
with the same crops, on one of the demo's rotations. Extraction and training are the project's own scripts; what is complete is
kept. Test images choose nothing here. The result is docs/results/adaptive_rows.json, with a table in docs/accuracy.md.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import frozen
from benchmarks.accuracy.rows import BEST, POSE, SYNTHETIC
from benchmarks.pages import ACCURACY_PAGE, insert_between
from benchmarks.record import made_by
from benchmarks.rotations import ROTATIONS
from modules import metrics
from modules.cache.store import open_cache
from modules.config.load import config_arguments, load_config
from modules.config.paths import DEFAULT_CONFIG, PROJECT_ROOT, project_path
from modules.console import run_script
from modules.evaluation.prediction import predict_world
from modules.files.atomic import read_json, write_json
from modules.files.layout import list_frames
from modules.inference.baselines import place_least_squares
from modules.runs import checkpoints
from modules.runs.choice import choose_run
from modules.runs.folders import best_checkpoint
from modules.utils import UserError

RESULT = PROJECT_ROOT / "docs" / "results" / "adaptive_rows.json"
WAYS = {"all crops": "true", "adaptive": "adaptive"}  # EXTRACT.test_time_augmentation
METRICS = ("world_mpjpe", "root", "root_relative_mpjpe")
LEAST_SQUARES = "least_squares"  # world MPJPE of the extractor alone
ROTATION, SEED = 4, 42  # of the trainings
Errors = dict[str, np.ndarray]  # one value per image, mm


def main() -> None:
    """Computes the rows, writes the JSON, and the table into the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", choices=ROWS, nargs="+", default=list(ROWS), help="default: all")
    parser.add_argument("--synthetic", default=SYNTHETIC, help="the folder of the synthetic set; default: %(default)s")
    parser.add_argument("--cameras", type=int, nargs="+", default=list(ROTATIONS), help="of the demo; default: all")
    arguments = parser.parse_args()
    rows: dict[str, Any] = read_json(RESULT) if RESULT.exists() else {}
    for name in arguments.rows:
        title, errors = ROWS[name](arguments)
        rows[name] = {"title": title, **made_by()}
        rows[name] |= summary(errors)
    rows = {name: rows[name] for name in ROWS if name in rows}
    write_json(RESULT, rows)
    table = format_table(rows)
    insert_between(ACCURACY_PAGE, "adaptive rows", table)
    print(table)


def synthetic_row(arguments: argparse.Namespace) -> tuple[str, dict[str, Errors]]:
    """Returns the title and the errors of the released weights on the synthetic test images."""
    people = frozen_part(project_path(arguments.synthetic))
    return (
        f"Synthetic, unseen people ({people} of 30), released weights",
        {way: released_errors([arguments.synthetic], way) for way in WAYS},
    )


def zero_shot_row(arguments: argparse.Namespace) -> tuple[str, dict[str, Errors]]:
    """Returns the title and the errors of the released weights on all images of these demo cameras."""
    roots = [f"data/demo/zero_shot_camera_{camera}" for camera in arguments.cameras]
    for root in roots:
        _run("-m", "data.prepare", "--set", f"DATA.root={root}")
    cameras = ", ".join(map(str, arguments.cameras))
    return f"Demo, zero-shot, cameras {cameras}, released weights", {way: released_errors(roots, way) for way in WAYS}


def trained_row(_: argparse.Namespace) -> tuple[str, dict[str, Errors]]:
    """Returns the title and the errors of the pose branch on one rotation of the demo."""
    return f"Demo, test camera {ROTATION} held out, pose only", {way: trained_errors(ROTATION, way) for way in WAYS}


ROWS = {"synthetic": synthetic_row, "zero-shot": zero_shot_row, "demo": trained_row}


def frozen_part(root: Path) -> int:
    """Returns how many people a set's test part holds.

    UserError if an image is not in the frozen list, or its person is at another place.
    """
    table, frames = frozen.read_list().set_index("file_name"), list_frames(root, "test")
    for frame in frames:
        listed = frame.file_name in table.index
        place = table.loc[frame.file_name, frozen.PLACES].to_numpy(float) if listed else np.array(np.nan)
        if not np.abs(np.array(frozen.place_of(frame)) - place).max() <= frozen.TOLERANCE:
            raise UserError(f"{frame.image_path}: this is no image of {frozen.list_path()}; make the set again")
    return len({frame.person for frame in frames})


def released_errors(roots: Sequence[str], way: str) -> Errors:
    """Returns the errors of the released weights, and of the extractor alone, on all test images of some data sets."""
    found = []
    for root in roots:
        assignments = [f"DATA.root={root}", f"EXTRACT.test_time_augmentation={WAYS[way]}"]
        options = config_arguments(BEST, assignments)
        _run("extract_train_info.py", "--split", "test", "--joint-features", "heavy", *options)
        found.append(test_errors(BEST, assignments, checkpoints.RELEASED))
    return {name: np.concatenate([errors[name] for errors in found]) for name in found[0]}


def trained_errors(camera: int, way: str) -> Errors:
    """Returns the errors of the pose branch, and of the extractor alone, on the test images of one demo rotation."""
    folder = f"results/adaptive_rows/camera_{camera}_{WAYS[way]}"
    assignments = [
        f"DATA.root=data/demo/test_camera_{camera}", f"EXTRACT.test_time_augmentation={WAYS[way]}", POSE,
        f"SEED.random_seed={SEED}", f"RESULTS.root={folder}",
    ]  # fmt: skip
    options = config_arguments(DEFAULT_CONFIG, assignments)
    for script in (["-m", "data.prepare"], ["extract_train_info.py"], ["train.py", "--reuse"]):
        _run(*script, *options)
    run, _ = choose_run(load_config(project_path(DEFAULT_CONFIG), assignments), None, options)
    return test_errors(DEFAULT_CONFIG, assignments, best_checkpoint(run))


def test_errors(config_file: str, assignments: list[str], path: Path) -> Errors:
    """Returns each test image's METRICS of a checkpoint, and LEAST_SQUARES, which is NaN where nobody was found."""
    config = load_config(project_path(config_file), assignments)
    rows, _ = open_cache(config, "test", list_frames(config.data_root, "test"))
    truth, found = rows["joints_world_mm"], rows["found"].astype(bool)
    world = predict_world(config, checkpoints.load_checkpoint(path), path, rows)
    each = [metrics.evaluate(world[i : i + 1], truth[i : i + 1]) for i in range(len(rows))]
    placed = np.full(len(rows), np.nan)
    placed[found] = metrics.joint_errors(place_least_squares(rows.take(found).columns), truth[found]).mean(-1)
    return {**{name: np.array([one[name] for one in each]) for name in METRICS}, LEAST_SQUARES: placed}


def summary(errors: dict[str, Errors]) -> dict[str, Any]:
    """Returns each way's mean errors, and the mean difference of world errors with its standard error, mm."""
    difference = errors["adaptive"]["world_mpjpe"] - errors["all crops"]["world_mpjpe"]
    means = {
        way: {name: round(float(np.nanmean(values)), 2) for name, values in of.items()}
        | {"not_found": int(np.isnan(of[LEAST_SQUARES]).sum())}
        for way, of in errors.items()
    }
    return {
        "images": len(difference), **means, "difference_mm": round(float(difference.mean()), 2),
        "standard_error_mm": round(float(difference.std() / np.sqrt(len(difference))), 2),
    }  # fmt: skip


def format_table(rows: dict[str, Any]) -> str:
    """Formats both ways of every row side by side (Markdown)."""
    lines = [
        "| world MPJPE (root, root-relative), mm | images | all crops | adaptive | difference | "
        "extractor, least squares: all crops | adaptive |",
        "| --- |" + " --- |" * 6,
    ]
    for row in rows.values():
        cells = ["{:.1f} ({:.1f}, {:.1f})".format(*(row[way][metric] for metric in METRICS)) for way in WAYS]
        cells.append(f"{row['difference_mm']:+.1f} ± {row['standard_error_mm']:.1f}")
        cells += [f"{row[way][LEAST_SQUARES]:.1f}" for way in WAYS]
        lines.append(f"| {row['title']} | {row['images']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _run(*command: str) -> None:
    subprocess.run([sys.executable, *command], cwd=PROJECT_ROOT, check=True, stdout=sys.stderr)


if __name__ == "__main__":
    run_script(main)
