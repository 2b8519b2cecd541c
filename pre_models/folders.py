"""A SavedModel that lies in a folder: its files, their common SHA-256, and a copy of them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from modules.utils import UserError, digest, sha256_file
from pre_models.known import RECORD, SAVED_MODEL


def list_model(folder: Path) -> list[Path]:
    """Its files, relative to it and sorted, without WorldPose's own record.

    UserError where it holds no saved_model.pb, or a link or device.
    """
    if not (folder / SAVED_MODEL).is_file():
        raise UserError(f"{folder}: this folder holds no {SAVED_MODEL}; name the one that does")
    paths = [Path(parent, name) for parent, folders, files in os.walk(folder) for name in folders + files]
    for path in paths:
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise UserError(f"{path}: this is a link or a device, which is not followed; put the file itself there")
    files = [path.relative_to(folder) for path in paths if path.is_file()]
    return sorted(path for path in files if path != Path(RECORD))


def sha256_folder(folder: Path) -> str:
    """One SHA-256 of a model's file names and their contents, and of nothing else."""
    return digest([[path.as_posix(), sha256_file(folder / path)] for path in list_model(folder)])


def copy_model(folder: Path, target: Path) -> None:
    """Copy a model's files, and nothing that comes to lie there meanwhile, into a folder that is there."""
    for path in list_model(folder):
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / path, target / path, follow_symlinks=False)
