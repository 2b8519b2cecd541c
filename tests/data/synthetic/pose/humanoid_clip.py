"""A random clip for tests: plausible joint rotations of the humanoid, in the format of the clip files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from data.synthetic.pose.clips import COLUMNS, Clip, read_clip

HINGES = {"knee": -1.0, "elbow": 1.0}  # a knee of the clips bends by negative angles


def write_clip(
    path: Path, rng: np.random.Generator, frames: int = 4, spread: float = 0.4, seconds: float = 0.25, **content: object
) -> Clip:
    rows = []
    for _ in range(frames):
        row: list[float] = [seconds, 0.1, 0.85, -0.2]
        for name, width in list(COLUMNS.items())[2:]:
            turn = np.array([1.0, *rng.normal(0, spread / 2, 3)])
            hinge = HINGES.get(name.split("_")[-1], 0.0)
            row += list(turn / np.linalg.norm(turn)) if width == 4 else [hinge * rng.uniform(0.1, 1.8)]
        rows.append(row)
    path.write_text(json.dumps({"Loop": "wrap", "Frames": rows} | content))
    return read_clip(path)
