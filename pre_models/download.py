"""Downloads one file over HTTP(S), resumes it after an interruption, and renames it only once it is complete.

Beside `path`, `path.part` holds the bytes received so far, and `path.part.json` the validators that identify the server's
file (ETag, Last-Modified, length). Both survive errors and kills.
"""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path

from modules.console import progress_bar
from modules.utils import log, reason
from pre_models.part import Part

CHUNK = 1 << 18
TIMEOUT_S = 30.0  # without a single byte
PAUSES_S = (1.0, 2.0, 4.0)  # before each retry that follows an attempt without a new byte
MAX_BYTES = 20 * 10**9
_TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504})  # HTTP statuses after which a retry may succeed


class DownloadError(Exception):
    """A file cannot be downloaded. The message is the reason in a few words."""


class _InterruptedError(Exception):
    """An attempt failed, and a retry may succeed."""


def download(url: str, path: Path, what: str) -> None:
    """Downloads a file to `path`; a file that exists is kept, without a request.

    `what` is the file's name on the progress bar. Raises DownloadError if it cannot be had after a few retries; the bytes
    received are kept for the next call.
    """
    if path.is_file():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = Part(path)
    failures, longest = 0, part.size
    while not part.is_complete:
        try:
            _receive(url, part, what)
            break
        except _InterruptedError as error:
            failures, longest = (0 if part.size > longest else failures + 1), max(part.size, longest)
            if failures > len(PAUSES_S):
                raise DownloadError(str(error)) from None
            pause = PAUSES_S[max(failures - 1, 0)]
            log.info("%s: %s; trying again in %.0f s", what, error, pause)
            time.sleep(pause)
    part.finish(path)


def _receive(url: str, part: Part, what: str) -> None:
    """Makes one attempt to complete the part. Raises _InterruptedError if a retry may succeed."""
    with _open_rest(url, part) as response:
        if response.status != 206:
            part.start(response)
        length, size = part.length, part.size
        if (length or 0) > MAX_BYTES:
            raise DownloadError(f"it is larger than {MAX_BYTES / 1e9:.0f} GB")
        bar = progress_bar(length, what, "B", initial=size, unit_scale=True)
        with bar, open(part.path, "ab") as file:
            for chunk in _chunks(response):
                size += len(chunk)
                if size > (MAX_BYTES if length is None else length):
                    part.discard()
                    raise DownloadError("it is longer than its stated length or the limit")
                file.write(chunk)
                file.flush()  # a killed process keeps every byte that it has received
                bar.update(len(chunk))
    if length is not None and size < length:
        raise _InterruptedError(f"the connection was closed after {size} of {length} bytes")


def _chunks(response: HTTPResponse) -> Iterator[bytes]:
    """Yields the body as it arrives. An OSError here is the network's; one of the disk must not cause a retry."""
    while True:
        try:
            chunk = response.read1(CHUNK)
        except (OSError, http.client.HTTPException) as error:
            raise _InterruptedError(reason(error)) from None
        if not chunk:
            return
        yield chunk


def _open_rest(url: str, part: Part) -> HTTPResponse:
    """Returns a response with the rest of the part (status 206), else one with the whole file (status 200)."""
    if part.size:
        response = _request(url, part.resume_headers())
        if response is not None and (response.status == 200 or part.is_continued_by(response)):
            return response
        if response is not None:
            response.close()
        part.discard()
    response = _request(url, {})
    if response is None or response.status != 200:
        raise DownloadError("the server does not return a file")
    return response


def _request(url: str, headers: dict[str, str]) -> HTTPResponse | None:
    """Returns the server's response; None if there is nothing after the part (status 416)."""
    request = {"User-Agent": "GroundPose", "Accept-Encoding": "identity", **headers}
    try:
        response: HTTPResponse = _opener().open(urllib.request.Request(url, headers=request), timeout=TIMEOUT_S)
        return response
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:
            return None
        kind = _InterruptedError if error.code in _TEMPORARY else DownloadError
        raise kind(f"HTTP {error.code}, {reason(error)}") from None
    except (ValueError, http.client.InvalidURL) as error:
        raise DownloadError(f"this is no valid address: {reason(error)}") from None
    except (OSError, http.client.HTTPException) as error:
        raise _InterruptedError(reason(error)) from None


def _opener() -> urllib.request.OpenerDirector:
    """Returns an opener of http and https, through the user's proxy, that follows no redirect to a local file or FTP."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler, urllib.request.HTTPHandler, urllib.request.HTTPSHandler,
        urllib.request.HTTPRedirectHandler, urllib.request.HTTPDefaultErrorHandler, urllib.request.HTTPErrorProcessor,
        urllib.request.UnknownHandler,
    ):  # fmt: skip
        opener.add_handler(handler())
    return opener
