"""Size, end and pixel depth of an image file, from its bytes and without decoding its pixels."""

from __future__ import annotations

import re
from mmap import mmap

from modules.files.exif import is_jpeg, is_png, is_tiff, is_webp, jpeg_segments, tiff_has_pages, tiff_number

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # a JPEG's SOF markers; these three are tables
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # what ends the pixel data of one scan
_TAIL = 1024  # bytes in which an image's end is searched before the whole file is
_WIDTH, _HEIGHT = 0x0100, 0x0101  # tags of a TIFF
_ANIMATED = 0b10  # a bit of a WebP


def stored_size(data: bytes | mmap) -> tuple[int, int] | None:
    """Returns width and height in stored px from the header of any image that is read; None if they are not readable."""
    sides: tuple[int, int] | None = None
    if is_jpeg(data):
        for marker, begin, _ in jpeg_segments(data):
            if marker in _FRAMES:
                sides = _number(data, begin + 3, 2, "big"), _number(data, begin + 1, 2, "big")
                break
    elif is_png(data) and data[12:16] == b"IHDR":
        sides = _number(data, 16, 4, "big"), _number(data, 20, 4, "big")
    elif data[:2] == b"BM":
        height = int.from_bytes(data[22:26], "little", signed=True)  # negative: rows from top to bottom
        sides = _number(data, 18, 4), abs(height)
    elif is_tiff(data):
        sides = tiff_number(data, _WIDTH) or 0, tiff_number(data, _HEIGHT) or 0
    elif is_webp(data):
        sides = _webp_size(data)
    return sides if sides is not None and all(sides) else None


def is_truncated(data: bytes | mmap) -> bool:
    """Returns whether a JPEG or PNG lacks its end marker, or a BMP or WebP some of the bytes that its header announces.

    OpenCV would fill the missing part with grey. What follows the end does not matter: telephones append a short film.
    """
    end = data[max(len(data) - _TAIL, 0) :]
    if is_jpeg(data):
        return b"\xff\xd9" not in end and not _has_jpeg_end(data)
    if is_webp(data):
        return 8 + _number(data, 4, 4) > len(data)
    if data[:2] == b"BM":
        return _number(data, 2, 4) > len(data)
    return is_png(data) and b"IEND" not in end and not _has_png_end(data)


def has_several_pictures(data: bytes | mmap) -> bool:
    """Returns whether a TIFF has a second page, or a WebP is animated; only the first picture would be read."""
    if is_webp(data):
        return data[12:16] == b"VP8X" and bool(_number(data, 20, 1) & _ANIMATED)
    return is_tiff(data) and tiff_has_pages(data)


def has_16_bits(data: bytes | mmap) -> bool:
    """Returns whether a PNG or TIFF may have pixels of 16 bits."""
    return (is_png(data) and data[24:25] == b"\x10") or is_tiff(data)


def _has_jpeg_end(data: bytes | mmap) -> bool:
    """Returns whether a JPEG's segments and scans lead to its end marker."""
    at = 2
    while data[at : at + 1] == b"\xff":
        marker = data[at + 1 : at + 2]
        if marker == b"\xd9":
            return True
        if marker == b"\xff":  # any number of FF bytes may precede a marker
            at += 1
            continue
        at += 2 + _number(data, at + 2, 2, "big")
        if marker == b"\xda":
            found = _MARKER.search(data, at)
            if found is None:
                return False
            at = found.start()
    return False


def _has_png_end(data: bytes | mmap) -> bool:
    """Returns whether a PNG's chunks lead to its end chunk."""
    at = 8
    while at + 12 <= len(data):
        if data[at + 4 : at + 8] == b"IEND":
            return True
        at += 12 + _number(data, at, 4, "big")
    return False


def _webp_size(data: bytes | mmap) -> tuple[int, int] | None:
    """Returns width and height from the first chunk of a WebP, in whichever of its three forms."""
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + _number(data, 24, 3), 1 + _number(data, 27, 3)
    if kind == b"VP8L":
        bits = _number(data, 21, 4)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        return _number(data, 26, 2) & 0x3FFF, _number(data, 28, 2) & 0x3FFF
    return None


def _number(data: bytes | mmap, at: int, size: int, order: str = "little") -> int:
    """Returns the unsigned integer of `size` bytes at an offset."""
    return int.from_bytes(data[at : at + size], "big" if order == "big" else "little")
