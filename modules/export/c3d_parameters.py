"""Encodes the header and the parameter section of a C3D file (c3d.org, "The C3D file format user guide")."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence

Value = str | list[str] | int | float | list[int]
Groups = Mapping[str, Mapping[str, Value]]

BLOCK = 512  # bytes
KEY, INTEL = 0x50, 84  # of a C3D file; of little-endian numbers
MOST_TEXTS = 255  # of a list: its length is a byte


def encode_head(groups: Groups, points: int, frames: int, rate_hz: float) -> bytes:
    """Returns header and parameter section, in whole blocks; the frames' data follow.

    POINT:SCALE is copied into the header, and POINT:DATA_START is added. Numbers are little-endian, points floats.
    """
    scale = groups["POINT"]["SCALE"]
    blocks = math.ceil((4 + len(_encode_groups(groups))) / BLOCK)
    data_start = 2 + blocks
    complete = {**groups, "POINT": {**groups["POINT"], "DATA_START": data_start}}
    section = struct.pack("<4B", 1, KEY, blocks, INTEL) + _encode_groups(complete)
    header = struct.pack("<BBHHHHHfHHf", 2, KEY, points, 0, 1, frames, 0, scale, data_start, 0, rate_hz)
    return header.ljust(BLOCK, b"\0") + section.ljust(blocks * BLOCK, b"\0")


def _encode_groups(groups: Groups) -> bytes:
    """Returns all groups, each followed by its parameters. The offset to a next one that does not exist is 0."""
    entries: list[tuple[bytes, bytes]] = []
    for number, (group, parameters) in enumerate(groups.items(), 1):
        entries.append((_name(group, -number), b"\0"))
        entries += [(_name(name, number), _encode_value(value) + b"\0") for name, value in parameters.items()]
    last = len(entries) - 1
    return b"".join(
        name + struct.pack("<H", 0 if index == last else 2 + len(body)) + body
        for index, (name, body) in enumerate(entries)
    )


def _name(name: str, number: int) -> bytes:
    return struct.pack("<bb", len(name), number) + name.encode("ascii")


def _encode_value(value: Value) -> bytes:
    """Returns type, dimensions and data of a parameter. Lists of text are padded with spaces to one length."""
    if isinstance(value, str):
        return _encode_texts([value], [len(value.encode("ascii"))])
    if isinstance(value, float):
        return struct.pack("<bBf", 4, 0, value)
    if isinstance(value, int):
        return struct.pack("<bBH", 2, 0, value)
    if value and isinstance(value[0], int):
        return struct.pack(f"<bBB{len(value)}H", 2, 1, len(value), *value)
    texts = [str(text) for text in value]
    return _encode_texts(texts, [max(map(len, texts), default=0), len(texts)])


def _encode_texts(texts: Sequence[str], dimensions: list[int]) -> bytes:
    data = b"".join(text.encode("ascii").ljust(dimensions[0]) for text in texts)
    return struct.pack(f"<bB{len(dimensions)}B", -1, len(dimensions), *dimensions) + data
