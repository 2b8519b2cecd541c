"""Stage 3: from a trained run and the test images to the submission, the table and the pictures."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from modules import metrics, runs, vis
from modules.cache import Rows, open_cache
from modules.config import Config, Crops, project_path
from modules.devices import make_fabric
from modules.extractors import configured_fingerprint
from modules.images import read_image
from modules.layout import Frame, list_frames, read_camera
from modules.lifting import place_at_height, place_least_squares, place_on_floor, place_own, true_depth_bound
from modules.pose_utils import world2cam
from modules.prediction import fallback_world, predict_answers, prediction_loader
from modules.recipes import recipe_of
from modules.submission import asked_frames, uncertainty_path, write_submission, write_uncertainty
from modules.uncertainty import Calibration
from modules.utils import UserError, atomic_folder, log, read_json, sha256_file, write_json, write_text

OURS = "PoseNet"
OWN = "extractor, its own 3D"
LEAST_SQUARES = "extractor, least squares"
AT_HEIGHT = "extractor, training pelvis height"
ON_FLOOR = "extractor, lowest foot on the floor"
BOUND = "2D + true depth (bound)"
COLUMNS = {
    "world_mpjpe": "world", "root": "root", "root_relative_mpjpe": "root-rel.", "pa_mpjpe": "PA", "pck150": "PCK@150",
    "auc": "AUC", "competition_mse": "MSE mm²",
}  # fmt: skip


@dataclass(frozen=True)
class Task:
    """The images that a sample asks for, as cache rows in its order."""

    names: list[str]
    frames: list[Frame]
    rows: Rows
    cache_key: str
    fingerprint: str

    def take(self, mask: np.ndarray) -> Task:
        """The images where the mask is true."""
        kept = np.flatnonzero(mask)
        names, frames = [self.names[i] for i in kept], [self.frames[i] for i in kept]
        return Task(names, frames, self.rows.take(mask), self.cache_key, self.fingerprint)


def load_task(config: Config) -> Task:
    """Read the sample and find its images in the cache. UserError where one is not among the test images."""
    asked = asked_frames(config)
    rows, manifest = open_cache(config, "test", list_frames(config.data_root, "test"))
    index = {name: place for place, name in enumerate(rows["file_name"])}
    names = [frame.file_name for frame in asked]
    return Task(names, asked, rows.take([index[name] for name in names]), manifest["key"], manifest["fingerprint"])


class Prediction(NamedTuple):
    """A network's answer for B images."""

    world: np.ndarray  # (B, 24, 3) world mm; the fallback where nobody was found
    doubt: np.ndarray | None  # (B, 24) log mm before calibration, NaN where nobody was found; None where it is not told


def predict(config: Config, checkpoint: dict[str, Any], path: Path, rows: Rows) -> np.ndarray:
    """The checkpoint's answer for every row: (B, 24, 3) world mm; the fallback where nobody was found."""
    return predict_all(config, checkpoint, path, rows).world


def predict_all(config: Config, checkpoint: dict[str, Any], path: Path, rows: Rows) -> Prediction:
    """The same, and how far off each joint may be.

    The truth columns are taken away first: no label can reach lifting.
    """
    blind = rows.without_truth()
    world = fallback_world(np.array(checkpoint["facts"]["mean_pose_crop_mm"]), rows["R"], rows["t"]).copy()
    found = rows["found"].astype(bool)
    doubt = None
    if found.any():
        fabric = make_fabric(config.TRAIN)
        recipe, network = recipe_of(checkpoint), runs.restore_network(checkpoint, path).to(fabric.device)
        seen = blind.take(found)
        recipe.check_rows(network, seen)
        loader = prediction_loader(seen, recipe.dataset, config.TEST.batch_size)
        answers = predict_answers(network, loader, fabric)
        world[found] = recipe.lift(answers, seen)
        told = recipe.doubts(answers)
        if told is not None:
            doubt = np.full(world.shape[:2], np.nan)
            doubt[found] = told
    return Prediction(world, doubt)


def calibration_of(checkpoint: dict[str, Any]) -> Calibration | None:
    """How far off a checkpoint's answers are, as validation people showed it; None where it does not tell."""
    numbers = checkpoint["facts"].get("uncertainty")
    return None if numbers is None else Calibration.of(numbers)


def compare(rows: Rows, predicted: np.ndarray, facts: dict[str, Any], ours: str = OURS) -> dict[str, np.ndarray]:
    """Every method's joints for labelled rows, the baselines that could embarrass us first; `ours` names the prediction."""
    found = rows["found"].astype(bool)
    fallback = fallback_world(np.array(facts["mean_pose_crop_mm"]), rows["R"], rows["t"])
    seen = rows.take(found).columns

    def complete(joints: np.ndarray) -> np.ndarray:
        out = fallback.copy()
        out[found] = joints
        return out

    own, placed = place_own(seen), place_least_squares(seen)
    methods = {} if np.allclose(own, placed, atol=1e-3) else {OWN: complete(own)}  # the same where pixels are its 3D's
    methods[LEAST_SQUARES] = complete(placed)
    if facts["pelvis_height_mm"] is not None and np.isfinite(seen["world_up"]).all():
        methods[AT_HEIGHT] = complete(place_at_height(seen, facts["pelvis_height_mm"]))
    if np.isfinite(seen["floor_height_mm"]).all() and np.isfinite(seen["world_up"]).all():
        methods[ON_FLOOR] = complete(place_on_floor(seen))
    true_depth = world2cam(seen["joints_world_mm"], seen["R"], seen["t"])[..., 2]
    return {**methods, ours: predicted, BOUND: complete(true_depth_bound(seen, true_depth))}


def report(rows: Rows, methods: dict[str, np.ndarray]) -> dict[str, Any]:
    """Every metric of every method: over all, per joint, per camera."""
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
    """The overall metrics as a Markdown table, mm unless said."""
    lines = ["| mm | " + " | ".join(COLUMNS.values()) + " |", "| --- |" + " --- |" * len(COLUMNS)]
    for method, result in results.items():
        cells = (_cell(name, result["overall"][name]) for name in COLUMNS)
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(metric: str, value: float) -> str:
    return (
        f"{value:.3f}"
        if metric in ("pck150", "auc")
        else f"{value:.0f}"
        if metric == "competition_mse"
        else f"{value:.1f}"
    )


def format_breakdown(results: dict[str, Any], part: str) -> str:
    """World error of every method per joint or per camera, as a Markdown table."""
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
    """One CSV row per image: whether a person was found, and each method's world error where there is a label."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file_name", "found", "score", *(f"world_mpjpe_mm: {name}" for name in methods)])
    reference = task.rows["joints_world_mm"]
    errors = [metrics.joint_errors(joints, reference).mean(1) for joints in methods.values()]
    for index, name in enumerate(task.names):
        cells = [f"{error[index]:.2f}" for error in errors]
        writer.writerow([name, bool(task.rows["found"][index]), f"{task.rows['score'][index]:.4f}", *cells])
    write_text(path, text.getvalue())


def draw(folder: Path, config: Config, task: Task, predicted: np.ndarray, labelled: np.ndarray) -> None:
    """Overlays of evenly chosen images, and a 3D plot of four of them."""
    count = min(config.TEST.overlays, len(task.names))
    chosen = np.unique(np.linspace(0, len(task.names) - 1, count).round().astype(int)) if count else np.array([], int)
    for index in chosen:
        frame = task.frames[index]
        camera = read_camera(frame.camera_path)
        reference = task.rows["joints_world_mm"][index] if labelled[index] else None
        image = read_image(frame.image_path, camera.image_size)
        picture = vis.overlay(image, camera, predicted[index], reference, frame.file_name)
        vis.write_image(folder / "overlays" / f"{Path(frame.file_name).stem}.jpg", picture)
    shown = chosen[:: max(1, len(chosen) // 4)][:4]
    if len(shown):
        references = task.rows["joints_world_mm"][shown] if labelled[shown].all() else None
        up = vis.up_to_draw(task.rows["world_up"][shown[0]], task.rows["R"])
        titles = [task.names[index] for index in shown]
        vis.plot_world(folder / "world.png", predicted[shown], references, up, titles)


def load_run(config: Config, run: Path, fingerprint: str | None) -> tuple[Path, dict[str, Any]]:
    """A finished run's best checkpoint: its path, what it holds.

    UserError where there is none, it is damaged, or it was trained on another extractor than the configured one, of which
    this is the fingerprint where it is known.
    """
    path = runs.best_checkpoint(run)
    checkpoint = runs.load_checkpoint(path)
    same_name = checkpoint["config"]["EXTRACT"]["extractor"] == config.EXTRACT.extractor
    if not same_name or fingerprint not in (None, checkpoint["fingerprint"]):
        raise UserError(
            f"{path}: it was trained on another extractor's cache than that of the test images; "
            "set EXTRACT and METRABS as in the run's train_config.yaml, or train again"
        )
    return path, checkpoint


def crops_of(run: Path) -> Crops:
    """From how many crops of each image the run's training poses were extracted: EXTRACT.crops of its config."""
    extract: dict[str, Crops] = runs.load_checkpoint(runs.best_checkpoint(run))["config"]["EXTRACT"]
    return extract.get("crops", "one")


def as_learned(config: Config, run: Path) -> Config:
    """The config with as many crops of each image as the run has learned from."""
    return config.with_crops(crops_of(run))


def check_run(config: Config, run: Path) -> str:
    """UserError where a run could not answer, before the test images are extracted; returns which looks it wants of them."""
    path, checkpoint = load_run(config, run, configured_fingerprint(config))
    runs.restore_network(checkpoint, path)
    return str(checkpoint["spec"].get("looks", "none"))


def run_test(config: Config, run: Path, reuse: bool) -> tuple[Path, str]:
    """Answer the sample with a run; returns the results folder and the table (empty where there are no labels)."""
    task = load_task(config)
    path, checkpoint = load_run(config, run, task.fingerprint)
    folder = config.results_root / "test" / run.resolve().stem
    output = project_path(config.TEST.output)
    key = f"{checkpoint['key']}/{path.name}/{task.cache_key}/{','.join(task.names)}"
    if reuse and _stands(folder, output, key):
        log.info("%s: tested already", folder)
        return folder, (folder / "table.md").read_text(encoding="utf-8")
    predicted, doubt = predict_all(config, checkpoint, path, task.rows)
    write_submission(output, task.names, predicted)
    calibration = calibration_of(checkpoint)
    if calibration is not None and doubt is not None:
        write_uncertainty(uncertainty_path(output), task.names, doubt, calibration)
    else:
        uncertainty_path(output).unlink(missing_ok=True)  # an older run's would seem to be this one's
    not_found = [name for name, found in zip(task.names, task.rows["found"], strict=True) if not found]
    marker = {"key": key, "checkpoint": path.name, "output": sha256_file(output), "not_found": not_found}
    with atomic_folder(
        folder
    ) as fresh:  # nothing of an older test stays beside this one's, nor is lost to a failed one
        table = _write_results(fresh, config, task, predicted, checkpoint)
        write_json(fresh / "tested.json", marker)
    _tell_not_found(not_found)
    return folder, table


def _write_results(folder: Path, config: Config, task: Task, predicted: np.ndarray, checkpoint: dict[str, Any]) -> str:
    """Fill a results folder; returns the table, empty where there are no labels."""
    write_submission(folder / "pred_submission.json", task.names, predicted)
    labelled = task.rows["labelled"].astype(bool)
    draw(folder, config, task, predicted, labelled)
    if not labelled.all():
        log.info("%d of %d test images have no label and are not scored", (~labelled).sum(), len(labelled))
    title, facts = recipe_of(checkpoint).title, checkpoint["facts"]
    table = _score(folder, task.take(labelled), predicted[labelled], facts, title) if labelled.any() else ""
    write_text(folder / "table.md", table)
    return table


def overall_scores(folder: Path) -> dict[str, dict[str, float]] | None:
    """Every method's metrics over all images of a results folder; None where nothing could be scored."""
    path = folder / "metrics.json"
    if not path.exists():
        return None
    return {name: result["overall"] for name, result in read_json(path)["methods"].items()}


def _stands(folder: Path, output: Path, key: str) -> bool:
    marker = folder / "tested.json"
    if not (output.exists() and marker.exists() and (folder / "table.md").exists()):
        return False
    found = read_json(marker)
    return bool(found["key"] == key and found["output"] == sha256_file(output))


def _score(folder: Path, task: Task, predicted: np.ndarray, facts: dict[str, Any], ours: str = OURS) -> str:
    methods = compare(task.rows, predicted, facts, ours)
    results = report(task.rows, methods)
    write_json(folder / "metrics.json", {"images": len(task.names), "methods": results})
    write_per_image(folder / "per_image.csv", task, methods)
    parts = (format_table(results), format_breakdown(results, "per_camera"), format_breakdown(results, "per_joint"))
    return "\n\n".join(parts) + "\n"


def _tell_not_found(names: Sequence[str]) -> None:
    for name in names:
        log.info("no person found, answered with the training mean straight ahead of the camera: %s", name)
