"""Reads the EXIF orientation of image files."""

from __future__ import annotations

from collections.abc import Iterator
from mmap import mmap

ORIENTATION = 0x0112
_JPEG, _PNG = b"\xff\xd8", b"\x89PNG\r\n\x1a\n"
_SHORT = 3  # the type of a TIFF entry of two bytes; the others that are read here have four


def exif_orientation(data: bytes | mmap) -> int:
    """Returns the EXIF orientation, 1 to 8, of an image file's bytes; 1 (shown as stored) if none is readable.

    2, 3 and 4 mirror the image or turn it by 180 degrees. 5 to 8 turn it by 90 degrees, which swaps width and height.
    """
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
    return value if value is not None and 1 <= value <= 8 else 1


def tiff_number(tiff: bytes | mmap, tag: int) -> int | None:
    """Returns the first number of a tag in the first directory of a TIFF structure; None if it has none."""
    if tiff[:2] not in (b"II", b"MM"):
        return None

    def number(at: int, size: int) -> int:
        return int.from_bytes(tiff[at : at + size], "little" if tiff[:2] == b"II" else "big")

    table = number(4, 4)
    for entry in range(table + 2, min(table + 2 + 12 * number(table, 2), len(tiff) - 11), 12):
        if number(entry, 2) == tag:
            size = 2 if number(entry + 2, 2) == _SHORT else 4
            count = number(entry + 4, 4)  # numbers that do not fit into four bytes are elsewhere
            return number(entry + 8 if size * count <= 4 else number(entry + 8, 4), size)
    return None


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


def _png_exif(data: bytes | mmap) -> bytes:
    """Returns the TIFF structure in a PNG's eXIf chunk; empty if it has none."""
    at = len(_PNG)
    while at < len(data):  # a chunk is length, name, content, checksum
        size = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == b"eXIf":
            return data[at + 8 : at + 8 + size]
        at += 12 + size
    return b""


def _webp_exif(data: bytes | mmap) -> bytes:
    """Returns the TIFF structure in a WebP's EXIF chunk; empty if it has none."""
    at = 12
    while at < len(data):  # a chunk is name, length, content, and a byte of padding after an odd length
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == b"EXIF":
            return data[at + 8 : at + 8 + size].removeprefix(b"Exif\0\0")
        at += 8 + size + size % 2
    return b""
