"""Extracts the rows of a split that its cache lacks, part by part. An image that cannot be used costs itself alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from modules.cache import store
from modules.cache.image_extraction import Batch, Extracted, ImageTask, Outcome
from modules.files.hashing import digest
from modules.files.layout import Frame
from modules.pose_utils import Camera

Results = Iterable[tuple[Batch, list[Outcome]]]


@dataclass
class PartExtraction:
    """What one extraction needs for each of its parts, and the images that it found to be of no use."""

    folder: Path
    key: str
    parts: Mapping[int, Sequence[Frame]]  # those that lack rows, by number
    row_keys: Mapping[str, str]  # by file name
    cameras: Mapping[Path, Camera]  # as declared, which the rows store
    upright_cameras: Mapping[Path, Camera]  # for the extractor
    labels: Mapping[Path, np.ndarray]
    hints: Mapping[str, np.ndarray]  # where the wanted person is, by file name
    problems: dict[str, str] = field(default_factory=dict)  # messages by file name
    written: int = 0  # images extracted in parts that are written
    _found: dict[int, dict[str, Extracted]] = field(default_factory=dict)  # of parts in work, by file name

    def count_kept(self) -> int:
        """Returns how many rows of these parts are cached already and stay."""
        return sum(len(self._kept(index)) for index in self.parts)  # only one part's rows are in memory at a time

    def batches(self, size: int) -> Iterator[Batch]:
        """Yields the images that are missing, a batch at a time, without those that are known to be of no use."""
        for index, frames in self.parts.items():
            kept = self._kept(index)
            todo = [f for f in frames if f.file_name not in kept and f.file_name not in self.problems]
            self._found[index] = kept
            for start in range(0, len(todo), size):
                is_last = start + size >= len(todo)
                yield Batch(index, [self._task(frame) for frame in todo[start : start + size]], is_last)

    def write(self, results: Results, bar: tqdm[Any]) -> None:
        """Writes each part as soon as its last batch has come."""
        new = 0
        for batch, outcomes in results:
            for task, outcome in zip(batch.tasks, outcomes, strict=True):
                if isinstance(outcome, str):
                    self.problems[task.frame.file_name] = outcome
                else:
                    self._found[batch.part][task.frame.file_name] = outcome
                    new += 1
            bar.update(len(batch.tasks))
            if batch.is_last:
                found = self._found.pop(batch.part)
                if new:
                    self._write(batch.part, found)
                self.written, new = self.written + new, 0

    def _kept(self, index: int) -> dict[str, Extracted]:
        wanted = {frame.file_name: self.row_keys[frame.file_name] for frame in self.parts[index]}
        return store.rows_to_keep(self.folder, index, wanted)

    def _task(self, frame: Frame) -> ImageTask:
        camera, upright = (cameras[frame.camera_path] for cameras in (self.cameras, self.upright_cameras))
        return ImageTask(frame, camera, upright, self.labels.get(frame.label_path), self.hints.get(frame.file_name))

    def _write(self, index: int, found: Mapping[str, Extracted]) -> None:
        """Writes the found rows in the order of the images, with their crops one after the other."""
        rows, crops, keys, offset = [], [], [], 0
        for frame in self.parts[index]:
            if frame.file_name in found:
                row, crop = found[frame.file_name]
                rows.append({**row, "crop_offset": float(offset)} if crop else row)
                crops.append(crop)
                keys.append(self.row_keys[frame.file_name])
                offset += len(crop)
        store.write_part(self.folder, index, rows, crops, self.key, keys)


def row_key(made_by: Mapping[str, Any], of_image: str, camera: Camera, hint: np.ndarray | None) -> str:
    """Returns the digest of what determines a row: options, extractor, image, camera, label, up for the extractor, hint."""
    up = None if camera.world_up is None else np.round(camera.world_up, 9).tolist()
    return digest([{**made_by, "inputs": of_image}, up, *([] if hint is None else [hint.tolist()])])[:16]
