"""Stage 3: predicts the test images with a trained run and writes the submission, the tables and the pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from modules.checks.error_effects import ErrorEffects
from modules.config.paths import project_path
from modules.config.schema import Config
from modules.evaluation.joint_table import joint_table_path, write_joint_table
from modules.evaluation.methods import compare
from modules.evaluation.pictures import draw
from modules.evaluation.prediction import calibration_of, predict_rows
from modules.evaluation.tables import format_breakdown, format_table, report, write_per_image
from modules.evaluation.task import Task, load_task
from modules.evaluation.warnings import summarise_expected, warn_of_cameras
from modules.extractors import configured_fingerprint
from modules.files.atomic import atomic_folder, read_json, write_json, write_text
from modules.files.hashing import sha256_file
from modules.files.layout import Frame
from modules.files.submission import uncertainty_path, write_submission
from modules.inference.uncertainty_file import expected_errors, write_uncertainty
from modules.recipes import recipe_of
from modules.runs.checkpoints import facts_for, load_checkpoint, restore_network, weights_of, weights_sentence
from modules.runs.folders import best_checkpoint, results_folder
from modules.utils import UserError, log

TESTED = "tested.json"


@dataclass(frozen=True)
class TrainedRun:
    """A finished run folder, or a file of released weights, with the path and the content of its best checkpoint."""

    place: Path
    path: Path
    checkpoint: dict[str, Any]


def load_run(run: Path) -> TrainedRun:
    """Reads a finished run's best checkpoint. Raises UserError if it is missing or damaged."""
    path = best_checkpoint(run)
    return TrainedRun(run, path, load_checkpoint(path))


def check_extractor(config: Config, run: TrainedRun, fingerprint: str | None) -> None:
    """Raises UserError if a run was trained with another extractor than the config's.

    `fingerprint` is that of the test cache's extractor; None if it is unknown. Poses of adaptive test-time augmentation are
    as those of the full one, and poses in bfloat16 as those in float32: a run of one predicts from the other.
    """
    extract, trained = run.checkpoint["config"]["EXTRACT"], run.checkpoint["fingerprint"]
    same = fingerprint in (None, trained)
    tta = extract["test_time_augmentation"]
    if not same and bool(config.EXTRACT.tta) == bool(tta) and configured_fingerprint(config) == fingerprint:
        as_trained = (config.with_tta(tta).with_engine(engine) for engine in ("auto", "openvino-bf16"))
        same = trained in map(configured_fingerprint, as_trained)
    if extract["extractor"] != config.EXTRACT.extractor or not same:
        raise UserError(
            f"{run.path}: it was trained on another extractor's cache than that of the test images; "
            "set EXTRACT and METRABS as in the run's train_config.yaml, or train again"
        )


def with_run_extraction(config: Config, run: TrainedRun) -> Config:
    """Returns the config with one crop, or with test-time augmentation, as the run's training poses were extracted."""
    return config.with_tta_of(run.checkpoint["config"]["EXTRACT"]["test_time_augmentation"])


def check_run(config: Config, run: TrainedRun) -> str:
    """Returns the joint features that a run needs. Raises UserError if it cannot predict with the configured extractor.

    Nothing is extracted for a run that cannot predict.
    """
    check_extractor(config, run, configured_fingerprint(config))
    restore_network(run.checkpoint, run.path)
    return recipe_of(run.checkpoint).joint_features


def run_test(
    config: Config, run: TrainedRun, requested: Sequence[Frame], reuse: bool, warned: frozenset[str] = frozenset()
) -> tuple[Path, str]:
    """Predicts the requested images with a run; returns the results folder and the report: weights, then tables.

    Kinds of findings about cameras that are in `warned` are not repeated.
    """
    task = load_task(config, requested)
    check_extractor(config, run, task.fingerprint)
    path, checkpoint = run.path, run.checkpoint
    folder = results_folder(config, run.place)
    output = project_path(config.TEST.output)
    key = f"{checkpoint['key']}/{path.name}/{task.cache_key}/{','.join(task.names)}"
    weights = weights_of(path, checkpoint)
    effects = warn_of_cameras(task, warned)
    if reuse and _is_tested(folder, output, {"key": key, "weights": weights}):
        log.info("%s: tested already", folder)
        return folder, (folder / "table.md").read_text(encoding="utf-8")
    _keep_other_results(folder, config)
    not_found = [name for name, found in zip(task.names, task.rows["found"], strict=True) if not found]
    # The folder of an earlier test is replaced as a whole, once this test is finished; a second process is refused here.
    with atomic_folder(folder) as new_folder:
        predicted = _write_predictions(output, config, run, task, effects, weights)
        marker = {"key": key, "weights": weights, "output": sha256_file(output), "not_found": not_found}
        marker["data_root"] = str(config.data_root.resolve())
        table = _write_results(
            new_folder, task, predicted, {**checkpoint, "facts": facts_for(checkpoint, config)}, weights
        )
        write_json(new_folder / TESTED, marker)
    for name in not_found:
        log.info("no person found, predicted as the training mean straight ahead of the camera: %s", name)
    return folder, table


def _keep_other_results(folder: Path, config: Config) -> None:
    """Raises UserError if a folder holds the results of another data set, of the same name, that still exists."""
    tested = read_json(folder / TESTED) if (folder / TESTED).exists() else {}
    other = tested.get("data_root", "") if isinstance(tested, dict) else ""
    if other and Path(other) != config.data_root.resolve() and Path(other).is_dir():
        raise UserError(
            f"{folder}: this folder holds the results of {other}, a data set of the same name; set RESULTS.root to another "
            "folder, or delete them"
        )


def _write_predictions(
    output: Path, config: Config, run: TrainedRun, task: Task, effects: ErrorEffects, weights: dict[str, Any]
) -> np.ndarray:
    """Predicts joints (B, 24, 3) world mm, and writes the submission, the joint table and the expected errors."""
    predicted, log_error = predict_rows(config, run.checkpoint, run.path, task.rows)
    write_submission(output, task.names, predicted)
    calibration = calibration_of(run.checkpoint)
    expected = None if calibration is None or log_error is None else expected_errors(
        calibration, log_error, effects.withheld, effects.raised_mm, effects.raised_by
    )  # fmt: skip
    errors = None if expected is None else expected.mean_mm
    write_joint_table(joint_table_path(output), task.names, predicted, task.rows["found"], errors, weights)
    if expected is not None:
        write_uncertainty(uncertainty_path(output), task.names, expected)
        log.info("%s", summarise_expected(expected))
    else:
        uncertainty_path(output).unlink(missing_ok=True)  # a file of an earlier run does not belong to this submission
    return predicted


def _write_results(
    folder: Path, task: Task, predicted: np.ndarray, checkpoint: dict[str, Any], weights: dict[str, Any]
) -> str:
    """Fills a results folder; returns the report: a line that names the weights, then, with labels, the tables."""
    write_submission(folder / "pred_submission.json", task.names, predicted)
    labelled = task.rows["labelled"].astype(bool)
    draw(folder, task, predicted)
    if not labelled.all():
        log.info("%d of %d test images have no label and are not scored", (~labelled).sum(), len(labelled))
    title, facts = recipe_of(checkpoint).title, checkpoint["facts"]
    table = f"{weights_sentence(weights)}\n"
    if labelled.any():
        methods = compare(task.rows.take(labelled), predicted[labelled], facts, title)
        table += "\n" + score(folder, task.take(labelled), methods, weights)
    write_text(folder / "table.md", table)
    return table


def score(folder: Path, task: Task, methods: dict[str, np.ndarray], weights: dict[str, Any]) -> str:
    """Writes the metrics of every method, and which weights predicted, into `folder`; returns Markdown tables."""
    results = report(task.rows, methods)
    write_json(folder / "metrics.json", {"images": len(task.names), "weights": weights, "methods": results})
    write_per_image(folder / "per_image.csv", task, methods)
    parts = (format_table(results), format_breakdown(results, "per_camera"), format_breakdown(results, "per_joint"))
    return "\n\n".join(parts) + "\n"


def overall_scores(folder: Path) -> dict[str, dict[str, float]] | None:
    """Returns every method's metrics over all images of a results folder; None if nothing could be scored."""
    path = folder / "metrics.json"
    if not path.exists():
        return None
    return {name: result["overall"] for name, result in read_json(path)["methods"].items()}


def weights_used(folder: Path) -> dict[str, Any]:
    """Returns what a results folder says of the weights that predicted."""
    weights: dict[str, Any] = read_json(folder / TESTED)["weights"]
    return weights


def _is_tested(folder: Path, output: Path, test: dict[str, Any]) -> bool:
    """Whether `folder` holds the results of this key and these weights, and `output` is still their submission."""
    marker = folder / TESTED
    if not (
        output.exists() and joint_table_path(output).exists() and marker.exists() and (folder / "table.md").exists()
    ):
        return False
    found = read_json(marker)
    return isinstance(found, dict) and found.items() >= test.items() and found.get("output") == sha256_file(output)
