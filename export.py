"""Writes an earlier result in the formats of other programs, or a trained network as ONNX."""

from __future__ import annotations

import argparse
from pathlib import Path

from modules.config.load import add_config_arguments, config_from_arguments
from modules.config.schema import Config
from modules.console import checked, frame_rate, make_parser, print_summary, run_script, start_console
from modules.utils import log


def main() -> None:
    """Writes what --save names of the results, or the network of --onnx."""
    arguments = parse_arguments()
    config = config_from_arguments(arguments)
    start_console(arguments)
    if arguments.onnx is not None:
        export_onnx(arguments, config)
    else:
        export_results(arguments, config)


def parse_arguments() -> argparse.Namespace:
    """Returns the arguments; they name either results and --save, or --onnx."""
    parser = make_parser(__doc__)
    add_config_arguments(parser)
    parser.add_argument("results", metavar="RESULTS", type=Path, nargs="?", help="a folder with poses.npz, poses.json or "
                        "pred_submission.json, or one of these files; for a submission, --set as for test.py")  # fmt: skip
    parser.add_argument("--save", metavar="FORMATS", help="csv, npz, parquet, json, trc, c3d, bvh, glb, rrd, nwb, with "
                        "commas between them")  # fmt: skip
    parser.add_argument("--output", metavar="FOLDER", type=Path, help="where to write (default: the folder of RESULTS; for "
                        "--onnx, onnx/<run> in RESULTS.root)")  # fmt: skip
    parser.add_argument(
        "--names", choices=("smpl", "halpe26"), default="smpl", help="of markers in .trc and .c3d files"
    )
    parser.add_argument("--up", metavar="AXIS", help="what points up where no camera file says it: --up=z, --up=-y or "
                        "--up=0,-1,0")  # fmt: skip
    parser.add_argument(
        "--fps",
        metavar="N",
        type=checked(frame_rate, "a number from 0.001 to 1000"),
        help="images per second where images have no times",
    )
    parser.add_argument("--onnx", metavar="RUN", type=Path, help="a run folder, a .safetensors file, or `released`")
    arguments = parser.parse_args()
    if (arguments.results is None, arguments.save is None) != ((arguments.onnx is not None,) * 2):
        parser.error("name RESULTS and --save, or --onnx alone")
    return arguments


def export_results(arguments: argparse.Namespace, config: Config) -> None:
    """Writes results in the formats of --save."""
    from modules.export import parse_formats, save
    from modules.export.results import completed, read_results

    formats = parse_formats(arguments.save)
    results: Path = arguments.results
    poses = completed(read_results(results, config), arguments.up, arguments.fps)
    folder = arguments.output or (results if results.is_dir() else results.parent)
    paths = save(poses, folder, formats, arguments.names)
    print_summary(arguments, stage="export", rows=len(poses), found=int(poses.found.sum()), files=paths)


def export_onnx(arguments: argparse.Namespace, config: Config) -> None:
    """Writes a network as ONNX."""
    from modules.export.onnx_export import export_network
    from modules.runs.choice import choose_run

    run, _ = choose_run(config, arguments.onnx, [])
    folder = arguments.output or config.results_root / "onnx" / run.stem
    exported = export_network(run, config, folder)
    log.info(
        "%s is written; on %d cached images its joints are at most %.5f mm from PyTorch's",
        exported.path, exported.images, exported.difference_mm,
    )  # fmt: skip
    print_summary(arguments, stage="onnx", **vars(exported))


if __name__ == "__main__":
    run_script(main)
