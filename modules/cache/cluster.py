"""Extracts by the workers of Dask distributed, on this machine or on many, which all see the same files.

The cache is the same, byte for byte, as that of one process: this process writes it, in the order of the images, and each
worker is checked before it extracts. Dask does the batches of a lost worker again; a batch that loses its worker every time
is done image by image, and the images that do so by themselves are named.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import dask
import distributed
from distributed import Client, Future, KilledWorker, LocalCluster
from distributed.comm.core import CommClosedError

from modules.cache import cluster_worker
from modules.cache.cluster_worker import Failure, Wanted
from modules.cache.image_extraction import Batch, ImageTask, Outcome, ahead
from modules.cache.scheduler_option import LOCAL
from modules.config.schema import Config
from modules.utils import UserError, log, reason

BATCHES_AHEAD = 4  # that wait for each worker; more may come
RETRIES = 2  # of a batch whose files could not be read; lost workers are Dask's business
DEATHS = 1  # of workers in one batch that a scheduler of our own forgives; for others, Dask's default is 3
CONNECT_SECONDS = 30.0  # within which the scheduler answers and has a worker
EMPTY_SECONDS = 300.0  # without any worker, after which an extraction ends
CHECK_SECONDS = 5.0  # between two checks that there are workers
START = "start it in the project's folder by python -m dask"

Pending = Future[list[Outcome] | Failure]


@contextlib.contextmanager
def cluster_pool(config: Config, scheduler: str, fingerprint: str, image: Path) -> Iterator[ClusterPool]:
    """Context manager: the checked workers of a scheduler's address, or of one that runs in this process if it is LOCAL.

    `image` is one image of the data set. Raises UserError if there is no scheduler, no worker, or one that would make
    other rows.
    """
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters is said here, in a sentence
    wanted = Wanted(
        config.model_dump_json(), fingerprint, cluster_worker.software(), cluster_worker.code_digest(), image,
        image.stat().st_size,
    )  # fmt: skip
    with contextlib.ExitStack() as stack:
        address = stack.enter_context(_local_cluster()) if scheduler == LOCAL else scheduler
        _warn_if_open(address)
        client = stack.enter_context(_connect(address))
        workers = _checked_workers(client, wanted)
        log.info("workers of Dask that extract: %d; dashboard: %s", workers, client.dashboard_link)
        client.subscribe_topic("all", _log_lost_worker)
        stack.callback(client.unsubscribe_topic, "all")
        yield ClusterPool(client, scheduler, wanted, workers)


class ClusterPool:
    """Workers of Dask that extract batches, as `modules.cache.workers.WorkerPool` does."""

    def __init__(self, client: Client, scheduler: str, wanted: Wanted, workers: int) -> None:
        self._client, self._scheduler, self._wanted, self._workers = client, scheduler, wanted, workers

    def outcomes(self, batches: Iterable[Batch]) -> Iterator[tuple[Batch, list[Outcome]]]:
        """Yields the batches in order, each with one outcome per image.

        Raises UserError if the scheduler or all workers are lost, or if a worker cannot read what it needs.
        """
        for batch, future in ahead(batches, lambda batch: self._submit(batch.tasks), BATCHES_AHEAD * self._workers):
            try:
                outcomes = self._result(batch.tasks, future)
            except KilledWorker:
                log.warning("a batch has lost every worker that began it; doing its images one by one")
                outcomes = [outcome for task in batch.tasks for outcome in self._by_itself(task)]
            yield batch, outcomes

    def _submit(self, tasks: Sequence[ImageTask], priority: int = 0) -> Pending:
        return self._client.submit(cluster_worker.extract, self._wanted, tasks, pure=False, priority=priority)

    def _by_itself(self, task: ImageTask) -> list[Outcome]:
        """Extracts one image before all others, so that none of them takes its worker down."""
        try:
            return self._result([task], self._submit([task], priority=1))
        except KilledWorker:
            return [
                f"{task.frame.image_path}: every worker that extracts this image is killed, perhaps because memory runs "
                "out; start workers with more memory, or leave --scheduler out"
            ]

    def _result(self, tasks: Sequence[ImageTask], future: Pending) -> list[Outcome]:
        """Returns the outcomes of a batch; one whose files could not be read is tried again."""
        answer = self._received(future)
        for _ in range(RETRIES):
            if isinstance(answer, Failure) and answer.kind == "disk":
                log.warning("%s (trying it again)", answer.text)
                answer = self._received(self._submit(tasks))
        if isinstance(answer, Failure):
            raise RuntimeError(answer.text) if answer.kind == "bug" else UserError(f"--scheduler: {answer.text}")
        return answer

    def _received(self, future: Pending) -> list[Outcome] | Failure:
        """Waits for a worker's answer. Raises UserError if the scheduler is lost, or all workers for a long time."""
        empty_since: float | None = None
        try:
            while not future.done():
                with contextlib.suppress(TimeoutError):
                    distributed.wait(future, timeout=CHECK_SECONDS)
                    break
                if self._client.nthreads():
                    empty_since = None
                elif empty_since is None:
                    empty_since = monotonic()
                    log.warning("no worker is left; waiting for one, at most %.0f s", EMPTY_SECONDS)
                elif monotonic() - empty_since > EMPTY_SECONDS:
                    raise UserError(
                        f"--scheduler {self._scheduler}: there is no worker any more; start one, and the same command again, "
                        "which keeps what is done"
                    )
            return future.result()
        except ImportError as error:
            raise UserError(
                f"--scheduler: a worker that has come late does not find this project ({reason(error)}); {START} worker"
            ) from None
        except (CancelledError, CommClosedError) as error:
            raise UserError(
                f"--scheduler {self._scheduler}: the scheduler no longer answers or has dropped this extraction's work "
                f"({reason(error)}); start the same command again, with or without --scheduler, which keeps what is done"
            ) from None


def _log_lost_worker(event: tuple[float, Any]) -> None:
    """Logs that a worker was lost within a batch."""
    _, what = event
    if isinstance(what, dict) and what.get("action") == "remove-worker" and not what["expected"]:
        log.warning("the worker %s is lost; its images are done again", what["worker"])


@contextlib.contextmanager
def _local_cluster() -> Iterator[str]:
    """Context manager: a scheduler and a worker for each processor, which only this machine reaches; yields the address."""
    environment = dict(os.environ)  # to which Dask adds the threads of its workers
    try:
        with dask.config.set({"distributed.scheduler.allowed-failures": DEATHS}):
            cluster = LocalCluster(
                n_workers=len(os.sched_getaffinity(0)), threads_per_worker=1, processes=True, host="127.0.0.1",
                dashboard_address="127.0.0.1:0", memory_limit=0, silence_logs=logging.CRITICAL,
                preload=[cluster_worker.__name__],
            )  # fmt: skip
        with cluster:
            yield str(cluster.scheduler_address)
    finally:
        os.environ.clear()
        os.environ.update(environment)


def _connect(scheduler: str) -> Client:
    """Returns a client of a scheduler with workers. Raises UserError if nobody answers there, or there is no worker."""
    try:
        client = Client(scheduler, timeout=CONNECT_SECONDS)
    except (OSError, ValueError, TypeError) as error:
        raise UserError(
            f"--scheduler {scheduler}: no scheduler of Dask answers there ({reason(error)}); {START} scheduler, or "
            "correct the address"
        ) from None
    try:
        client.wait_for_workers(1, timeout=CONNECT_SECONDS)
    except TimeoutError:
        client.close()
        raise UserError(
            f"--scheduler {scheduler}: this scheduler has no worker; start one in the project's folder by python -m dask "
            f"worker {scheduler} --nthreads 1"
        ) from None
    return client


def _warn_if_open(scheduler: str) -> None:
    parts = urlsplit(scheduler)
    with contextlib.suppress(ValueError):  # a name instead of an address
        if ipaddress.ip_address(parts.hostname or "").is_loopback:
            return
    if parts.scheme != "tls" and parts.hostname != "localhost":
        log.warning(
            "%s: whoever reaches this scheduler or its workers can run programs there; use a private network, or tls://",
            scheduler,
        )


def _checked_workers(client: Client, wanted: Wanted) -> int:
    """Returns the number of workers. Raises UserError with the first of them that would not make the same rows."""
    try:
        found = client.run_on_scheduler(cluster_worker.software_problem, wanted)
    except ModuleNotFoundError as error:
        found = f"it does not find this project ({reason(error)}); {START} scheduler"
    if found is not None:
        raise UserError(f"--scheduler: the scheduler {client.scheduler.address}: {found}")  # type: ignore[union-attr]
    for address, threads in client.nthreads().items():
        if threads != 1:
            raise UserError(
                f"--scheduler: the worker {address} has {threads} threads, where each needs one; start it with "
                "--nthreads 1, and with --nworkers for each processor"
            )
    answers: dict[str, Any] = client.run(cluster_worker.problem, wanted, on_error="return")
    for address, answer in answers.items():
        if answer is not None:
            lost = isinstance(answer, Exception)
            found = f"it does not find this project ({reason(answer)}); {START} worker" if lost else answer
            raise UserError(f"--scheduler: the worker {address}: {found}")
    return len(answers)
