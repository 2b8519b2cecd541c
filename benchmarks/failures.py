"""The images on which an answer is worst: what the extractor saw in them, and where the people really are.

    python -m benchmarks.failures        after python -m benchmarks.accuracy; writes docs/images/failures.jpg

The pictures and figures are of the row's JSON, of the cache and of the set; the causes are named by who looks at them, on
the page that shows them.
"""

from __future__ import annotations

import argparse

import numpy as np

from benchmarks import frozen
from benchmarks.accuracy import load_parts
from benchmarks.accuracy_rows import ROWS, SETS, result_path
from modules import metrics
from modules.config import PROJECT_ROOT, load_config, project_path
from modules.images import read_image
from modules.layout import list_frames, read_camera
from modules.lifting import Columns, cached_joints_cam
from modules.pose_utils import cam2world, project_to_image
from modules.utils import UserError, read_json, run_script
from modules.vis import WITNESS_LEGEND, contact_sheet, witness_tile, write_image

PICTURE = PROJECT_ROOT / "docs" / "images" / "failures.jpg"
COLUMNS, TILE_PX = 5, 230


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--row", choices=[row.name for row in ROWS], default="posenet", help="default: %(default)s")
    arguments = parser.parse_args()
    row = next(row for row in ROWS if row.name == arguments.row)
    path = result_path("synthetic", row, row.seeds[0] if row.seeds else None)
    if not path.exists():
        raise UserError(
            f"{path}: this row is not made yet; run python -m benchmarks.accuracy --set synthetic --row {row.name}"
        )
    (test,) = load_parts(SETS["synthetic"], row.extraction)
    (part,) = read_json(path)["parts"].values()
    config = load_config(project_path(test.part.config), [f"DATA.root={test.part.test_root}", *row.extraction])
    frames = {frame.file_name: frame for frame in list_frames(config.data_root, "test")}
    places = {name: index for index, name in enumerate(test.test["file_name"])}
    kinds = frozen.read_list()
    tiles = []
    for number, image in enumerate(part["worst"], 1):
        frame, place = frames[image["image"]], places[image["image"]]
        row_here, camera = test.test.take([place]), read_camera(frame.camera_path)
        truth_px = project_to_image(row_here["joints_world_mm"][0], camera)
        title, shown_px = f"{number}: {image['world_mpjpe']:.0f} | {image['root']:.0f}", truth_px
        if row_here["found"][0]:
            seen = cam2world(cached_joints_cam(row_here.columns), row_here["R"], row_here["t"])
            shown_px = project_to_image(seen[0], camera)
            exchanged = metrics.are_exchanged(seen, row_here["joints_world_mm"])[0]
            title += f" | {aside_mm(row_here.columns)[0]:.0f}{' L/R' if exchanged else ''}"
        else:
            title += " | nobody"
        tiles.append(witness_tile(read_image(frame.image_path, camera.image_size), shown_px, truth_px, title, TILE_PX))
        of_kind = ", ".join(str(kinds[kind][place]) for kind in frozen.KINDS)
        print(f"{title}; root-relative {image['root_relative_mpjpe']:.0f}; {image['image']}; {of_kind}")
    write_image(PICTURE, contact_sheet(tiles, COLUMNS, WITNESS_LEGEND), quality=82)
    print(f"{PICTURE} is written")


def aside_mm(rows: Columns) -> np.ndarray:
    """How far the extractor's 2D is from the truth, at the truth's depth: the median joint of each row, (B,) mm."""
    depth_mm = rows["true_depth_root_mm"][:, None] + rows["true_depth_rel_mm"]
    return median_aside_mm(rows["joints_px"], rows["true_joints_px"], depth_mm, rows["K"][:, 0, 0, None])


def median_aside_mm(
    joints_px: np.ndarray, true_px: np.ndarray, depth_mm: np.ndarray, focal_px: np.ndarray
) -> np.ndarray:
    """How far the median of joints (..., 24, 2) px is off at its true depth (..., 24) mm, in the image plane: (...) mm."""
    return np.asarray(np.median(np.linalg.norm(joints_px - true_px, axis=-1) * depth_mm / focal_px, axis=-1))


if __name__ == "__main__":
    run_script(main)
