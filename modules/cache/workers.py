"""Extracts in several processes, one for each processor; each has an extractor of its own that uses one thread.

The cache is the same, byte for byte, whatever their number: this process writes it, in the order of the images. A process
that is killed costs its batch, which is done again; images of a batch that is lost twice are named. Each process has a pipe
of its own: in concurrent.futures they share one, on which the rest of a killed process's answer is awaited for ever.
"""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from multiprocessing.connection import Connection
from queue import SimpleQueue
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
    """Processes that extract batches, each with a thread that waits for it; a context manager, at whose end they are gone."""

    def __init__(self, config: Config, workers: int) -> None:
        self._config = config.model_dump_json()
        self._starting, self._ends = threading.Lock(), False
        self._all: list[_Worker] = []
        self._free: SimpleQueue[_Worker] = SimpleQueue()
        self._ahead = BATCHES_AHEAD * workers
        self._threads = ThreadPoolExecutor(workers)
        for _ in range(workers):
            self._free.put(self._start())

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends the processes at once; what they have not finished is extracted by the next run."""
        with self._starting:
            self._ends = True
        for worker in self._all:
            worker.terminate()
        self._threads.shutdown(cancel_futures=True)
        for worker in self._all:
            worker.close()

    def outcomes(self, batches: Iterable[Batch]) -> Iterator[tuple[Batch, list[Outcome]]]:
        """Yields the batches in order, each with one outcome per image."""
        for batch, future in ahead(
            batches, lambda batch: self._threads.submit(self._extract, batch.tasks), self._ahead
        ):
            yield batch, future.result()

    def _extract(self, tasks: Sequence[ImageTask]) -> list[Outcome]:
        """Extracts a batch in the next free process, and once more if it is killed."""
        for _ in range(2):
            worker = self._free.get()
            try:
                return worker.extract(tasks)
            except _KilledError:
                worker = self._start()
                log.warning("a process of the extraction was killed; doing its images again")
            finally:
                self._free.put(worker)
        return [
            f"{task.frame.image_path}: the process that extracts this image was killed twice, perhaps because memory "
            "ran out; set EXTRACT.workers to 1"
            for task in tasks
        ]

    def _start(self) -> _Worker:
        with self._starting:
            if self._ends:
                raise CancelledError
            worker = _Worker(self._config)
            self._all.append(worker)
        return worker


class _KilledError(Exception):
    """A process has ended before its batch."""


class _Worker:
    """A process and the pipe to it, which no other process holds, so that it ends with the process, whatever it was writing."""

    def __init__(self, config: str) -> None:
        context = multiprocessing.get_context("spawn")  # not forked, since LiteRT, torch and OpenCV have threads
        self._pipe, its_end = context.Pipe()
        self._process = context.Process(target=_work, args=(config, its_end), daemon=True)
        self._process.start()
        its_end.close()

    def extract(self, tasks: Sequence[ImageTask]) -> list[Outcome]:
        """Returns one outcome per image. Raises _KilledError if the process ends before, and what extraction raises."""
        try:
            self._pipe.send(tasks)
            answer: list[Outcome] | Exception = self._pipe.recv()
        except (EOFError, OSError):
            raise _KilledError from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def terminate(self) -> None:
        """Ends the process."""
        self._process.terminate()

    def close(self) -> None:
        """Waits for the end of the process."""
        self._process.join()
        self._pipe.close()


def _work(config: str, pipe: Connection) -> None:
    """Answers each batch with its outcomes, or with the error."""
    _start_worker()
    with contextlib.suppress(EOFError):  # the main process has ended
        while True:
            tasks = pipe.recv()
            try:
                answer: list[Outcome] | Exception = estimate(loaded_extractor(config), tasks, decode(tasks))
            except Exception as error:
                error.add_note("".join(traceback.format_exception(error)))
                answer = error
            pipe.send(answer)


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


@functools.cache
def loaded_extractor(config: str) -> Extractor:
    """Returns the extractor of a config in JSON, for one thread; loads it once per process."""
    return configured_extractor(Config.model_validate_json(config), threads=1)
