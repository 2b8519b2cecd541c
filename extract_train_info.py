"""Stage 1: run the pretrained pose model over every image and cache box, 2D joints, depth and crop."""

from __future__ import annotations

import argparse

from modules.config import add_config_arguments, config_from_arguments
from modules.utils import log, run_script, start_logging


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", choices=("train", "test"), help="only this split (both by default)")
    add_config_arguments(parser)
    arguments = parser.parse_args()
    config = config_from_arguments(arguments)
    start_logging()

    from modules.extraction import extract_split

    for split in (arguments.split,) if arguments.split else ("train", "test"):
        summary = extract_split(config, split)
        log.info(
            "%s: %d images cached in %s (%d extracted now), no person found in %d",
            split, summary.images, summary.folder, summary.extracted, len(summary.not_found),
        )  # fmt: skip
        for name in summary.not_found:
            log.info("  no person found: %s", name)


if __name__ == "__main__":
    run_script(main)
