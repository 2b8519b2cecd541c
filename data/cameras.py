"""Converts calibrations of other programs to camera files, one a camera.

python -m data.cameras SOURCE --out cameras/ [--up=z] [--floor 0] [--unit m] [--scale 2.5]
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from modules.calibrations.base import AUTO, MM_PER_UNIT
from modules.calibrations.formats import FORMATS
from modules.calibrations.picture import Picture, parse_corner
from modules.calibrations.reading import Calibration, ReadOptions, choose, read_calibration, require_centred
from modules.console import checked, finite, make_parser, positive, print_summary, run_script, start_console
from modules.files.cameras import write_camera
from modules.predict.arguments import parse_size
from modules.utils import UserError, log


def main() -> None:
    """Reads a calibration and writes its cameras."""
    parser = make_parser(__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    arguments = parser.parse_args()
    start_console(arguments)

    from modules.export.axes import parse_up

    up = None if arguments.up is None else parse_up(arguments.up)
    if arguments.floor is not None and up is None:
        raise UserError(
            "--floor: a floor's height is measured along up, which no calibration declares; add --up, such as --up=z"
        )
    options = ReadOptions(arguments.format, arguments.unit, arguments.scale, up, arguments.floor)
    picture = Picture(arguments.image_size, arguments.resized_from, arguments.cropped_by)
    calibration = read_calibration(arguments.source, options)
    if arguments.names is not None:
        chosen = [choose(arguments.source, calibration.cameras, name) for name in arguments.names]
        calibration = replace(calibration, cameras={name: calibration.cameras[name] for name in chosen})
    for note in calibration.notes:
        log.info("%s: %s", arguments.source, note)
    written = write_cameras(calibration, picture, arguments.out)
    log.info(
        "%s: %s: %d camera files in %s",
        arguments.source,
        FORMATS[calibration.format].TITLE,
        len(written),
        arguments.out,
    )
    print_summary(
        arguments,
        stage="cameras",
        format=calibration.format,
        unit=calibration.unit,
        notes=calibration.notes,
        files=written,
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    add = parser.add_argument
    size, corner = checked(parse_size, "1920x1080"), checked(parse_corner, "64,32")
    add(
        "source",
        metavar="SOURCE",
        type=Path,
        help="a calibration, or a folder of one (docs/cameras.md lists the formats)",
    )
    add("--out", metavar="FOLDER", type=Path, required=True, help="where to write <name>.json for each camera")
    add("--format", choices=(AUTO, *FORMATS), default=AUTO, help="the format (default: recognised by its content)")
    add("--names", metavar="NAME", nargs="+", help="convert these cameras alone")
    add("--unit", choices=(AUTO, *MM_PER_UNIT), default=AUTO, help="the unit of lengths (default: the format's)")
    add("--scale", metavar="FACTOR", type=checked(positive, "a number above 0"), help="multiply lengths by this; the mm of one "
        "unit, where the unit is arbitrary")  # fmt: skip
    add("--up", metavar="AXIS", help="up in the file's world, which none declares: --up=z, --up=-y, --up=0,-1,0")
    add("--floor", metavar="MM", type=checked(finite, "a height in mm"), help="the floor's height along up")
    add("--image-size", metavar="WxH", type=size, help="the size of your images, where the file has none or another")
    add("--resized-from", metavar="WxH", type=size, help="the size of your images before they were resized")
    add("--cropped-by", metavar="X,Y", type=corner, help="the left top corner of your images in the calibrated picture")


def write_cameras(calibration: Calibration, picture: Picture, folder: Path) -> list[Path]:
    """Writes a camera file for each camera, of images that were changed as `picture` says, and returns their paths.

    Raises UserError before anything is written if a size is unknown or does not fit, or two names give one file.
    """
    source: dict[str, Any] = {
        "file": calibration.path.name, "format": calibration.format, "unit": calibration.unit, **picture.record()
    }  # fmt: skip
    cameras = {name: picture.apply(calibration.path, name, camera) for name, camera in calibration.cameras.items()}
    for name, camera in cameras.items():
        if picture.cropped_by is None:
            require_centred(calibration.path, name, camera)
    paths = file_names(calibration.path, cameras)
    for name, camera in cameras.items():
        write_camera(folder / paths[name], camera, source={**source, "camera": name})
    return [folder / path for path in paths.values()]


def file_names(path: Path, cameras: Mapping[str, object]) -> dict[str, str]:
    """Returns the file name of each camera: its name without a picture's suffix, and without separators of paths."""
    names = {
        name: re.sub(r"[^\w.-]+", "_", re.sub(r"\.(jpe?g|png)$", "", name)).strip("._") or "camera" for name in cameras
    }
    twice = next((name for name in names.values() if list(names.values()).count(name) > 1), None)
    if twice is not None:
        raise UserError(
            f"{path}: two cameras would be written to {twice}.json; give them names that differ in letters or digits"
        )
    return {name: f"{stem}.json" for name, stem in names.items()}


if __name__ == "__main__":
    run_script(main)
