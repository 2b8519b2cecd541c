"""Installs a MeTRAbs model from its author's server or from the user's source, once it is pinned or trusted."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from modules.extractors.metrabs.weights import METRABS, RECORD, is_present
from modules.extractors.weights import PRE_MODELS
from modules.files.atomic import atomic_folder, write_json
from modules.files.hashing import sha256_file
from modules.utils import UserError, brief, log
from pre_models.archives import DamagedArchiveError, unpack_model
from pre_models.folders import copy_model, list_model, sha256_folder
from pre_models.locking import exclusive
from pre_models.model_archive import DOWNLOADS, check_address, download_archive

_USER_NAME = re.compile(r"metrabs_\w+", re.ASCII)


@dataclass(frozen=True)
class _Request:
    """A model's name and target folder, its source, and whether the user trusts the source."""

    name: str
    model: Path
    source: str
    trust: bool

    @property
    def pin(self) -> str | None:
        """The pinned SHA-256 of the model's archive, if one is known."""
        return METRABS[self.name].sha256 if self.name in METRABS else None


def fetch_metrabs(name: str, source: str | None = None, trust: bool = False, folder: Path = PRE_MODELS) -> Path:
    """Puts a MeTRAbs SavedModel into `folder / name` and returns that path; without a source, a present one is kept.

    `source` is an archive, a SavedModel's folder, or an http(s) address of an archive; the default is the author's
    address. With a source, the name may be a new one (metrabs_...). A present model is replaced only by a complete one.
    Raises UserError if the model cannot be had, is no single SavedModel, or is neither pinned nor trusted.
    """
    if name not in METRABS and (source is None or not _USER_NAME.fullmatch(name)):
        raise UserError(
            f"{brief(name)}: there are no such weights; known are blazepose, {', '.join(METRABS)}, "
            "and with --from any name that begins with metrabs_"
        )
    if source is None and is_present(name, folder):
        return folder / name
    request = _Request(name, folder / name, METRABS[name].url if source is None else source, trust)
    try:
        with exclusive(folder / DOWNLOADS / f"{name}.lock"):
            _fetch(request)
    except OSError as error:
        what = f"{error.filename or request.model}: {error.strerror or error}"
        raise UserError(
            f"{what}; check that {folder} has free space and that you may write there, and start again"
        ) from None
    return request.model


def _fetch(request: _Request) -> None:
    path = Path(request.source)
    if "://" in request.source:
        _fetch_address(request)
    elif path.is_dir():
        list_model(path)
        trusted = _check_trust(request, path, sha256_folder(path))
        _install(request, trusted, lambda target: copy_model(path, target), sha256_folder)
    elif path.is_file():
        _unpack(request, path)
    else:
        raise UserError(f"--from {request.source}: there is no such archive or folder, and it is no http(s) address")


def _fetch_address(request: _Request) -> None:
    check_address(request.source)
    if request.pin is None and not request.trust:
        log.info("%s: its SHA-256 is not pinned; once it is downloaded, --trust is needed to install it", request.name)
    archive = download_archive(request.source, request.model)
    try:
        _unpack(request, archive, f", or delete {archive} to download it again")
    except DamagedArchiveError as error:
        archive.unlink()
        raise UserError(f"{error}: it is deleted, and the same command downloads it again") from None
    archive.unlink()


def _unpack(request: _Request, archive: Path, other_fix: str = "") -> None:
    sha256 = sha256_file(archive)
    trusted = _check_trust(request, archive, sha256, other_fix)
    log.info("%s: checking and unpacking", archive)
    _install(request, trusted, lambda target: unpack_model(archive, target), lambda _: sha256)


def _check_trust(request: _Request, what: Path, sha256: str, other_fix: str = "") -> str:
    """Returns why this model may be run: `pinned` or `by user`. Raises UserError if it is neither."""
    if sha256 == request.pin:
        return "pinned"
    found = f"not the pinned {request.pin}" if request.pin else f"unknown: none is pinned for {request.name}"
    if not request.trust:
        raise UserError(
            f"{what}: a SavedModel is a program, and the SHA-256 of this one, {sha256}, is {found}; if you trust its source, "
            f"add --trust to the same command, which lets it run on this machine as your programs do{other_fix}"
        )
    log.warning("%s: installed because of --trust; its SHA-256, %s, is %s", what, sha256, found)
    return "by user"


def _install(request: _Request, trusted: str, fill: Callable[[Path], None], sha256_of: Callable[[Path], str]) -> None:
    """Fills a temporary folder, writes the record of its source, and moves it to the model's place."""
    with atomic_folder(request.model.resolve()) as temporary:  # resolved, so that a link to another disk stays one
        fill(temporary)
        record = {"source": request.source, "sha256": sha256_of(temporary), "trusted": trusted}
        write_json(temporary / RECORD, record)
    log.info("%s: %s is installed", request.model, request.name)
