"""Evaluates PoseNet's uncertainty against one constant width per joint, on the test parts.

    python -m benchmarks.uncertainty                the released weights: unseen synthetic people, and the demo zero-shot
    python -m benchmarks.uncertainty --row pose     another row of benchmarks.accuracy, whose trainings must exist
    python -m benchmarks.uncertainty --table-only   only write the tables and the figure of the existing results

Both are calibrated on validation images only. Reported are the negative log-likelihood (NLL) of the joints' errors, the
coverage of the predicted median and 90 % quantile, and the error that remains when the most uncertain joints are dropped
(sparsification). The results are docs/results/uncertainty-<row>.json; their tables are written into docs/accuracy.md, the
figure of the released weights into docs/images/uncertainty.png.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.accuracy.rows import BAREFOOT, BEST, ROW_BY_NAME, ROWS, SETS, TITLES, Row
from benchmarks.accuracy.run import Test, load_parts, read_split, row_config, trained_run, with_features
from benchmarks.drawing import DOUBLE, FAINT, TRUTH, new_figure, quiet, save
from benchmarks.pages import ACCURACY_PAGE, insert_between
from benchmarks.record import made_by
from modules.cache.splits import split_rows
from modules.cache.table import Rows
from modules.config.load import load_config
from modules.config.paths import PROJECT_ROOT, project_path
from modules.config.schema import Config
from modules.console import run_script
from modules.evaluation.prediction import predict_rows
from modules.files.atomic import read_json, write_json
from modules.inference.uncertainty import Calibration, sparsification
from modules.metrics import joint_errors
from modules.runs import checkpoints, folders
from modules.utils import UserError

RESULTS = PROJECT_ROOT / "docs" / "results"
FIGURE = "uncertainty.png"
DEFAULT = "released"
DROPPED = np.linspace(0, 0.9, 19)  # shares of joints that are dropped
LEVELS = np.linspace(0.05, 0.95, 19)  # of the predicted quantiles
METHODS = {"predicted": "PoseNet", "constant": "constant width per joint"}


def main() -> None:
    """Evaluates the uncertainty of a row's first trainings, and writes the result, its table and the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [row.name for row in ROWS if (row.seeds or row.released) and row.name != "original"]  # it predicts none
    parser.add_argument("--row", choices=names, default=DEFAULT, help="default: %(default)s")
    parser.add_argument("--table-only", action="store_true", help="compute nothing, only write tables and figure")
    arguments = parser.parse_args()
    if not arguments.table_only:
        write_json(result_path(arguments.row), evaluate_row(ROW_BY_NAME[arguments.row]))
    for name in names:
        if result_path(name).exists():
            result = read_json(result_path(name))
            insert_between(ACCURACY_PAGE, f"uncertainty: {name}", table(result))
            print(f"{name}\n\n{table(result)}\n")
            if name == DEFAULT:
                draw(result)


def result_path(name: str) -> Path:
    """Returns the file of a row's result."""
    return RESULTS / f"uncertainty-{name}.json"


def evaluate_row(row: Row) -> dict[str, Any]:
    """Evaluates the uncertainty of a row's first trainings on its sets."""
    command = "python -m benchmarks.uncertainty" + ("" if row.name == DEFAULT else f" --row {row.name}")
    seed = row.seeds[0] if row.seeds else None
    result: dict[str, Any] = {"command": command, **made_by(), "row": row.name, "seed": seed, "sets": {}}
    for set_name in sets_of(row):
        tests = load_parts(SETS[set_name], row.extraction, trains=not row.released)
        parts = [gather_released(row, test) if row.released else gather(row, test) for test in tests]
        result["sets"][set_name] = evaluate(parts)
    return result


def sets_of(row: Row) -> list[str]:
    """Returns the sets that a row is evaluated on: synthetic people, and the demo either held out or zero-shot."""
    wanted = ("synthetic", "demo" if "demo" in row.sets else "zero-shot")
    return [set_name for set_name in wanted if set_name in row.sets]


class Errors(NamedTuple):
    """Predicted and observed errors of B images."""

    log_error: np.ndarray  # (B, 24) log mm, before calibration
    error_mm: np.ndarray  # (B, 24)


class Part(NamedTuple):
    """The images that calibrate, and those that are evaluated."""

    validation: Errors
    test: Errors


def gather(row: Row, test: Test) -> Part:
    """Predicts the validation and the test images with a row's first training."""
    file, assignments = row_config(row, test.part, row.seeds[0])
    config = load_config(project_path(file), assignments)
    run = trained_run(config, test)
    if run is None:
        raise UserError(
            f"{config.results_root}: the training of the row {row.name} is missing; run "
            f"python -m benchmarks.accuracy --row {row.name} --seed {row.seeds[0]} first"
        )
    path = folders.best_checkpoint(run)
    assert test.training is not None
    return Part(*(errors_of(config, path, rows) for rows in (test.training.validation, test.test)))


def gather_released(row: Row, test: Test) -> Part:
    """Predicts the validation images of the released weights, and the test images, with these weights."""
    path = checkpoints.RELEASED
    config, rows, _ = read_split(BEST, BAREFOOT, "train", row.extraction)
    validation = errors_of(config, path, split_rows(rows, config)[1])
    return Part(validation, errors_of(with_features(row, test), path, test.test))


def errors_of(config: Config, path: Path, rows: Rows) -> Errors:
    """Returns the errors that a checkpoint predicts for the rows with a person, and those that it makes."""
    found = rows.take(rows["found"].astype(bool))
    world, log_error = predict_rows(config, checkpoints.load_checkpoint(path), path, found)
    assert log_error is not None
    return Errors(log_error, joint_errors(world, found["joints_world_mm"]))


def evaluate(parts: list[Part]) -> dict[str, Any]:
    """Evaluates predicted uncertainty and constant widths over all parts of a set; errors in mm."""
    methods: dict[str, Any] = {}
    observed = np.concatenate([part.test.error_mm for part in parts])
    for name in METHODS:
        fitted = [Calibration.fit(*part.validation, constant=name == "constant") for part in parts]
        pairs = list(zip(fitted, parts, strict=True))
        cdf = np.concatenate([one.cdf(*part.test) for one, part in pairs])
        expected = np.concatenate([one.expected_mm(part.test.log_error) for one, part in pairs])
        nll = np.concatenate([[one.nll(*part.test)] * len(part.test.error_mm) for one, part in pairs])
        methods[name] = {
            "nll": round(float(nll.mean()), 4), "expected_mm": round(float(expected.mean()), 2),
            "slope": [round(one.slope, 3) for one in fitted],
            "coverage": [round(float((cdf < level).mean()), 4) for level in LEVELS],
            "remaining_mm": np.round(sparsification(observed, expected, DROPPED), 2).tolist(),
        }  # fmt: skip
    methods["oracle"] = {"remaining_mm": np.round(sparsification(observed, observed, DROPPED), 2).tolist()}
    return {"images": len(observed), "mean_mm": round(float(observed.mean()), 2), "methods": methods}


def sparsification_error(method: dict[str, Any], oracle: dict[str, Any]) -> float:
    """Returns the mean excess of the remaining error over that of an oracle, over all dropped shares, mm (AUSE)."""
    return float(np.mean(np.array(method["remaining_mm"]) - np.array(oracle["remaining_mm"])))


def table(result: dict[str, Any]) -> str:
    """Formats both methods on every set."""
    half = int(np.argmin(np.abs(DROPPED - 0.5)))
    columns = [
        "NLL, nats",
        "predicted mean error, mm",
        "coverage of the median",
        "of the 90 % quantile",
        "error with half dropped, mm",
        "AUSE, mm",
    ]
    lines = ["| | " + " | ".join(columns) + " |", "| --- |" + " --- |" * len(columns)]
    for set_name, found in result["sets"].items():
        for name, title in METHODS.items():
            method = found["methods"][name]
            coverage = [100 * method["coverage"][int(np.argmin(np.abs(LEVELS - level)))] for level in (0.5, 0.9)]
            cells = [
                f"{method['nll']:.3f}", f"{method['expected_mm']:.0f}", f"{coverage[0]:.0f} %", f"{coverage[1]:.0f} %",
                f"{method['remaining_mm'][half]:.0f}", f"{sparsification_error(method, found['methods']['oracle']):.1f}",
            ]  # fmt: skip
            lines.append(f"| {TITLES[set_name]} (error {found['mean_mm']:.0f} mm): {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def draw(result: dict[str, Any]) -> None:
    """Draws, for each set, the coverage of predicted quantiles and the error that remains when joints are dropped."""
    sets = result["sets"]
    figure, panels = new_figure(2 * len(sets), 3.2 * 2 * len(sets), 3.2)
    for coverage, remaining, (set_name, found) in zip(panels[::2], panels[1::2], sets.items(), strict=True):
        for (name, title), colour in zip(METHODS.items(), (TRUTH, DOUBLE), strict=True):
            coverage.plot(LEVELS, found["methods"][name]["coverage"], color=colour, label=title)
            remaining.plot(DROPPED, found["methods"][name]["remaining_mm"], color=colour, label=title)
        coverage.plot([0, 1], [0, 1], color=FAINT, zorder=0)
        remaining.plot(DROPPED, found["methods"]["oracle"]["remaining_mm"], color=FAINT, label="oracle", zorder=0)
        coverage.set(title=TITLES[set_name], xlabel="predicted quantile", ylabel="share of joints below it")
        remaining.set(title=TITLES[set_name], xlabel="share of joints dropped", ylabel="mean error of the rest, mm")
        remaining.set_ylim(0, None)
        coverage.legend(frameon=False, fontsize=8, loc="upper left")
        remaining.legend(frameon=False, fontsize=8, loc="lower left")
        quiet(coverage)
        quiet(remaining)
    save(figure, FIGURE)


if __name__ == "__main__":
    run_script(main)
