"""Recording of all people of a set, one person at a time in each of several processes."""

from __future__ import annotations

import os
import signal
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from ctypes import c_long
from multiprocessing import get_context, parent_process
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from threading import Thread
from typing import Any

from data.synthetic import plan
from data.synthetic.body.model import check_installed
from data.synthetic.pose.clips import fetch_clips
from data.synthetic.render.renderer import Renderer
from modules.console import progress_bar
from modules.utils import UserError

_POLL_SECONDS = 0.5
_THREADS = ("OMP_NUM_THREADS", "LP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def make_recordings(root: Path, options: plan.Options, processes: int) -> int:
    """Records every person that is missing and returns the number of images made.

    Raises UserError if an image cannot be made or a process ends early; what was made so far is kept.
    """
    check_installed()
    Renderer().close()  # fails at once if this machine cannot render
    fetch_clips()
    plan.write_marker(root, options, finished=False)
    missing = [index for index in range(options.people) if not plan.is_done(root, index, options)]
    per_person = options.frames * options.cameras
    existing = per_person * (options.people - len(missing))
    context = get_context("spawn")
    made, seen = context.Value(c_long, 0), context.Value(c_long, 0)
    with _one_thread_each(), progress_bar(options.images, "rendering", "img", initial=existing) as bar:
        pool = ProcessPoolExecutor(min(processes, len(missing)) or 1, context, _start_worker, (made, seen))
        try:
            jobs = {pool.submit(_record, str(root), index, options) for index in missing}
            _watch(jobs, seen, existing, bar)
        except BrokenProcessPool:
            raise UserError(
                f"{root}: a process that renders ended early, perhaps out of memory; start again with "
                "fewer --processes; finished images are kept"
            ) from None
        finally:
            for process in list((pool._processes or {}).values()):
                process.terminate()
            pool.shutdown(wait=True, cancel_futures=True)
    return made.value


class _one_thread_each:  # noqa: N801  (used as a function is)
    """Context manager: new processes compute and render on one thread each, because there is one process per processor."""

    def __enter__(self) -> None:
        self._before = {name: os.environ.get(name) for name in _THREADS}
        os.environ.update(dict.fromkeys(_THREADS, "1"))

    def __exit__(self, *_: object) -> None:
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _watch(jobs: set[Future[None]], seen: Synchronized[int], existing: int, bar: Any) -> None:
    """Updates the progress bar while the jobs run; raises what a job raises."""
    while jobs:
        done, jobs = wait(jobs, timeout=_POLL_SECONDS)
        bar.update(existing + seen.value - bar.n)
        for job in done:
            job.result()


_worker: dict[str, Any] = {}  # what a process keeps from one person to the next


def _start_worker(made: Synchronized[int], seen: Synchronized[int]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    Thread(target=_end_with_parent, daemon=True).start()
    _worker.update(made=made, seen=seen)


def _end_with_parent() -> None:
    """Ends this process with its parent. A killed parent cannot do that, and its children would wait for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _record(root: str, index: int, options: plan.Options) -> None:
    from data.synthetic.recording.studio import Studio  # noqa: PLC0415  (in the worker alone)

    if "studio" not in _worker:
        _worker["studio"] = Studio()
    for is_new in _worker["studio"].record(Path(root), index, options):
        for counter, step in ((_worker["seen"], 1), (_worker["made"], int(is_new))):
            with counter.get_lock():
                counter.value += step
