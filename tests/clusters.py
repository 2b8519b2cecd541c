"""A scheduler of Dask and its workers on this machine, started as a user does."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from distributed import Client

from modules.config.paths import PROJECT_ROOT

HOST = "127.0.0.1"


class Cluster:
    """Processes of Dask, each in a group of its own; a context manager, at whose end they are gone."""

    def __init__(self) -> None:
        with socket.socket() as one:
            one.bind((HOST, 0))
            self.address = f"tcp://{HOST}:{one.getsockname()[1]}"
        self.scheduler: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *ended: object) -> None:
        self.close()

    def start_scheduler(self, **environment: str) -> None:
        """Starts the scheduler; a worker or client that is started meanwhile waits for it."""
        port = self.address.rpartition(":")[2]
        self.scheduler = _start("scheduler", "--port", port, environment=environment)

    def start_worker(self, *options: str, folder: Path = PROJECT_ROOT) -> subprocess.Popen[bytes]:
        """Starts a worker in a folder of the project."""
        worker = _start("worker", self.address, *options, folder=folder)
        self.workers.append(worker)
        return worker

    def wait_for_workers(self, count: int) -> None:
        """Waits until the scheduler knows so many workers."""
        with Client(self.address, timeout=60) as client:
            client.wait_for_workers(count, timeout=60)

    def close(self) -> None:
        """Kills all processes."""
        for process in (self.scheduler, *self.workers):
            if process is not None:
                kill_group(process)
        self.scheduler, self.workers = None, []


def _start(
    what: str, *options: str, folder: Path = PROJECT_ROOT, environment: dict[str, str] | None = None
) -> subprocess.Popen[bytes]:
    at = ("--host", HOST, "--dashboard-address", f"{HOST}:0", "--no-dashboard")
    command = [sys.executable, "-m", "dask", what, *at, *options]
    return subprocess.Popen(
        command, cwd=folder, start_new_session=True, env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kills a process and its children."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
