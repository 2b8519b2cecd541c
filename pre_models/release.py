"""Make a finished training the released weights: one half-precision file that git holds.

    python -m pre_models.release --run results/train/POSENET_20260101000000

It is written to pre_models/posenet/posenet.safetensors, where TRAIN.init_from and test.py look for it, unless --out says
otherwise. What it was trained on, and how, stands in its header; scripts/release_posenet.sh makes all of it from nothing.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from modules.console import make_parser, print_summary, start_console
from modules.utils import UserError, log, run_script


def main() -> None:
    """Write the best checkpoint of a run as released weights."""
    parser = make_parser(__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", metavar="FOLDER", type=Path, required=True, help="a finished run folder")
    parser.add_argument("--out", metavar="FILE", type=Path, help="another file to write")
    arguments = parser.parse_args()
    start_console(arguments)

    from modules import runs
    from modules.released import SUFFIX, write_released

    out = arguments.out or runs.RELEASED
    if out.suffix != SUFFIX:
        raise UserError(f"--out {out}: released weights are a {SUFFIX} file; name one")
    checkpoint = runs.load_checkpoint(runs.best_checkpoint(arguments.run))
    about = {"run": arguments.run.resolve().name, "epoch": checkpoint["epoch"], "score": checkpoint["score"]}
    write_released(out, checkpoint, **about)
    log.info("%s: %.1f MB", out, out.stat().st_size / 1e6)
    print_summary(arguments, stage="release", file=out, bytes=out.stat().st_size, **about)


if __name__ == "__main__":
    run_script(main)
