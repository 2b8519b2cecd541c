"""Peak memory and time of extraction and prediction, each in its own process, on a data set and on ten copies of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.speed.prediction import untrained_checkpoint
from benchmarks.speed.setting import Setting, repeat_root
from modules.config.paths import PROJECT_ROOT
from modules.runs import checkpoints
from modules.utils import UserError

STAGES = ("extraction", "prediction")


def measure(setting: Setting) -> list[dict[str, Any]]:
    """Measures both stages on one and on `copies` times the training images; returns rows of images, seconds and MiB."""
    checkpoint = setting.folder / "untrained.pt"
    checkpoints.save_checkpoint(checkpoint, untrained_checkpoint(setting.config, setting.rows[0]))
    sizes, roots = setting.sizes, {}
    for copies in (1, sizes.copies):
        root = setting.folder / f"copies_{copies}"
        roots[root] = len(repeat_root(setting.config.data_root, root, copies, sizes.copied_images))
    found: dict[tuple[str, int], list[dict[str, float]]] = {}
    for repeat in range(sizes.memory_repeats):
        for root, images in roots.items():
            options = ["--set", f"DATA.root={json.dumps(str(root))}"]
            options += ["--set", f"DATA.cache={json.dumps(str(root / f'cache_{repeat}'))}"]
            for stage in STAGES:  # the second stage reads the cache of the first
                answer = run_child([*setting.options, *options, "--checkpoint", str(checkpoint), stage])
                found.setdefault((stage, images), []).append(answer)
    return [
        {
            "stage": stage, "images": images, "seconds": [round(answer["seconds"], 2) for answer in answers],
            "peak_mib": [round(answer["peak_mib"]) for answer in answers],
        }
        for stage in STAGES
        for (of, images), answers in found.items()
        if of == stage
    ]  # fmt: skip


def run_child(arguments: list[str]) -> dict[str, float]:
    """Returns the report of benchmarks.speed.stage_process. UserError if it fails."""
    command = [sys.executable, "-m", "benchmarks.speed.stage_process", *arguments]
    done = subprocess.run(command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise UserError(f"{Path(command[2].replace('.', '/'))}.py: this child process failed (see its message above)")
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer
