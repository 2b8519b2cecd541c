"""A partly downloaded file, kept on disk so that a later process can resume it."""

from __future__ import annotations

import os
import re
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

from modules.files.atomic import read_json, write_json
from modules.utils import UserError

_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class Part:
    """The bytes received so far, and the validators (ETag, Last-Modified, length) that identify the server's file."""

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(f"{path.name}.part")
        self._validators_path = path.with_name(f"{path.name}.part.json")
        self.validators = self._read_validators() if self.path.is_file() else {}
        if not self.validators:
            self.discard()

    def _read_validators(self) -> dict[str, Any]:
        try:
            validators = read_json(self._validators_path)
        except UserError:
            return {}
        return validators if isinstance(validators, dict) else {}

    @property
    def size(self) -> int:
        """The number of bytes received so far."""
        return self.path.stat().st_size if self.path.is_file() else 0

    @property
    def length(self) -> int | None:
        """The length of the whole file, if the server has stated it."""
        length = self.validators.get("length")
        return length if isinstance(length, int) else None

    @property
    def is_complete(self) -> bool:
        """Whether every byte of the file has been received."""
        return bool(self.validators) and self.size == self.validators.get("length")

    def discard(self) -> None:
        """Deletes everything received so far."""
        self.path.unlink(missing_ok=True)
        self._validators_path.unlink(missing_ok=True)
        self.validators = {}

    def start(self, response: HTTPResponse) -> None:
        """Starts over with this response. The validators are written first: bytes without them are never resumed."""
        self.discard()
        length = response.headers.get("Content-Length", "")
        self.validators = {**_validators_of(response), "length": int(length) if length.isdecimal() else None}
        write_json(self._validators_path, self.validators)

    def resume_headers(self) -> dict[str, str]:
        """Returns the headers that request the missing bytes, or the whole file if it has changed meanwhile."""
        etag, modified = self.validators.get("etag"), self.validators.get("last_modified")
        validator = etag if etag and not str(etag).startswith("W/") else modified  # a weak ETag is no If-Range
        return {"Range": f"bytes={self.size}-", **({"If-Range": str(validator)} if validator else {})}

    def is_continued_by(self, response: HTTPResponse) -> bool:
        """Returns whether a response is the rest of this very file, even from a server that ignores If-Range."""
        found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if response.status != 206 or found is None or int(found[1]) != self.size:
            return False
        validators = {**_validators_of(response), "length": None if found[2] == "*" else int(found[2])}
        return all(value is None or self.validators.get(name) in (None, value) for name, value in validators.items())

    def finish(self, path: Path) -> None:
        """Moves the complete file to `path`."""
        os.replace(self.path, path)
        self._validators_path.unlink(missing_ok=True)


def _validators_of(response: HTTPResponse) -> dict[str, str | None]:
    return {"etag": response.headers.get("ETag"), "last_modified": response.headers.get("Last-Modified")}
