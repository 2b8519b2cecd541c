"""The doctor: reads a data set as the other scripts do, checks where its labels project, and reports what to fix."""

from __future__ import annotations

from modules.config.load import add_config_arguments, config_from_arguments
from modules.console import make_parser, print_summary, run_script, start_console
from modules.utils import EXIT_BAD_INPUT, log


def main() -> None:
    """Checks one split and prints notes and problems. Exit code 2 if there is a problem."""
    parser = make_parser(__doc__)
    add_config_arguments(parser)
    parser.add_argument("--split", choices=("train", "test"), default="train", help="which images (default: train)")
    parser.add_argument("--images", metavar="N", type=int, default=4, help="images per camera to check (default: 4)")
    arguments = parser.parse_args()
    if arguments.images < 1:
        parser.error("--images must be at least 1")
    config = config_from_arguments(arguments)
    start_console(arguments)

    from modules.doctor.check import check

    report = check(config, arguments.split, arguments.images)
    for sentence in report.notes:
        log.info("%s", sentence)
    for sentence in report.problems:
        log.warning("to fix: %s", sentence)
    if report.sheet is not None:
        log.info("%s shows the labels (colour) and the extractor's joints (white)", report.sheet)
    if report.floor_plot is not None:
        log.info("%s shows the people's feet over the floor", report.floor_plot)
    if not report.problems:
        log.info("nothing to fix")
    print_summary(
        arguments, stage="check", to_fix=report.problems, notes=report.notes, sheet=report.sheet,
        floor_plot=report.floor_plot,
    )  # fmt: skip
    if report.problems:
        raise SystemExit(EXIT_BAD_INPUT)


if __name__ == "__main__":
    run_script(main)
