"""Download one file over HTTP(S): it goes on where it was cut off, and stands under its name only when it is whole.

Beside `path`, `path.part` holds the bytes received so far and `path.part.json` what tells the server's file from another
(ETag, Last-Modified, length). Both survive errors and kills.
"""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modules.console import progress_bar
from modules.utils import log, reason
from pre_models.part import Part

CHUNK = 1 << 18
TIMEOUT_S = 30.0  # without a single byte
PAUSES_S = (1.0, 2.0, 4.0)  # before each new try that follows one without a new byte
MAX_BYTES = 20 * 10**9
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


class DownloadError(Exception):
    """Why a file cannot be had, in a few words."""


class _CutError(Exception):
    """Why a try ended; another may do better."""


def _opener() -> urllib.request.OpenerDirector:
    """Opens http and https, through the user's proxy; no redirect leads to a local file or to FTP."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler, urllib.request.HTTPHandler, urllib.request.HTTPSHandler,
        urllib.request.HTTPRedirectHandler, urllib.request.HTTPDefaultErrorHandler, urllib.request.HTTPErrorProcessor,
        urllib.request.UnknownHandler,
    ):  # fmt: skip
        opener.add_handler(handler())
    return opener


def download(url: str, path: Path, what: str) -> None:
    """Put the file that `url` answers with at `path`; one that stands there is taken as it is, and nobody is asked.

    DownloadError where it cannot be had after a few tries; what was received stays for the next call. `what` is the
    file's name on the progress bar.
    """
    if path.is_file():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = Part(path)
    failures, longest = 0, part.size
    while not part.is_whole:
        try:
            _receive(url, part, what)
            break
        except _CutError as cut:
            failures, longest = (0 if part.size > longest else failures + 1), max(part.size, longest)
            if failures > len(PAUSES_S):
                raise DownloadError(str(cut)) from None
            pause = PAUSES_S[max(failures - 1, 0)]
            log.info("%s: %s; trying again in %.0f s", what, cut, pause)
            time.sleep(pause)
    part.finish(path)


def _receive(url: str, part: Part, what: str) -> None:
    """One try to complete the part. _CutError where another try may go on."""
    with _ask(url, part) as response:
        if response.status != 206:
            part.begin(response)
        length, size = part.marks.get("length"), part.size
        if (length or 0) > MAX_BYTES:
            raise DownloadError(f"it is larger than {MAX_BYTES / 1e9:.0f} GB")
        bar = progress_bar(length, what, "B", initial=size, unit_scale=True)
        with bar, open(part.path, "ab") as file:
            for chunk in _chunks(response):
                size += len(chunk)
                if size > (MAX_BYTES if length is None else length):
                    part.forget()
                    raise DownloadError("it is longer than it may be")
                file.write(chunk)
                file.flush()  # a killed process loses nothing of what it has received
                bar.update(len(chunk))
    if length is not None and size < length:
        raise _CutError(f"the connection was closed after {size} of {length} bytes")


def _chunks(response: Any) -> Iterator[bytes]:
    """The body as it comes in. Only here is an OSError the network's: one of the disk shall end the script."""
    while True:
        try:
            chunk = response.read1(CHUNK)
        except (OSError, http.client.HTTPException) as error:
            raise _CutError(reason(error)) from None
        if not chunk:
            return
        yield chunk


def _ask(url: str, part: Part) -> Any:
    """The answer with the rest of the part (status 206), or else with the whole file (status 200)."""
    if part.size:
        response = _request(url, part.rest_headers())
        if response is not None and (response.status == 200 or part.goes_on_in(response)):
            return response
        if response is not None:
            response.close()
        part.forget()
    response = _request(url, {})
    if response is None or response.status != 200:
        raise DownloadError("the server does not answer with a file")
    return response


def _request(url: str, headers: dict[str, str]) -> Any:
    """The server's answer; None where it has nothing after the part (status 416)."""
    request = {"User-Agent": "WorldPose", "Accept-Encoding": "identity", **headers}
    try:
        return _opener().open(urllib.request.Request(url, headers=request), timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:
            return None
        kind = _CutError if error.code in _PASSING else DownloadError
        raise kind(f"HTTP {error.code}, {reason(error)}") from None
    except (ValueError, http.client.InvalidURL) as error:
        raise DownloadError(f"this is no address: {reason(error)}") from None
    except (OSError, http.client.HTTPException) as error:
        raise _CutError(reason(error)) from None
