"""Stage 2: trains PoseNet on the cached training images, with the settings of the config."""

from __future__ import annotations

import argparse
import contextlib
import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modules.config.load import add_config_arguments, config_from_arguments, dump_config
from modules.config.schema import Config
from modules.console import command_again, make_parser, print_summary, run_script, start_console
from modules.files.atomic import read_json, write_json, write_text
from modules.utils import UserError, log

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from modules.cache.table import Rows
    from modules.training.nodes import Nodes


def main() -> None:
    parser = make_parser(__doc__)
    add_config_arguments(parser)
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--resume", metavar="RUN", type=Path, help="resume an interrupted run folder")
    choice.add_argument("--reuse", action="store_true", help="keep, or resume, a run of the same config and cache")
    arguments = parser.parse_args()
    config = config_from_arguments(arguments)
    start_console(arguments)
    folder, summary = train(config, arguments)
    if not summary:  # another process reports it
        return
    log.info(
        "%s: best %s %.1f at epoch %d (extractor alone: %.1f), %.1f minutes",
        folder, summary["metric"], summary["best_score"], summary["best_epoch"], summary["extractor_score"],
        summary["minutes"],
    )  # fmt: skip
    print_summary(arguments, stage="train", run=folder, **summary)


def train(config: Config, arguments: argparse.Namespace) -> tuple[Path, dict[str, Any]]:
    """Trains, resumes a run, or with --reuse keeps a finished one; returns the run folder and its summary.

    With several machines, the summary is empty in all processes but the first.
    """
    from modules.training.nodes import joined_nodes

    with joined_nodes(config.TRAIN) as nodes:
        if not nodes.is_first:
            log.setLevel(logging.ERROR)
        return train_on(nodes, config, arguments)


def train_on(nodes: Nodes, config: Config, arguments: argparse.Namespace) -> tuple[Path, dict[str, Any]]:
    """Trains as `train` does, in one of the training's processes."""
    from modules.cache.splits import log_split, split_rows
    from modules.cache.table import FITTED_ROWS
    from modules.checks.labels import label_warning
    from modules.recipes import RECIPES
    from modules.runs import checkpoints, folders
    from modules.runs.blending import released_on
    from modules.trainer import TrainingJob, fit
    from modules.training.devices import check_shards, make_fabric, run_on_devices

    rows, manifest = nodes.in_turn(lambda: cached_rows(config))
    extra = [nodes.in_turn(partial(extra_images, extra_config)) for extra_config in config.extra]
    parent, key = config.results_root / "train", folders.run_key(config, manifest["key"])
    nodes.require_same(key, "config or cache")
    finished, resume = nodes.chosen(lambda: existing_run(arguments, parent, key))
    if finished is not None:
        log.info("%s: trained already with this config and cache", finished)
        return finished, read_json(finished / folders.COMPLETE) if nodes.is_first else {}

    def prepare() -> tuple[Fabric, Rows, Rows]:
        if resume is not None and not (resume / folders.LAST).exists():
            raise UserError(f"{resume}: there is no {folders.LAST} to resume from; train again without --resume")
        fabric = make_fabric(config.TRAIN, config.TRAIN.devices)
        train_rows, validation_rows = split_rows(rows, config)  # before the folder is made, since it may raise
        check_shards(config.TRAIN, len(train_rows))
        RECIPES[config.TRAIN.model].check_start(config.TRAIN, (train_rows, validation_rows, *extra))
        checkpoints.starting_weights(config.TRAIN)
        return fabric, train_rows, validation_rows

    fabric, train_rows, validation_rows = nodes.in_turn(prepare)
    if sentence := label_warning(rows.sample(FITTED_ROWS).columns, "train"):
        log.warning("warning: %s", sentence)
    with contextlib.ExitStack() as lock:

        def open_folder() -> Path:
            folder: Path = resume or folders.new_folder(parent)
            if resume is None:
                write_text(folder / "train_config.yaml", dump_config(config))
                write_json(folder / folders.STARTED, {"key": key, **folders.origin(config)})
            lock.enter_context(folders.locked(folder))
            start_console(arguments, folder / "train_log.log")
            return folder

        folder = nodes.chosen(open_folder)
        nodes.how_to_resume = lambda: how_to_resume_nodes(folder / folders.LAST, arguments.reuse)
        log_split(rows, validation_rows, config)
        for extra_config, more in zip(config.extra, extra, strict=True):
            log.info("%s: %d extra training images", extra_config.data_root, len(more))
        released = nodes.in_turn(lambda: released_on(config, train_rows, validation_rows))
        all_rows = train_rows.with_extra(extra)
        job = TrainingJob(config, all_rows, validation_rows, folder, key, manifest["fingerprint"], released)
        try:
            return folder, run_on_devices(fabric, fit, job, resume is not None, arguments.quiet)
        except KeyboardInterrupt:
            if nodes.size > 1:
                raise KeyboardInterrupt(nodes.stopped()) from None
            raise KeyboardInterrupt(how_to_resume(folder / folders.LAST, arguments.reuse)) from None


def existing_run(arguments: argparse.Namespace, parent: Path, key: str) -> tuple[Path | None, Path | None]:
    """Returns the finished run that is kept, and the one to resume."""
    from modules.runs import folders

    if not arguments.reuse:
        return None, arguments.resume and arguments.resume.resolve()  # so that paths in messages are absolute
    finished = folders.newest_complete(parent, key=key)
    return finished, None if finished else folders.newest_unfinished(parent, key)


def cached_rows(config: Config) -> tuple[Rows, dict[str, Any]]:
    """Returns the cached training rows, upright, and the manifest. Raises UserError if another extractor made the cache."""
    from modules.cache.store import cache_folder, open_cache
    from modules.cache.upright import upright_rows
    from modules.extractors import configured_fingerprint
    from modules.files.layout import list_frames

    rows, manifest = open_cache(config, "train", list_frames(config.data_root, "train"))
    installed = configured_fingerprint(config)
    if installed is None:
        log.info("the weights of %s are missing, so the cache is not checked against them", config.EXTRACT.extractor)
    elif installed != manifest["fingerprint"]:
        raise UserError(
            f"{cache_folder(config, 'train')}: this cache was made by another version, or other weights, of "
            f"{config.EXTRACT.extractor}; run python extract_train_info.py"
        )
    return upright_rows(rows), manifest


def extra_images(config: Config) -> Rows:
    """Returns the cached training rows of an extra data set, without its validation images."""
    from modules.cache.splits import extra_rows

    return extra_rows(cached_rows(config)[0], config)


def how_to_resume(checkpoint: Path, reuses: bool) -> str:
    """Returns the message after Ctrl-C."""
    if not checkpoint.exists():
        return "stopped before the first checkpoint; start the same command again"
    if reuses:
        return f"stopped; {checkpoint} is saved; start the same command again to resume"
    command = command_again("--resume", str(checkpoint.parent), without="--resume")
    return f"stopped; {checkpoint} is saved; to resume: {command}"


def how_to_resume_nodes(checkpoint: Path, reuses: bool) -> str:
    """Returns how to resume on several machines."""
    from modules.training.nodes import AGAIN, script_again

    if reuses or not checkpoint.exists():
        return AGAIN
    return f"start torchrun on every node again with: {script_again('--resume', str(checkpoint.parent))}"


if __name__ == "__main__":
    run_script(main)
