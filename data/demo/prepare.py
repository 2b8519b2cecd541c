"""Makes the demo data: a real person seen by four calibrated cameras, in the competition's layout.

    python -m data.demo.prepare                       test camera 4 → data/demo/test_camera_4
    python -m data.demo.prepare --test-camera all     all four rotations
    python -m data.demo.prepare --zero-shot           no training split, all frames to test → data/demo/zero_shot_camera_4

Training: the other cameras, frames 0-54; validation: the same cameras, frames 60-69; test: the test camera, frames
75-99. Labels are triangulated from the other cameras: a reference, not motion capture. Finished parts are not made again.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from data.demo.plan import ROTATION, ZERO_SHOT, is_complete
from modules.console import make_parser, print_summary, run_script, start_console
from modules.utils import log


def main() -> None:
    """Makes the requested rotations that are not complete."""
    parser = make_parser(__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--test-camera", choices=["1", "2", "3", "4", "all"], default="4")
    parser.add_argument("--zero-shot", action="store_true", help="all frames of the test camera alone")
    parser.add_argument("--out", type=Path, default=Path("data/demo"), help="default: %(default)s")
    arguments = parser.parse_args()
    start_console(arguments)
    cameras = range(1, 5) if arguments.test_camera == "all" else [int(arguments.test_camera)]
    folders = prepare_demo(arguments.out, cameras, ZERO_SHOT if arguments.zero_shot else ROTATION)
    print_summary(arguments, stage="demo", folders=folders)


def prepare_demo(folder: Path, test_cameras: Sequence[int], kind: str = ROTATION) -> list[Path]:
    """Makes the data sets `folder`/<kind>_<k> that are not complete, and returns the folders of all requested ones."""
    missing = [camera for camera in test_cameras if not is_complete(folder / f"{kind}_{camera}")]
    if missing:
        from data.demo.make import make_rotations  # noqa: PLC0415  (OpenCV, SciPy and LiteRT: not for a second run)

        make_rotations(folder, missing, kind)
    for camera in test_cameras:
        done = "ready" if camera in missing else "exists already, nothing to do"
        log.info("%s: %s", folder / f"{kind}_{camera}", done)
    return [folder / f"{kind}_{camera}" for camera in test_cameras]


if __name__ == "__main__":
    run_script(main)
