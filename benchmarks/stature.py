"""What a person's unknown stature costs, and whether the images of one person show it together.

    python -m benchmarks.stature

The released weights predict the validation people of data/synthetic/many, whom they were selected on and not trained on, with
the declared floor and with none. The error of the log distance of each image is split into the mean of its person, which an
unknown stature causes, and the rest. Four changes along each image's line of sight are scored: the predicted skeleton's size,
moved a quarter or half of the way to the median of the same person's images, which needs no label, and the exact correction
of either part, which shows what it costs. The result is docs/results/stature.json; its table is written into docs/accuracy.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import record
from benchmarks.accuracy.rows import BEST
from benchmarks.accuracy.scores import bone_lengths
from benchmarks.pages import ACCURACY_PAGE, insert_between
from model.skeleton import ROOT
from modules import metrics
from modules.cache.splits import split_rows
from modules.cache.store import open_cache
from modules.cache.table import Rows
from modules.config.load import load_config
from modules.config.paths import PROJECT_ROOT, project_path
from modules.console import run_script
from modules.evaluation.prediction import predict_rows
from modules.files.atomic import write_json
from modules.files.layout import list_frames
from modules.runs.checkpoints import RELEASED, load_checkpoint

RESULT = PROJECT_ROOT / "docs" / "results" / "stature.json"
SHARES = (0.25, 0.5)  # of the way to the person's median size
FLOORS = ("declared", "none")


def main() -> None:
    """Measures, and writes the result and its table."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    result: dict[str, Any] = {"command": "python -m benchmarks.stature", **record.made_by(), "floors": {}}
    for floor in FLOORS:
        config = load_config(project_path(BEST), [f"DATA.floor={floor}"])
        rows, _ = open_cache(config, "train", list_frames(config.data_root, "train"))
        _, validation = split_rows(rows, config)
        validation = validation.take(validation["found"].astype(bool))
        predicted = predict_rows(config, load_checkpoint(RELEASED), RELEASED, validation).world
        result["floors"][floor] = measure(predicted, validation)
        result |= {"images": len(validation), "people": len(set(validation["person"]))}
    write_json(RESULT, result)
    insert_between(ACCURACY_PAGE, "stature", format_table(result))
    print(format_table(result))


def measure(predicted: np.ndarray, rows: Rows) -> dict[str, Any]:
    """Returns the errors of a prediction (B, 24, 3) in world mm and of its changes, and the spread of its log distances."""
    truth = rows["joints_world_mm"]
    centres = -np.einsum("bji,bj->bi", rows["R"], rows["t"])
    error = log_distance(predicted, centres) - log_distance(truth, centres)
    of_person = person_mean(error, rows["person"])
    size = log_size(predicted)
    to_median = person_median(size, rows["person"]) - size
    changes = {"as predicted": 0 * error}
    changes |= {f"{share:.0%} of the way to the person's median size": share * to_median for share in SHARES}
    changes |= {
        "**true** correction within each person": of_person - error,
        "**true** correction of each person": -of_person,
    }
    return {
        "log_sd": {"person": round(float(of_person.std()), 4), "within": round(float((error - of_person).std()), 4)},
        "true_size_log_sd": round(float(log_size(truth).std()), 4),
        "changes": {name: scores(along_sight(predicted, centres, change), truth) for name, change in changes.items()},
    }  # fmt: skip


def scores(predicted: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Returns the world error and the root's, mm."""
    found = metrics.evaluate(predicted, truth)
    return {name: round(float(found[name]), 2) for name in ("world_mpjpe", "root")}


def along_sight(joints: np.ndarray, centres: np.ndarray, log_ratio: np.ndarray) -> np.ndarray:
    """Scales joints (B, 24, 3) about the camera centres (B, 3) by exp(log_ratio (B,)); pixels stay the same."""
    ratio = np.exp(log_ratio)[:, None, None]
    return np.asarray(centres[:, None] + (joints - centres[:, None]) * ratio)


def log_distance(joints: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Returns the log of the root's distance from the camera centre (B,)."""
    return np.asarray(np.log(np.linalg.norm(joints[:, ROOT] - centres, axis=-1)))


def log_size(joints: np.ndarray) -> np.ndarray:
    """Returns the log of the sum of all bones' lengths (B,)."""
    return np.asarray(np.log(bone_lengths(joints).sum(1)))


def _by_person(values: np.ndarray, person: np.ndarray, of: Callable[[np.ndarray], Any]) -> np.ndarray:
    out = np.empty_like(values)
    for name in np.unique(person):
        out[person == name] = of(values[person == name])
    return out


def person_mean(values: np.ndarray, person: np.ndarray) -> np.ndarray:
    """Returns each value's mean over the images of its person (B,)."""
    return _by_person(values, person, np.mean)


def person_median(values: np.ndarray, person: np.ndarray) -> np.ndarray:
    """Returns each value's median over the images of its person (B,)."""
    return _by_person(values, person, np.median)


def format_table(result: dict[str, Any]) -> str:
    """Formats the errors by floor and change (Markdown)."""
    by_floor = result["floors"]
    lines = [
        f"| world MPJPE (root), mm; {result['images']} images of {result['people']} validation people | "
        + " | ".join(f"floor: {floor}" for floor in by_floor) + " |",
        "| --- |" + " --- |" * len(by_floor),
    ]  # fmt: skip
    for name in by_floor[FLOORS[0]]["changes"]:
        cells = (of["changes"][name] for of in by_floor.values())
        lines.append(f"| {name} | " + " | ".join(f"{c['world_mpjpe']:.1f} ({c['root']:.1f})" for c in cells) + " |")
    for name, title in (("person", "their log distances: deviation between people"), ("within", "and within a person")):
        lines.append(
            f"| {title} | " + " | ".join(f"{100 * of['log_sd'][name]:.1f} %" for of in by_floor.values()) + " |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    run_script(main)
