"""Names, finds and locks run folders."""

from __future__ import annotations

import contextlib
import fcntl
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modules.cache.store import cache_folder, read_manifest
from modules.cache.worlds import rows_key
from modules.config.paths import PROJECT_ROOT, project_path
from modules.config.schema import Config
from modules.files.atomic import read_json
from modules.files.hashing import digest, sha256_file
from modules.files.labels import read_validation_list
from modules.runs.released import SUFFIX
from modules.utils import UserError

CHECKPOINT_VERSION = 5
# Config keys that change where a training runs, not what it computes; what DATA.floor changes is in the caches' keys.
NOT_DETERMINING = (("DATA", "cache"), ("DATA", "floor"), ("TRAIN", "accelerator"), ("TRAIN", "num_nodes"))
RUN_NAME, BEST_NAME = re.compile(r"POSENET_\d{14}"), re.compile(r"best_\d+\.pt")
LAST = "model.pt"
STARTED, COMPLETE = "run.json", "summary.json"


def run_key(config: Config, cache_key: str) -> str:
    """Returns the digest of everything that determines a training: config sections, caches, and validation list.

    The keys of NOT_DETERMINING and the columns of the record are left out, so that a run can be resumed on another machine.
    """
    sections = config.model_dump(mode="json", include={"SEED", "DATA", "TRAIN"})
    for section, key in NOT_DETERMINING:
        del sections[section][key]
    sections["DATA"]["root"] = _root_name(config)
    listed = sorted(read_validation_list(config.data_root) or ()) if config.DATA.validation == "list" else []
    content = [CHECKPOINT_VERSION, sections, cache_key, listed]
    if config.TRAIN.init_from is not None:
        content.append(sha256_file(best_checkpoint(project_path(config.TRAIN.init_from))))
    return digest(content + [_extra_key(extra) for extra in config.extra])


def _extra_key(extra: Config) -> list[Any]:
    """Returns the cache key and the validation list of an extra data set."""
    manifest = read_manifest(cache_folder(extra, "train"))
    return [manifest and rows_key(extra, manifest), sorted(read_validation_list(extra.data_root) or ())]


def origin(config: Config) -> dict[str, str]:
    """Returns the data set, extractor and weights of a run, by which test.py finds runs of other configs."""
    return {"root": _root_name(config), "extractor": config.EXTRACT.extractor, "weights": config.EXTRACT.weights}


def _root_name(config: Config) -> str:
    """Returns DATA.root without `..`, links and a trailing slash, relative to the project if it is inside."""
    root = config.data_root.resolve()
    return root.relative_to(PROJECT_ROOT).as_posix() if root.is_relative_to(PROJECT_ROOT) else root.as_posix()


def results_folder(config: Config, run: Path) -> Path:
    """Returns the results folder of a run, or a released file, on the config's data set."""
    return config.results_root / "test" / f"{run.resolve().stem}-{config.data_root.resolve().name}"


def new_folder(parent: Path) -> Path:
    """Makes `POSENET_<YYYYmmddHHMMSS>` below `parent`; two starts within a second get two folders."""
    while True:
        folder = parent / time.strftime("POSENET_%Y%m%d%H%M%S")
        try:
            folder.mkdir(parents=True)
            return folder
        except OSError as error:
            if not folder.exists():  # otherwise another process has made it
                raise UserError(
                    f"{folder}: this folder cannot be made ({error.strerror}); set RESULTS.root to where you may write"
                ) from None
            time.sleep(0.3)


@contextlib.contextmanager
def locked(run: Path) -> Iterator[None]:
    """Context manager: locks a run folder. Raises UserError if another process trains in it; the lock ends with a process."""
    with open(run / STARTED, "rb") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"{run}: another process is training in this folder; wait until it ends, or stop it"
            ) from None
        yield


def run_folders(parent: Path) -> list[Path]:
    """Returns the run folders below `parent`, newest first."""
    found = [path for path in parent.glob("POSENET_*") if path.is_dir() and RUN_NAME.fullmatch(path.name)]
    return sorted(found, key=lambda path: path.name, reverse=True)


def runs_started_with(parent: Path, **started: str) -> list[Path]:
    """Returns the runs, finished or not, whose run.json holds these values, newest first."""
    return [run for run in run_folders(parent) if _started_with(run, started)]


def newest_complete(parent: Path, **started: str) -> Path | None:
    """Returns the newest finished run whose run.json holds these values."""
    return next((run for run in run_folders(parent) if is_complete(run) and _started_with(run, started)), None)


def is_complete(run: Path) -> bool:
    """Whether a run finished and its best checkpoint still exists."""
    return (run / COMPLETE).exists() and (run / _best_name(run)).exists()


def _best_name(run: Path) -> str:
    """Returns the name of a finished run's best checkpoint. Raises UserError if its summary names none."""
    summary = read_json(run / COMPLETE)
    best = summary.get("best") if isinstance(summary, dict) else None
    if not isinstance(best, str) or not BEST_NAME.fullmatch(best):
        raise UserError(f"{run / COMPLETE}: this is no summary of a training, whose best is a best_XX.pt; train again")
    return best


def drop_older_best(run: Path, best: str) -> None:
    """Removes every best_XX.pt of a run but this one."""
    for path in run.glob("best_*.pt"):
        if path.name != best:
            path.unlink()


def newest_unfinished(parent: Path, key: str) -> Path | None:
    """Returns the newest run of this key that was interrupted after its first checkpoint."""
    runs = (run for run in run_folders(parent) if not (run / COMPLETE).exists() and (run / LAST).exists())
    return next((run for run in runs if _started_with(run, {"key": key})), None)


def _started_with(run: Path, values: dict[str, str]) -> bool:
    started = read_json(run / STARTED) if values and (run / STARTED).exists() else None
    return not values or (isinstance(started, dict) and all(started.get(name) == it for name, it in values.items()))


def best_checkpoint(run: Path) -> Path:
    """Returns the best_XX.pt of a finished run, or a released file itself. Raises UserError for anything else."""
    if run.suffix == SUFFIX:
        return run
    if not is_complete(run):
        raise UserError(f"{run}: this is not a finished training; run python train.py, or name another with --run")
    return run / _best_name(run)
