"""Put MeTRAbs weights in place, from their author's server or from what the user names, once they are to be trusted."""

from __future__ import annotations

import contextlib
import fcntl
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from modules.utils import UserError, atomic_folder, brief, digest, log, sha256_file, write_json
from pre_models.archives import DamagedArchiveError, is_archive, unpack_model
from pre_models.download import DownloadError, download
from pre_models.folders import copy_model, list_model, sha256_folder
from pre_models.known import METRABS, PRE_MODELS, RECORD, SAVED_MODEL, stands

DOWNLOADS = "downloads"
_OWN_NAME = re.compile(r"metrabs_\w+", re.ASCII)


@dataclass(frozen=True)
class _Wish:
    """What is asked for: a model's name and its folder, where it comes from, and what lets it be trusted."""

    name: str
    model: Path
    source: str
    trust: bool

    @property
    def pin(self) -> str | None:
        return METRABS[self.name].sha256 if self.name in METRABS else None


def fetch_metrabs(name: str, source: str | None = None, trust: bool = False, folder: Path = PRE_MODELS) -> Path:
    """Put a MeTRAbs SavedModel into `folder / name` and answer that path; without a source, one that stands stays.

    `source` is an archive, a SavedModel's folder, or an http(s) address of an archive; by default its author's. With it,
    a name of one's own (metrabs_...) is possible. The model that stands is replaced only by a whole one. UserError where
    it cannot be had, is no single SavedModel, or its SHA-256 is not pinned and `trust` does not let it pass.
    """
    if name not in METRABS and (source is None or not _OWN_NAME.fullmatch(name)):
        raise UserError(
            f"{brief(name)}: there are no such weights; known are blazepose, {', '.join(METRABS)}, "
            "and with --from any name that begins with metrabs_"
        )
    if source is None and stands(name, folder):
        return folder / name
    wish = _Wish(name, folder / name, METRABS[name].url if source is None else source, trust)
    try:
        with _alone(folder / DOWNLOADS / f"{name}.lock"):
            _fetch(wish)
    except OSError as error:
        what = f"{error.filename or wish.model}: {error.strerror or error}"
        raise UserError(
            f"{what}; see that there is space in {folder}, that you may write there, and start again"
        ) from None
    return wish.model


def _fetch(wish: _Wish) -> None:
    path = Path(wish.source)
    if "://" in wish.source:
        _fetch_address(wish)
    elif path.is_dir():
        list_model(path)
        trusted = _check_trust(wish, path, sha256_folder(path))
        _install(wish, trusted, lambda target: copy_model(path, target), sha256_folder)
    elif path.is_file():
        _unpack(wish, path)
    else:
        raise UserError(f"--from {wish.source}: there is no such archive or folder, nor is it an http(s) address")


def _fetch_address(wish: _Wish) -> None:
    if not _is_web_address(wish.source):
        raise UserError(f"--from {wish.source}: only http and https addresses are fetched; download it by other means")
    if wish.pin is None and not wish.trust:
        log.info("%s: no SHA-256 is pinned for it; once it is downloaded, it waits for your --trust", wish.name)
    archive = _download(wish)
    try:
        _unpack(wish, archive, f", or delete {archive} to download it again")
    except DamagedArchiveError as error:
        archive.unlink()
        raise UserError(f"{error}: it is deleted, and the same command downloads it anew") from None
    archive.unlink()


def _is_web_address(source: str) -> bool:
    try:
        parts = urlsplit(source)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _download(wish: _Wish) -> Path:
    """The archive that an address answers with, on disk.

    An address may be a tensorflow-hub handle, which answers a browser with a page about the model. tensorflow-hub's own
    resolver adds a query to every handle, and then gets a tar.gz; so do we, where the plain address leads to no archive.
    (tensorflow-hub itself neither resumes a download nor shows its SHA-256, and would load TensorFlow to unpack a file.)
    """
    for address in (wish.source, _hub_address(wish.source)):
        archive = wish.model.parent / DOWNLOADS / f"{wish.name}-{digest(address)[:8]}.archive"
        try:
            download(address, archive, wish.name)
        except DownloadError as error:
            raise UserError(
                f"{address}: {wish.name} could not be downloaded ({error}); start the same command again to go on, "
                f"or {_by_hand(wish)}"
            ) from None
        if is_archive(archive):
            return archive
        archive.unlink()
    raise UserError(f"{wish.source}: what it answers with is no .zip, .tar or .tar.gz; {_by_hand(wish)}")


def _hub_address(address: str) -> str:
    parts = urlsplit(address)
    return urlunsplit(parts._replace(query="&".join([*filter(None, [parts.query]), "tf-hub-format=compressed"])))


def _by_hand(wish: _Wish) -> str:
    """How to do without the download, and without these weights."""
    return (
        f"get it by other means and unpack it so that {wish.model / SAVED_MODEL} exists; "
        "EXTRACT.extractor=blazepose needs nothing of it"
    )


def _unpack(wish: _Wish, archive: Path, other_mend: str = "") -> None:
    sha256 = sha256_file(archive)
    trusted = _check_trust(wish, archive, sha256, other_mend)
    log.info("%s: checking and unpacking", archive)
    _install(wish, trusted, lambda target: unpack_model(archive, target), lambda _: sha256)


def _check_trust(wish: _Wish, what: Path, sha256: str, other_mend: str = "") -> str:
    """On whose word these bytes will be run. UserError where nobody has given it."""
    if sha256 == wish.pin:
        return "pinned"
    found = f"not the pinned {wish.pin}" if wish.pin else f"not known to WorldPose, which has none for {wish.name}"
    if not wish.trust:
        raise UserError(
            f"{what}: a SavedModel is a program, and the SHA-256 of this one, {sha256}, is {found}; if you trust where it "
            f"comes from, add --trust to the same command, which lets it run on this machine as your programs do{other_mend}"
        )
    log.warning("%s: trusted on your word; its SHA-256, %s, is %s", what, sha256, found)
    return "by user"


def _install(wish: _Wish, trusted: str, fill: Callable[[Path], None], sha256_of: Callable[[Path], str]) -> None:
    """Fill a folder beside the model's, write down where it comes from, and let it take the model's place."""
    with atomic_folder(wish.model.resolve()) as temporary:  # where it is a link to another disk, it stays one
        fill(temporary)
        record = {"source": wish.source, "sha256": sha256_of(temporary), "trusted": trusted}
        write_json(temporary / RECORD, record)
    log.info("%s: %s is in place", wish.model, wish.name)


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Let no second process fetch the same model meanwhile. The lock ends with its process, however that ends."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with open(lock, "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{lock}: another process is fetching these weights; wait until it ends") from None
        yield
