"""Stage 1: extracts the poses and crops of a split into its cache, part by part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from modules.cache import preflight, store, worlds
from modules.cache.inputs import Inputs, read_inputs
from modules.cache.part_extraction import PartExtraction, row_key
from modules.cache.people import report_people
from modules.cache.table import Rows
from modules.config.schema import Config
from modules.console import progress_bar
from modules.extractors import configured_extractor, configured_fingerprint
from modules.extractors.world_up import complete_world_up
from modules.files.atomic import require_writable, write_text
from modules.files.hashing import digest
from modules.files.labels import read_labels, read_validation_list, validation_path
from modules.files.layout import Frame, list_frames
from modules.files.locking import only_writer
from modules.files.person_boxes import read_person_boxes
from modules.files.strays import passed_over
from modules.utils import UserError, log

PART_ROWS = 128
MOST_NAMED = 20  # images of no use that are named one by one on the console


@dataclass(frozen=True)
class Summary:
    """The result of one extraction."""

    folder: Path
    images: int
    extracted: int  # in this run; the others were cached already
    not_found: tuple[str, ...]
    parts: int


@dataclass(frozen=True)
class _Job:
    """The inputs of one extraction, for all of its parts."""

    config: Config
    split: str
    folder: Path
    manifest: dict[str, Any]  # everything that determines the content of the cache
    inputs: Inputs
    hints: dict[str, np.ndarray]  # where the wanted person is, by file name
    parts: list[list[Frame]]

    @property
    def key(self) -> str:
        """The digest of the manifest."""
        return digest(self.manifest)

    @property
    def frames(self) -> list[Frame]:
        """All images, in order."""
        return [frame for part in self.parts for frame in part]


def extract_split(config: Config, split: str) -> Summary:
    """Fills the cache of a split; rows whose inputs stay the same are kept. Raises UserError for a broken input.

    Up and floor that camera files do not declare are measured on the result.
    """
    frames = list_frames(config.data_root, split)
    for sentence in passed_over(config.data_root, split):
        log.warning("%s", sentence)
    if split == "train":
        _warn_missing_validation_list(config)
    folder = store.cache_folder(config, split)
    if config.DATA.cache is None:
        _require_inside(folder, config.data_root)
    store.adopt_old_cache(config)
    inputs, hints = read_inputs(frames, folder), read_person_boxes(config.data_root, frames)
    parts = [frames[start : start + PART_ROWS] for start in range(0, len(frames), PART_ROWS)]
    job = _Job(config, split, folder, _manifest(config, inputs.digest, hints), inputs, hints, parts)
    _log_stale(folder, job.key)
    extracted = _extract_missing(job)
    store.drop_parts_from(folder, len(parts))
    complete = {**job.manifest, "key": job.key, "parts": len(parts), "images": len(frames)}
    rows = store.read_rows(folder, len(parts))
    found = store.read_manifest(folder) or {}
    if not (found.items() >= complete.items() and worlds.is_current(config, split, rows, found)):
        store.write_manifest(folder, {**complete, **worlds.measured(config, split, rows)})
    report_people(rows, config.data_root, folder)
    return Summary(folder, len(frames), extracted, _list_not_found(folder, rows), len(parts))


def _require_inside(folder: Path, root: Path) -> None:
    """Raises UserError if a link leads the cache out of its data set, which may be another's: files there would be replaced."""
    for path in (folder, *(one for one in folder.glob("*") if one.is_dir())):
        if not path.resolve().is_relative_to(root.resolve()):
            raise UserError(
                f"{path}: a link leads from this folder of the data set to {path.resolve()}; remove the link, or set "
                "DATA.cache to where the cache may be written"
            )


def _warn_missing_validation_list(config: Config) -> None:
    if config.DATA.validation == "list" and read_validation_list(config.data_root) is None:
        log.info(
            "%s is missing: train.py needs it, or DATA.validation as person, pose, sequence or camera",
            validation_path(config.data_root),
        )


def _manifest(config: Config, inputs: str, hints: dict[str, np.ndarray]) -> dict[str, Any]:
    """Returns everything that determines the content of a cache."""
    # The extractor is loaded only when an image needs it, but missing weights raise here.
    fingerprint = configured_fingerprint(config) or configured_extractor(config).fingerprint
    return {
        "options": store.cache_options(), "inputs": inputs, "extractor": config.EXTRACT.extractor,
        "weights": config.EXTRACT.weights, "fingerprint": fingerprint, **store.hints_entry(hints),
    }  # fmt: skip


def _log_stale(folder: Path, key: str) -> None:
    """Logs that a cache is stale. It is kept until new parts replace it, so that a broken input does not destroy it."""
    manifest = store.read_manifest(folder)
    if manifest is not None and manifest.get("key") != key:
        log.info("%s: images, cameras, labels, weights or options have changed; extracting what they change", folder)


def _extract_missing(job: _Job) -> int:
    """Extracts the rows that are missing; returns their number.

    Raises UserError for what camera files, labels and headers say before a network runs, and at the end for images that
    cannot be used. A complete cache of other inputs is then kept if their headers say so.
    """
    found = store.read_manifest(job.folder)
    known_key = None if found is not None and found.get("key") == job.key else job.key
    names = [[frame.file_name for frame in part] for part in job.parts]
    missing = [i for i in range(len(job.parts)) if not store.part_exists(job.folder, i, names[i], known_key)]
    if not missing:
        return 0
    require_writable(job.folder, "DATA.cache")
    with only_writer(job.folder, "extracts into"):
        return _extract_locked(job, missing, found is not None)


def _extract_locked(job: _Job, missing: Sequence[int], is_complete: bool) -> int:
    """Extracts the missing rows of these parts; `is_complete` says whether the folder holds a cache of other inputs."""
    cameras, labels = preflight.read_cameras(job.frames), read_labels(job.frames)
    preflight.check_labels(job.frames, cameras, labels)
    problems = preflight.image_problems([frame for index in missing for frame in job.parts[index]], cameras)
    if problems and (is_complete or len(problems) == len(job.frames)):
        raise UserError(_problems_sentence(problems, "nothing was extracted"))
    for sentence in list(problems.values())[:MOST_NAMED]:
        log.warning("%s (the other images are extracted first)", sentence)
    extractor = configured_extractor(job.config)
    # For the extractor alone; the cache stores the cameras as declared.
    needs_up = extractor.needs_world_up
    upright = complete_world_up(cameras, job.config.METRABS.world_up) if needs_up else cameras
    made_by = {name: value for name, value in job.manifest.items() if name not in ("inputs", store.HINTS)}
    row_keys = {
        frame.file_name: row_key(
            made_by, job.inputs.of_image(index), upright[frame.camera_path], job.hints.get(frame.file_name)
        )
        for index, frame in enumerate(job.frames)
        if index // PART_ROWS in missing
    }
    parts = PartExtraction(
        extractor,
        job.folder,
        job.key,
        row_keys,
        cameras,
        upright,
        labels,
        job.config.EXTRACT.batch_size,
        job.hints,
        problems,
    )
    return _extract_parts(job, missing, parts)


def _extract_parts(job: _Job, missing: Sequence[int], extraction: PartExtraction) -> int:
    """Extracts the rows that are missing in these parts; returns their number."""
    keys = extraction.row_keys
    wanted = {index: {frame.file_name: keys[frame.file_name] for frame in job.parts[index]} for index in missing}
    # Only their names: the rows themselves are read part by part.
    kept = sum(len(store.rows_to_keep(job.folder, index, wanted[index])) for index in missing)
    total = sum(len(part) for part in wanted.values())
    todo, cached, extracted = total - kept - len(extraction.problems), len(job.frames) - total + kept, 0
    try:
        with progress_bar(todo, f"extract {job.split}", "image") as bar:
            for index in missing:
                own = store.rows_to_keep(job.folder, index, wanted[index])
                new = extraction.extract(index, job.parts[index], own, bar)
                extracted, cached = extracted + new, cached + new
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"stopped; {job.folder} keeps {cached} of {len(job.frames)} images ({PART_ROWS} are written at a time); "
            "start the same command again to resume"
        ) from None
    if extraction.problems:
        raise UserError(
            _problems_sentence(extraction.problems, f"the other {cached} images are cached in {job.folder}")
        )
    return extracted


def _problems_sentence(problems: dict[str, str], rest: str) -> str:
    """Logs all problems but the first; returns that one with the number of the others, and what is with the `rest`."""
    first, *others = problems.values()
    for sentence in others[:MOST_NAMED]:
        log.warning("%s", sentence)
    more = f"{len(others)} more images cannot be used either, " if others else ""
    return f"{first} ({more}{rest})"


def _list_not_found(folder: Path, rows: Rows) -> tuple[str, ...]:
    """Returns the images without a person, and lists them in the cache folder."""
    names = tuple(str(name) for name in rows["file_name"][~rows["found"]])
    path, text = folder / "not_found.txt", "".join(f"{name}\n" for name in names)
    if not path.exists() or path.read_text(encoding="utf-8") != text:  # a complete cache may be in a read-only folder
        write_text(path, text)
    return names
