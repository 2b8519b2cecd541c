"""Compares extraction with mediapipe's own runtime, which is installed in its own virtual environment (.venv-mediapipe)."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any

from benchmarks.speed.processes import batches_of, extract
from benchmarks.speed.setting import Rates, Setting, at, pair, rate, repeat_root, say, take_turns
from modules.cache.extraction import extract_split
from modules.cache.workers import WorkerPool
from modules.config.paths import PROJECT_ROOT
from modules.extractors.blazepose.detector import BlazePose
from modules.files.images import read_image
from modules.utils import UserError

MEDIAPIPE = "0.10.21"  # the release whose weights GroundPose uses
ENVIRONMENT = PROJECT_ROOT / ".venv-mediapipe"
STAMP = "groundpose-mediapipe"  # a file in the complete environment
RUNTIME = Path(__file__).with_name("mediapipe_runtime.py")
SUPPORTED = "import ensurepip, sys, venv; sys.exit(not ((3, 9) <= sys.version_info[:2] <= (3, 12)))"
WITHOUT = "so extraction is not compared with it"


def measure(setting: Setting) -> list[dict[str, Any]]:
    """Measures the whole stage, with and without its start, the models alone, and mediapipe on the same images.

    Nothing is measured if mediapipe is unavailable.
    """
    config = setting.config
    chosen = config.EXTRACT
    if (chosen.extractor, chosen.weights, chosen.test_time_augmentation) != ("blazepose", "full", False):
        raise UserError(
            "EXTRACT: mediapipe is comparable with blazepose's full weights and one crop only; leave extractor, weights and "
            "test_time_augmentation at the benchmark's values"
        )
    root = setting.folder / "extraction"
    frames = repeat_root(config.data_root, root, setting.sizes.stage_copies, setting.sizes.images)
    paths = [frame.image_path for frame in frames[: setting.sizes.images]]
    staged = at(config, root, root / "cache")

    def stage() -> Rates:
        shutil.rmtree(staged.cache_root, ignore_errors=True)
        started = time.perf_counter()
        extract_split(staged, "train")
        return {"stage": len(frames) / (time.perf_counter() - started)}

    batches = batches_of(setting)
    with contextlib.ExitStack() as stack:
        runtime = stack.enter_context(mediapipe_runtime(setting))
        if runtime is None:
            return []
        pool = stack.enter_context(WorkerPool(config, os.cpu_count() or 1))
        all_threads, one_thread = BlazePose(), BlazePose(threads=1)

        def theirs() -> Rates:
            answer = runtime.time_images(paths)
            decoding, finding = answer["decoding"], answer["finding"]
            return {"their stage": len(paths) / (decoding + finding), "their model": len(paths) / finding}

        found = take_turns(
            {
                "stage": stage,
                "loaded": rate("loaded", sum(len(one.tasks) for one in batches), partial(extract, pool, batches)),
                "theirs": theirs,
                "all": lambda: {"all": model_rate(all_threads, paths)},
                "one": lambda: {"one": model_rate(one_thread, paths)},
            },
            setting.sizes,
        )
        who = f"mediapipe {runtime.version}"
    model, theirs_alone = "landmarks of decoded images", ("its own runtime", found["their model"])
    return [
        pair(
            f"extraction of {len(frames)} images: start, decode, landmarks, crop, cache", "images/s",
            ("the whole stage", found["stage"]), (f"{who}: decode, landmarks", found["their stage"]),
        ),
        pair(
            "extraction, models loaded: decode, landmarks, crop", "images/s",
            ("one process per processor", found["loaded"]), (f"{who}: decode, landmarks", found["their stage"]),
        ),
        pair(model, "images/s", ("models in all threads", found["all"]), (f"{who}: {theirs_alone[0]}", theirs_alone[1])),
        pair(model, "images/s", ("models in one thread", found["one"]), (f"{who}: {theirs_alone[0]}", theirs_alone[1])),
    ]  # fmt: skip


def model_rate(model: BlazePose, paths: Sequence[Path]) -> float:
    """Returns the images per second of detector and landmark model, without decoding."""
    seconds = 0.0
    for path in paths:
        image = read_image(path)
        started = time.perf_counter()
        model.detect(image)
        seconds += time.perf_counter() - started
    return len(paths) / seconds


class Runtime:
    """mediapipe_runtime.py in its own environment, controlled through its standard input."""

    def __init__(self, python: Path, errors: IO[str]) -> None:
        self.errors = errors
        self.process = subprocess.Popen(
            [str(python), "-I", str(RUNTIME)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
        )
        self.version = self._answer()["version"]

    def time_images(self, paths: Sequence[Path]) -> dict[str, float]:
        """Returns the summed seconds of decoding and of landmark estimation, and the number of people found."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # the process has ended; the missing answer is reported below
            self.process.stdin.write(json.dumps({"images": [str(path) for path in paths]}) + "\n")
            self.process.stdin.flush()
        answer: dict[str, float] = self._answer()
        return answer

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            last = (self.errors.read().strip().splitlines() or ["no message"])[-1]
            raise UserError(
                f"{ENVIRONMENT}: mediapipe ended without an answer ({last}); delete this folder and start again, or leave "
                "out extraction with --only"
            )
        return json.loads(line)

    def close(self) -> None:
        """Ends the process by closing its input."""
        self.process.communicate()


@contextlib.contextmanager
def mediapipe_runtime(setting: Setting) -> Iterator[Runtime | None]:
    """Context manager: the runtime; None, with the reason in `left_out`, if it cannot be installed or does not start."""
    reason = make_environment(setting.sizes.installs)
    with tempfile.TemporaryFile("w+") as errors:
        runtime = None
        if reason is None:
            try:
                runtime = Runtime(ENVIRONMENT / "bin" / "python", errors)
            except (UserError, OSError) as error:
                say(str(error))
                reason = f"mediapipe {MEDIAPIPE} is installed but does not start, {WITHOUT}"
        if reason is not None:
            say(reason)
            setting.left_out.append(reason)
        try:
            yield runtime
        finally:
            if runtime is not None:
                runtime.close()


def make_environment(install: bool) -> str | None:
    """Makes mediapipe's environment if `install` is set; returns a sentence if it is unavailable."""
    stamp = ENVIRONMENT / STAMP
    if stamp.exists() and stamp.read_text(encoding="utf-8") == MEDIAPIPE:
        return None
    if not install:
        return f"mediapipe {MEDIAPIPE} is not installed yet and a quick run installs nothing, {WITHOUT}"
    python = find_python()
    if python is None:
        return f"mediapipe {MEDIAPIPE} needs Python 3.9 to 3.12 with venv, and none was found, {WITHOUT}"
    say(f"installing mediapipe {MEDIAPIPE} into {ENVIRONMENT.name} (once; about a minute and 1 GB)")
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    pip = [str(ENVIRONMENT / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for command in ([python, "-m", "venv", str(ENVIRONMENT)], [*pip, "--retries", "1", f"mediapipe=={MEDIAPIPE}"]):
        if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode != 0:
            return f"mediapipe {MEDIAPIPE} could not be installed into {ENVIRONMENT.name}, {WITHOUT}"
    stamp.write_text(MEDIAPIPE, encoding="utf-8")
    return None


def find_python() -> str | None:
    """Returns a Python that this mediapipe supports and that can make virtual environments."""
    for candidate in (sys.executable, "python3.12", "python3.11", "python3.10", "python3"):
        with contextlib.suppress(OSError):
            if subprocess.run([candidate, "-c", SUPPORTED], capture_output=True, check=False).returncode == 0:
                return candidate
    return None
