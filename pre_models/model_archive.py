"""Downloads the archive of a SavedModel from an address."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from modules.extractors.metrabs.weights import SAVED_MODEL
from modules.files.hashing import digest
from modules.utils import UserError
from pre_models.archive_entries import archive_kind
from pre_models.download import DownloadError, download

DOWNLOADS = "downloads"  # the folder of unfinished downloads, beside the models


def download_archive(address: str, model: Path) -> Path:
    """Returns the downloaded archive of the model whose folder will be `model`. Raises UserError if there is none.

    The address may be a tensorflow-hub handle, which serves browsers a page about the model. tensorflow-hub's own resolver
    adds a query to every handle to get a tar.gz; this does the same if the plain address leads to no archive.
    (tensorflow-hub itself neither resumes a download nor shows its SHA-256, and needs TensorFlow to unpack a file.)
    """
    for candidate in (address, _hub_address(address)):
        archive = model.parent / DOWNLOADS / f"{model.name}-{digest(candidate)[:8]}.archive"
        try:
            download(candidate, archive, model.name)
        except DownloadError as error:
            raise UserError(
                f"{candidate}: {model.name} could not be downloaded ({error}); start the same command again to resume, "
                f"or {_by_hand(model)}"
            ) from None
        if archive_kind(archive) is not None:
            return archive
        archive.unlink()
    raise UserError(f"{address}: the file there is no .zip, .tar or .tar.gz; {_by_hand(model)}")


def check_address(address: str) -> None:
    """Raises UserError if an address is not http or https."""
    try:
        parts = urlsplit(address)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_web = False
    if not is_web:
        raise UserError(f"--from {address}: only http and https addresses are fetched; download it by other means")


def _hub_address(address: str) -> str:
    parts = urlsplit(address)
    return urlunsplit(parts._replace(query="&".join([*filter(None, [parts.query]), "tf-hub-format=compressed"])))


def _by_hand(model: Path) -> str:
    """Returns how to get the model without this download, and how to do without the model."""
    return (
        f"get it by other means and unpack it so that {model / SAVED_MODEL} exists; "
        "EXTRACT.extractor=blazepose does not need it"
    )
