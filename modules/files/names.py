"""The names of images: which characters their fields may hold, and which names mean the same in any Unicode normal form."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePath

from modules.utils import brief

SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp")
FIELDS = ("pose", "person", "camera", "sequence")
_PLAIN = re.compile(r"[A-Za-z0-9-]+")
_ALLOWED = "letters, digits, hyphens, and spaces within"
# What file managers append to the name of a copy, in the languages seen so far.
_COPY = re.compile(r"(?: ?\(\d+\)| - (?:copy|kopie|copie|복사본)(?: ?\(\d+\))?| copy(?: \d+)?)$", re.IGNORECASE)


def nfc(text: str) -> str:
    """Returns a name in Unicode's composed form, in which names compare: macOS writes decomposed ones."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def name_fields(name: str) -> dict[str, str]:
    """Returns the fields pose, person, camera and sequence of an image name, in Unicode's composed form.

    Raises ValueError, whose message says what keeps the name from being one.
    """
    stem, suffix = _split(name)
    if suffix.lower() not in SUFFIXES:
        raise ValueError(f"it ends in none of {', '.join(SUFFIXES)}")
    parts = nfc(stem).split("_")
    if len(parts) != len(FIELDS):
        raise ValueError(f"{len(parts)} fields are separated by _, not {len(FIELDS)}")
    wrong = next((part for part in parts if not is_field(part)), None)
    if wrong is not None:
        raise ValueError(f"the field {brief(wrong)} holds other characters than {_ALLOWED}")
    return dict(zip(FIELDS, parts, strict=True))


def is_field(text: str) -> bool:
    """Returns whether a text may be a field of an image name: letters of any script, digits, hyphens, and spaces within."""
    if _PLAIN.fullmatch(text):
        return True
    letters = all(letter in " -" or unicodedata.category(letter)[0] in "LMN" for letter in text)
    return bool(text) and text == text.strip() and letters


def is_view(name: str) -> bool:
    """Returns whether a folder's name is that of a view, <POSE>_<PERSON>_<CAM>."""
    parts = nfc(name).split("_")
    return len(parts) == len(FIELDS) - 1 and all(map(is_field, parts))


def original_of_copy(name: str) -> str | None:
    """Returns the name of which a file manager made this one for a copy; None if it looks like no copy."""
    stem, suffix = _split(name)
    original = _COPY.sub("", stem)
    return f"{original}{suffix}" if original and original != stem else None


def _split(name: str) -> tuple[str, str]:
    """Returns a file name's stem and its suffix with the point."""
    path = PurePath(name)
    return path.stem, path.suffix
