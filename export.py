"""Writes an earlier result in the formats of other programs: tables, motion capture and animation files."""

from __future__ import annotations

import math
from pathlib import Path

from modules.config.load import add_config_arguments, config_from_arguments
from modules.console import make_parser, print_summary, run_script, start_console


def main() -> None:
    """Reads results and writes the files that --save names."""
    parser = make_parser(__doc__)
    add_config_arguments(parser)
    parser.add_argument("results", metavar="RESULTS", type=Path, help="a folder with poses.npz, poses.json or "
                        "pred_submission.json, or one of these files; for a submission, --set as for test.py")  # fmt: skip
    parser.add_argument("--save", metavar="FORMATS", required=True, help="csv, npz, parquet, json, trc, c3d, bvh, glb, "
                        "with commas between them")  # fmt: skip
    parser.add_argument("--output", metavar="FOLDER", type=Path, help="where to write (default: the folder of RESULTS)")
    parser.add_argument(
        "--names", choices=("smpl", "halpe26"), default="smpl", help="of markers in .trc and .c3d files"
    )
    parser.add_argument("--up", metavar="AXIS", help="what points up where no camera file says it: --up=z, --up=-y or "
                        "--up=0,-1,0")  # fmt: skip
    parser.add_argument("--fps", metavar="N", type=float, help="images per second where images have no times")
    arguments = parser.parse_args()
    if arguments.fps is not None and not (math.isfinite(arguments.fps) and arguments.fps > 0):
        parser.error("--fps must be above 0")
    config = config_from_arguments(arguments)
    start_console(arguments)

    from modules.export import parse_formats, save
    from modules.export.results import completed, read_results

    formats = parse_formats(arguments.save)
    results: Path = arguments.results
    poses = completed(read_results(results, config), arguments.up, arguments.fps)
    folder = arguments.output or (results if results.is_dir() else results.parent)
    paths = save(poses, folder, formats, arguments.names)
    print_summary(arguments, stage="export", rows=len(poses), found=int(poses.found.sum()), files=paths)


if __name__ == "__main__":
    run_script(main)
