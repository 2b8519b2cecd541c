"""Which way up a picture file says that it should be shown: the one EXIF tag that matters to a calibrated camera."""

from __future__ import annotations

from collections.abc import Iterator
from mmap import mmap

ORIENTATION = 0x0112
_JPEG, _PNG = b"\xff\xd8", b"\x89PNG\r\n\x1a\n"


def exif_orientation(data: bytes | mmap) -> int:
    """The EXIF orientation 1..8 of a JPEG's or PNG's bytes; 1, shown as stored, where none is legibly written.

    2, 3 and 4 mirror the picture or turn it by 180 degrees; 5 to 8 lay it on its side, so that width and height change
    places.
    """
    tiff = _jpeg_exif(data) if is_jpeg(data) else _png_exif(data) if is_png(data) else b""
    if tiff[:2] not in (b"II", b"MM"):
        return 1

    def number(at: int, size: int) -> int:
        return int.from_bytes(tiff[at : at + size], "little" if tiff[:2] == b"II" else "big")

    table = number(4, 4)
    for entry in range(table + 2, min(table + 2 + 12 * number(table, 2), len(tiff) - 11), 12):
        if number(entry, 2) == ORIENTATION:
            value = number(entry + 8, 2)  # a SHORT stands in the first two bytes of its four
            return value if 1 <= value <= 8 else 1
    return 1


def is_jpeg(data: bytes | mmap) -> bool:
    return data[: len(_JPEG)] == _JPEG


def is_png(data: bytes | mmap) -> bool:
    return data[: len(_PNG)] == _PNG


def jpeg_segments(data: bytes | mmap) -> Iterator[tuple[int, int, int]]:
    """Marker, begin and end of the content, segment after segment, up to the pixels."""
    at = len(_JPEG)
    while data[at : at + 1] == b"\xff" and data[at + 1 : at + 2] not in (b"\xda", b""):
        marker, size = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xFF:  # a marker may be filled up with FF
            at += 1
            continue
        yield marker, at + 4, at + 2 + size
        at += 2 + size


def _jpeg_exif(data: bytes | mmap) -> bytes:
    for marker, begin, end in jpeg_segments(data):
        if marker == 0xE1 and data[begin : begin + 6] == b"Exif\0\0":
            return data[begin + 6 : end]
    return b""


def _png_exif(data: bytes | mmap) -> bytes:
    at = len(_PNG)
    while at < len(data):  # length, name, content, checksum
        size = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == b"eXIf":
            return data[at + 8 : at + 8 + size]
        at += 12 + size
    return b""
