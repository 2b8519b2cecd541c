"""Extraction by Dask: a real scheduler and workers, which are killed; what is wrong with them ends in a sentence."""

import contextlib
import logging
import os
import shutil
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from distributed import Client

from modules.cache import cluster, cluster_worker, extraction, store
from modules.cache.scheduler_option import check_scheduler, scheduler_address
from modules.config.paths import PROJECT_ROOT
from modules.config.schema import Config
from modules.config.sections import Data, Extract
from modules.files.layout import Frame, list_frames
from modules.utils import UserError
from tests.clusters import Cluster, kill_group

IMAGES = 12
ONE_THREAD = ("--nthreads", "1")
KILLER = "1_demo_3_65.jpg"  # which is not among the first images
DIES = f"""import os, signal
from modules.cache import image_extraction
from modules.files.images import read_image
def dies(path, *rest):
    if path.name == {KILLER!r}:
        os.kill(os.getpid(), signal.SIGKILL)
    return read_image(path, *rest)
image_extraction.read_image = dies
"""


@pytest.fixture(scope="module")
def frames(small_root: Path) -> list[Frame]:
    return list_frames(small_root, "train")


@pytest.fixture(autouse=True)
def first_frames(frames: list[Frame], monkeypatch: pytest.MonkeyPatch) -> None:
    """The first images of the small set, in parts of four."""
    use_frames(monkeypatch, frames[:IMAGES])
    monkeypatch.setattr(extraction, "PART_ROWS", 4)


def use_frames(monkeypatch: pytest.MonkeyPatch, frames: list[Frame]) -> None:
    monkeypatch.setattr(extraction, "list_frames", lambda root, split: frames)


def config_of(root: Path, cache: Path, batch_size: int = 1, workers: int = 0) -> Config:
    extract = Extract(weights="full", test_time_augmentation=False, batch_size=batch_size, workers=workers)
    return Config(DATA=Data(root=str(root), cache=str(cache), validation="sequence"), EXTRACT=extract)


def files(config: Config) -> dict[str, bytes]:
    """The cache, without the digests of its inputs, which are kept only of files that are older than two seconds."""
    folder = store.cache_folder(config, "train")
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*")
            if path.is_file() and path.name != "inputs.parquet"}  # fmt: skip


@pytest.fixture(scope="module")
def expected(small_root: Path, frames: list[Frame], tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The cache that one process makes."""
    config = config_of(small_root, tmp_path_factory.mktemp("one"), workers=1)
    with pytest.MonkeyPatch.context() as monkeypatch:
        use_frames(monkeypatch, frames[:IMAGES])
        monkeypatch.setattr(extraction, "PART_ROWS", 4)
        extraction.extract_split(config, "train")
    return files(config)


@pytest.fixture(scope="module")
def running() -> Iterator[Cluster]:
    """A scheduler and two workers, for tests that leave them as they are, and at last for one that kills."""
    with Cluster() as made:
        made.start_scheduler()
        for _ in range(2):
            made.start_worker("--no-nanny", *ONE_THREAD)
        made.wait_for_workers(2)
        yield made


@pytest.fixture(scope="module")
def bare() -> Iterator[Cluster]:
    """A scheduler without workers, for which one death is enough."""
    with Cluster() as made:
        made.start_scheduler(DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0")
        yield made


@pytest.fixture(scope="module")
def fragile(bare: Cluster) -> Cluster:
    """The same scheduler with a worker that one image kills; Dask then starts the worker again."""
    bare.start_worker(*ONE_THREAD, "--preload", DIES)
    bare.wait_for_workers(1)
    return bare


@contextlib.contextmanager
def when_the_first_part_is_written(config: Config, act: Callable[[], Any]) -> Iterator[list[Any]]:
    """Does something once a third of the images are extracted; yields a list that then holds its result."""
    folder, stop, done = store.cache_folder(config, "train"), threading.Event(), []

    def wait() -> None:
        while not stop.wait(0.01):
            if list(folder.rglob("part-00000.parquet")):
                done.append(act())
                return

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield done
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("name", ["software", "code_digest"])
def test_other_software_is_refused(
    running: Cluster, small_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    other: Any = (("Python", "2.7.18"), *cluster_worker.software()[1:]) if name == "software" else "0" * 64
    monkeypatch.setattr(cluster_worker, name, lambda: other)
    says = r"it has Python 3\S+ instead of 2\.7\.18; make" if name == "software" else r"its code in \S+ is another one"
    with pytest.raises(UserError, match=rf"^--scheduler: the scheduler tcp://127\.\S+: {says}"):
        extraction.extract_split(config_of(small_root, tmp_path), "train", scheduler=running.address)


def test_data_that_a_worker_does_not_see_are_named(
    running: Cluster, small_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Path("/proc/self/cwd")  # another folder in every process
    monkeypatch.chdir(small_root)
    use_frames(monkeypatch, list_frames(here, "train"))
    with pytest.raises(UserError, match=r"the worker tcp://\S+: /proc/self/cwd/\S+\.jpg is missing there; mount"):
        extraction.extract_split(config_of(here, tmp_path), "train", scheduler=running.address)


def test_weights_that_a_worker_lacks_are_named(running: Cluster, small_root: Path, tmp_path: Path) -> None:
    for name in ("model", "modules"):
        shutil.copytree(PROJECT_ROOT / name, tmp_path / "project" / name)
    worker = running.start_worker("--no-nanny", *ONE_THREAD, folder=tmp_path / "project")
    try:
        running.wait_for_workers(3)
        with pytest.raises(
            UserError, match=rf"the worker tcp://\S+: {tmp_path}/project/pre_models\S+: these weights are"
        ):
            extraction.extract_split(config_of(small_root, tmp_path / "cache"), "train", scheduler=running.address)
    finally:
        kill_group(worker)


def test_the_cache_is_the_same_when_a_worker_is_killed(
    running: Cluster, small_root: Path, tmp_path: Path, expected: dict[str, bytes], log_records: list[logging.LogRecord]
) -> None:
    config = config_of(small_root, tmp_path)
    with when_the_first_part_is_written(config, lambda: kill_group(running.workers[0])) as killed:
        summary = extraction.extract_split(config, "train", scheduler=running.address)
    assert killed and summary.extracted == IMAGES
    assert [one for one in log_records if "is lost; its images are done again" in one.getMessage()]
    assert len(expected) > 6 and files(config) == expected


def test_a_scheduler_needs_workers_of_one_thread(
    bare: Cluster, small_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_of(small_root, tmp_path)
    Client(bare.address).close()  # it has started now
    with monkeypatch.context() as patched, pytest.raises(UserError, match="this scheduler has no worker; start one"):
        patched.setattr(cluster, "CONNECT_SECONDS", 2.0)
        extraction.extract_split(config, "train", scheduler=bare.address)
    worker = bare.start_worker("--no-nanny", "--nthreads", "2")
    try:
        bare.wait_for_workers(1)
        with pytest.raises(UserError, match=r"the worker tcp://\S+ has 2 threads, where each needs one"):
            extraction.extract_split(config, "train", scheduler=bare.address)
    finally:
        kill_group(worker)


def test_an_image_that_kills_its_workers_is_named(
    fragile: Cluster, small_root: Path, tmp_path: Path, frames: list[Frame], monkeypatch: pytest.MonkeyPatch
) -> None:
    use_frames(monkeypatch, frames[:1] + [frame for frame in frames if frame.file_name == KILLER])
    with pytest.raises(UserError, match=rf"{KILLER}: every worker that .* \(the other 1 images are cached in"):
        extraction.extract_split(config_of(small_root, tmp_path, batch_size=2), "train", scheduler=fragile.address)


def test_a_lost_scheduler_is_a_sentence_and_the_extraction_resumes(
    fragile: Cluster, small_root: Path, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    config = config_of(small_root, tmp_path)
    scheduler = fragile.scheduler
    assert scheduler is not None
    lost = pytest.raises(UserError, match="no longer answers or has dropped .* with or without --scheduler")
    with when_the_first_part_is_written(config, lambda: kill_group(scheduler)), lost:
        extraction.extract_split(config, "train", scheduler=fragile.address)
    kept = extraction.extract_split(config, "train")
    assert 0 < kept.extracted < IMAGES and files(config) == expected


def test_nobody_answers(small_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 0.5)
    with pytest.raises(UserError, match=r"^--scheduler tcp://127.0.0.1:1: no scheduler of Dask answers there"):
        extraction.extract_split(config_of(small_root, tmp_path), "train", scheduler="tcp://127.0.0.1:1")


def listening() -> set[tuple[str, str]]:
    """The addresses on which processes of this machine listen, each with its socket's number."""
    found = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, state, *rest = line.split()
        if state == "0A":
            found.add((socket.inet_ntoa(struct.pack("<I", int(local.split(":")[0], 16))), rest[5]))
    return found


def own_sockets() -> set[str]:
    """The numbers of the sockets of this process and its children."""
    children = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    found = set()
    for pid in (os.getpid(), *(int(pid) for one in children for pid in one.read_text().split())):
        with contextlib.suppress(FileNotFoundError):
            links = [os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()]
            found |= {link[8:-1] for link in links if link.startswith("socket:[")}
    return found


def test_a_local_scheduler_is_reached_from_this_machine_only(
    small_root: Path, tmp_path: Path, expected: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_of(small_root, tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0})  # one worker is enough

    def addresses() -> list[str]:
        own = own_sockets()
        return [address for address, number in listening() if number in own]

    before = dict(os.environ)
    with when_the_first_part_is_written(config, addresses) as found:
        extraction.extract_split(config, "train", scheduler="local")
    assert dict(os.environ) == before, "Dask sets the threads of its workers there"
    assert len(found[0]) >= 4 and set(found[0]) == {"127.0.0.1"}
    assert files(config) == expected


def test_what_the_option_accepts(small_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for text in ("local", "tcp://10.0.0.2:8786", "tls://head-node:8786", "tcp://[::1]:8786"):
        assert scheduler_address(text) == text
    for text in ("", "here", "10.0.0.2:8786", "tcp://10.0.0.2", "http://head:8786", "tcp://a b:1", "tcp://a:b:1"):
        with pytest.raises(ValueError):
            scheduler_address(text)
    check_scheduler(config_of(small_root, tmp_path, workers=1))
    with pytest.raises(UserError, match="EXTRACT.workers asks for 2 processes here; leave one of the two out"):
        check_scheduler(config_of(small_root, tmp_path, workers=2))
    with pytest.raises(UserError, match=r"metrabs uses all processors, .* or share the images by --part"):
        check_scheduler(Config(EXTRACT=Extract(extractor="metrabs", weights="metrabs_s")))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"distributed is not installed; run .* requirements-dask\.txt, or leave"):
        check_scheduler(config_of(small_root, tmp_path))
