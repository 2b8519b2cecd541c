"""Predicts people in any images or video of one calibrated camera, in world millimetres, with an expected error per joint."""

from __future__ import annotations

import argparse
from pathlib import Path

from modules.console import checked, finite, frame_rate, make_parser, print_summary, run_script, start_console
from modules.predict.arguments import BEST, CAMERA, QUALITIES, WAYS_TO_CALIBRATE, WORLD, parse_size
from modules.utils import log

SAVES = ("csv", "npz", "overlay", "report")  # by default
ALL_SAVES = ("csv", "npz", "parquet", "json", "trc", "c3d", "bvh", "glb", "rrd", "nwb", "overlay", "report")


def main() -> None:
    parser = make_parser(__doc__)
    add_arguments(parser)
    arguments = parser.parse_args()
    start_console(arguments)

    from modules.export.axes import parse_up
    from modules.predict.job import Request, not_found, predict
    from modules.predict.source import Selection
    from modules.predict.view import CameraOptions

    up = None if arguments.up is None else parse_up(arguments.up)
    answer = predict(
        Request(
            named=arguments.source,
            camera=arguments.camera,
            camera_options=CameraOptions(
                arguments.frame, up, arguments.floor, arguments.calibrated_size, arguments.camera_name
            ),
            selection=Selection(arguments.start, arguments.end, arguments.every, arguments.fps),
            person=arguments.person,
            smooths=None if arguments.smooth is None else arguments.smooth == "on",
            quality=arguments.quality,
            batch=arguments.batch,
            run=None if arguments.run in (None, Path("released")) else arguments.run,
            output=arguments.output,
            save=arguments.save,
        )
    )
    missing = not_found(answer.poses)
    for name in missing:
        log.info("nobody found: %s", name)
    for path in answer.written:
        log.info("%s", path)
    print_summary(
        arguments,
        stage="predict",
        folder=answer.folder,
        rows=len(answer.poses),
        not_found=missing,
        files=answer.written,
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of predict.py."""
    add = parser.add_argument
    add("source", metavar="SOURCE", nargs="+", help="images, a folder, a glob, a .txt or .csv list, or one video")
    add("--camera", metavar="FILE", type=Path, required=True, help="the camera's JSON file, or a calibration of "
        f"another program; {WAYS_TO_CALIBRATE}")  # fmt: skip
    add("--camera-name", metavar="NAME", help="which camera, where --camera is a calibration of several")
    add(
        "--up",
        metavar="AXIS",
        help="up where the file declares none: --up=z, --up=-y, --up=0,-1,0",
    )
    add("--floor", metavar="MM", type=checked(finite, "a height in mm"), help="the floor's height along up, where the file "
        "declares none")  # fmt: skip
    add(
        "--frame",
        choices=(WORLD, CAMERA),
        default=WORLD,
        help="axes of the answer (default: world, which needs extrinsics)",
    )
    add("--calibrated-size", metavar="WxH", type=checked(parse_size, "1920x1080"), help="the image size that K belongs to, "
        "if the images were resized since")  # fmt: skip
    add("--start", metavar="S", type=checked(finite, "seconds"), help="use a video from this second on")
    add("--end", metavar="S", type=checked(finite, "seconds"), help="use a video up to this second")
    add(
        "--every",
        metavar="N",
        type=checked(at_least_one, "a whole number above 0"),
        default=1,
        help="use each N-th image",
    )
    add(
        "--fps",
        metavar="RATE",
        type=checked(frame_rate, "a number from 0.001 to 1000"),
        help="images are frames at this rate",
    )
    add("--person", choices=("confident", "largest", "nearest", "all"), default="confident", help="whom to predict if there "
        "are several people (default: confident)")  # fmt: skip
    add("--smooth", choices=("on", "off"), help="smooth over time (default: on for videos and with --fps)")
    add("--quality", choices=QUALITIES, default=BEST, help="best: average several crops of each "
        "person, as the weights were trained on; fast: one crop (docs/predict.md has the cost of each)")  # fmt: skip
    add("--batch", metavar="N", type=checked(at_least_one, "a whole number above 0"), default=64, help="predict and save so "
        "many images at a time (default: 64)")  # fmt: skip
    add("--run", metavar="FOLDER", type=Path, help="a run folder, a .safetensors file, or `released` (default)")
    add("--output", metavar="FOLDER", type=Path, help="where to write (default: results/predict/<name of the source>)")
    add("--save", metavar="KIND", nargs="+", choices=ALL_SAVES, default=SAVES, help=f"what to write: {', '.join(ALL_SAVES)} "
        f"(default: {', '.join(SAVES)})")  # fmt: skip


def at_least_one(text: str) -> int:
    """Returns a whole number above 0. Raises ValueError for anything else."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


if __name__ == "__main__":
    run_script(main)
