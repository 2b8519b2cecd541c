"""Stage 3: predicts the test images in world millimetres with a trained run and writes the submission."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from modules.config.load import add_config_arguments, config_arguments, config_from_arguments, shown_arguments
from modules.config.paths import PROJECT_ROOT
from modules.console import make_parser, print_summary, run_script, start_console
from modules.files.atomic import require_writable
from modules.utils import log


def main() -> None:
    parser = make_parser(__doc__)
    add_config_arguments(parser)
    parser.add_argument("--run", metavar="FOLDER", type=Path, help="a run folder, a .safetensors file, or `released`, the "
                        "released weights (default: the newest finished run of the same config, or the released weights "
                        "if nothing was trained on this data set)")  # fmt: skip
    parser.add_argument("--reuse", action="store_true", help="do nothing if this run was tested on this cache before")
    arguments = parser.parse_args()
    config = config_from_arguments(arguments)
    start_console(arguments)

    from modules.files.submission import output_path, requested_frames, sample_path

    requested = requested_frames(config)  # reports a broken sample before hours of extraction
    output = output_path(config)
    require_writable(output.parent, "TEST.output")
    require_writable(config.results_root, "RESULTS.root")
    if sample_path(config) is None:
        log.info("%s has no sample_submission.json: all %d test images are predicted", config.data_root, len(requested))

    from modules.cache.completeness import is_extracted
    from modules.evaluation import testing
    from modules.evaluation.joint_table import joint_table_path
    from modules.evaluation.warnings import warn_of_camera_files
    from modules.files.layout import list_frames
    from modules.runs.choice import choose_run

    run, warning = choose_run(config, arguments.run, shown_arguments(arguments))
    log.info("testing %s", run)
    if warning:
        log.warning("%s", warning)
    trained = testing.load_run(run)
    run_config = testing.with_run_extraction(config, trained)
    if run_config.EXTRACT.tta != config.EXTRACT.tta:
        config = run_config
        assignment = f"EXTRACT.test_time_augmentation={str(config.EXTRACT.test_time_augmentation).lower()}"
        log.info("%s was trained with %s, so the test images are extracted the same way", run, assignment)
        arguments.assignments.append(assignment)  # for the child process
    joint_features = testing.check_run(config, trained)
    warned = warn_of_camera_files(requested)  # before hours of extraction
    if not is_extracted(config, "test", list_frames(config.data_root, "test"), joint_features):
        extract_in_child(arguments, joint_features)
    folder, report = testing.run_test(config, trained, requested, arguments.reuse, warned)
    log.info("\n%s", report)
    log.info("%s, %s (the same as a table) and %s are written", output, joint_table_path(output).name, folder)
    if warning:
        log.warning("%s", warning)
    weights, methods = testing.weights_used(folder), testing.overall_scores(folder)
    print_summary(arguments, stage="test", run=run, weights=weights, folder=folder, output=output, methods=methods)


def extract_in_child(arguments: argparse.Namespace, joint_features: str) -> None:
    """Fills the test cache in a child process, since an extractor may need TensorFlow."""
    command = [sys.executable, str(PROJECT_ROOT / "extract_train_info.py"), "--split", "test"]
    command += ["--joint-features", joint_features]
    command += config_arguments(arguments.config, arguments.assignments)
    command += ["--quiet"] if arguments.quiet else []
    status = subprocess.run(command, check=False).returncode
    if status != 0:
        raise SystemExit(status)  # the child has reported why


if __name__ == "__main__":
    run_script(main)
