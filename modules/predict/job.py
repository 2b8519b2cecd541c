"""Runs one prediction: reads the request, predicts part by part, and writes the answer into the output folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from modules.config.paths import PROJECT_ROOT
from modules.config.schema import Config
from modules.config.sections import Data, Extract
from modules.console import progress_bar
from modules.evaluation.prediction import calibration_of
from modules.evaluation.testing import TrainedRun, check_run, load_run
from modules.export import NEED_UP, WRITERS, save
from modules.export.axes import need_up_of
from modules.export.description import CAMERA_AXES, software
from modules.export.packages import packages_of
from modules.export.poses import Poses
from modules.export.tracks import files_of
from modules.extractors import configured_fingerprint
from modules.extractors.blazepose.weights import BLAZEPOSE_FOLDER, check_weights
from modules.files.atomic import read_json, write_json
from modules.files.hashing import digest
from modules.files.locking import only_writer
from modules.predict.answer import Answering, make_answer
from modules.predict.arguments import BEST, FAST
from modules.predict.checks import CameraChecks
from modules.predict.overlay import overlay_names, write_overlays
from modules.predict.parts import People, Predictor, Setting, joined
from modules.predict.report import write_report
from modules.predict.source import Selection, Source, open_source
from modules.predict.view import CameraOptions, View, read_view
from modules.runs.checkpoints import RELEASED
from modules.utils import UserError, log

RECORD = "predict.json"  # names what may be written before it is, and what is written at the end
CACHE = "cache"
PICTURES = {"overlay": write_overlays, "report": write_report}  # what is made of images, too
PICTURE_NAMES: dict[str, Callable[[Source], list[str]]] = {
    "overlay": overlay_names,
    "report": lambda source: ["report.html"],
}


@dataclass(frozen=True)
class Request:
    """What the command line asks for."""

    named: Sequence[str]  # images, folders, globs, lists, or a video
    camera: Path
    camera_options: CameraOptions = field(default_factory=CameraOptions)
    selection: Selection = field(default_factory=Selection)
    person: str = "confident"
    smooths: bool | None = None  # None: in videos and other sequences
    quality: str = BEST
    batch: int = Setting.batch
    run: Path | None = None  # None: the released weights
    output: Path | None = None  # None: results/predict/<name of the source>
    save: Sequence[str] = ("csv", "npz")  # of WRITERS and PICTURES


@dataclass(frozen=True)
class Result:
    """A finished prediction."""

    folder: Path
    poses: Poses
    written: list[Path]


def predict(request: Request) -> Result:
    """Predicts a source and writes the files of the request. Raises UserError before any work if something is wrong."""
    view = read_view(request.camera, request.camera_options)
    for kind in set(request.save) & set(NEED_UP):
        need_up_of(view.camera.world_up, request.camera_options.frame, kind)
    for kind in request.save:
        packages_of(kind)
    source = open_source(request.named, request.selection, view)
    run = load_run(RELEASED if request.run is None else request.run.resolve())
    config = config_of(run)
    check_run(config, run)
    if request.quality == FAST:
        config = config.with_tta(False)
    folder = request.output or PROJECT_ROOT / "results" / "predict" / (
        source.path.name if source.path.is_dir() else source.path.stem
    )
    _claim(folder, source)
    (folder / CACHE).mkdir(parents=True, exist_ok=True)
    with only_writer(folder, "predicts into"):
        predictor = Predictor(source, view, Setting(run, config, request.batch), folder / CACHE)
        return _predict(request, source, predictor, folder)


def _predict(request: Request, source: Source, predictor: Predictor, folder: Path) -> Result:
    """Predicts the missing parts and writes the answer into its folder, which this process alone writes."""
    view, run = predictor.view, predictor.run
    _describe(source, view)
    checks = CameraChecks(view.path)
    if view.camera.image_size is not None:
        checks.check_numbers(view.camera, view.camera.image_size)
    people = _all_people(predictor)
    effects = checks.check_people(predictor.rows().columns)
    smooths = source.is_sequence if request.smooths is None else request.smooths
    if smooths and not source.is_sequence:
        raise UserError("--smooth on: images have no times; name a video, or give the images' rate with --fps")
    how = Answering(request.person, smooths, calibration_of(run.checkpoint))
    origin = {**_origin(request, source, view, run), "camera_findings": checks.sentences}
    poses = make_answer(people, source, view, how, effects, origin)
    key = digest([predictor.key, request.person, smooths, request.selection.frames_per_second])
    files = _files_of_same_answer(folder, key)
    record = {**origin, "key": key}
    # Before they are written: whatever stops this, the next prediction of another source replaces them.
    write_json(folder / RECORD, {**record, "files": sorted({*files, *_names(request.save, source)})})
    written, refusal = _write(request.save, poses, (source, view), folder)
    if refusal is not None:
        raise refusal
    files = sorted({*files, *(path.relative_to(folder).as_posix() for path in written)})
    write_json(folder / RECORD, {**record, "files": files})
    return Result(folder, poses, written)


def _names(kinds: Sequence[str], source: Source) -> list[str]:
    """Returns the names, below the output folder, of all files that these kinds may write."""
    names = [f"poses.{kind}" for kind in kinds if kind in WRITERS]
    return names + [name for kind in kinds if kind in PICTURES for name in PICTURE_NAMES[kind](source)]


def _write(
    kinds: Sequence[str], poses: Poses, shown: tuple[Source, View], folder: Path
) -> tuple[list[Path], UserError | None]:
    """Writes all kinds; returns the files, and why a format cannot be written, which does not stop the others."""
    refusal, written = None, []
    try:
        written = save(poses, folder, [kind for kind in kinds if kind in WRITERS])
    except UserError as error:
        refusal = error
    for kind in kinds:
        if kind in PICTURES:
            written += PICTURES[kind](poses, *shown, folder)
    return written, refusal


def config_of(run: TrainedRun) -> Config:
    """Returns the config with the run's extraction, in float32, which every processor computes.

    Raises UserError if predict.py cannot run its extractor.
    """
    trained = run.checkpoint["config"]
    if trained["EXTRACT"]["extractor"] != "blazepose":
        raise UserError(
            f"{run.path}: this run was trained on {trained['EXTRACT']['extractor']}, and predict.py runs blazepose alone; name "
            "another with --run, or bring the images into the competition's layout for test.py"
        )
    # A root that nothing was trained on: the training people's place holds in their own world alone.
    config = Config(EXTRACT=Extract(**trained["EXTRACT"]), DATA=Data(root="results/predict"))
    check_weights(config.EXTRACT.weights, BLAZEPOSE_FOLDER)
    if configured_fingerprint(config) != run.checkpoint["fingerprint"]:
        raise UserError(
            f"{run.path}: this run was trained with another version of blazepose; train again, or use --run released"
        )
    return config.with_engine("auto")


def _claim(folder: Path, source: Source) -> None:
    """Raises UserError if the output folder holds the answer to another source, or files of other programs."""
    record, fix = folder / RECORD, f"delete {folder}, or name another --output"
    if record.exists():
        content = read_json(record, fix)
        if not isinstance(content, dict) or not _are_names(content.get("files")):
            raise UserError(f"{record}: this is not the record of a prediction; {fix}")
        before = content.get("source")
        if before != str(source.path.resolve()):
            raise UserError(
                f"{folder}: this folder holds the prediction of {before}; name another folder with --output"
            )
    elif folder.exists() and not (folder / CACHE).is_dir() and any(folder.iterdir()):
        raise UserError(f"{folder}: this folder holds other files; name a new or empty one with --output")


def _are_names(files: Any) -> bool:
    return isinstance(files, list) and all(isinstance(name, str) for name in files)


def _files_of_same_answer(folder: Path, key: str) -> list[str]:
    """Returns the files that an earlier prediction with this key has written, which stay beside those of this one.

    Files of an earlier one of other images, or by other options, are removed: they must not stand beside this one's.
    """
    record = read_json(folder / RECORD) if (folder / RECORD).exists() else {}
    files = [folder / name for name in record.get("files", [])]
    files = [path for path in files if files_of(path) and path.resolve().is_relative_to(folder.resolve())]
    if record.get("key") in (None, key):
        return [path.relative_to(folder).as_posix() for path in files]
    for path in files:
        for stale in files_of(path):
            stale.unlink()
        if path.parent != folder and not any(path.parent.iterdir()):
            path.parent.rmdir()
    log.info("%s: the files of an earlier prediction, of other images or by other options, are replaced", folder)
    return []


def _describe(source: Source, view: View) -> None:
    """Logs what is predicted, and what is known of the world."""
    camera = view.camera
    log.info("%s: %d image%s", source.path, len(source.names), "" if len(source.names) == 1 else "s")
    if camera.world_up is None or camera.floor_height_mm is None:
        missing = "up" if camera.world_up is None else "floor"
        log.warning(
            "%s declares no %s, without which distances are less accurate; add it to the file, or give --up and --floor",
            view.path, missing,
        )  # fmt: skip
    else:
        height = float(camera.world_up @ camera.centre_world) - camera.floor_height_mm
        log.info("%s: the camera is %.2f m above the floor", view.path, height / 1000)


def _all_people(predictor: Predictor) -> People:
    """Predicts every part that is not predicted yet."""
    parts = [predictor.people(part) for part in range(predictor.parts)]
    missing = [part for part, people in enumerate(parts) if people is None]
    images = len(predictor.source.names)
    todo = sum(len(predictor.images_in(part)) for part in missing)
    done = images - todo
    try:
        with progress_bar(todo, "predict", "image") as bar:
            for part in missing:
                parts[part] = predictor.predict(part, bar.update)
                done += len(predictor.images_in(part))
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"stopped; {predictor.folder} keeps {done} of {images} images; start the same command again to resume"
        ) from None
    predictor.drop_rest()
    return joined([people for people in parts if people is not None])


def _origin(request: Request, source: Source, view: View, run: TrainedRun) -> dict[str, Any]:
    """Returns what every output says of where its numbers come from."""
    camera = view.camera
    return {
        "source": str(source.path.resolve()), "images": len(source.names),
        "frame": request.camera_options.frame, "unit": "mm",
        "axes": CAMERA_AXES if request.camera_options.frame == "camera" else "the world's",
        "person": request.person, "quality": request.quality, "camera_file": str(request.camera.resolve()),
        "camera_name": request.camera_options.name,
        "camera": {
            "K": camera.K.tolist(), "R": camera.R.tolist(), "t": camera.t.tolist(),
            "image_size": camera.image_size,
            "distortion": None if camera.distortion is None else camera.distortion.tolist(),
        },
        "weights": run.path.name if run.path == RELEASED else str(run.path), **software(),
    }  # fmt: skip


def not_found(poses: Poses) -> list[str]:
    """Returns the images in which nobody was found."""
    rows = np.flatnonzero(~poses.found)
    return [poses.image[row] if np.isnan(poses.time_s[row]) else f"{poses.time_s[row]:.3f} s" for row in rows]
