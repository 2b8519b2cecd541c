"""Chooses the weights that answer a test: the run of the configured training, or the released weights, and says which."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from modules.cache.store import cache_folder, read_manifest
from modules.config.paths import PROJECT_ROOT
from modules.config.schema import Config
from modules.runs import folders
from modules.runs.checkpoints import RELEASED, is_released, released_for
from modules.utils import UserError, log

RELEASED_NAME = "released"  # of --run


def named_run(name: str) -> Path:
    """Returns the run folder or file that --run names; `released` names the released weights."""
    return RELEASED if name == RELEASED_NAME else Path(name).resolve()


def choose_run(config: Config, options: Sequence[str] = ()) -> Path:
    """Returns the newest finished run of this config and these training images, or else the released weights.

    The released weights answer only where nothing has been trained on the data set. `options` are those of the command, for
    the messages. Raises UserError if another training stands there, or if nothing fits.
    """
    parent = config.results_root / "train"
    manifest = read_manifest(cache_folder(config, "train")) if (config.data_root / "task04_train").is_dir() else None
    run = folders.newest_complete(parent, key=folders.run_key(config, manifest["key"])) if manifest else None
    if run is not None:
        log.info("testing %s", run)
        return run
    others = folders.runs_on(parent, config)
    if others:
        raise UserError(_another_stands_there(config, others, manifest is not None, shlex.join(options)))
    released = released_for(config)
    if released is None:
        raise UserError(
            f"{parent}: nothing has been trained on {config.DATA.root}, and there are no released weights for "
            f"{config.EXTRACT.extractor} {config.EXTRACT.weights}; run python train.py first, or name a run with --run"
        )
    log.warning(
        "%s: nothing has been trained on %s, so the RELEASED weights answer (%s); run python train.py first for your own",
        parent, config.DATA.root, released,
    )  # fmt: skip
    return released


def _another_stands_there(config: Config, others: Sequence[Path], is_cached: bool, options: str) -> str:
    """Returns the message for a config that was not trained, while other runs on its data set exist (newest first)."""
    finished = [run for run in others if folders.is_complete(run)]
    newest = (finished or others)[0]
    options = options and f" {options}"
    test = f"; test that one by `python test.py{options} --run {shlex.quote(str(newest))}`" if finished else ""
    return (
        f"{newest}: this {'run' if finished else 'unfinished run'} stands there, but it is not the training that the config "
        f"asks for ({_difference(config, newest, is_cached)}); train it by `python train.py --reuse{options}`{test}"
    )


def _difference(config: Config, run: Path, is_cached: bool) -> str:
    """Returns the first key by which a run's training differs from the configured one, or what else differs."""
    path = run / "train_config.yaml"
    theirs: Any = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
    ours = config.model_dump(mode="json")
    for section in ("EXTRACT", "METRABS", "DATA", "TRAIN", "SEED"):
        for key, value in ours[section].items():
            found = theirs.get(section, {}).get(key, value) if (section, key) not in folders.NOT_DETERMINING else value
            if found != value and (section, key) != ("DATA", "root"):
                return f"{section}.{key} is {found} there and {value} here"
    if not folders.is_complete(run):
        return "it was interrupted"
    return (
        "the training images, cameras, labels or validation list have changed since"
        if is_cached
        else "there is no complete cache of the training images"
    )


def describe_weights(path: Path, checkpoint: dict[str, Any]) -> dict[str, Any]:
    """Returns what answered a test, for its results: file, whether it is released, data set, epoch, validation score."""
    inside = path.resolve().is_relative_to(PROJECT_ROOT)
    return {
        "file": path.resolve().relative_to(PROJECT_ROOT).as_posix() if inside else str(path.resolve()),
        "released": is_released(path),
        "trained_on": [checkpoint["config"]["DATA"]["root"], *checkpoint["config"]["DATA"]["extra_roots"]],
        "epoch": checkpoint["epoch"],
        "validation_score": checkpoint["score"],
    }


def weights_line(weights: dict[str, Any]) -> str:
    """Returns one sentence that names the weights of a test's results."""
    kind = "the released weights" if weights["released"] else "your training"
    return f"answered by {weights['file']} ({kind}; trained on {', '.join(weights['trained_on'])}, epoch {weights['epoch']})"
