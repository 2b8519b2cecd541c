"""Calibrates your own cameras with a printed board.

python -m data.calibrate board --out board.pdf
python -m data.calibrate intrinsics board_moved.mp4 --board board.pdf --out intrinsics.json
python -m data.calibrate extrinsics board_on_floor.mp4 --board board.pdf --board-on floor --intrinsics intrinsics.json
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from modules.console import EXIT_CODES, make_parser, print_summary, run_script, start_console
from modules.utils import UserError, log

BOARD_HELP = "the board: its PDF, or the name that is printed on it, such as 5x7x36"


def main() -> None:
    """Runs one of the three commands."""
    parser = argparse.ArgumentParser(
        "python -m data.calibrate",
        description=__doc__,
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    _add_board(commands)
    _add_intrinsics(commands)
    _add_extrinsics(commands)
    arguments = parser.parse_args()
    start_console(arguments)
    run: Callable[[argparse.Namespace], None] = arguments.run
    run(arguments)


def _add_board(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    add = commands.add_parser(
        "board", parents=[make_parser(None, add_help=False)], help="write the board as a PDF to print"
    ).add_argument
    add("--out", metavar="FILE", type=Path, default=Path("board.pdf"), help="default: %(default)s")
    add(
        "--paper",
        metavar="SIZE",
        default="A4",
        help="A5 to A0, letter, legal, tabloid, or WxH in mm (default: %(default)s)",
    )
    add(
        "--square", metavar="MM", type=_positive, help="side of the squares (default: 5x7 as large as the paper allows)"
    )
    commands.choices["board"].set_defaults(run=_board)


def _add_intrinsics(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    add = commands.add_parser(
        "intrinsics", parents=[make_parser(None, add_help=False)], help="calibrate K and the lens"
    ).add_argument
    add("source", metavar="VIDEO", help="a video, or a folder of images, of the board in many places and tilts")
    add("--board", metavar="BOARD", required=True, help=BOARD_HELP)
    add(
        "--out",
        metavar="FILE",
        type=Path,
        default=Path("intrinsics.json"),
        help="default: %(default)s; a picture goes beside it",
    )
    commands.choices["intrinsics"].set_defaults(run=_intrinsics)


def _add_extrinsics(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    add = commands.add_parser(
        "extrinsics", parents=[make_parser(None, add_help=False)], help="calibrate where cameras stand"
    ).add_argument
    add("source", metavar="VIDEO", nargs="+", help="for each camera, a video or an image of the board that lies still")
    add("--board", metavar="BOARD", required=True, help=BOARD_HELP)
    add(
        "--board-on",
        metavar="WHERE",
        type=_surface_mm,
        required=True,
        help="`floor`, or how many mm above it the board lies",
    )
    add(
        "--intrinsics",
        metavar="FILE",
        type=Path,
        nargs="+",
        required=True,
        help="the camera file of each VIDEO, in their order",
    )
    add("--ruler", metavar="MM", type=_positive, help="what the printed ruler measures (default: as designed)")
    add(
        "--distance",
        metavar="MM",
        type=_positive,
        help="from the first camera to the board's middle, by tape, to check",
    )
    add("--out", metavar="FOLDER", type=Path, default=Path("cameras"), help="default: %(default)s")
    commands.choices["extrinsics"].set_defaults(run=_extrinsics)


def _board(arguments: argparse.Namespace) -> None:
    from data.calibrate.board_pdf import board_for, paper_size, write_board

    paper = paper_size(arguments.paper)
    board = board_for(paper, arguments.square)
    write_board(arguments.out, board, paper)
    log.info(
        "%s: board %s; print it at 100 %%, and measure its ruler of %d mm", arguments.out, board.name, board.ruler_mm
    )
    print_summary(arguments, stage="board", file=arguments.out, board=board.name)


def _intrinsics(arguments: argparse.Namespace) -> None:
    from data.calibrate.board import read_board
    from data.calibrate.footage import open_footage
    from data.calibrate.intrinsics import calibrate_intrinsics
    from data.calibrate.lens import rms

    result = calibrate_intrinsics(open_footage(arguments.source), read_board(arguments.board), arguments.out)
    log.info("%s, %s", result.file, result.picture)
    views = {view.name: round(rms(of), 4) for view, of in zip(result.lens.views, result.lens.residuals_px, strict=True)}
    print_summary(arguments, stage="intrinsics", file=result.file, picture=result.picture, residuals_px=views)


def _extrinsics(arguments: argparse.Namespace) -> None:
    from data.calibrate import extrinsics
    from data.calibrate.board import read_board
    from data.calibrate.footage import open_footage
    from data.calibrate.record import read_intrinsics

    board = read_board(arguments.board).printed(arguments.ruler)
    if len(arguments.intrinsics) != len(arguments.source):
        raise UserError(
            f"--intrinsics: {len(arguments.source)} cameras are named, but "
            f"{len(arguments.intrinsics)} camera files; name one for each, in the same order"
        )
    lenses = [read_intrinsics(path) for path in arguments.intrinsics]
    cameras = [open_footage(named) for named in arguments.source]
    names = [footage.title for footage in cameras]
    for name in names:
        if names.count(name) > 1:
            raise UserError(
                f"{name}: two cameras have this name, after which their files are called; rename one of them"
            )
    floor = -float(arguments.board_on)
    placed = [extrinsics.place_camera(*pair, board, floor) for pair in zip(cameras, lenses, strict=True)]
    if arguments.distance is not None:
        extrinsics.check_distance(placed[0], board, arguments.distance)
    if arguments.ruler is None and arguments.distance is None:
        log.warning(
            "distances hold if the print has its size: measure its ruler, %d mm long, with --ruler", board.ruler_mm
        )
    measured = arguments.ruler is not None
    written = [
        path
        for one, lens in zip(placed, lenses, strict=True)
        for path in extrinsics.write_placed(one, lens, board, arguments.out, measured)
    ]
    extrinsics.report(placed, board)
    log.info(
        "%s: look whether the grid lies on the floor", ", ".join(str(path) for path in written if path.suffix == ".jpg")
    )
    print_summary(arguments, stage="extrinsics", files=written)


def _positive(text: str) -> float:
    """Returns a number above 0, as an argument's type."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r}: write a number of mm above 0")
    return number


def _surface_mm(text: str) -> float:
    """Returns how far the board lies above the floor, as an argument's type."""
    if text == "floor":
        return 0.0
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not -1e4 < number < 1e4:
        raise argparse.ArgumentTypeError(f"{text!r}: write floor, or the height of the board above it in mm")
    return number


if __name__ == "__main__":
    run_script(main)
