"""Reads a test result, which is a submission, its uncertainty file and the cache of its images, as poses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from model.skeleton import NUM_JOINTS
from modules.cache.store import open_cache
from modules.cache.table import Rows
from modules.config.paths import project_path
from modules.config.schema import Config
from modules.export.description import software
from modules.export.poses import Poses
from modules.files.atomic import read_json
from modules.files.hashing import sha256_file
from modules.files.layout import list_frames
from modules.files.submission import uncertainty_path
from modules.utils import UserError, log

NAME = "pred_submission.json"
MARKER = "tested.json"
TTA = "test_time_augmentation"


def read_tested(path: Path, config: Config) -> Poses:
    """Reads a submission of GroundPose's as poses; the config names its data set and cache.

    Images in which nobody was found have no joints, though the submission holds the fallback pose for them. Raises UserError
    if the submission is malformed, or the cache is missing or stale, or not that of the submission.
    """
    names, joints = _read_submission(path)
    marker = _marker_of(path, config)
    if marker is None:
        log.warning(
            "%s: no test result in %s is of this submission, so its weights are unknown", path, config.results_root
        )
    else:
        config = config.with_tta_of(marker["weights"]["config"]["EXTRACT"][TTA])
    rows, manifest = open_cache(config, "test", list_frames(config.data_root, "test"))
    if marker is not None and f"/{manifest['key']}/" not in marker["key"]:
        raise UserError(
            f"{path}: the cache of {config.data_root} has changed since this test; run python test.py again"
        )
    places = {str(name): index for index, name in enumerate(rows["file_name"])}
    missing = [name for name in names if name not in places]
    if missing:
        raise UserError(
            f"{path}: {missing[0]} is not among the test images of {config.data_root}; name the submission's data set by "
            "--set DATA.root=..."
        )
    rows = rows.take([places[name] for name in names])
    return _poses(rows, joints, _expected_error(path, config, names), _origin(path, config, marker))


def _poses(rows: Rows, joints: np.ndarray, error: np.ndarray, origin: dict[str, Any]) -> Poses:
    found = rows["found"].astype(bool)
    people = list(dict.fromkeys(str(person) for person in rows["person"]))
    up = _common(rows["world_up"])
    return Poses(
        joints_mm=np.where(found[:, None, None], joints, np.nan),
        expected_error_mm=np.where(found[:, None], error, np.nan),
        frame_index=np.arange(len(rows)),
        time_s=np.full(len(rows), np.nan),
        person=np.array([people.index(str(person)) for person in rows["person"]]),
        found=found,
        image=[str(image) for image in rows["image_path"]],
        up=up,
        floor_height_mm=None if up is None else _number(_common(rows["floor_height_mm"])),
        origin={**origin, "people": people},
    )


def _common(values: np.ndarray) -> np.ndarray | None:
    """Returns the value that all rows have; None if they differ, or have none."""
    return values[0] if len(values) and np.allclose(values, values[0], atol=1e-9) else None


def _number(value: np.ndarray | None) -> float | None:
    return None if value is None else float(value)


def _read_submission(path: Path) -> tuple[list[str], np.ndarray]:
    """Returns the image names and the joints (N, 24, 3) world mm."""
    entries = read_json(path, "make it again by python test.py")
    try:
        names = [str(entry["file_name"]) for entry in entries]
        joints = np.array([entry["3d_pos"] for entry in entries], float)
    except (KeyError, TypeError, ValueError):
        names, joints = [], np.zeros(0)
    if joints.shape != (len(names), NUM_JOINTS, 3) or not names or not np.isfinite(joints).all():
        raise UserError(
            f"{path}: this is neither poses.json nor a submission of 24 world joints per image; make it again by "
            "python test.py"
        )
    return names, joints


def _marker_of(path: Path, config: Config) -> dict[str, Any] | None:
    """Returns what the test that wrote this submission has recorded: beside it, or among the results of the config."""
    digest = sha256_file(path)
    for marker_path in (path.with_name(MARKER), *sorted((config.results_root / "test").glob(f"*/{MARKER}"))):
        marker = read_json(marker_path) if marker_path.is_file() else {}
        if isinstance(marker, dict) and marker.get("output") == digest:
            return _checked_marker(marker, marker_path)
    return None


def _checked_marker(marker: dict[str, Any], path: Path) -> dict[str, Any]:
    """Returns the record of a test with all that is used of it. Raises UserError if it lacks any."""
    try:
        weights = marker["weights"]
        kept = {name: weights[name] for name in ("path", "released", "epoch")}
        kept["config"] = {"EXTRACT": {TTA: weights["config"]["EXTRACT"][TTA]}}
        return {"key": str(marker["key"]), "weights": kept}
    except (KeyError, TypeError):
        raise UserError(f"{path}: this is not the record of a test; run python test.py again") from None


def _expected_error(path: Path, config: Config, names: list[str]) -> np.ndarray:
    """Returns the expected errors (N, 24) of the uncertainty file, NaN where there is none.

    It is beside the submission, or beside TEST.output if that is the same submission.
    """
    output = project_path(config.TEST.output)
    uncertainty = uncertainty_path(path)
    if not uncertainty.exists() and output.exists() and sha256_file(output) == sha256_file(path):
        uncertainty = uncertainty_path(output)
    if not uncertainty.exists():
        log.warning("%s: there is no uncertainty file, so expected errors are left blank", path)
        return np.full((len(names), NUM_JOINTS), np.nan)
    entries = read_json(uncertainty, "make it again by python test.py")
    try:
        errors = {entry["file_name"]: entry["expected_error_mm"] or [np.nan] * NUM_JOINTS for entry in entries}
        values = np.array([errors[name] for name in names], float).reshape(len(names), NUM_JOINTS)
    except (KeyError, TypeError, ValueError):
        raise UserError(
            f"{uncertainty}: it is not of the images of {path.name}; make both again by python test.py"
        ) from None
    return values


def _origin(path: Path, config: Config, marker: dict[str, Any] | None) -> dict[str, Any]:
    weights = None if marker is None else {name: marker["weights"][name] for name in ("path", "released", "epoch")}
    return {"source": str(config.data_root), "submission": str(path), "weights": weights, **software()}
