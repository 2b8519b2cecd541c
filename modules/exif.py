"""Which way up a picture file says that it should be shown: the one EXIF tag that matters to a calibrated camera."""

from __future__ import annotations

ORIENTATION = 0x0112
_JPEG, _PNG = b"\xff\xd8", b"\x89PNG\r\n\x1a\n"


def exif_orientation(data: bytes) -> int:
    """The EXIF orientation 1..8 of a JPEG's or PNG's bytes; 1, shown as stored, where none is legibly written.

    2, 3 and 4 mirror the picture or turn it by 180 degrees; 5 to 8 lay it on its side, so that width and height change
    places.
    """
    tiff = _jpeg_exif(data) if data.startswith(_JPEG) else _png_exif(data) if data.startswith(_PNG) else b""
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


def _jpeg_exif(data: bytes) -> bytes:
    at = 2
    while data[at : at + 1] == b"\xff" and data[at + 1 : at + 2] != b"\xda":  # segment after segment, up to the pixels
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1 : at + 2] == b"\xe1" and data[at + 4 : at + 10] == b"Exif\0\0":
            return data[at + 10 : at + 2 + size]
        at += 1 if data[at + 1 : at + 2] == b"\xff" else 2 + size  # a marker may be filled up with FF
    return b""


def _png_exif(data: bytes) -> bytes:
    at = len(_PNG)
    while at < len(data):  # length, name, content, checksum
        size = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == b"eXIf":
            return data[at + 8 : at + 8 + size]
        at += 12 + size
    return b""
