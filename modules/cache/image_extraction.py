"""Extracts batches of images: decodes them, estimates the poses, and makes the rows of the cache with their crops."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

import numpy as np

from modules.cache.estimates import estimate_columns, label_columns
from modules.cache.label_weights import SD
from modules.cache.table import to_row
from modules.extractors.base import Extractor
from modules.extractors.upright import estimate_upright
from modules.files.images import read_image
from modules.files.labels import read_label_sd
from modules.files.layout import Frame
from modules.pose_utils import Camera
from modules.utils import UserError

Extracted = tuple[dict[str, Any], bytes]  # a row, and its crop as a JPEG
Outcome = Extracted | str  # or one sentence on why the image is of no use
Decoded = list[np.ndarray | str]  # RGB images (H, W, 3) uint8, or such a sentence
Submitted = TypeVar("Submitted")


class ImageTask(NamedTuple):
    """One image to extract, and what belongs to it."""

    frame: Frame
    camera: Camera  # as declared, which the row stores
    camera_with_up: Camera  # for the extractor
    turns: int  # by which the picture is turned upright, in quarters
    joints_world_mm: np.ndarray | None  # (24, 3), the label
    hint: np.ndarray | None  # where the wanted person is


class Batch(NamedTuple):
    """Images that are extracted together."""

    part: int
    tasks: list[ImageTask]
    is_last: bool  # of its part


class SameProcess:
    """Extracts in this process; a thread decodes the next batch meanwhile."""

    def __init__(self, extractor: Extractor) -> None:
        self._extractor = extractor

    def outcomes(self, batches: Iterable[Batch]) -> Iterator[tuple[Batch, list[Outcome]]]:
        """Yields the batches in order, each with one outcome per image."""
        with ThreadPoolExecutor(1) as pool:
            for batch, decoded in ahead(batches, lambda batch: pool.submit(decode, batch.tasks), 1):
                yield batch, estimate(self._extractor, batch.tasks, decoded.result())


def ahead(
    batches: Iterable[Batch], submit: Callable[[Batch], Submitted], depth: int
) -> Iterator[tuple[Batch, Submitted]]:
    """Yields each batch with its future, in order, after `depth` further batches have been submitted."""
    waiting: deque[tuple[Batch, Submitted]] = deque()
    for batch in batches:
        waiting.append((batch, submit(batch)))
        if len(waiting) > depth:
            yield waiting.popleft()
    while waiting:
        yield waiting.popleft()


def decode(tasks: Sequence[ImageTask]) -> Decoded:
    """Reads the images of a batch."""
    decoded: Decoded = []
    for task in tasks:
        try:
            decoded.append(read_image(task.frame.image_path, task.camera.image_size))
        except UserError as error:
            decoded.append(str(error))
    return decoded


def estimate(extractor: Extractor, tasks: Sequence[ImageTask], decoded: Decoded) -> list[Outcome]:
    """Returns one outcome per image of a batch."""
    usable = [(task, image) for task, image in zip(tasks, decoded, strict=True) if not isinstance(image, str)]
    rows = iter(_rows(extractor, [task for task, _ in usable], [image for _, image in usable]) if usable else ())
    return [image if isinstance(image, str) else next(rows) for image in decoded]


def _rows(extractor: Extractor, tasks: Sequence[ImageTask], images: Sequence[np.ndarray]) -> list[Extracted]:
    hints = [task.hint for task in tasks]
    estimates = estimate_upright(
        extractor,
        images,
        [task.camera_with_up for task in tasks],
        [task.turns for task in tasks],
        hints if any(hint is not None for hint in hints) else [],
    )
    rows = []
    for task, image, found in zip(tasks, images, estimates, strict=True):
        values, crop = estimate_columns(task.camera, image, found, 0)
        joints = task.joints_world_mm
        if joints is None:
            values |= {"labelled": False}
        else:
            values |= {**label_columns(joints, task.camera, task.frame), SD: read_label_sd(task.frame.label_path)}
        values |= {"extractor": extractor.name, "fingerprint": extractor.fingerprint}
        rows.append((to_row(task.frame, task.camera, values), crop))
    return rows
