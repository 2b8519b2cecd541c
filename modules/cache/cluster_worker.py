"""What a worker of Dask does: it checks that its rows will be as those of any other process, and extracts batches."""

from __future__ import annotations

import functools
import platform
import signal
import threading
import traceback
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Literal, NamedTuple

import cv2
import distributed

from modules.cache.image_extraction import ImageTask, Outcome, decode, estimate
from modules.cache.workers import loaded_extractor
from modules.config.paths import PROJECT_ROOT
from modules.files.hashing import digest, sha256_file
from modules.utils import UserError, os_error_sentence

# What the bytes of a row depend on, or the way of a row to the process that writes it.
PACKAGES = ("numpy", "opencv-python-headless", "simplejpeg", "ai-edge-litert", "openvino", "torch", "distributed")
_ONE_AT_A_TIME = threading.Lock()  # an extractor is not made for the threads of a worker that has several


class Wanted(NamedTuple):
    """What a worker must share with the process that writes the cache."""

    config: str  # as JSON
    fingerprint: str  # of the extractor
    software: tuple[tuple[str, str], ...]  # as `software` returns it
    code: str  # as `code_digest` returns it
    image: Path  # one image of the data set
    image_bytes: int


class Failure(NamedTuple):
    """Why a batch has no outcomes."""

    text: str  # a sentence, or the traceback of a bug
    kind: Literal["to fix", "disk", "bug"]


def dask_setup(worker: distributed.Worker) -> None:
    """Leaves Ctrl-C to the main process; Dask calls it in workers of a main process's own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def software() -> tuple[tuple[str, str], ...]:
    """Returns the versions of Python and of the packages on which an extraction depends, with their names."""
    return (("Python", platform.python_version()), *((name, _version(name)) for name in PACKAGES))


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "none"


@functools.cache
def code_digest() -> str:
    """Returns the digest of the project's code, as it was when this process first needed it."""
    files = sorted(path for folder in ("model", "modules") for path in (PROJECT_ROOT / folder).rglob("*.py"))
    return digest([(path.relative_to(PROJECT_ROOT).as_posix(), sha256_file(path)) for path in files])


def software_problem(wanted: Wanted) -> str | None:
    """Returns what this process's code and packages have that `wanted` has not, with the fix; None: nothing."""
    for (name, theirs), (_, ours) in zip(wanted.software, software(), strict=True):
        if theirs != ours:
            return f"it has {name} {ours} instead of {theirs}; make its environment from the same requirement files"
    if wanted.code != code_digest():
        return (
            f"its code in {PROJECT_ROOT} is another one than here; let both be of the same commit, and start it again"
        )
    return None


@functools.cache
def problem(wanted: Wanted) -> str | None:
    """Returns why this process would not make the rows that are wanted, with the path and the fix; None: it would."""
    found = software_problem(wanted)
    if found is not None:
        return found
    if not wanted.image.is_file():
        return f"{wanted.image} is missing there; mount the data set at the same path"
    if wanted.image.stat().st_size != wanted.image_bytes:
        return f"{wanted.image} is another file there; mount the same data set at this path"
    cv2.setNumThreads(1)
    try:
        extractor = loaded_extractor(wanted.config)
    except UserError as error:
        return f"{error}"
    if extractor.fingerprint != wanted.fingerprint:
        return f"its weights in {PROJECT_ROOT / 'pre_models'} are others than here; copy them from here"
    return None


def extract(wanted: Wanted, tasks: Sequence[ImageTask]) -> list[Outcome] | Failure:
    """Returns one outcome per image, or why there is none; a worker that has come late is checked here.

    Nothing is raised: the client of Dask waits for ever for an error whose traceback it cannot unpickle.
    """
    with _ONE_AT_A_TIME:
        try:
            found = problem(wanted)
            if found is None:
                return estimate(loaded_extractor(wanted.config), tasks, decode(tasks))
            return Failure(f"the worker {distributed.get_worker().address}: {found}", "to fix")
        except OSError as error:
            return Failure(os_error_sentence(error), "disk")
        except Exception:
            return Failure(traceback.format_exc(), "bug")
