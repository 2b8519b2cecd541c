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
from modules.cache.label_weights import SD
from modules.cache.table import to_row
from modules.extractors.base import Extractor
from modules.files.hashing import digest
from modules.files.images import read_image
from modules.files.labels import read_label_sd
from modules.files.layout import Frame
from modules.pose_utils import Camera
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
            cameras = [self.upright_cameras[frame.camera_path] for frame in batch]
            hints = ([self.hints.get(frame.file_name) for frame in batch],) if self.hints else ()
            estimates = self.extractor.estimate(images, cameras, *hints)
            for frame, image, estimate in zip(batch, images, estimates, strict=True):
                camera = self.cameras[frame.camera_path]
                values, crop = estimate_columns(camera, image, estimate, 0)
                joints = self.labels.get(frame.label_path)
                if joints is None:
                    values |= {"labelled": False}
                else:
                    values |= {**label_columns(joints, camera, frame), SD: read_label_sd(frame.label_path)}
                values |= {"extractor": self.extractor.name, "fingerprint": self.extractor.fingerprint}
                new[frame.file_name] = to_row(frame, camera, values), crop
            bar.update(len(batch))
        if new:
            self._write(index, [frame.file_name for frame in frames], {**kept, **new})
        return len(new)

    def _write(self, index: int, names: Sequence[str], found: Kept) -> None:
        """Writes the found rows in the order of `names`, with their crops one after the other."""
        rows, crops, keys, offset = [], [], [], 0
        for name in names:
            if name in found:
                row, crop = found[name]
                rows.append({**row, "crop_offset": float(offset)} if crop else row)
                crops.append(crop)
                keys.append(self.row_keys[name])
                offset += len(crop)
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


def row_key(made_by: Mapping[str, Any], of_image: str, camera: Camera, hint: np.ndarray | None) -> str:
    """Returns the digest of what determines a row: options, extractor, image, camera, label, up for the extractor, hint."""
    up = None if camera.world_up is None else np.round(camera.world_up, 9).tolist()
    return digest([{**made_by, "inputs": of_image}, up, *([] if hint is None else [hint.tolist()])])[:16]
