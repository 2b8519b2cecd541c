"""The files of a SavedModel's folder: their list, their common SHA-256, and a copy of them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from modules.extractors.metrabs.weights import OLD_RECORD, RECORD, SAVED_MODEL
from modules.files.hashing import digest, sha256_file
from modules.utils import UserError


def list_model(folder: Path) -> list[Path]:
    """Returns the model's files, sorted and relative to the folder, without the record that fetching writes.

    Raises UserError if the folder holds no saved_model.pb, or a link or device.
    """
    if not (folder / SAVED_MODEL).is_file():
        raise UserError(f"{folder}: this folder holds no {SAVED_MODEL}; name the one that does")
    paths = [Path(parent, name) for parent, folders, files in os.walk(folder) for name in folders + files]
    for path in paths:
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise UserError(f"{path}: this is a link or a device, which is not followed; put the file itself there")
    files = [path.relative_to(folder) for path in paths if path.is_file()]
    return sorted(path for path in files if path not in (Path(RECORD), Path(OLD_RECORD)))


def sha256_folder(folder: Path) -> str:
    """Returns one SHA-256 of the names and contents of a model's files."""
    return digest([[path.as_posix(), sha256_file(folder / path)] for path in list_model(folder)])


def copy_model(folder: Path, target: Path) -> None:
    """Copies a model's files into an existing folder."""
    for path in list_model(folder):
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / path, target / path, follow_symlinks=False)
