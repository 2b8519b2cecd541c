"""From options to a set on disk: people shared out over processes, then the lists: the heavy half of `generate`."""

from __future__ import annotations

import csv
import io
import os
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from ctypes import c_long
from multiprocessing import get_context, parent_process
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from threading import Thread
from typing import Any

from data.synthetic import plan
from data.synthetic.body import check_installed
from data.synthetic.clips import fetch_clips
from data.synthetic.render import Renderer
from data.synthetic.sheet import make_sheet
from modules.console import progress_bar
from modules.layout import validation_path
from modules.utils import UserError, read_json, write_json, write_text
from modules.vis import write_image

_REMAKE = "delete it and start the same command again, which makes it anew"
_POLL_SECONDS = 0.5
_THREADS = ("OMP_NUM_THREADS", "LP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def make_recordings(root: Path, options: plan.Options, processes: int) -> int:
    """Record everybody who is not recorded yet; answers how many images were made.

    UserError where one of them cannot be, or a process ends before its time; what was made by then stands.
    """
    check_installed()
    Renderer().close()  # whether this machine can draw is better known before than after
    fetch_clips()
    plan.write_marker(root, options, finished=False)
    missing = [index for index in range(options.people) if not plan.is_done(root, index, options)]
    per_person = options.frames * options.cameras
    standing = per_person * (options.people - len(missing))
    context = get_context("spawn")
    made, seen = context.Value(c_long, 0), context.Value(c_long, 0)
    with _one_thread_each(), progress_bar(options.images, "rendering", "img", initial=standing) as bar:
        pool = ProcessPoolExecutor(min(processes, len(missing)) or 1, context, _start_worker, (made, seen))
        try:
            jobs = {pool.submit(_record, str(root), index, options) for index in missing}
            _watch(jobs, seen, standing, bar)
        except BrokenProcessPool:
            raise UserError(
                f"{root}: a process that renders ended before its time, perhaps for lack of memory; start again with "
                "fewer --processes, what was made stands"
            ) from None
        finally:
            for process in list((pool._processes or {}).values()):
                process.terminate()
            pool.shutdown(wait=True, cancel_futures=True)
    return made.value


class _one_thread_each:  # noqa: N801  (used as a function is)
    """Within the block new processes compute and render on one thread each: there is one for every processor."""

    def __enter__(self) -> None:
        self._before = {name: os.environ.get(name) for name in _THREADS}
        os.environ.update(dict.fromkeys(_THREADS, "1"))

    def __exit__(self, *_: object) -> None:
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _watch(jobs: set[Future[None]], seen: Synchronized[int], standing: int, bar: Any) -> None:
    """Move the bar while the jobs run; raises what one of them raises."""
    while jobs:
        done, jobs = wait(jobs, timeout=_POLL_SECONDS)
        bar.update(standing + seen.value - bar.n)
        for job in done:
            job.result()


_worker: dict[str, Any] = {}  # what a process of the pool keeps from one person to the next


def _start_worker(made: Synchronized[int], seen: Synchronized[int]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    Thread(target=_end_with_parent, daemon=True).start()
    _worker.update(made=made, seen=seen)


def _end_with_parent() -> None:
    """A parent that is killed cannot end its processes, which then would wait for work, and hold their memory, for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _record(root: str, index: int, options: plan.Options) -> None:
    from data.synthetic.studio import Studio  # noqa: PLC0415  (in the worker alone)

    if "studio" not in _worker:
        _worker["studio"] = Studio()
    for is_new in _worker["studio"].record(Path(root), index, options):
        for counter, step in ((_worker["seen"], 1), (_worker["made"], int(is_new))):
            with counter.get_lock():
                counter.value += step


def write_lists(root: Path, options: plan.Options) -> None:
    """Write who validates, the sample submission, the manifest, the contact sheet, and last that the set is finished."""
    recordings = [_found(root, index) for index in range(options.people)]
    images = {recording: list(_image_names(recording, options)) for recording in recordings}
    held_out = [
        name for recording in recordings if plan.role_of(recording.index) == "validation" for name in images[recording]
    ]
    write_json(validation_path(root), held_out)
    zeros = [[0.0, 0.0, 0.0]] * 24
    tested = [name for recording in recordings if recording.split == "test" for name in images[recording]]
    write_json(root / plan.SAMPLE, [{"file_name": name, "3d_pos": zeros} for name in tested], indent=None)
    _write_manifest(root / plan.MANIFEST, recordings, options)
    write_image(root / plan.SHEET, make_sheet(recordings, options))
    plan.write_marker(root, options, finished=True)


def _found(root: Path, index: int) -> plan.Recording:
    recording = plan.find_recording(root, index)
    if recording is None:
        raise UserError(f"{root}: the recording of person {index} is gone; start the same command again")
    return recording


def _image_names(recording: plan.Recording, options: plan.Options) -> Iterator[str]:
    for frame in range(options.frames):
        for camera in range(1, options.cameras + 1):
            yield recording.image_path(camera, frame).name


def _write_manifest(path: Path, recordings: list[plan.Recording], options: plan.Options) -> None:
    """One line per image: who, by what motion, seen how. What a benchmark picks its quotas by."""
    lines = []
    for recording in recordings:
        for frame in range(options.frames):
            facts = read_json(recording.label_path(frame), _REMAKE)["annotations"]
            for camera in range(1, options.cameras + 1):
                view = {key: value for key, value in facts["views"][str(camera)].items() if key != "visibility"}
                name = recording.image_path(camera, frame).name
                lines.append({"file_name": name, "role": plan.role_of(recording.index), **facts["moment"], **view})
    table = io.StringIO()
    writer = csv.DictWriter(table, list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    write_text(path, table.getvalue())
