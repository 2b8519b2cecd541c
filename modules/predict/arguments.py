"""The words of predict.py's arguments, in a module without heavy imports, so that it shows its help at once."""

from __future__ import annotations

WORLD, CAMERA = "world", "camera"  # the frames of an answer
BEST, FAST = QUALITIES = "best", "fast"
WAYS_TO_CALIBRATE = "docs/predict.md#the-camera-file lists the ways to get it"


def parse_size(text: str) -> tuple[int, int]:
    """Returns (width, height) of `1920x1080`. Raises ValueError for anything else."""
    width, height = (int(part) for part in text.lower().split("x"))
    if width < 1 or height < 1:
        raise ValueError(text)
    return width, height
