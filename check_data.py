"""The doctor: read a data set as the scripts would, look where its labels land, and name what does not fit."""

from __future__ import annotations

from modules.config import add_config_arguments, config_from_arguments
from modules.console import make_parser, print_summary, start_console
from modules.utils import EXIT_BAD_INPUT, log, run_script


def main() -> None:
    parser = make_parser(__doc__)
    add_config_arguments(parser)
    parser.add_argument("--split", choices=("train", "test"), default="train", help="which images (default: train)")
    parser.add_argument("--images", metavar="N", type=int, default=4, help="images of each camera to look at (4)")
    arguments = parser.parse_args()
    if arguments.images < 1:
        parser.error("--images must be at least 1")
    config = config_from_arguments(arguments)
    start_console(arguments)

    from modules.checkup import check

    report = check(config, arguments.split, arguments.images)
    for sentence in report.told:
        log.info("%s", sentence)
    for sentence in report.complaints:
        log.warning("to mend: %s", sentence)
    if report.sheet is not None:
        log.info("%s shows the labels (colour) on what the extractor sees (white)", report.sheet)
    if not report.complaints:
        log.info("nothing to mend")
    print_summary(arguments, stage="check", to_mend=report.complaints, told=report.told, sheet=report.sheet)
    if report.complaints:
        raise SystemExit(EXIT_BAD_INPUT)


if __name__ == "__main__":
    run_script(main)
