"""Reads the orientation that an image file states in XMP, as Lightroom and some exporters write it, beside or without EXIF."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from mmap import mmap

from modules.files.exif import (
    chunks_of_png,
    chunks_of_webp,
    is_jpeg,
    is_png,
    is_tiff,
    is_webp,
    jpeg_segments,
    stated_exif_orientation,
    tiff_entry,
)

_ORIENTATION = re.compile(rb"""tiff:Orientation\s*(?:=\s*["']|>)\s*([1-8])\s*["'<]""")
_JPEG_XMP, _PNG_XMP, _TIFF_XMP = b"http://ns.adobe.com/xap/1.0/\0", b"XML:com.adobe.xmp\0", 700
_MOST_BYTES = 2**24  # of a compressed packet


def image_orientation(data: bytes | mmap) -> int:
    """Returns the orientation, 1 to 8, of an image file's bytes, in EXIF's numbers; 1 (shown as stored) if none is readable.

    EXIF's counts; XMP's is read where EXIF states none, as viewers do.
    """
    stated = stated_exif_orientation(data)
    if stated is not None:
        return stated
    found = (_ORIENTATION.search(packet) for packet in _packets(data))
    return next((int(one[1]) for one in found if one is not None), 1)


def _packets(data: bytes | mmap) -> Iterator[bytes]:
    """Yields the XMP packets of a JPEG, PNG, WebP or TIFF."""
    if is_jpeg(data):
        for marker, begin, end in jpeg_segments(data):
            if marker == 0xE1 and data[begin : begin + len(_JPEG_XMP)] == _JPEG_XMP:
                yield data[begin + len(_JPEG_XMP) : end]
    elif is_png(data):
        for begin, end in chunks_of_png(data, b"iTXt"):
            if data[begin : begin + len(_PNG_XMP)] == _PNG_XMP:
                yield _png_text(data[begin + len(_PNG_XMP) : end])
    elif is_webp(data):
        for begin, end in chunks_of_webp(data, b"XMP "):
            yield data[begin:end]
    elif is_tiff(data) and (entry := tiff_entry(data, _TIFF_XMP)) is not None:
        _, count, at = entry
        yield data[at : at + count]


def _png_text(content: bytes) -> bytes:
    """Returns the text of an iTXt chunk after its keyword: two flags, language, translated keyword, text; empty if damaged."""
    parts = content[2:].split(b"\0", 2)
    if len(parts) < 3:
        return b""
    if content[:1] != b"\x01":
        return parts[2]
    try:
        return zlib.decompressobj().decompress(parts[2], _MOST_BYTES)
    except zlib.error:
        return b""
