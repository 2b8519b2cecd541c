"""Measures up and floor of a split's recordings, keeps them in the manifest, and completes cache rows with them.

The columns of the cache stay as declared, so that another DATA.floor or another way of measuring needs no extraction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from modules.cache.table import Rows
from modules.cache.upright import turned_rows
from modules.config.schema import Config
from modules.files.hashing import digest, sha256_file
from modules.files.layout import split_folder
from modules.floor.assignment import assign_worlds
from modules.floor.people import Recording
from modules.floor.recordings import read_recordings, recordings_of_labels, recordings_of_views, rows_by_recording
from modules.floor.report import summarise
from modules.floor.worlds import World, measure_worlds
from modules.utils import UserError, log

FLOOR = "floor"  # the manifest's key
FLOOR_VERSION = 2  # of the measurement; another one is measured anew, which takes seconds


def is_current(config: Config, split: str, rows: Rows, manifest: Mapping[str, Any]) -> bool:
    """Returns whether the manifest holds what `measured` would return."""
    stored = manifest.get(FLOOR)
    if not _undeclared(rows).any():
        return stored is None
    return (
        stored is not None
        and stored.get("version") == FLOOR_VERSION
        and stored.get("training") == _training_digest(config, split)
    )


def measured(config: Config, split: str, rows: Rows) -> dict[str, Any]:
    """Measures and logs the worlds of a split's rows; returns the manifest's entry, empty if all rows declare a floor.

    The training part is measured on its labels; the test part is given the training part's worlds, else those in its
    views. Test labels are not read.
    """
    if not _undeclared(rows).any():
        return {}
    if split == "train":
        worlds = measure_worlds(recordings_of_labels(rows.columns), "labels")
    else:
        training = _training_recordings(config)
        worlds = assign_worlds(recordings_of_views(rows.columns), training, measure_worlds(training, "labels"))
    for line in summarise(worlds):
        log.info("%s, %s: %s", config.data_root, split, line)
    turned = sorted(turned_rows(_filled(rows, worlds)).keys() - turned_rows(rows).keys())
    if turned:  # a cache does not depend on labels, so only a declared up turns pictures
        log.warning(
            "camera/%s.json and %d more camera files: by the measured up, these cameras are upside down or on their side; "
            "write world_up into their files, so that pictures are turned upright for the network", turned[0], len(turned) - 1,
        )  # fmt: skip
    return {
        FLOOR: {
            "version": FLOOR_VERSION,
            "training": _training_digest(config, split),
            "worlds": [asdict(world) for world in worlds],
        }
    }


def complete_rows(config: Config, split: str, rows: Rows, manifest: Mapping[str, Any], path: object) -> Rows:
    """Returns the rows with up and floor as DATA.floor says: declared, measured where undeclared (auto), or none.

    Raises UserError, which begins with `path`, if they are not measured yet.
    """
    if config.DATA.floor == "none":
        blank = {name: np.full_like(rows[name], np.nan) for name in ("world_up", "floor_height_mm")}
        return rows.with_columns(blank)
    if config.DATA.floor == "declared" or not _undeclared(rows).any():
        return rows
    if not is_current(config, split, rows, manifest):
        raise UserError(
            f"{path}: up and floor are not measured yet (camera files declare none), or the training labels have changed "
            f"since; run python extract_train_info.py --split {split}, which extracts nothing again"
        )
    return _filled(rows, stored_worlds(manifest))


def stored_worlds(manifest: Mapping[str, Any]) -> list[World]:
    """Returns the worlds in a manifest; none if every camera file declares its floor."""
    return [World.from_json(values) for values in manifest.get(FLOOR, {"worlds": []})["worlds"]]


def rows_key(config: Config, manifest: Mapping[str, Any]) -> str:
    """Returns the key of a cache's rows as they are read: the manifest's, and what DATA.floor changes in them."""
    key, mode = str(manifest["key"]), config.DATA.floor
    worlds = manifest.get(FLOOR, {"worlds": []})["worlds"] if mode == "auto" else []
    return digest([key, mode]) if mode == "none" else digest([key, worlds]) if worlds else key


def _filled(rows: Rows, worlds: list[World]) -> Rows:
    """Returns the rows with the worlds' up and floor where the camera file declares none."""
    up, floor = rows["world_up"].copy(), rows["floor_height_mm"].copy()
    places = rows_by_recording(rows.columns)
    for world in worlds:
        of_world = np.concatenate([places[name] for name in world.recordings if name in places] or [np.zeros(0, int)])
        own = of_world[np.isnan(floor[of_world])]
        if world.up is not None:
            up[own] = np.where(np.isnan(up[own]), world.up, up[own])
        floor[own] = np.nan if world.floor_mm is None else world.floor_mm
    return rows.with_columns({"world_up": up, "floor_height_mm": floor})


def _undeclared(rows: Rows) -> np.ndarray:
    return np.asarray(np.isnan(rows["floor_height_mm"]))


def _training_recordings(config: Config) -> list[Recording]:
    """Returns the recordings of the training part, read from its files; none if they are missing or cannot be used."""
    if not _has_training(config):
        return []
    try:
        return read_recordings(config.data_root, "train")
    except UserError as error:
        log.info("the training part cannot be used to measure the floor of the test part: %s", error)
        return []


def _training_digest(config: Config, split: str) -> str | None:
    """Returns the digest of the training labels and cameras that a test part is measured with; None if there are none."""
    if split == "train" or not _has_training(config):
        return None
    folder = split_folder(config.data_root, "train")
    paths = sorted([*folder.glob("camera/*.json"), *folder.glob("labels/*/*.json")])
    return digest([[path.relative_to(folder).as_posix(), sha256_file(path)] for path in paths if path.is_file()])


def _has_training(config: Config) -> bool:
    return (split_folder(config.data_root, "train") / "images").is_dir()
