"""Stage 2: fit PoseNet on the cache of the training images, as config/train_config.yml says."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from modules.config import Config, add_config_arguments, config_from_arguments, dump_config
from modules.console import command_again, make_parser, print_summary, start_console
from modules.utils import UserError, log, read_json, run_script, write_json, write_text


def main() -> None:
    parser = make_parser(__doc__)
    add_config_arguments(parser)
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--resume", metavar="RUN", type=Path, help="go on with a run folder that was cut off")
    choice.add_argument("--reuse", action="store_true", help="keep, or go on with, a run of this very config and cache")
    arguments = parser.parse_args()
    config = config_from_arguments(arguments)
    start_console(arguments)
    folder, summary = train(config, arguments)
    log.info(
        "%s: best %s %.1f at epoch %d (extractor alone: %.1f), %.1f minutes",
        folder, summary["metric"], summary["best_score"], summary["best_epoch"], summary["extractor_score"],
        summary["minutes"],
    )  # fmt: skip
    print_summary(arguments, stage="train", run=folder, **summary)


def train(config: Config, arguments: argparse.Namespace) -> tuple[Path, dict[str, Any]]:
    """Train, or keep a finished run of the same key; returns the run folder and its summary."""
    from modules import runs
    from modules.cache import open_cache
    from modules.dataset import learned_too, split_rows, tell_split
    from modules.devices import make_fabric, run_on_devices
    from modules.layout import list_frames
    from modules.recipes import recipe_named
    from modules.trainer import fit

    rows, manifest = open_cache(config, "train", list_frames(config.data_root, "train"))
    refuse_other_weights(config, manifest)
    further = []
    for also in config.further:
        more, more_manifest = open_cache(also, "train", list_frames(also.data_root, "train"))
        refuse_other_weights(also, more_manifest)
        further.append(learned_too(more, also))
    parent, key, resume = config.results_root / "train", runs.run_key(config, manifest["key"]), arguments.resume
    resume = resume and resume.resolve()  # what is said of it shall hold from any folder
    if arguments.reuse:
        finished = runs.newest_complete(parent, key=key)
        if finished is not None:
            log.info("%s: trained already with this config and cache", finished)
            return finished, read_json(finished / runs.COMPLETE)
        resume = runs.newest_unfinished(parent, key)
    if resume is not None and not (resume / runs.LAST).exists():
        raise UserError(f"{resume}: there is no {runs.LAST} to go on from; train anew without --resume")
    fabric = make_fabric(config.TRAIN, config.TRAIN.devices)
    train_rows, validation_rows = split_rows(rows, config)  # before a folder is made for what cannot be trained
    recipe_named(config.TRAIN.model).check_start(config.TRAIN, (train_rows, validation_rows, *further))
    runs.starting_weights(config.TRAIN)
    folder = resume or runs.new_folder(parent)
    if resume is None:
        write_text(folder / "train_config.yaml", dump_config(config))
        write_json(folder / runs.STARTED, {"key": key, **runs.origin(config)})
    with runs.held(folder):
        start_console(arguments, folder / "train_log.log")
        tell_split(rows, validation_rows, config)
        for also, more in zip(config.further, further, strict=True):
            log.info("%s: %d images are learned from, too", also.data_root, len(more))
        split = train_rows.beside(further), validation_rows
        job = (split, folder, key, manifest["fingerprint"], resume is not None, arguments.quiet)
        try:
            return folder, run_on_devices(fabric, fit, config, *job)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(how_to_go_on(folder / runs.LAST, arguments.reuse)) from None


def refuse_other_weights(config: Config, manifest: dict[str, Any]) -> None:
    """UserError where the cache was made by another extractor than the installed one; absent weights say nothing."""
    from modules.cache import cache_folder
    from modules.extractors import configured_fingerprint

    installed = configured_fingerprint(config)
    if installed is None:
        log.info("the weights of %s are not here, so the cache is taken as it is", config.EXTRACT.extractor)
    elif installed != manifest["fingerprint"]:
        raise UserError(
            f"{cache_folder(config, 'train')}: this cache was made by another version, or other weights, of "
            f"{config.EXTRACT.extractor}; run python extract_train_info.py"
        )


def how_to_go_on(checkpoint: Path, reuses: bool) -> str:
    """What Ctrl-C is answered with."""
    if not checkpoint.exists():
        return "stopped before anything was learned; start the same command again"
    if reuses:
        return f"stopped; {checkpoint} is saved; start the same command again to go on"
    go_on = command_again("--resume", str(checkpoint.parent), without="--resume")
    return f"stopped; {checkpoint} is saved; to go on: {go_on}"


if __name__ == "__main__":
    run_script(main)
