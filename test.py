"""Stage 3: predicts the test images in world millimetres with a trained run and writes the submission."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from modules.config.load import add_config_arguments, config_arguments, config_from_arguments
from modules.config.paths import PROJECT_ROOT, project_path
from modules.config.schema import Config
from modules.console import make_parser, print_summary, run_script, start_console
from modules.files.submission import requested_frames, sample_path
from modules.utils import UserError, log


def main() -> None:
    parser = make_parser(__doc__)
    add_config_arguments(parser)
    parser.add_argument("--run", metavar="FOLDER", type=Path, help="a run folder, or a .safetensors file (default: the newest "
                        "finished run of the same config, or else of the same data and extractor)")  # fmt: skip
    parser.add_argument("--reuse", action="store_true", help="do nothing if this run was tested on this cache before")
    arguments = parser.parse_args()
    config = config_from_arguments(arguments)
    start_console(arguments)
    requested = requested_frames(config)  # reports a broken sample before hours of extraction
    if sample_path(config) is None:
        log.info("%s has no sample_submission.json: all %d test images are predicted", config.data_root, len(requested))

    from modules.evaluation.testing import check_run, load_run, overall_scores, run_test, with_run_extraction

    run = arguments.run.resolve() if arguments.run else newest_run(config)
    trained = load_run(run)
    run_config = with_run_extraction(config, trained)
    if run_config.EXTRACT.uses_tta != config.EXTRACT.uses_tta:
        config = run_config
        assignment = f"EXTRACT.test_time_augmentation={str(config.EXTRACT.test_time_augmentation).lower()}"
        log.info("%s was trained with %s, so the test images are extracted the same way", run, assignment)
        arguments.assignments.append(assignment)  # for the child process
    extract_in_child(arguments, check_run(config, trained))
    folder, table = run_test(config, trained, requested, arguments.reuse)
    if table:
        log.info("\n%s", table)
    output = project_path(config.TEST.output)
    log.info("%s and %s are written", output, folder)
    print_summary(arguments, stage="test", run=run, folder=folder, output=output, methods=overall_scores(folder))


def extract_in_child(arguments: argparse.Namespace, joint_features: str) -> None:
    """Fills the test cache in a child process, since an extractor may need TensorFlow."""
    command = [sys.executable, str(PROJECT_ROOT / "extract_train_info.py"), "--split", "test"]
    command += ["--joint-features", joint_features]
    command += config_arguments(arguments.config, arguments.assignments)
    command += ["--quiet"] if arguments.quiet else []
    status = subprocess.run(command, check=False).returncode
    if status != 0:
        raise SystemExit(status)  # the child has reported why


def newest_run(config: Config) -> Path:
    """Returns the newest finished run of this config, or of these data and extractor, or else the released weights.

    Raises UserError if there is none of them.
    """
    from modules.cache.store import cache_folder, read_manifest
    from modules.runs.checkpoints import released_for
    from modules.runs.folders import newest_complete, origin, run_key

    parent = config.results_root / "train"
    manifest = read_manifest(cache_folder(config, "train")) if (config.data_root / "task04_train").is_dir() else None
    run = newest_complete(parent, key=run_key(config, manifest["key"])) if manifest else None
    newest = newest_complete(parent, **origin(config))
    run = run or newest
    released = released_for(config) if run is None else None
    if released is not None:
        log.info("%s: no training on %s yet, so the released weights are used: %s", parent, config.DATA.root, released)
        return released
    if run is None or newest is None:
        raise UserError(
            f"{parent}: there is no finished training on {config.DATA.root} with {config.EXTRACT.extractor} "
            f"{config.EXTRACT.weights} in this folder; run python train.py first, or name a run with --run"
        )
    log.info("testing %s", run)
    if newest.name > run.name:
        log.info("a newer run of another config is in %s; name it with --run, or give test.py the same --set", newest)
    return run


if __name__ == "__main__":
    run_script(main)
