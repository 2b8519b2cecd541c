"""Stage 2: fit PoseNet on the cache of the training images, as config/train_config.yml says."""

from __future__ import annotations

import argparse
from pathlib import Path

from modules.config import Config, add_config_arguments, config_from_arguments, dump_config
from modules.utils import UserError, log, run_script, start_logging, write_json, write_text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--resume", metavar="RUN", type=Path, help="go on with a run folder that was cut off")
    choice.add_argument("--reuse", action="store_true", help="keep, or go on with, a run of this very config and cache")
    arguments = parser.parse_args()
    config = config_from_arguments(arguments)
    start_logging()
    train(config, arguments.resume, arguments.reuse)


def train(config: Config, resume: Path | None = None, reuse: bool = False) -> Path:
    """Train, or keep a finished run of the same key; returns the run folder."""
    from modules import runs
    from modules.cache import open_cache
    from modules.dataset import split_rows
    from modules.layout import list_frames
    from modules.trainer import Trainer

    rows, manifest = open_cache(config, "train", list_frames(config.data_root, "train"))
    parent, key = config.results_root / "train", runs.run_key(config, manifest["key"])
    if reuse:
        finished = runs.newest_complete(parent, key=key)
        if finished is not None:
            log.info("%s: trained already with this config and cache", finished)
            return finished
        resume = runs.newest_unfinished(parent, key)
    if resume is not None and not (resume / runs.LAST).exists():
        raise UserError(f"{resume}: there is no {runs.LAST} to go on from; train anew without --resume")
    folder = resume or runs.new_folder(parent)
    start_logging(folder / "train_log.log")
    if resume is None:
        write_text(folder / "train_config.yaml", dump_config(config))
        write_json(folder / runs.STARTED, {"key": key, **runs.origin(config)})
    trainer = Trainer(config, *split_rows(rows, config), folder, key, manifest["fingerprint"])
    if resume is not None:
        trainer.resume(folder / runs.LAST)
    summary = trainer.fit()
    log.info(
        "%s: best %s %.1f at epoch %d (extractor alone: %.1f), %.1f minutes",
        folder, summary["metric"], summary["best_score"], summary["best_epoch"], summary["extractor_score"],
        summary["minutes"],
    )  # fmt: skip
    return folder


if __name__ == "__main__":
    run_script(main)
