"""Chooses which process of an extraction in several processes is killed."""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import random
import signal
from pathlib import Path

from tests.clusters import Cluster, kill_group

WORKERS = 2


def kill_main_or_worker(group: int) -> bool:
    """Kills the script's process or one that it has started; returns whether it was another than the script's."""
    victim = random.choice([group, *_workers_of(group)])
    with contextlib.suppress(ProcessLookupError):
        os.kill(victim, signal.SIGKILL)
    return victim != group


def _workers_of(process: int) -> list[int]:
    """Returns the processes of multiprocessing that a process has started to work for it."""
    found = []
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # it has ended
            found += [int(pid) for pid in task.read_text().split() if b"spawn_main" in _command(int(pid))]
    return found


def _command(process: int) -> bytes:
    return Path(f"/proc/{process}/cmdline").read_bytes()


@functools.cache
def cluster() -> Cluster:
    """Returns the scheduler of Dask of this process, always at the same address; its processes are started when needed."""
    made = Cluster()
    atexit.register(made.close)
    return made


def complete_cluster() -> None:
    """Starts what is missing of the scheduler and its workers, and waits for it."""
    made = cluster()
    if made.scheduler is None or made.scheduler.poll() is not None:
        made.close()
        made.start_scheduler()
    made.workers = [worker for worker in made.workers if worker.poll() is None]
    while len(made.workers) < WORKERS:
        made.start_worker("--nthreads", "1")
    made.wait_for_workers(WORKERS)


def kill_main_scheduler_or_worker(group: int) -> bool:
    """Kills the script's process, the scheduler, or a worker; returns whether it was another than the script's."""
    made = cluster()
    victim = random.choice([None, made.scheduler, random.choice(made.workers)])
    if victim is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(group, signal.SIGKILL)
    else:
        kill_group(victim)
    return victim is not None
