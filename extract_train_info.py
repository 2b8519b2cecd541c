"""Stage 1: run the pretrained pose model over every image and cache box, 2D joints, depth and crop."""

from __future__ import annotations

from modules.config import add_config_arguments, config_from_arguments
from modules.console import make_parser, print_summary, start_console
from modules.utils import log, run_script


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--split", choices=("train", "test"), help="only this split (both by default)")
    parser.add_argument("--looks", choices=("none", "heavy", "full"), help="also cache what this network of BlazePose sees "
                        "at each joint (default: what TRAIN.looks says)")  # fmt: skip
    add_config_arguments(parser)
    arguments = parser.parse_args()
    config = config_from_arguments(arguments)
    start_console(arguments)

    from modules.extraction import extract_split
    from modules.looks import fill_looks

    looks = arguments.looks or config.TRAIN.looks
    summaries = {}
    for split in (arguments.split,) if arguments.split else ("train", "test"):
        summaries[split] = summary = extract_split(config, split)
        log.info(
            "%s: %d images cached in %s (%d extracted now), no person found in %d",
            split, summary.images, summary.folder, summary.extracted, len(summary.not_found),
        )  # fmt: skip
        for name in summary.not_found:
            log.info("  no person found: %s", name)
        if looks != "none":
            fill_looks(config, split, looks)
    if arguments.split != "test":
        for also in config.further:
            summaries[str(also.data_root)] = summary = extract_split(also, "train")
            log.info("%s: %d images cached (%d extracted now)", summary.folder, summary.images, summary.extracted)
            if looks != "none":
                fill_looks(also, "train", looks)
    print_summary(arguments, stage="extract", **{split: vars(summary) for split, summary in summaries.items()})


if __name__ == "__main__":
    run_script(main)
