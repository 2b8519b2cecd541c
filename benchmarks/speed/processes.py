"""Compares extraction by two processes with one, and the engines of BlazePose's landmark network, with all models loaded."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from functools import partial
from typing import Any

from benchmarks.speed.setting import Setting, evenly, pair, rate, take_turns
from modules.cache.image_extraction import Batch, ImageTask
from modules.cache.workers import WorkerPool
from modules.config.engines import EngineChoice, computes_bfloat16
from modules.config.sections import Extract
from modules.files.cameras import read_camera
from modules.files.layout import list_frames
from modules.picture_turns import quarter_turns

PROCESSES = (1, 2)  # each with one thread
UNIT, WHAT = "images/s", "default extraction, models loaded"


def measure(setting: Setting) -> list[dict[str, Any]]:
    """Measures the default extraction without start and writing: decode, landmarks, crop."""
    engines: list[EngineChoice] = ["litert", "openvino"]
    if computes_bfloat16():
        engines.append("openvino-bf16")
    else:
        setting.left_out.append("this processor has no bfloat16, so openvino-bf16 is left out")
    batches = batches_of(setting)
    count = sum(len(batch.tasks) for batch in batches)
    with contextlib.ExitStack() as stack:
        contenders = {}
        for engine in engines:
            config = setting.config.model_copy(update={"EXTRACT": Extract(engine=engine)})
            for processes in PROCESSES:
                pool = stack.enter_context(WorkerPool(config, processes))
                name = f"{engine} {processes}"
                contenders[name] = rate(name, count, partial(extract, pool, batches))
        found = take_turns(contenders, setting.sizes)
    rows = [
        pair(f"{WHAT}: {engine}", UNIT, ("two processes", found[f"{engine} 2"]), ("one process", found[f"{engine} 1"]))
        for engine in engines
    ]
    return rows + [
        pair(f"{WHAT}: two processes", UNIT, (engine, found[f"{engine} 2"]), ("litert", found["litert 2"]))
        for engine in engines[1:]
    ]


def batches_of(setting: Setting) -> list[Batch]:
    """Returns training images, evenly chosen, as the batches of an extraction."""
    frames, size = list_frames(setting.config.data_root, "train"), setting.config.EXTRACT.batch_size
    tasks = []
    for index in evenly(len(frames), setting.sizes.images):
        camera = read_camera(frames[index].camera_path)
        tasks.append(ImageTask(frames[index], camera, camera, quarter_turns(camera), None, None))
    return [Batch(0, tasks[start : start + size], False) for start in range(0, len(tasks), size)]


def extract(pool: WorkerPool, batches: Sequence[Batch]) -> None:
    """Extracts all batches."""
    for _, outcomes in pool.outcomes(batches):
        assert not any(isinstance(outcome, str) for outcome in outcomes)
