"""Stage 1: runs the pretrained pose model on every image and caches box, 2D joints, depths and crop."""

from __future__ import annotations

import argparse

from modules.cache.scheduler_option import check_scheduler, scheduler_address
from modules.config.load import add_config_arguments, config_from_arguments
from modules.console import checked, make_parser, print_summary, run_script, start_console
from modules.utils import log


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--split", choices=("train", "test"), help="only this split (both by default)")
    parser.add_argument("--joint-features", choices=("none", "heavy", "full"), help="also cache the joint features of this "
                        "landmark network of BlazePose (default: TRAIN.joint_features)")  # fmt: skip
    sharing = parser.add_mutually_exclusive_group()
    sharing.add_argument("--part", type=_array_job, metavar="I/N", help="only the I-th of N shares of the images, "
                        "for job arrays; the same command without --part then completes the cache")  # fmt: skip
    sharing.add_argument("--scheduler", type=checked(scheduler_address, "local, tcp://host:port or tls://host:port"),
                         metavar="local|tcp://HOST:PORT", help="extract by the workers of this scheduler of Dask "
                         "distributed; local starts one on this machine")  # fmt: skip
    add_config_arguments(parser)
    arguments = parser.parse_args()
    config = config_from_arguments(arguments)
    start_console(arguments)
    if arguments.scheduler:
        check_scheduler(config)

    from modules.cache.extraction import extract_split
    from modules.cache.joint_features import fill_joint_features
    from modules.cache.store import read_rows
    from modules.checks.labels import label_warning

    joint_features, engine = arguments.joint_features or config.TRAIN.joint_features, config.EXTRACT.engine
    summaries = {}
    for split in (arguments.split,) if arguments.split else ("train", "test"):
        summaries[split] = summary = extract_split(config, split, arguments.part, arguments.scheduler)
        if arguments.part:
            log.info("%s: share %d of %d extracted (%d images now)", split, *arguments.part, summary.extracted)
            continue
        log.info(
            "%s: %d images cached in %s (%d extracted now), no person found in %d",
            split, summary.images, summary.folder, summary.extracted, len(summary.not_found),
        )  # fmt: skip
        for name in summary.not_found:
            log.info("  no person found: %s", name)
        if summary.extracted and (sentence := label_warning(read_rows(summary.folder, summary.parts).columns, split)):
            log.warning("warning: %s", sentence)
        if joint_features != "none":
            fill_joint_features(read_rows(summary.folder, summary.parts), joint_features, engine)
    if arguments.split != "test":
        for extra in config.extra:
            summaries[str(extra.data_root)] = summary = extract_split(
                extra, "train", arguments.part, arguments.scheduler
            )
            log.info("%s: %d images cached (%d extracted now)", summary.folder, summary.images, summary.extracted)
            if joint_features != "none" and not arguments.part:
                fill_joint_features(read_rows(summary.folder, summary.parts), joint_features, engine)
    print_summary(arguments, stage="extract", **{split: vars(summary) for split, summary in summaries.items()})


def _array_job(text: str) -> tuple[int, int]:
    """Parses I/N."""
    try:
        index, count = (int(number) for number in text.split("/"))
    except ValueError:
        index, count = 0, 0
    if not 1 <= index <= count:
        raise argparse.ArgumentTypeError(f"write I/N with 1 <= I <= N, such as 3/8, not {text!r}")
    return index, count


if __name__ == "__main__":
    run_script(main)
