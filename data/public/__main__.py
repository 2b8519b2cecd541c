"""Imports a public data set that you have fetched into the layout of a data set. Nothing is downloaded.

python -m data.public 3dpw FOLDER --out DATA_ROOT [--copy]
"""

from __future__ import annotations

import argparse
from pathlib import Path

from modules.console import make_parser, print_summary, run_script, start_console
from modules.utils import UserError, log

NAMES = ("3dpw", "aist", "mpi-inf-3dhp", "h36m")


def main() -> None:
    """Reads a public set and writes its data set."""
    parser = make_parser(__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", choices=NAMES, help="which set it is")
    parser.add_argument("folder", type=Path, help="where it is, as it is published (docs/public.md)")
    parser.add_argument("--out", type=Path, required=True, help="where the data set is made; a new or empty folder")
    parser.add_argument("--copy", action="store_true", help="copy the images; otherwise they are linked")
    arguments = parser.parse_args()
    start_console(arguments)

    from data.public import aist, h36m, mpi_inf_3dhp, threedpw  # noqa: PLC0415  (OpenCV: not for --help)
    from data.public.base import PublicSet  # noqa: PLC0415
    from data.public.writing import write_data_set  # noqa: PLC0415

    sets: dict[str, PublicSet] = {module.NAME: module for module in (threedpw, aist, mpi_inf_3dhp, h36m)}
    chosen = sets[arguments.set]
    if not arguments.folder.is_dir():
        raise UserError(f"{arguments.folder}: this folder is missing; fetch {chosen.TITLE} from {chosen.TERMS}")
    counts = write_data_set(arguments.out, chosen.views(arguments.folder), chosen.NAME, arguments.copy)
    log.info("%s: %s; its licence holds for what is made of it: %s", arguments.out, chosen.TITLE, chosen.TERMS)
    print_summary(arguments, stage="public", root=arguments.out, set=chosen.NAME, images=counts)


if __name__ == "__main__":
    run_script(main)
