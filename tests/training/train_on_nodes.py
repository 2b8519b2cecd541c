"""train.py on made-up rows instead of a cache, as torchrun starts it in a test.

MADE_UP_ROWS names their folder. KILL=RANK:STEP kills the process of that rank at that step of an epoch. A process that is not
the first one ends with a traceback when it writes to the folder of the results.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import train
from modules import extractors, trainer
from modules.cache import store
from modules.console import run_script
from modules.files import layout
from modules.trainer import Trainer
from tests.builders import make_rows

RESULTS = "results"  # the folder in which only the first process may write


def use_rows(folder: Path, patch: Callable[[Any, str, Any], None] = setattr) -> None:
    """Makes train.py find made-up rows instead of a cache."""
    rows = make_rows(folder, 28, seed=1, size=0.85)
    patch(store, "open_cache", lambda *_: (rows, {"key": "cache", "fingerprint": "made-up"}))
    patch(layout, "list_frames", lambda *_: [])
    patch(extractors, "configured_fingerprint", lambda config: "made-up")


def kill_at(step: int) -> None:
    """Kills this process at a step of an epoch; the step before is saved."""
    save = Trainer._save_within

    def save_or_die(self: Trainer, epoch: int, partial: trainer.Partial) -> None:
        if partial.steps == step:
            os.kill(os.getpid(), signal.SIGKILL)
        save(self, epoch, partial)

    Trainer._save_within = save_or_die  # type: ignore[method-assign]


def forbid_writing(event: str, arguments: tuple[Any, ...]) -> None:
    """Raises if this process is about to change something in the folder of the results."""
    writes = event in ("os.mkdir", "os.rename", "os.remove") or (
        event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
    )
    if writes and f"/{RESULTS}/" in str(arguments[0]):
        raise AssertionError(f"{event} {arguments[0]}")


if __name__ == "__main__":
    rank = os.environ["RANK"]
    trainer.CHECKPOINT_STEPS = 1
    use_rows(Path(os.environ["MADE_UP_ROWS"]) / rank)
    killed, step = os.environ.get("KILL", "none:0").split(":")
    if killed == rank:
        kill_at(int(step))
    if rank != "0":
        sys.addaudithook(forbid_writing)
    run_script(train.main)
