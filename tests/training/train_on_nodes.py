"""train.py on made-up rows instead of a cache, with one part of its network alone, as torchrun starts it in a test.

GROUNDPOSE_KILL=RANK:STEP kills the process of that rank at that step of the training.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import train
from modules import extractors, trainer
from modules.cache import store
from modules.console import run_script
from modules.files import layout
from modules.trainer import Trainer
from tests.builders import make_rows

trainer.CHECKPOINT_STEPS = 1


def use_rows(folder: Path) -> None:
    """Makes train.py find these rows instead of a cache."""
    rows = make_rows(folder / f"rows_{os.environ.get('RANK', 0)}", 28, seed=1, size=0.85)
    store.open_cache = lambda *_: (rows, {"key": "cache", "fingerprint": "made-up"})
    layout.list_frames = lambda *_: []
    extractors.configured_fingerprint = lambda config: "made-up"


def kill_at(rank: str, step: int) -> None:
    """Kills this process at a step if it has this rank."""
    save = Trainer._save_within

    def save_or_die(self: Trainer, epoch: int, partial: Any) -> None:
        if rank == os.environ.get("RANK") and partial.steps == step:
            os.kill(os.getpid(), signal.SIGKILL)
        save(self, epoch, partial)

    Trainer._save_within = save_or_die  # type: ignore[method-assign]


if __name__ == "__main__":
    use_rows(Path(sys.argv.pop(1)))
    if killed := os.environ.get("GROUNDPOSE_KILL"):
        rank, step = killed.split(":")
        kill_at(rank, int(step))
    run_script(train.main)
