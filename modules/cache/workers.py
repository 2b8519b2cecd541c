"""Extracts in several processes, one for each processor; each has an extractor of its own that uses one thread.

The cache is the same, byte for byte, whatever their number: this process writes it, in the order of the images. A process
that is killed costs its batch, which is done again by itself; images of a batch that is lost twice are named.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType

import cv2

from modules.cache.image_extraction import Batch, ImageTask, Outcome, ahead, decode, estimate
from modules.config.schema import Config
from modules.extractors import configured_extractor, extractor_class
from modules.extractors.base import Extractor
from modules.utils import log

IMAGES_PER_WORKER = 32  # with fewer, starting a process takes longer than it saves
BATCHES_AHEAD = 2  # that wait for each process


def worker_count(config: Config, images: int) -> int:
    """Returns how many processes extract so many images: EXTRACT.workers, or one per processor where it pays off."""
    if not extractor_class(config).runs_in_workers:
        return 1
    return config.EXTRACT.workers or max(1, min(len(os.sched_getaffinity(0)), images // IMAGES_PER_WORKER))


class WorkerPool:
    """Processes that extract batches; a context manager, at whose end they are gone."""

    def __init__(self, config: Config, workers: int) -> None:
        self._config, self._workers = config.model_dump_json(), workers
        self._pool = _start_pool(workers)
        self._alone: ProcessPoolExecutor | None = None  # does lost batches again

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pool in (self._pool, self._alone):
            if pool is not None:
                _stop(pool)

    def outcomes(self, batches: Iterable[Batch]) -> Iterator[tuple[Batch, list[Outcome]]]:
        """Yields the batches in order, each with one outcome per image."""
        for batch, future in ahead(batches, self._submit, BATCHES_AHEAD * self._workers):
            try:
                outcomes = future.result()
            except BrokenProcessPool:
                log.warning("a process of the extraction was killed; doing its images again")
                outcomes = self._again(batch)
            yield batch, outcomes

    def _submit(self, batch: Batch) -> Future[list[Outcome]]:
        try:
            return self._pool.submit(_extract, self._config, batch.tasks)
        except BrokenProcessPool:
            self._pool = _start_pool(self._workers)
            return self._pool.submit(_extract, self._config, batch.tasks)

    def _again(self, batch: Batch) -> list[Outcome]:
        """Does a batch again in a process that does nothing else, so that no other batch can take it down."""
        self._alone = self._alone or _start_pool(1)
        try:
            return self._alone.submit(_extract, self._config, batch.tasks).result()
        except BrokenProcessPool:
            self._alone = None
            return [
                f"{task.frame.image_path}: the process that extracts this image was killed twice, perhaps because memory "
                "ran out; set EXTRACT.workers to 1"
                for task in batch.tasks
            ]


def _start_pool(workers: int) -> ProcessPoolExecutor:
    # Started anew instead of forked, since LiteRT, torch and OpenCV have threads.
    return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _start_worker)


def _stop(pool: ProcessPoolExecutor) -> None:
    """Ends the processes at once; what they have not finished is extracted by the next run."""
    processes = list((pool._processes or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.terminate()
    for process in processes:
        process.join()


def _start_worker() -> None:
    """Leaves Ctrl-C to the main process, ends with it, and uses one thread."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    cv2.setNumThreads(1)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _extract(config: str, tasks: Sequence[ImageTask]) -> list[Outcome]:
    return estimate(loaded_extractor(config), tasks, decode(tasks))


@functools.cache
def loaded_extractor(config: str) -> Extractor:
    """Returns the extractor of a config in JSON, for one thread; loads it once per process."""
    return configured_extractor(Config.model_validate_json(config), threads=1)
