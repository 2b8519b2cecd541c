"""Stage 1: extracts the poses and crops of a split into its cache, part by part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from modules.cache import store, worlds
from modules.cache.estimates import estimate_columns, label_columns
from modules.cache.inputs import inputs_digest
from modules.cache.table import Rows, to_row
from modules.config.schema import Config
from modules.console import progress_bar
from modules.extractors import configured_extractor, configured_fingerprint
from modules.extractors.base import Extractor
from modules.extractors.world_up import complete_world_up
from modules.files.atomic import write_text
from modules.files.cameras import read_camera
from modules.files.hashing import digest
from modules.files.images import read_image
from modules.files.labels import read_labels, read_validation_list, validation_path
from modules.files.layout import Frame, list_frames
from modules.files.strays import passed_over
from modules.pose_utils import Camera
from modules.utils import log

PART_ROWS = 128


@dataclass(frozen=True)
class Summary:
    """The result of one extraction."""

    folder: Path
    images: int
    extracted: int  # in this run; the others were cached already
    not_found: tuple[str, ...]


@dataclass(frozen=True)
class _Job:
    """The inputs of one extraction, for all of its parts."""

    config: Config
    split: str
    folder: Path
    key: str
    parts: list[list[Frame]]

    @cached_property
    def cameras(self) -> dict[Path, Camera]:
        """The cameras as declared, read at first use, which a complete cache has none of."""
        return {
            path: read_camera(path) for path in sorted({frame.camera_path for part in self.parts for frame in part})
        }


def extract_split(config: Config, split: str) -> Summary:
    """Fills the cache of a split; existing parts are kept. Raises UserError for a broken image, camera or label.

    Up and floor that camera files do not declare are measured on the result.
    """
    frames = list_frames(config.data_root, split)
    for sentence in passed_over(config.data_root, split):
        log.warning("%s", sentence)
    if split == "train":
        _warn_missing_validation_list(config)
    store.adopt_old_cache(config)
    folder = store.cache_folder(config, split)
    manifest = _manifest(config, frames, folder)
    key = digest(manifest)
    _log_stale(folder, key)
    parts = [frames[start : start + PART_ROWS] for start in range(0, len(frames), PART_ROWS)]
    extracted = _extract_missing(_Job(config, split, folder, key, parts))
    store.drop_parts_from(folder, len(parts))
    complete = {**manifest, "key": key, "parts": len(parts), "images": len(frames)}
    rows = store.read_rows(folder, len(parts))
    found = store.read_manifest(folder) or {}
    if not (found.items() >= complete.items() and worlds.is_current(config, split, rows, found)):
        store.write_manifest(folder, {**complete, **worlds.measured(config, split, rows)})
    return Summary(folder, len(frames), extracted, _list_not_found(folder, rows))


def _warn_missing_validation_list(config: Config) -> None:
    if config.DATA.validation == "list" and read_validation_list(config.data_root) is None:
        log.info(
            "%s is missing: train.py needs it, or DATA.validation as person, pose, sequence or camera",
            validation_path(config.data_root),
        )


def _manifest(config: Config, frames: Sequence[Frame], folder: Path) -> dict[str, Any]:
    """Returns everything that determines the content of a cache."""
    # The extractor is loaded only when an image needs it, but missing weights raise here.
    fingerprint = configured_fingerprint(config) or configured_extractor(config).fingerprint
    return {
        "options": store.cache_options(), "inputs": inputs_digest(frames, folder),
        "extractor": config.EXTRACT.extractor, "weights": config.EXTRACT.weights, "fingerprint": fingerprint,
    }  # fmt: skip


def _log_stale(folder: Path, key: str) -> None:
    """Logs that a cache is stale. It is kept until new parts replace it, so that a broken input does not destroy it."""
    manifest = store.read_manifest(folder)
    if manifest is not None and manifest.get("key") != key:
        log.info("%s: images, cameras, labels, weights or options have changed; extracting again", folder)


def _extract_missing(job: _Job) -> int:
    """Extracts the parts that are missing; returns the number of their images."""
    names = [[frame.file_name for frame in part] for part in job.parts]
    missing = [i for i in range(len(job.parts)) if not store.part_exists(job.folder, i, names[i], job.key)]
    if not missing:
        return 0
    frames = [frame for part in job.parts for frame in part]
    cameras = job.cameras  # of all parts, as the labels, so that a broken one is reported before hours of extraction
    labels = read_labels(frames)
    extractor = configured_extractor(job.config)
    if extractor.needs_world_up:  # for the extractor alone; the cache stores the cameras as declared
        cameras = complete_world_up(cameras, job.config.METRABS.world_up)
    todo = sum(len(job.parts[index]) for index in missing)
    cached = len(frames) - todo
    try:
        with progress_bar(todo, f"extract {job.split}", "image") as bar:
            for index in missing:
                rows, crops = _extract_part(job, job.parts[index], extractor, cameras, labels, bar.update)
                store.write_part(job.folder, index, rows, crops, job.key)
                cached += len(job.parts[index])
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"stopped; {job.folder} keeps {cached} of {len(frames)} images ({PART_ROWS} are written at a time); "
            "start the same command again to resume"
        ) from None
    return todo


def _extract_part(
    job: _Job, frames: Sequence[Frame], extractor: Extractor, upright_cameras: dict[Path, Camera],
    labels: dict[Path, np.ndarray], progress: Callable[[int], Any],
) -> tuple[list[dict[str, Any]], list[bytes]]:  # fmt: skip
    """Returns a part's rows and crops; `upright_cameras` are passed to the extractor, job.cameras are stored."""
    rows: list[dict[str, Any]] = []
    crops: list[bytes] = []
    offset = 0
    for batch, images in _decoded_batches(frames, job.cameras, job.config.EXTRACT.batch_size):
        estimates = extractor.estimate(images, [upright_cameras[frame.camera_path] for frame in batch])
        for frame, image, estimate in zip(batch, images, estimates, strict=True):
            camera = job.cameras[frame.camera_path]
            values, crop = estimate_columns(camera, image, estimate, offset)
            joints = labels.get(frame.label_path)
            values |= {"labelled": False} if joints is None else label_columns(joints, camera, frame)
            values |= {"extractor": extractor.name, "fingerprint": extractor.fingerprint}
            rows.append(to_row(frame, camera, values))
            crops.append(crop)
            offset += len(crop)
        progress(len(batch))
    return rows, crops


def _decoded_batches(
    frames: Sequence[Frame], cameras: dict[Path, Camera], batch_size: int
) -> Iterator[tuple[Sequence[Frame], list[np.ndarray]]]:
    """Yields batches of frames with their RGB images; a thread decodes the next batch meanwhile."""
    batches = [frames[start : start + batch_size] for start in range(0, len(frames), batch_size)]

    def load(batch: Sequence[Frame]) -> list[np.ndarray]:
        return [read_image(frame.image_path, cameras[frame.camera_path].image_size) for frame in batch]

    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(load, batches[0])
        for index, batch in enumerate(batches):
            images = pending.result()
            if index + 1 < len(batches):
                pending = pool.submit(load, batches[index + 1])
            yield batch, images


def _list_not_found(folder: Path, rows: Rows) -> tuple[str, ...]:
    """Returns the images without a person, and lists them in the cache folder."""
    names = tuple(str(name) for name in rows["file_name"][~rows["found"]])
    path, text = folder / "not_found.txt", "".join(f"{name}\n" for name in names)
    if not path.exists() or path.read_text(encoding="utf-8") != text:  # a complete cache may be in a read-only folder
        write_text(path, text)
    return names
