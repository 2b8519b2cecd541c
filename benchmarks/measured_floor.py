"""What a measured floor costs against a declared one: released weights on synthetic people, the default config on the demo.

    python -m benchmarks.measured_floor [--demo-camera 4] [--run pre_models/posenet/posenet.safetensors]
    python -m benchmarks.measured_floor --released-on-demo

Synthetic: the test images are predicted with their declared floors, with those that their views show (each recording has a
world of its own, so no training world helps), with up alone, and with neither. Demo: a copy of one rotation whose camera files
declare nothing is extracted, trained and tested by the project's own scripts, beside the rotation as it is. With
--released-on-demo nothing is trained: the released weights predict the test images of all rotations, with declared and with
measured floors.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.rotations import ROTATIONS
from data.synthetic.generate import DEFAULT_OUT
from modules import metrics
from modules.cache import worlds
from modules.cache.store import cache_folder, open_cache
from modules.cache.table import Rows
from modules.config.load import load_config
from modules.config.paths import PROJECT_ROOT
from modules.config.schema import Config
from modules.console import run_script
from modules.evaluation.prediction import predict_world
from modules.files.atomic import read_json, write_json
from modules.files.layout import list_frames
from modules.inference.baselines import place_least_squares
from modules.runs.checkpoints import RELEASED, load_checkpoint

RESULTS = Path("results/measured_floor")
Scores = tuple[float, float]  # world MPJPE and root error, mm


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demo-camera", type=int, choices=(1, 2, 3, 4), default=4, help="default: %(default)s")
    parser.add_argument(
        "--run", type=Path, default=RELEASED, help="weights for the synthetic people; default: released"
    )
    parser.add_argument("--released-on-demo", action="store_true", help="only the released weights on the demo")
    arguments = parser.parse_args()
    if arguments.released_on_demo:
        titles = [f"test camera {camera}" for camera in ROTATIONS]
        print(f"| world MPJPE (root), mm | {' | '.join(titles)} | mean |\n| --- |{' --- |' * (len(titles) + 1)}")
        for name, scores in released_scores().items():
            print(f"| floor: {name} | {' | '.join(map(_cell, [*scores, np.mean(scores, 0)]))} |")
        return
    print("| world MPJPE (root), mm | synthetic, 30 people |\n| --- | --- |", flush=True)
    for name, cell in synthetic_cells(arguments.run).items():
        print(f"| {name} | {cell} |", flush=True)
    print(f"\n| world MPJPE (root), mm | demo, test camera {arguments.demo_camera} |\n| --- | --- |", flush=True)
    for name, cell in demo_cells(arguments.demo_camera).items():
        print(f"| {name} | {cell} |", flush=True)


def synthetic_cells(run: Path) -> dict[str, str]:
    """Returns the errors of the released weights on the synthetic test images by what is known of the floor."""
    config = load_config(PROJECT_ROOT / "config/best.yml", [f"DATA.root={DEFAULT_OUT}"])
    rows, _ = open_cache(config, "test", list_frames(config.data_root, "test"))
    checkpoint, truth = load_checkpoint(run), rows["joints_world_mm"]
    found = rows["found"].astype(bool)
    cells = {"extractor, least squares": _cell(_scores(place_least_squares(rows.take(found).columns), truth[found]))}
    for name, variant in floors_of(config, rows).items():
        known = np.isfinite(variant["floor_height_mm"]).mean()
        world = predict_world(config, checkpoint, run, variant)
        cells[f"{name} (floor in {known:.0%} of the images)"] = _cell(_scores(world, truth))
    return cells


def floors_of(config: Config, rows: Rows) -> dict[str, Rows]:
    """Returns the test rows with declared floors, with measured ones, with up alone, and with neither."""
    nothing = np.full_like(rows["floor_height_mm"], np.nan)
    up_alone = Rows({**rows.columns, "floor_height_mm": nothing}, rows.crop_files)
    neither = Rows({**up_alone.columns, "world_up": np.full_like(rows["world_up"], np.nan)}, rows.crop_files)
    unlabelled = neither.without_truth()
    manifest = worlds.measured(config, "test", unlabelled)
    measured = worlds.complete_rows(config, "test", neither, manifest, cache_folder(config, "test"))
    return {"floor: declared": rows, "floor: measured": measured, "up alone": up_alone, "neither": neither}


def demo_cells(camera: int) -> dict[str, str]:
    """Returns the test errors of the default config on one rotation, with declared and with measured floors."""
    original = PROJECT_ROOT / f"data/demo/test_camera_{camera}"
    bare = PROJECT_ROOT / f"data/demo/bare_camera_{camera}"
    _run("-m", "data.prepare", "--set", f"DATA.root={original}")
    copy_without_floor(original, bare)
    cells = {}
    for name, root in (("declared", original), ("measured", bare)):
        methods = _tested(root, RESULTS / f"{name}_{camera}", ["train.py", "--reuse"], ["test.py", "--reuse"])
        for method in ("extractor, least squares", "extractor, lowest foot on the floor", "PoseNet"):
            cells[f"floor: {name}; {method}"] = _cell(methods[method])
    return cells


def released_scores() -> dict[str, list[Scores]]:
    """Returns the test errors of the released weights on each rotation of the demo, with declared and with measured floors."""
    scores: dict[str, list[Scores]] = {"declared": [], "measured": []}
    for camera in ROTATIONS:
        original, bare = (PROJECT_ROOT / f"data/demo/{kind}_camera_{camera}" for kind in ("test", "bare"))
        _run("-m", "data.prepare", "--set", f"DATA.root={original}")
        copy_without_floor(original, bare)
        for name, root in (("declared", original), ("measured", bare)):
            methods = _tested(root, RESULTS / f"released_{name}_{camera}", ["test.py", "--run", "released"])
            scores[name].append(methods["PoseNet"])
    return scores


def _tested(root: Path, results: Path, *scripts: list[str]) -> dict[str, Scores]:
    """Extracts a data set and runs the scripts on it; returns the test errors of every method."""
    options = ["--set", f"DATA.root={root}", "--set", f"RESULTS.root={results}"]
    options += ["--set", f"TEST.output={results}/submission.json"]
    for script in (["extract_train_info.py"], *scripts):
        _run(*script, *options)
    (path,) = (PROJECT_ROOT / results).glob("test/*/metrics.json")
    methods = read_json(path)["methods"]
    return {name: (one["overall"]["world_mpjpe"], one["overall"]["root"]) for name, one in methods.items()}


def copy_without_floor(original: Path, bare: Path) -> None:
    """Copies a data set without its cache; its images are linked, and its camera files declare neither up nor floor."""
    shutil.copytree(
        original, bare, ignore=shutil.ignore_patterns("cache"), copy_function=_link_or_copy, dirs_exist_ok=True
    )
    for path in bare.glob("task04_*/camera/*.json"):
        fields = read_json(original / path.relative_to(bare))
        write_json(path, {name: fields[name] for name in fields if name not in ("world_up", "floor_height_mm")})


def _link_or_copy(source: str, target: str) -> None:
    if Path(source).parent.parent.name == "images":
        if not Path(target).exists():
            os.link(source, target)
    else:
        shutil.copy2(source, target)


def _scores(predicted: np.ndarray, truth: np.ndarray) -> Scores:
    return metrics.world_mpjpe(predicted, truth), metrics.root_error(predicted, truth)


def _cell(scores: Sequence[float] | np.ndarray) -> str:
    world, root = scores
    return f"{world:.1f} ({root:.1f})"


def _run(*command: str) -> None:
    subprocess.run([sys.executable, *command], cwd=PROJECT_ROOT, check=True, stdout=sys.stderr)


if __name__ == "__main__":
    run_script(main)
