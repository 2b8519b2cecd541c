"""Extracts the rows of a split that its cache lacks, part by part. An image that cannot be used costs itself alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from modules.cache import store
from modules.cache.image_extraction import Batch, Extracted, ImageTask, Outcome, decode, estimate
from modules.extractors.base import Extractor, Hint
from modules.files.hashing import digest
from modules.files.layout import Frame
from modules.picture_turns import quarter_turns
from modules.pose_utils import Camera
from modules.utils import UserError

Results = Iterable[tuple[Batch, list[Outcome]]]


@dataclass
class PartExtraction:
    """What one extraction needs for each of its parts, and the images that it found to be of no use."""

    extractor: Callable[[], Extractor]  # loads it when it is first called
    folder: Path
    key: str
    parts: Mapping[int, Sequence[Frame]]  # those that lack rows, by number
    row_keys: Mapping[str, str]  # by file name
    cameras: Mapping[Path, Camera]  # as declared, which the rows store
    upright_cameras: Mapping[Path, Camera]  # for the extractor, with world_up if it needs that
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
                yield Batch(
                    index, [self._task(f, self.hints.get(f.file_name)) for f in todo[start : start + size]], is_last
                )

    def write_all(self, results: Results, bar: tqdm[Any]) -> None:
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
                    names = [f.file_name for f in self.parts[batch.part] if f.file_name in found]
                    self.write(batch.part, [(*found[name], self.row_keys[name]) for name in names])
                self.written, new = self.written + new, 0

    def _kept(self, index: int) -> dict[str, Extracted]:
        wanted = {frame.file_name: self.row_keys[frame.file_name] for frame in self.parts[index]}
        return store.rows_to_keep(self.folder, index, wanted)

    def _task(self, frame: Frame, hint: Hint | None) -> ImageTask:
        camera, with_up = (cameras[frame.camera_path] for cameras in (self.cameras, self.upright_cameras))
        return ImageTask(frame, camera, with_up, quarter_turns(camera), self.labels.get(frame.label_path), hint)

    def extract_at(self, frame: Frame, hint: Hint) -> Extracted:
        """Returns the row and crop of one image, whose person is where the hint says. Raises UserError if it is of no use."""
        tasks = [self._task(frame, hint)]
        (outcome,) = estimate(self.extractor(), tasks, decode(tasks))
        if isinstance(outcome, str):
            raise UserError(outcome)
        return outcome

    def write(self, index: int, content: Sequence[tuple[dict[str, Any], bytes, str]]) -> None:
        """Writes rows with their crops, one after the other, and their keys."""
        rows, offset = [], 0
        for row, crop, _ in content:
            rows.append({**row, "crop_offset": float(offset)} if crop else row)
            offset += len(crop)
        crops, keys = [crop for _, crop, _ in content], [key for *_, key in content]
        store.write_part(self.folder, index, rows, crops, self.key, keys)


def row_key(
    made_by: Mapping[str, Any], of_image: str, camera: Camera, turns: int, hint: np.ndarray | None = None
) -> str:
    """Returns the digest of what determines a row: options, extractor, image, camera, label, up for the extractor, hint.

    And of the quarters by which its picture is turned, if it is.
    """
    up = None if camera.world_up is None else np.round(camera.world_up, 9).tolist()
    more = [*([] if hint is None else [hint.tolist()]), *([{"turns": turns}] if turns else [])]
    return digest([{**made_by, "inputs": of_image}, up, *more])[:16]
