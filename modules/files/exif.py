"""Reads the EXIF orientation of JPEG and PNG files."""

from __future__ import annotations

from collections.abc import Iterator
from mmap import mmap

ORIENTATION = 0x0112
_JPEG, _PNG = b"\xff\xd8", b"\x89PNG\r\n\x1a\n"


def exif_orientation(data: bytes | mmap) -> int:
    """Returns the EXIF orientation, 1 to 8, of a JPEG's or PNG's bytes; 1 (shown as stored) if none is readable.

    2, 3 and 4 mirror the image or turn it by 180 degrees. 5 to 8 turn it by 90 degrees, which swaps width and height.
    """
    tiff = _jpeg_exif(data) if is_jpeg(data) else _png_exif(data) if is_png(data) else b""
    if tiff[:2] not in (b"II", b"MM"):
        return 1

    def number(at: int, size: int) -> int:
        return int.from_bytes(tiff[at : at + size], "little" if tiff[:2] == b"II" else "big")

    table = number(4, 4)
    for entry in range(table + 2, min(table + 2 + 12 * number(table, 2), len(tiff) - 11), 12):
        if number(entry, 2) == ORIENTATION:
            value = number(entry + 8, 2)  # a SHORT is in the first two of the four value bytes
            return value if 1 <= value <= 8 else 1
    return 1


def is_jpeg(data: bytes | mmap) -> bool:
    """Returns whether the bytes begin as a JPEG file does."""
    return data[: len(_JPEG)] == _JPEG


def is_png(data: bytes | mmap) -> bool:
    """Returns whether the bytes begin as a PNG file does."""
    return data[: len(_PNG)] == _PNG


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


def _png_exif(data: bytes | mmap) -> bytes:
    """Returns the TIFF structure in a PNG's eXIf chunk; empty if it has none."""
    at = len(_PNG)
    while at < len(data):  # a chunk is length, name, content, checksum
        size = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == b"eXIf":
            return data[at + 8 : at + 8 + size]
        at += 12 + size
    return b""
