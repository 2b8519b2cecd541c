"""Extraction in several processes: the same cache, also when processes are killed."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import connection
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from modules.cache import extraction, store
from modules.cache.workers import IMAGES_PER_WORKER, worker_count
from modules.config.schema import Config
from modules.config.sections import Data, Extract
from modules.utils import UserError

IMAGES = 6


@pytest.fixture
def config(small_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """The first images of the demo, in parts of four."""
    frames = extraction.list_frames(small_root, "train")[:IMAGES]
    monkeypatch.setattr(extraction, "list_frames", lambda root, split: frames)
    monkeypatch.setattr(extraction, "PART_ROWS", 4)
    extract = Extract(weights="full", test_time_augmentation="adaptive", batch_size=2)
    return Config(DATA=Data(root=str(small_root), cache=str(tmp_path / "one"), validation="sequence"), EXTRACT=extract)


def with_workers(config: Config, workers: int, cache: Path) -> Config:
    return config.model_copy(
        update={
            "EXTRACT": config.EXTRACT.model_copy(update={"workers": workers}),
            "DATA": config.DATA.model_copy(update={"cache": str(cache)}),
        }
    )


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("part-*") if path.is_file()}


def children() -> set[int]:
    """The processes of this process that are not pytest's own."""
    listed = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    found = {int(pid) for task in listed for pid in _read(task).split()}
    return {pid for pid in found if b"spawn_main" in _read(Path(f"/proc/{pid}/cmdline"))}


def _read(path: Path) -> bytes:
    """The content of a file of /proc, nothing for a process or thread that has ended meanwhile."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


@contextmanager
def killing(times: int) -> Iterator[list[int]]:
    """Kills the first so many processes that start meanwhile, each a moment after its start."""
    before, killed, stop = children(), [], threading.Event()

    def kill() -> None:
        seen: set[int] = set()
        while not stop.wait(0.05):
            for pid in sorted((children() & seen) - set(killed))[: times - len(killed)]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                killed.append(pid)
            seen = children() - before

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        stop.set()
        thread.join()


def test_the_cache_is_the_same_whatever_the_number_of_processes_and_whichever_is_killed(
    config: Config, tmp_path: Path
) -> None:
    one = with_workers(config, 1, tmp_path / "one")
    extraction.extract_split(one, "train")
    two = with_workers(config, 2, tmp_path / "two")
    before = children()
    with killing(1) as killed:
        summary = extraction.extract_split(two, "train")
    assert len(killed) == 1 and summary.extracted == IMAGES
    expected = files(store.cache_folder(one, "train"))
    assert len(expected) == 4 and files(store.cache_folder(two, "train")) == expected
    assert children() == before


def test_a_process_that_is_killed_while_it_answers_costs_its_batch(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pipe is smaller than the answer, so that the process is in the middle of writing when the first byte can be read."""
    make_pipe, receive, killed, first = connection.Pipe, Connection.recv, list[int](), threading.Lock()

    def small_pipe(duplex: bool = True) -> tuple[Connection, Connection]:
        ours, its = make_pipe(duplex)
        with socket.socket(fileno=os.dup(its.fileno())) as end:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        return ours, its

    def kill_and_receive(pipe: Connection) -> object:
        with first:
            if not killed and pipe.poll(60):
                killed.extend(children() - before)
                for pid in killed:
                    os.kill(pid, signal.SIGKILL)
        return receive(pipe)

    one, two = (with_workers(config, workers, tmp_path / str(workers)) for workers in (1, 2))
    extraction.extract_split(one, "train")
    before = children()
    monkeypatch.setattr(connection, "Pipe", small_pipe)
    monkeypatch.setattr(Connection, "recv", kill_and_receive)
    assert extraction.extract_split(two, "train").extracted == IMAGES and len(killed) == 2
    assert files(store.cache_folder(two, "train")) == files(store.cache_folder(one, "train"))


def test_images_whose_process_is_always_killed_are_named(config: Config, tmp_path: Path) -> None:
    with killing(1000), pytest.raises(UserError, match=r"was killed twice.*EXTRACT.workers to 1 \(5 more images"):
        extraction.extract_split(with_workers(config, 2, tmp_path / "two"), "train")


def test_processes_are_started_where_they_pay_off(config: Config) -> None:
    cores = len(os.sched_getaffinity(0))
    assert worker_count(config, IMAGES_PER_WORKER) == 1
    assert worker_count(config, 1000 * IMAGES_PER_WORKER) == cores
    assert worker_count(with_workers(config, 3, Path("x")), 1) == 3
    with pytest.raises(ValueError, match="metrabs runs in one process"):
        Extract(extractor="metrabs", workers=2)
