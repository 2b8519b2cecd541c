"""Stage 3: lift the test images to world millimetres with a trained run and write the submission."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from modules.config import (
    PROJECT_ROOT,
    Config,
    add_config_arguments,
    config_arguments,
    config_from_arguments,
    project_path,
)
from modules.console import make_parser, print_summary, start_console
from modules.submission import asked_frames, sample_path
from modules.utils import UserError, log, run_script


def main() -> None:
    parser = make_parser(__doc__)
    add_config_arguments(parser)
    parser.add_argument("--run", metavar="FOLDER", type=Path, help="a run folder (default: the newest finished one of this "
                        "very config, or else of these data and extractor)")  # fmt: skip
    parser.add_argument("--reuse", action="store_true", help="do nothing where this run and cache are tested already")
    arguments = parser.parse_args()
    config = config_from_arguments(arguments)
    start_console(arguments)
    asked = asked_frames(config)  # a broken sample is told before hours of extraction
    if sample_path(config) is None:
        log.info("%s has no sample_submission.json: all %d test images are answered", config.data_root, len(asked))

    from modules.evaluation import as_learned, check_run, overall_scores, run_test

    run = arguments.run.resolve() if arguments.run else newest_run(config)
    learned = as_learned(config, run)
    if learned.EXTRACT.takes_several != config.EXTRACT.takes_several:
        config, said = learned, f"EXTRACT.crops={learned.EXTRACT.crops}"
        log.info("%s has learned from poses of %s, so it is tested on such, too", run, said)
        arguments.assignments.append(said)  # for the extraction
    looks = check_run(config, run)  # and so is a run that cannot answer
    extract_in_child(arguments, looks)
    folder, table = run_test(config, run, arguments.reuse)
    if table:
        log.info("\n%s", table)
    output = project_path(config.TEST.output)
    log.info("%s and %s are written", output, folder)
    print_summary(arguments, stage="test", run=run, folder=folder, output=output, methods=overall_scores(folder))


def extract_in_child(arguments: argparse.Namespace, looks: str) -> None:
    """Make sure that the test cache stands, in a process of its own: an extractor may need TensorFlow."""
    command = [sys.executable, str(PROJECT_ROOT / "extract_train_info.py"), "--split", "test", "--looks", looks]
    command += config_arguments(arguments.config, arguments.assignments)
    command += ["--quiet"] if arguments.quiet else []
    status = subprocess.run(command, check=False).returncode
    if status != 0:
        raise SystemExit(status)  # the child has said why


def newest_run(config: Config) -> Path:
    """The newest complete run of this very config, or else of these data and extractor, or else the released weights.

    UserError where there is none of them.
    """
    from modules.cache import cache_folder, read_manifest
    from modules.runs import newest_complete, origin, released_for, run_key

    parent = config.results_root / "train"
    manifest = read_manifest(cache_folder(config, "train")) if (config.data_root / "task04_train").is_dir() else None
    run = newest_complete(parent, key=run_key(config, manifest["key"])) if manifest else None
    newest = newest_complete(parent, **origin(config))
    run = run or newest
    released = released_for(config) if run is None else None
    if released is not None:
        log.info("%s: no training on %s yet, so the released weights answer: %s", parent, config.DATA.root, released)
        return released
    if run is None or newest is None:
        raise UserError(
            f"{parent}: there is no finished training on {config.DATA.root} with {config.EXTRACT.extractor} "
            f"{config.EXTRACT.weights} in here; run python train.py first, or name a run with --run"
        )
    log.info("testing %s", run)
    if newest.name > run.name:
        log.info(
            "a newer run of another config stands in %s; name it with --run, or give test.py the same --set", newest
        )
    return run


if __name__ == "__main__":
    run_script(main)
