"""Finds the folders of SavedModels and computes their digests."""

from __future__ import annotations

from pathlib import Path

from modules.config.paths import project_path
from modules.extractors.metrabs.weights import METRABS, SAVED_MODEL, missing_sentence
from modules.extractors.weights import PRE_MODELS
from modules.files.hashing import digest, sha256_file
from modules.utils import UserError


def find_folder(name: str) -> Path | None:
    """Returns the folder of a SavedModel, given as a path or as a name in pre_models; None if there is none."""
    folders = (project_path(name), PRE_MODELS / name)
    return next((folder for folder in folders if (folder / SAVED_MODEL).is_file()), None)


def model_folder(name: str, key: str) -> Path:
    """Returns the folder as `find_folder`. Raises UserError, which names the config's key, if there is none."""
    folder = find_folder(name)
    if folder is None and name in METRABS:
        raise UserError(f"{key}: {missing_sentence(name)}")
    if folder is None:
        raise UserError(
            f"{key}={name}: {project_path(name) / SAVED_MODEL} is missing; name a folder that holds a MeTRAbs SavedModel, or "
            f"one of {', '.join(METRABS)}; EXTRACT.extractor=blazepose needs none"
        )
    return folder


def folder_digest(folder: Path) -> str:
    """Returns a SHA-256 of everything that a SavedModel's results depend on: its graph, variables and assets."""
    parts = [folder / SAVED_MODEL, *folder.glob("variables/*"), *folder.glob("assets/*")]
    return digest({path.relative_to(folder).as_posix(): sha256_file(path) for path in parts if path.is_file()})
