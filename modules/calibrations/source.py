"""A calibration file or folder, parsed at most once in each of the notations that formats are written in."""

from __future__ import annotations

import re
import tomllib
from functools import cached_property
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from modules.calibrations.numpy_pickle import is_pickle, load_numbers
from modules.calibrations.yaml_numbers import parse_texts
from modules.files.json_text import parse_json
from modules.utils import UserError, reason

LARGEST_BYTES = 64 * 2**20
_TABLE = re.compile(r"^[ \t]*\[[\w.\" -]+\][ \t\r]*$", re.MULTILINE)  # of TOML
_DEEP_NAME = re.compile(r"^[ \t]*\[*(?:[\w\"'-]*[ \t]*\.[ \t]*){50}", re.MULTILINE)  # of TOML, read in quadratic time
_KEY = re.compile(r"^[\w-]+:(\s|$)", re.MULTILINE)  # of YAML


class Source:
    """The content of a calibration file, or a folder of calibration files."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_folder = path.is_dir()

    @cached_property
    def data(self) -> bytes:
        """The bytes of the file; none for a folder. Raises UserError if the file cannot be read."""
        if self.is_folder:
            return b""
        try:
            if self.path.stat().st_size > LARGEST_BYTES:
                raise UserError(f"{self.path}: this file has more than 64 MiB, which no calibration has; name another")
            return self.path.read_bytes()
        except FileNotFoundError:
            raise UserError(f"{self.path}: this calibration is missing; name a file or folder that exists") from None
        except OSError as error:
            raise UserError(
                f"{self.path}: this calibration cannot be read ({reason(error)}); name a file that can be read"
            ) from None

    @cached_property
    def text(self) -> str:
        """The file as UTF-8 text, without a byte order mark; empty if it is none."""
        try:
            return self.data.decode("utf-8-sig")
        except UnicodeDecodeError:
            return ""

    @cached_property
    def json(self) -> Any:
        """The value of a JSON file, or None."""
        try:
            return parse_json(self.data) if self.text.lstrip()[:1] in ("{", "[") else None
        except ValueError:
            return None

    @cached_property
    def toml(self) -> dict[str, Any]:
        """The tables of a TOML file; empty if it is none."""
        try:
            return _parse_toml(self.text) if _TABLE.search(self.text) else {}
        except (ValueError, RecursionError):
            return {}

    @cached_property
    def xml(self) -> ElementTree.Element | None:
        """The root of an XML file, or None."""
        try:
            return ElementTree.fromstring(self.data) if self.data.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] == b"<" else None
        except (ElementTree.ParseError, ValueError, LookupError):
            return None

    @cached_property
    def yaml(self) -> dict[str, Any]:
        """The keys of a YAML file, with all scalars as texts; empty if it is none."""
        if not _KEY.search(self.text) or self.toml or self.json is not None:
            return {}
        try:
            return parse_texts(self.text)
        except ValueError:
            return {}

    @cached_property
    def pickle(self) -> Any:
        """The value of a pickle of numbers, or None."""
        try:
            return load_numbers(self.data) if is_pickle(self.data) else None
        except ValueError:
            return None

    def _parse_rest(self, start: str) -> None:
        """Parses a pickle or OpenCV's YAML. Raises ValueError, which ends with the fix."""
        try:
            if is_pickle(self.data):
                load_numbers(self.data)
            elif start.startswith("%YAML"):
                parse_texts(self.text)
        except ValueError as error:
            raise ValueError(f"{error}; export the file again") from None

    def sibling(self, name: str) -> Source:
        """Returns a file of the folder, or of the file's folder."""
        return Source((self.path if self.is_folder else self.path.parent) / name)

    def parse_problem(self) -> str | None:
        """Returns why a file that begins as one of these notations is none, or None."""
        start = self.text.lstrip()
        try:
            if self.data.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] == b"<":
                ElementTree.fromstring(self.data)
            elif _TABLE.search(self.text):
                _parse_toml(self.text)
            elif start[:1] in ("{", "["):
                parse_json(self.data)
            else:
                self._parse_rest(start)
        except ElementTree.ParseError as error:
            return f"this is not readable XML ({error}); export the file again"
        except tomllib.TOMLDecodeError as error:
            return f"this is not readable TOML ({error}); correct it there, or export the file again"
        except (ValueError, LookupError) as error:
            return f"this is not readable: {error}"
        except RecursionError:
            return "its brackets are nested too deeply; export the file again"
        return None


def _parse_toml(text: str) -> dict[str, Any]:
    """Returns the tables of a TOML text. Raises ValueError or RecursionError if it is none, or nested too deeply."""
    if _DEEP_NAME.search(text):
        raise RecursionError
    return tomllib.loads(text)
