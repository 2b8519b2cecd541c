"""Draws the images on which a row is worst, with the extractor's skeleton and the label's.

    python -m benchmarks.failures        after python -m benchmarks.accuracy; writes docs/images/failures.jpg

The errors are those of the row's JSON; images, labels and the extractor's joints come from the synthetic set and its cache.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from benchmarks import frozen
from benchmarks.accuracy.rows import PRESET, ROW_BY_NAME, ROWS, SYNTHETIC, result_path
from benchmarks.accuracy.run import read_split
from benchmarks.in_plane import errors_of_rows
from modules import metrics
from modules.cache.crop_joints import cached_joints_cam
from modules.cache.table import Rows
from modules.config.paths import PROJECT_ROOT
from modules.console import run_script
from modules.files.atomic import read_json
from modules.files.cameras import read_camera
from modules.files.images import read_image
from modules.files.layout import Frame, list_frames
from modules.pose_utils import cam2world, project_to_image
from modules.utils import UserError
from modules.vis import COMPARISON_LEGEND, comparison_tile, contact_sheet, write_image

PICTURE = PROJECT_ROOT / "docs" / "images" / "failures.jpg"
COLUMNS, TILE_PX = 5, 230


def main() -> None:
    """Draws a row's worst images, and prints a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [row.name for row in ROWS if "synthetic" in row.sets]
    parser.add_argument("--row", choices=names, default="released", help="default: %(default)s")
    row = ROW_BY_NAME[parser.parse_args().row]
    path = result_path("synthetic", row, row.seeds[0] if row.seeds else None)
    if not path.exists():
        raise UserError(
            f"{path}: this file is missing; run python -m benchmarks.accuracy --set synthetic --row {row.name}"
        )
    (part,) = read_json(path)["parts"].values()
    config, rows, _ = read_split(PRESET, SYNTHETIC, "test", row.extraction)
    frames = {frame.file_name: frame for frame in list_frames(config.data_root, "test")}
    places = {name: index for index, name in enumerate(rows["file_name"])}
    kinds = frozen.read_list().set_index("file_name")[frozen.KINDS]
    tiles = []
    for number, image in enumerate(part["worst"], 1):
        name = image["image"]
        tile, title = draw_tile(number, image, frames[name], rows.take([places[name]]))
        tiles.append(tile)
        print(
            f"{title}; root-relative {image['root_relative_mpjpe']:.0f}; {name}; {', '.join(map(str, kinds.loc[name]))}"
        )
    write_image(PICTURE, contact_sheet(tiles, COLUMNS, COMPARISON_LEGEND), quality=82)
    print(f"{PICTURE} is written")


def draw_tile(number: int, image: dict[str, Any], frame: Frame, row: Rows) -> tuple[np.ndarray, str]:
    """Draws one image: the tile, and its title of world error, root error and the extractor's in-plane error, mm."""
    camera, truth = read_camera(frame.camera_path), row["joints_world_mm"]
    truth_px = project_to_image(truth[0], camera)
    title, extractor_px = f"{number}: {image['world_mpjpe']:.0f} | {image['root']:.0f}", truth_px
    if row["found"][0]:
        extractor = cam2world(cached_joints_cam(row.columns), row["R"], row["t"])
        extractor_px = project_to_image(extractor[0], camera)
        swapped = metrics.are_swapped(extractor, truth)[0]
        title += f" | {np.median(errors_of_rows(row.columns)[0]):.0f}{' L/R' if swapped else ''}"
    else:
        title += " | nobody"
    picture = read_image(frame.image_path, camera.image_size)
    return comparison_tile(picture, extractor_px, truth_px, title, TILE_PX), title


if __name__ == "__main__":
    run_script(main)
