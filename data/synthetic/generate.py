"""Make a synthetic multi-camera data set with exact ground truth in the competition's layout, from pip packages alone.

    python -m data.synthetic.generate --people 200 --frames 5 --cameras 4 --out data/synthetic/set

Every person has one recording: a number of moments, each seen by all of its cameras. Of twenty people, fifteen are for
training, two for validation and three for testing. Existing images are kept, and people can be added to a finished set.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from data.synthetic.plan import FEWEST_PEOPLE, Options, check_folder, is_complete
from modules.console import make_parser, print_summary, run_script, start_console
from modules.files.locking import only_writer
from modules.utils import UserError, log

DEFAULT_OUT = Path("data/synthetic/set")
DEFAULT_OPTIONS = Options(people=200, frames=5, cameras=4, seed=42)
# The set of config/synthetic.yml, that of config/best.yml, and that on which scripts/release_posenet.sh trains on.
KNOWN_SETS = {
    DEFAULT_OUT: DEFAULT_OPTIONS,
    Path("data/synthetic/many"): Options(people=1400, frames=4, cameras=2, seed=44, crops=True),
    Path("data/synthetic/barefoot"): Options(people=1400, frames=4, cameras=2, seed=45, crops=True, barefoot=0.4),
}


def main() -> None:
    """Makes the set that the command line asks for, or completes it."""
    parser = make_parser(__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, help_text in (
        ("people", f"at least {FEWEST_PEOPLE}"),
        ("frames", "moments per person"),
        ("cameras", "views per moment"),
        ("seed", "another seed makes other people"),
    ):
        default = getattr(DEFAULT_OPTIONS, name)
        parser.add_argument(f"--{name}", type=int, default=default, help=f"{help_text}; default: %(default)s")
    parser.add_argument(
        "--crops", action="store_true", help="render only the person's part of each image, in a third of the time"
    )
    parser.add_argument(
        "--barefoot",
        type=float,
        default=DEFAULT_OPTIONS.barefoot,
        help="share of people who wear neither shoes nor socks; default: %(default)s",
    )
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="default: %(default)s")
    parser.add_argument(
        "--processes", type=int, default=os.cpu_count(), help="number of processes; default: one per processor"
    )
    arguments = parser.parse_args()
    start_console(arguments)
    options = Options(
        arguments.people, arguments.frames, arguments.cameras, arguments.seed, arguments.crops, arguments.barefoot
    )
    made = make_set(arguments.out, options, arguments.processes)
    print_summary(arguments, stage="synthetic", folder=arguments.out, images=options.images, made=made)


def make_set(root: Path, options: Options, processes: int | None = None) -> int:
    """Makes a set, or what is missing of it, and returns the number of images made.

    Raises UserError if it cannot be made, or if another process makes one in the same folder.
    """
    _check_options(options, processes)
    check_folder(root, options)
    if is_complete(root, options):
        log.info("%s: exists already, nothing to do", root)
        return 0
    from data.synthetic.body.model import check_installed  # noqa: PLC0415  (imports packages of its own)

    check_installed()
    root.mkdir(parents=True, exist_ok=True)
    with only_writer(root, "makes a data set in"):
        return _make_missing(root, options, processes or os.cpu_count() or 1)


def _make_missing(root: Path, options: Options, processes: int) -> int:
    """Makes what is missing of a set, whose folder exists, and returns the number of images made."""
    from data.synthetic.recording.lists import write_lists  # noqa: PLC0415  (imports OpenCV)
    from data.synthetic.recording.processes import make_recordings  # noqa: PLC0415  (imports the renderer)

    check_folder(root, options)  # another process may have begun one since
    start = time.monotonic()
    made = make_recordings(root, options, processes)
    minutes = (time.monotonic() - start) / 60
    write_lists(root, options)
    log.info(
        "%s: ready, %d images of %d people; %d made now in %.1f minutes, %.0f a minute",
        root, options.images, options.people, made, minutes, made / minutes,
    )  # fmt: skip
    return made


def _check_options(options: Options, processes: int | None) -> None:
    if options.people < FEWEST_PEOPLE:
        raise UserError(
            f"--people is {options.people}; write at least {FEWEST_PEOPLE}, so that there is someone to train on, to "
            "validate and to test"
        )
    for name, value in (("frames", options.frames), ("cameras", options.cameras), ("processes", processes)):
        if value is not None and value < 1:
            raise UserError(f"--{name} is {value}; write 1 or more")
    if not 0 <= options.barefoot <= 1:
        raise UserError(f"--barefoot is {options.barefoot:g}; write a share from 0 to 1")
    if options.seed < 0:
        raise UserError(f"--seed is {options.seed}; write 0 or more")


if __name__ == "__main__":
    run_script(main)
