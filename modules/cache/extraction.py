"""Stage 1: extracts the poses and crops of a split into its cache, part by part."""

from __future__ import annotations

import contextlib
import functools
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from modules.cache import columns, preflight, store, worlds
from modules.cache.image_extraction import Batch, SameProcess
from modules.cache.inputs import Inputs, read_inputs
from modules.cache.neighbours import places_of_neighbours, report_switched, switch_to_neighbours
from modules.cache.part_extraction import PartExtraction, Results, row_key
from modules.cache.people import report_people
from modules.cache.table import Rows
from modules.cache.upright import turned_rows
from modules.cache.workers import WorkerPool, worker_count
from modules.config.schema import Config
from modules.console import progress_bar
from modules.extractors import configured_extractor, configured_fingerprint, extractor_class
from modules.extractors.world_up import complete_world_up
from modules.files.atomic import require_writable, write_text
from modules.files.hashing import digest
from modules.files.labels import read_labels, read_validation_list, validation_path
from modules.files.layout import Frame, list_frames
from modules.files.locking import only_writer
from modules.files.person_boxes import read_person_boxes
from modules.files.strays import passed_over
from modules.picture_turns import quarter_turns
from modules.utils import UserError, log

PART_ROWS = 128
OF_ROWS = ("inputs", store.HINTS, store.TURNED)  # what the manifest says of all rows, and each row's key of its own
MOST_NAMED = 20  # images of no use that are named one by one on the console


ArrayJob = tuple[int, int]  # (i, n): the i-th of n jobs that each extract every n-th part; i starts at 1


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
    scheduler: str | None = None  # the address of Dask's, or local

    @property
    def key(self) -> str:
        """The digest of the manifest."""
        return digest(self.manifest)

    @property
    def frames(self) -> list[Frame]:
        """All images, in order."""
        return [frame for part in self.parts for frame in part]


def extract_split(
    config: Config, split: str, array_job: ArrayJob | None = None, scheduler: str | None = None
) -> Summary:
    """Fills the cache of a split; rows whose inputs stay the same are kept. Raises UserError for a broken input.

    Up and floor that camera files do not declare are measured on the result. A job of an array extracts its parts
    alone and leaves the cache incomplete. With a scheduler of Dask, its workers extract.
    """
    frames = list_frames(config.data_root, split)
    config = config.for_images(len(frames))  # of all, so that a resumed extraction ends with the same bytes
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
    manifest = {
        **_manifest(config, inputs.digest, hints),
        **store.turned_entry(_turned_views(folder, frames, inputs.digest)),
    }
    job = _Job(config, split, folder, manifest, inputs, hints, parts, scheduler)
    _log_state(job)
    extracted, extraction = _extract_missing(job, array_job)
    if array_job is not None:
        own = [parts[index] for index in parts_of(len(parts), array_job)]
        return Summary(folder, sum(map(len, own)), extracted, (), len(own))
    store.drop_parts_from(folder, len(parts))
    complete = {**job.manifest, "key": job.key, "parts": len(parts), "images": len(frames)}
    rows = columns.mapped_rows(folder, len(parts))
    found = store.read_manifest(folder) or {}
    if found.get("key") != job.key:
        rows = _with_neighbours(job, rows, extraction)
    not_found = _list_not_found(folder, rows)
    report_people(rows, config.data_root, folder)
    report_switched(rows, folder)
    if not (found.items() >= complete.items() and worlds.is_current(config, split, rows, found)):
        store.write_manifest(folder, {**complete, **worlds.measured(config, split, rows)})  # last: all others are there
    return Summary(folder, len(frames), extracted, not_found, len(parts))


def _turned_views(folder: Path, frames: Sequence[Frame], inputs: str) -> dict[str, int]:
    """Returns by how many quarters the pictures of each view are turned; a complete cache of the same inputs tells it, too."""
    found = store.read_manifest(folder)
    if found is not None and found.get("inputs") == inputs:
        with contextlib.suppress(UserError):  # a damaged part is extracted again
            return turned_rows(store.read_rows(folder, int(found["parts"])))
    return preflight.turned_views(frames)


def _with_neighbours(job: _Job, rows: Rows, extraction: PartExtraction | None) -> Rows:
    """Returns the rows of the cache after the second pass: some are of the person whom their neighbours show."""
    places = places_of_neighbours(rows, job.folder, job.key)
    if not places:
        return rows
    require_writable(job.folder, "DATA.cache")
    with only_writer(job.folder, "extracts into"):
        again = extraction or _prepare(job, range(len(job.parts)), {})
        switched = switch_to_neighbours(again, job.parts, places)
    return columns.mapped_rows(job.folder, len(job.parts)) if switched else rows


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


def _log_state(job: _Job) -> None:
    """Logs that a cache is stale, or that there is one of other crops where it is missing.

    A stale one is kept until new parts replace it, so that a broken input does not destroy it.
    """
    manifest, other = store.read_manifest(job.folder), store.other_crops(job.config, job.split)
    if manifest is not None and manifest.get("key") != job.key:
        log.info(
            "%s: images, cameras, labels, weights or options have changed; extracting what they change", job.folder
        )
    if manifest is None and other is not None:
        log.warning("%s is complete: to use it instead of extracting again, stop and give --set %s", *other)


def parts_of(parts: int, array_job: ArrayJob | None) -> range:
    """Returns the parts of a job of an array; None: all."""
    first, step = array_job or (1, 1)
    return range(first - 1, parts, step)


def _log_reasons(job: _Job, problems: Sequence[str]) -> None:
    """Logs why parts are extracted, unless the cache is new."""
    counts = Counter(problems)
    if counts["missing"] < len(job.parts):
        reasons = ", ".join(f"{count} {problem}" for problem, count in counts.items())
        parts = f"{len(problems)} of {len(job.parts)} parts of {PART_ROWS} images"
        log.info("%s: extracting %s: %s", job.folder, parts, reasons)


def _extract_missing(job: _Job, array_job: ArrayJob | None) -> tuple[int, PartExtraction | None]:
    """Extracts the rows that are missing in the parts of a job; returns their number, and what extracted them.

    Raises UserError for what camera files, labels and headers say before a network runs, and at the end for images that
    cannot be used. A complete cache of other inputs is then kept if their headers say so.
    """
    found = store.read_manifest(job.folder)
    known_key = None if found is not None and found.get("key") == job.key else job.key
    names = [[frame.file_name for frame in part] for part in job.parts]
    state = {i: store.part_problem(job.folder, i, names[i], known_key) for i in parts_of(len(job.parts), array_job)}
    missing = [i for i, problem in state.items() if problem is not None]
    if not missing:
        return 0, None
    _log_reasons(job, [problem for problem in state.values() if problem is not None])
    require_writable(job.folder, "DATA.cache")
    with only_writer(job.folder, "extracts into", with_others=array_job is not None):
        extraction = _prepare(job, missing, found)
        if job.scheduler is None:
            _extract_here(job, extraction)
        else:
            from modules.cache.cluster import cluster_pool  # noqa: PLC0415  (Dask is an optional package)

            first = job.parts[missing[0]][0].image_path
            with cluster_pool(job.config, job.scheduler, job.manifest["fingerprint"], first) as cluster:
                _write_parts(job, extraction, cluster.outcomes)
    return extraction.written, extraction


def _extract_here(job: _Job, extraction: PartExtraction) -> None:
    """Extracts in this process or in several on this machine."""
    workers = worker_count(job.config, sum(map(len, extraction.parts.values())))
    if workers == 1:
        _write_parts(job, extraction, SameProcess(extraction.extractor()).outcomes)
    else:
        log.info("extracting in %d processes", workers)
        with WorkerPool(job.config, workers) as pool:
            _write_parts(job, extraction, pool.outcomes)


def _prepare(job: _Job, missing: Sequence[int], found: dict[str, Any] | None) -> PartExtraction:
    """Reads what these parts need and loads the extractor; `found` is the manifest of a complete cache of other inputs."""
    cameras, labels = preflight.read_cameras(job.frames), read_labels(job.frames)
    preflight.check_labels(job.frames, cameras, labels)
    problems = preflight.image_problems([frame for index in missing for frame in job.parts[index]], cameras)
    if problems and (found is not None or len(problems) == len(job.frames)):
        raise UserError(_problems_sentence(problems, "nothing was extracted"))
    for sentence in list(problems.values())[:MOST_NAMED]:
        log.warning("%s (the other images are extracted first)", sentence)
    kind, extractor = extractor_class(job.config), functools.cache(lambda: configured_extractor(job.config))
    # For the extractor alone; the cache stores the cameras as declared.
    needs_up = kind.needs_world_up if kind.runs_in_workers else extractor().needs_world_up
    upright = complete_world_up(cameras, job.config.METRABS.world_up) if needs_up else cameras
    made_by = {name: value for name, value in job.manifest.items() if name not in OF_ROWS}
    row_keys = {}
    for index, frame in enumerate(job.frames):
        if index // PART_ROWS in missing:
            turns, hint = quarter_turns(cameras[frame.camera_path]), job.hints.get(frame.file_name)
            of_image = job.inputs.of_image(index)
            row_keys[frame.file_name] = row_key(made_by, of_image, upright[frame.camera_path], turns, hint)
    parts = {index: job.parts[index] for index in missing}
    return PartExtraction(
        extractor, job.folder, job.key, parts, row_keys, cameras, upright, labels, job.hints, problems
    )  # fmt: skip


def _write_parts(job: _Job, extraction: PartExtraction, run: Callable[[Iterable[Batch]], Results]) -> None:
    """Runs the extraction; raises KeyboardInterrupt or UserError with what is cached, and what is of no use."""
    total, kept = sum(len(part) for part in extraction.parts.values()), extraction.count_kept()
    todo, cached = total - kept - len(extraction.problems), len(job.frames) - total + kept
    try:
        with progress_bar(todo, f"extract {job.split}", "image") as bar:
            extraction.write_all(run(extraction.batches(job.config.EXTRACT.batch_size)), bar)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"stopped; {job.folder} keeps {cached + extraction.written} of {len(job.frames)} images "
            f"({PART_ROWS} are written at a time); start the same command again to resume"
        ) from None
    if extraction.problems:
        rest = f"the other {cached + extraction.written} images are cached in {job.folder}"
        raise UserError(_problems_sentence(extraction.problems, rest))


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
