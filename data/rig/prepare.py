"""Makes a labelled data set from recordings by two or more calibrated cameras, in the competition's layout.

    python -m data.rig.prepare FOLDER --out data/rig/mine
    python -m data.rig.prepare FOLDER --out data/rig/mine --test-camera cam04

FOLDER holds one video, or one folder of images, of each camera, or a subfolder <POSE>_<PERSON> of these for each recording; and
the calibration, of any format that docs/cameras.md lists. Labels are triangulated from what networks see in each view: a
reference, not motion capture. Their quality is on the page OUT/quality.md. An interrupted run resumes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from modules.calibrations.base import AUTO, MM_PER_UNIT
from modules.console import checked, finite, make_parser, positive, print_summary, run_script, start_console
from modules.utils import UserError, log

DIRECTIONS = {
    f"{sign}{axis}": (1 if sign != "-" else -1) * np.eye(3)["xyz".index(axis)] for axis in "xyz" for sign in ("", "-")
}
ESTIMATE, NONE = "estimate", "none"
NETWORK, LANDMARKS = "network", "landmarks"


def main() -> None:
    """Makes the data set of a folder."""
    arguments = _parser().parse_args()
    start_console(arguments)
    from data.rig.data_set import Detection, make_data_set  # noqa: PLC0415  (OpenCV, SciPy and LiteRT: not for --help)
    from data.rig.recording_labels import Settings  # noqa: PLC0415
    from data.rig.recordings import Source  # noqa: PLC0415
    from modules.calibrations.reading import ReadOptions  # noqa: PLC0415

    up = None if arguments.up is None else DIRECTIONS[arguments.up]
    if arguments.floor is not None and up is None:
        raise UserError("--floor: a floor needs --up beside it; name the direction along which its height is measured")
    if arguments.weights != "heavy" and arguments.joints == NETWORK:
        raise UserError(
            f"--weights {arguments.weights}: the released weights know the heavy landmarks alone; leave --weights out, or add "
            f"--joints {LANDMARKS}"
        )
    options = ReadOptions(unit=arguments.unit, scale=arguments.scale, up=up, floor_mm=arguments.floor)
    source = Source(arguments.folder, arguments.cameras, options, arguments.fit_width, arguments.image_rate)
    settings = Settings(
        arguments.test_camera,
        not arguments.keep_extrinsics,
        _offsets(arguments.offsets),
        arguments.people,
        arguments.step,
    )
    detection = Detection(arguments.weights, arguments.joints == NETWORK)
    made = make_data_set(source, arguments.out, settings, detection)
    log.info(
        "%s: ready; %s", arguments.out, ", ".join(f"{count} {use} images" for use, count in made["images"].items())
    )
    log.info(
        "%s: residuals, bone lengths, swaps, shifts, floor, and what was thrown away", arguments.out / "quality.md"
    )
    print_summary(arguments, stage="rig", root=arguments.out, **made)


def _parser() -> argparse.ArgumentParser:
    parser = make_parser(__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("folder", type=Path, help="the recordings, and their calibration")
    add("--out", type=Path, required=True, help="where the data set is made")
    add("--cameras", type=Path, help="the calibration; default: the one in the folder")
    add(
        "--unit",
        choices=[AUTO, *MM_PER_UNIT],
        default=AUTO,
        help="of the calibration's lengths, where its file does not say",
    )
    add("--scale", type=checked(positive, "a number above 0"), help="mm per unit of a calibration without one")
    add(
        "--up",
        choices=list(DIRECTIONS),
        help="the world's axis that points up; default: measured on the labels in training",
    )
    height = checked(finite, "a height in mm")
    add("--floor", type=height, metavar="MM", help="its height along --up; default: measured likewise")
    add(
        "--fit-width",
        action="store_true",
        help="the images show the calibrated picture scaled to their width and centred",
    )
    add("--image-rate", type=checked(positive, "a number above 0"), default=30.0, help="images a second, of folders of images; "
        "default: %(default)s")  # fmt: skip
    add("--offsets", default=ESTIMATE, help=f"{ESTIMATE} (default), {NONE}, or frames by camera: cam02=7,cam03=-2")
    add("--keep-extrinsics", action="store_true", help="do not refine the cameras' positions and directions")
    add(
        "--test-camera",
        help="hold out this camera (last: the last one) and the last quarter of every recording for testing",
    )
    count = checked(_count, "a whole number of 1 or more")
    add("--people", type=count, help="at most so many people of each recording; default: everybody")
    add("--step", type=count, default=1, help="label every so many moments; default: %(default)s")
    add(
        "--joints",
        choices=[NETWORK, LANDMARKS],
        default=NETWORK,
        help="triangulate the 24 joints that the released weights see in each view, or take them from BlazePose's triangulated "
        "landmarks, several times as fast; default: %(default)s",
    )
    add("--weights", choices=["heavy", "full"], default="heavy", help="of BlazePose; default: %(default)s")
    return parser


def _count(text: str) -> int:
    """Returns a whole number of 1 or more. Raises ValueError for anything else."""
    if int(text) < 1:
        raise ValueError(text)
    return int(text)


def _offsets(text: str) -> dict[str, int] | None:
    """Returns the shifts that were given; None if they are to be estimated. Raises UserError if they cannot be read."""
    if text in (ESTIMATE, NONE):
        return None if text == ESTIMATE else {}
    try:
        return {name: int(frames) for name, frames in (part.split("=") for part in text.split(","))}
    except ValueError:
        raise UserError(
            f"--offsets: {text!r} is not {ESTIMATE}, {NONE}, or frames by camera, such as cam02=7"
        ) from None


if __name__ == "__main__":
    run_script(main)
