"""Extracts the rows of a split that its cache lacks, part by part. An image that cannot be used costs itself alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from modules.cache import store
from modules.cache.estimates import estimate_columns, label_columns
from modules.cache.table import to_row
from modules.extractors.base import Extractor, Hint
from modules.extractors.upright import estimate_upright
from modules.files.hashing import digest
from modules.files.images import read_image
from modules.files.layout import Frame
from modules.pose_utils import Camera, quarter_turns
from modules.utils import UserError

Kept = dict[str, tuple[dict[str, Any], bytes]]  # a row and its crop, by file name


@dataclass
class PartExtraction:
    """What one extraction needs for each of its parts, and the images that it found to be of no use."""

    extractor: Extractor
    folder: Path
    key: str
    row_keys: Mapping[str, str]  # by file name
    cameras: Mapping[Path, Camera]  # as declared, which the rows store
    upright_cameras: Mapping[Path, Camera]  # for the extractor
    labels: Mapping[Path, np.ndarray]
    batch_size: int
    hints: Mapping[str, np.ndarray]  # where the wanted person is, by file name
    problems: dict[str, str] = field(default_factory=dict)  # messages by file name

    def extract(self, index: int, frames: Sequence[Frame], kept: Kept, bar: tqdm[Any]) -> int:
        """Writes a part from the kept rows and newly extracted ones, if there are any; returns the number of these."""
        todo = [frame for frame in frames if frame.file_name not in kept and frame.file_name not in self.problems]
        new: Kept = {}
        for batch, images in self._decoded_batches(todo):
            hints = [self.hints.get(frame.file_name) for frame in batch] if self.hints else []
            for frame, row in zip(batch, self._rows(batch, images, hints), strict=True):
                new[frame.file_name] = row
            bar.update(len(batch))
        if new:
            found = {**kept, **new}
            self.write(
                index, [(*found[f.file_name], self.row_keys[f.file_name]) for f in frames if f.file_name in found]
            )
        return len(new)

    def extract_at(self, frame: Frame, hint: Hint) -> tuple[dict[str, Any], bytes]:
        """Returns the row and crop of one image, whose person is where the hint says."""
        image = read_image(frame.image_path, self.cameras[frame.camera_path].image_size)
        return self._rows([frame], [image], [hint])[0]

    def _rows(
        self, batch: Sequence[Frame], images: Sequence[np.ndarray], hints: Sequence[Hint | None]
    ) -> list[tuple[dict[str, Any], bytes]]:
        """Returns the row and crop of each image."""
        cameras = [self.upright_cameras[frame.camera_path] for frame in batch]
        turns = [quarter_turns(self.cameras[frame.camera_path]) for frame in batch]
        rows = []
        for frame, image, estimate in zip(
            batch, images, estimate_upright(self.extractor, images, cameras, turns, hints), strict=True
        ):
            camera = self.cameras[frame.camera_path]
            values, crop = estimate_columns(camera, image, estimate, 0)
            joints = self.labels.get(frame.label_path)
            values |= {"labelled": False} if joints is None else label_columns(joints, camera, frame)
            values |= {"extractor": self.extractor.name, "fingerprint": self.extractor.fingerprint}
            rows.append((to_row(frame, camera, values), crop))
        return rows

    def write(self, index: int, content: Sequence[tuple[dict[str, Any], bytes, str]]) -> None:
        """Writes rows with their crops, one after the other, and their keys."""
        rows, offset = [], 0
        for row, crop, _ in content:
            rows.append({**row, "crop_offset": float(offset)} if crop else row)
            offset += len(crop)
        crops, keys = [crop for _, crop, _ in content], [key for *_, key in content]
        store.write_part(self.folder, index, rows, crops, self.key, keys)

    def _decoded_batches(self, frames: Sequence[Frame]) -> Iterator[tuple[list[Frame], list[np.ndarray]]]:
        """Yields batches of frames with their RGB images; a thread decodes the next batch meanwhile."""
        batches = [frames[start : start + self.batch_size] for start in range(0, len(frames), self.batch_size)]
        with ThreadPoolExecutor(1) as pool:
            pending = pool.submit(self._load, batches[0]) if batches else None
            for index in range(len(batches)):
                assert pending is not None
                loaded = pending.result()
                if index + 1 < len(batches):
                    pending = pool.submit(self._load, batches[index + 1])
                if loaded:
                    yield [frame for frame, _ in loaded], [image for _, image in loaded]

    def _load(self, batch: Sequence[Frame]) -> list[tuple[Frame, np.ndarray]]:
        """Decodes a batch; images that cannot be are left out and noted."""
        loaded = []
        for frame in batch:
            try:
                loaded.append((frame, read_image(frame.image_path, self.cameras[frame.camera_path].image_size)))
            except UserError as error:
                self.problems[frame.file_name] = str(error)
        return loaded


def row_key(
    made_by: Mapping[str, Any], of_image: str, camera: Camera, turns: int, hint: np.ndarray | None = None
) -> str:
    """Returns the digest of what determines a row: options, extractor, image, camera, label, up for the extractor, hint.

    And of the quarters by which its picture is turned, if it is.
    """
    up = None if camera.world_up is None else np.round(camera.world_up, 9).tolist()
    more = [*([] if hint is None else [hint.tolist()]), *([{"turns": turns}] if turns else [])]
    return digest([{**made_by, "inputs": of_image}, up, *more])[:16]
