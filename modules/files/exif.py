"""Reads the EXIF orientation of image files."""

from __future__ import annotations

from collections.abc import Iterator
from mmap import mmap

ORIENTATION = 0x0112
_JPEG, _PNG = b"\xff\xd8", b"\x89PNG\r\n\x1a\n"
_KIND_OF_PICTURE, _SMALLER_OR_MASK = 0x00FE, 0b101  # a tag of a TIFF's directory, and two of its bits
_MOST_DIRECTORIES = 32  # of a TIFF with smaller versions of its picture; each halves the size
_SHORT = 3  # the type of a TIFF entry of two bytes; the other numbers that are read here have four
_SIZES = {1: 1, _SHORT: 2, 7: 1}  # bytes of a value of types of TIFF entries


def exif_orientation(data: bytes | mmap) -> int:
    """Returns the EXIF orientation, 1 to 8, of an image file's bytes; 1 (shown as stored) if none is readable.

    2, 3 and 4 mirror the image or turn it by 180 degrees. 5 to 8 turn it by 90 degrees, which swaps width and height.
    """
    return stated_exif_orientation(data) or 1


def stated_exif_orientation(data: bytes | mmap) -> int | None:
    """Returns the EXIF orientation of an image file's bytes; None if none is readable."""
    tiff: bytes | mmap = b""
    if is_jpeg(data):
        tiff = _jpeg_exif(data)
    elif is_png(data):
        tiff = _png_exif(data)
    elif is_webp(data):
        tiff = _webp_exif(data)
    elif is_tiff(data):
        tiff = data
    value = tiff_number(tiff, ORIENTATION)
    return value if value is not None and 1 <= value <= 8 else None


def tiff_number(tiff: bytes | mmap, tag: int) -> int | None:
    """Returns the first number of a tag in the first directory of a TIFF structure; None if it has none."""
    entry = tiff_entry(tiff, tag)
    if entry is None:
        return None
    kind, _, at = entry
    return _number(tiff, at, 2 if kind == _SHORT else 4)


def tiff_entry(tiff: bytes | mmap, tag: int, table: int | None = None) -> tuple[int, int, int] | None:
    """Returns the type, the count and the place of a tag's values in a directory of a TIFF structure; None without.

    `table` is where the directory begins; by default it is the first.
    """
    if tiff[:2] not in (b"II", b"MM"):
        return None
    table = _number(tiff, 4, 4) if table is None else table
    for entry in range(table + 2, min(table + 2 + 12 * _number(tiff, table, 2), len(tiff) - 11), 12):
        if _number(tiff, entry, 2) == tag:
            kind, count = _number(tiff, entry + 2, 2), _number(tiff, entry + 4, 4)
            size = _SIZES.get(kind, 4) * count  # values that do not fit into four bytes are elsewhere
            return kind, count, entry + 8 if size <= 4 else _number(tiff, entry + 8, 4)
    return None


def tiff_has_pages(tiff: bytes | mmap) -> bool:
    """Returns whether a TIFF structure holds another picture after the first; smaller versions of it, and masks, are none."""
    table = _next_directory(tiff, _number(tiff, 4, 4))
    for _ in range(_MOST_DIRECTORIES):
        if not 0 < table < len(tiff):
            return False
        entry = tiff_entry(tiff, _KIND_OF_PICTURE, table)
        if entry is None or not _number(tiff, entry[2], 4) & _SMALLER_OR_MASK:
            return True
        table = _next_directory(tiff, table)
    return True  # or the directories lead in a circle


def _next_directory(tiff: bytes | mmap, table: int) -> int:
    """Returns the place of the directory after one; 0 if it is the last."""
    return _number(tiff, table + 2 + 12 * _number(tiff, table, 2), 4)


def _number(tiff: bytes | mmap, at: int, size: int) -> int:
    """Returns an unsigned integer in the structure's byte order."""
    return int.from_bytes(tiff[at : at + size], "little" if tiff[:2] == b"II" else "big")


def is_jpeg(data: bytes | mmap) -> bool:
    """Returns whether the bytes begin as a JPEG file does."""
    return data[: len(_JPEG)] == _JPEG


def is_png(data: bytes | mmap) -> bool:
    """Returns whether the bytes begin as a PNG file does."""
    return data[: len(_PNG)] == _PNG


def is_tiff(data: bytes | mmap) -> bool:
    """Returns whether the bytes begin as a TIFF file does."""
    return data[:4] in (b"II*\0", b"MM\0*")


def is_webp(data: bytes | mmap) -> bool:
    """Returns whether the bytes begin as a WebP file does."""
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def jpeg_segments(data: bytes | mmap) -> Iterator[tuple[int, int, int]]:
    """Yields marker, begin and end of each segment's content, up to the pixel data."""
    at = len(_JPEG)
    while data[at : at + 1] == b"\xff" and data[at + 1 : at + 2] not in (b"\xda", b""):
        marker, size = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xFF:  # any number of FF bytes may precede a marker
            at += 1
            continue
        yield marker, at + 4, at + 2 + size
        at += 2 + size


def _jpeg_exif(data: bytes | mmap) -> bytes:
    """Returns the TIFF structure in a JPEG's EXIF segment; empty if it has none."""
    for marker, begin, end in jpeg_segments(data):
        if marker == 0xE1 and data[begin : begin + 6] == b"Exif\0\0":
            return data[begin + 6 : end]
    return b""


def chunks_of_png(data: bytes | mmap, name: bytes) -> Iterator[tuple[int, int]]:
    """Yields begin and end of the content of each chunk of this name."""
    at = len(_PNG)
    while at < len(data):  # a chunk is length, name, content, checksum
        size = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == name:
            yield at + 8, at + 8 + size
        at += 12 + size


def chunks_of_webp(data: bytes | mmap, name: bytes) -> Iterator[tuple[int, int]]:
    """Yields begin and end of the content of each chunk of this name."""
    at = 12
    while at < len(data):  # a chunk is name, length, content, and a byte of padding after an odd length
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == name:
            yield at + 8, at + 8 + size
        at += 8 + size + size % 2


def _png_exif(data: bytes | mmap) -> bytes:
    """Returns the TIFF structure in a PNG's eXIf chunk; empty if it has none."""
    return next((data[begin:end] for begin, end in chunks_of_png(data, b"eXIf")), b"")


def _webp_exif(data: bytes | mmap) -> bytes:
    """Returns the TIFF structure in a WebP's EXIF chunk; empty if it has none."""
    found = (data[begin:end].removeprefix(b"Exif\0\0") for begin, end in chunks_of_webp(data, b"EXIF"))
    return next(found, b"")
