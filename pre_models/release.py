"""Writes the best checkpoint of a finished run as released weights: one half-precision file that is kept in git.

    python -m pre_models.release --run results/train/POSENET_20260101000000

The default target is pre_models/posenet/posenet.safetensors, which TRAIN.init_from and test.py read. Its header records the
training data and the config. scripts/release_posenet.sh reproduces it from the beginning.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from modules.console import make_parser, print_summary, run_script, start_console
from modules.utils import UserError, log


def main() -> None:
    """Writes the best checkpoint of a run as released weights."""
    parser = make_parser(__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", metavar="FOLDER", type=Path, required=True, help="a finished run folder")
    parser.add_argument("--out", metavar="FILE", type=Path, help="another target file")
    arguments = parser.parse_args()
    start_console(arguments)

    from modules.runs import checkpoints, folders
    from modules.runs.released import SUFFIX, write_released

    out = arguments.out or checkpoints.RELEASED
    if out.suffix != SUFFIX:
        raise UserError(f"--out {out}: released weights are a {SUFFIX} file; change the name")
    checkpoint = checkpoints.load_checkpoint(folders.best_checkpoint(arguments.run))
    if "blend" in checkpoint["facts"]:
        raise UserError(
            f"--run {arguments.run}: this run is blended with the released weights; train it with TRAIN.blend_released=false"
        )
    about = {"run": arguments.run.resolve().name, "epoch": checkpoint["epoch"], "score": checkpoint["score"]}
    write_released(out, checkpoint, **about)
    log.info("%s: %.1f MB", out, out.stat().st_size / 1e6)
    print_summary(arguments, stage="release", file=out, bytes=out.stat().st_size, **about)


if __name__ == "__main__":
    run_script(main)
