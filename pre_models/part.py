"""The beginning of a file that is being downloaded, kept on disk so that another process can go on with it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from modules.utils import UserError, read_json, write_json

_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class Part:
    """The beginning of a file, and the marks by which its server's file is known again."""

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(f"{path.name}.part")
        self._marks_path = path.with_name(f"{path.name}.part.json")
        self.marks = self._read_marks() if self.path.is_file() else {}
        if not self.marks:
            self.forget()

    def _read_marks(self) -> dict[str, Any]:
        try:
            marks = read_json(self._marks_path)
        except UserError:
            return {}
        return marks if isinstance(marks, dict) else {}

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    @property
    def is_whole(self) -> bool:
        return bool(self.marks) and self.size == self.marks.get("length")

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)
        self._marks_path.unlink(missing_ok=True)
        self.marks = {}

    def begin(self, response: Any) -> None:
        """Start over with this answer. The marks are written first: bytes without marks are not gone on with."""
        self.forget()
        length = response.headers.get("Content-Length", "")
        self.marks = {**_marks_of(response), "length": int(length) if length.isdecimal() else None}
        write_json(self._marks_path, self.marks)

    def rest_headers(self) -> dict[str, str]:
        """Ask for what is missing, but for the whole file where it has changed (a weak ETag cannot say so)."""
        etag, modified = self.marks.get("etag"), self.marks.get("last_modified")
        mark = etag if etag and not str(etag).startswith("W/") else modified
        return {"Range": f"bytes={self.size}-", **({"If-Range": str(mark)} if mark else {})}

    def goes_on_in(self, response: Any) -> bool:
        """Whether an answer is the rest of this very file; servers that ignore If-Range are found out here."""
        found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if response.status != 206 or found is None or int(found[1]) != self.size:
            return False
        marks = {**_marks_of(response), "length": None if found[2] == "*" else int(found[2])}
        return all(value is None or self.marks.get(name) in (None, value) for name, value in marks.items())

    def finish(self, path: Path) -> None:
        os.replace(self.path, path)
        self._marks_path.unlink(missing_ok=True)


def _marks_of(response: Any) -> dict[str, str | None]:
    return {"etag": response.headers.get("ETag"), "last_modified": response.headers.get("Last-Modified")}
