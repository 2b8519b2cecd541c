"""Whether PoseNet knows how far off it is: its uncertainty beside one constant width per joint, on the test parts.

    python -m benchmarks.uncertainty                    the synthetic set's held-out people and the demo's four rotations
    python -m benchmarks.uncertainty --row several_released   of another row of benchmarks.accuracy, whose trainings must stand;
                                                        zero-shot on the demo where it has no rotations

Both are calibrated on the validation images alone. Told are the negative log-likelihood of the joints' distances, how often
they stay below the distance that 50 and 90 of 100 should, and what is left when the joints called most uncertain are dropped.
The numbers go to docs/results/uncertainty*.json, the table into docs/accuracy.md, the figure to docs/images/uncertainty.png.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from benchmarks.accuracy import Test, load_parts, row_config
from benchmarks.accuracy_rows import ROWS, SETS, TITLES, Row
from benchmarks.accuracy_tables import PAGE
from benchmarks.record import insert_between, made_by
from docs.drawing import DOUBLE, FAINT, TRUTH, new_figure, quiet, save
from modules import runs
from modules.cache import Rows
from modules.config import PROJECT_ROOT, load_config, project_path
from modules.evaluation import predict_all
from modules.metrics import joint_errors
from modules.uncertainty import Calibration, sparsification
from modules.utils import UserError, run_script, write_json

RESULTS = PROJECT_ROOT / "docs" / "results"
FIGURE = "uncertainty.png"
DEFAULT = "heavy_pose"
SHARES = np.linspace(0, 0.9, 19)  # of joints that are dropped
LEVELS = np.linspace(0.05, 0.95, 19)  # of what should stay below


def main() -> None:
    """Judge the uncertainty of a row's first trainings, and write numbers, table and figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    trained = [row.name for row in ROWS if row.seeds and row.method != "original"]  # which does not tell
    parser.add_argument("--row", choices=trained, default=DEFAULT, help="default: %(default)s")
    arguments = parser.parse_args()
    row = next(row for row in ROWS if row.name == arguments.row)
    suffix = "" if row.name == DEFAULT else f"-{row.name}"
    command = "python -m benchmarks.uncertainty" + (f" --row {row.name}" if suffix else "")
    result: dict[str, Any] = {"command": command, **made_by(), "row": row.name, "seed": row.seeds[0], "sets": {}}
    for set_name in asked(row):
        parts = [gather(row, test) for test in load_parts(SETS[set_name], row.extraction)]
        result["sets"][set_name] = judge(parts)
    write_json(RESULTS / f"uncertainty{suffix}.json", result)
    insert_between(PAGE, f"uncertainty{suffix}", table(result))
    if not suffix:
        draw(result)
    print(table(result))


def asked(row: Row) -> list[str]:
    """The sets that a row's uncertainty is judged on: people, and the demo in one of its two ways."""
    wanted = ("synthetic", "demo" if "demo" in row.sets else "zero-shot")
    return [set_name for set_name in wanted if set_name in row.sets]


Part = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # validation doubts and distances, those of the test part


def gather(row: Row, test: Test) -> Part:
    """What a row's first training doubts and how far off it is, on what validates and on the test part."""
    file, assignments = row_config(row, test.part, row.seeds[0])
    config = load_config(project_path(file), assignments)
    run = runs.newest_complete(config.results_root / "train", key=runs.run_key(config, test.training.key))
    if run is None:
        raise UserError(
            f"{config.results_root}: the training of the row {row.name} is not there; run "
            f"python -m benchmarks.accuracy --row {row.name} --seed {row.seeds[0]} first"
        )
    path = runs.best_checkpoint(run)
    checkpoint = runs.load_checkpoint(path)

    def told(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
        seen = rows.take(rows["found"].astype(bool))
        world, doubt = predict_all(config, checkpoint, path, seen)
        assert doubt is not None
        return doubt, joint_errors(world, seen["joints_world_mm"])

    return (*told(test.training.validation), *told(test.test))


def judge(parts: list[Part]) -> dict[str, Any]:
    """The uncertainty and the constant widths, over all parts of a set; distances in mm."""
    methods: dict[str, Any] = {}
    off = np.concatenate([part[3] for part in parts])
    for name, constant in (("predicted", False), ("constant", True)):
        fitted = [Calibration.fit(part[0], part[1], constant) for part in parts]
        ranks = np.concatenate([one.rank(part[2], part[3]) for one, part in zip(fitted, parts, strict=True)])
        expected = np.concatenate([one.expected_mm(part[2]) for one, part in zip(fitted, parts, strict=True)])
        nll = np.concatenate(
            [[one.nll(part[2], part[3])] * len(part[2]) for one, part in zip(fitted, parts, strict=True)]
        )
        methods[name] = {
            "nll": round(float(nll.mean()), 4), "expected_mm": round(float(expected.mean()), 2),
            "slope": [round(one.slope, 3) for one in fitted],
            "below": [round(float((ranks < level).mean()), 4) for level in LEVELS],
            "left_mm": np.round(sparsification(off, expected, SHARES), 2).tolist(),
        }  # fmt: skip
    methods["oracle"] = {"left_mm": np.round(sparsification(off, off, SHARES), 2).tolist()}
    return {"images": len(off), "mean_mm": round(float(off.mean()), 2), "methods": methods}


def area(method: dict[str, Any], oracle: dict[str, Any]) -> float:
    """The mean, over dropped shares, of how much further off the rest is than if the furthest were dropped, mm."""
    return float(np.mean(np.array(method["left_mm"]) - np.array(oracle["left_mm"])))


def table(result: dict[str, Any]) -> str:
    """Both methods on every set."""
    half = int(np.argmin(np.abs(SHARES - 0.5)))
    columns = [
        "NLL, nats",
        "mean told, mm",
        "below the median",
        "below the 90 % distance",
        "half dropped, mm",
        "over the best, mm",
    ]
    lines = ["| | " + " | ".join(columns) + " |", "| --- |" + " --- |" * len(columns)]
    for set_name, found in result["sets"].items():
        for name, title in (("predicted", "PoseNet's uncertainty"), ("constant", "one width per joint")):
            method = found["methods"][name]
            below = [100 * method["below"][int(np.argmin(np.abs(LEVELS - level)))] for level in (0.5, 0.9)]
            cells = [
                f"{method['nll']:.3f}", f"{method['expected_mm']:.0f}", f"{below[0]:.0f} %", f"{below[1]:.0f} %",
                f"{method['left_mm'][half]:.0f}", f"{area(method, found['methods']['oracle']):.1f}",
            ]  # fmt: skip
            lines.append(f"| {TITLES[set_name]} ({found['mean_mm']:.0f} mm off): {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def draw(result: dict[str, Any]) -> None:
    """For each set: how often what is told is true, and what is left when the uncertain joints are dropped."""
    sets = result["sets"]
    figure, panels = new_figure(2 * len(sets), 3.2 * 2 * len(sets), 3.2)
    for truth, left, (set_name, found) in zip(panels[::2], panels[1::2], sets.items(), strict=True):
        for name, title, colour in (("predicted", "PoseNet's", TRUTH), ("constant", "one width per joint", DOUBLE)):
            truth.plot(LEVELS, found["methods"][name]["below"], color=colour, label=title)
            left.plot(SHARES, found["methods"][name]["left_mm"], color=colour, label=title)
        truth.plot([0, 1], [0, 1], color=FAINT, zorder=0)
        left.plot(SHARES, found["methods"]["oracle"]["left_mm"], color=FAINT, label="the furthest dropped", zorder=0)
        truth.set(title=TITLES[set_name], xlabel="share that should be closer", ylabel="share that is")
        left.set(title=TITLES[set_name], xlabel="share of joints dropped", ylabel="mean error of the rest, mm")
        left.set_ylim(0, None)
        truth.legend(frameon=False, fontsize=8, loc="upper left")
        left.legend(frameon=False, fontsize=8, loc="lower left")
        quiet(truth)
        quiet(left)
    save(figure, FIGURE)


if __name__ == "__main__":
    run_script(main)
