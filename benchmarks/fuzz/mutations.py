"""Breaks the files of the corpus: the same number gives the same file, so that every failure can be repeated."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Sequence
from typing import Any

# What parsers stumble over: numbers beyond floats and integers, encodings, nesting, separators, markers of image formats.
TOKENS = (
    b"NaN", b"-Infinity", b"1e999", b"7" * 5000, b"[" * 5000, b'{"a":' * 2000, b'"\\ud800"', b"\xff\xfe", b"\xef\xbb\xbf",
    b"\xfe\xff", b"\0", b"\n", b"\r\n", b"'", b'"', b"nul", b"null", b"true", b"{}", b"[]", b",", b":", b"-0", b"1_0", b"0x10",
    b"\x1b[31m", b"\xe2\x80\xae", b"../", b"/etc/passwd", b"~", b"!!python/name:os.system", b"&a [*a]", b"<<: *a", b"? ", b"- ",
    b"\xff\xd8", b"\xff\xd9", b"\xff\xda", b"\xff\xc0", b"\xff\xe1", b"Exif\0\0", b"II*\0", b"MM\0*", b"IHDR", b"IEND", b"eXIf",
    b"VP8X", b"VP8L", b"VP8 ", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\0\0\0\0", b"\xff" * 64,
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1e308, 5e-324, 10**400, 2**63, -(2**31), float("nan"), float("inf"), "", "a", "1", "\ud800",
    "\0", "x" * 10_000, [], {}, [[]], [None], {"": 0}, [1, 2, 3], [[1, 2], [3]], 0.1,
)  # fmt: skip
MOST_CHANGES = 4


def broken(number: int, corpus: Sequence[bytes]) -> bytes:
    """Returns the file of this number: one of the corpus with a few changes, of its bytes or, if it is JSON, of its values."""
    chance = random.Random(number)
    data = chance.choice(corpus)
    if chance.random() < 0.5:
        data = _with_other_values(chance, data)
    if chance.random() < 0.6:
        for _ in range(chance.randint(1, MOST_CHANGES)):
            data = _with_other_bytes(chance, data, corpus)
    if chance.random() < 0.03:
        data = _in_another_encoding(chance, data)
    return data


def _with_other_bytes(chance: random.Random, data: bytes, corpus: Sequence[bytes]) -> bytes:
    start = chance.randint(0, len(data))
    # Headers are near the beginning.
    start = chance.randint(0, min(start, 200)) if chance.random() < 0.5 else start
    stop = min(len(data), start + chance.choice((0, 1, 2, 4, 8, 30, 1000)))
    kind = chance.randrange(6)
    if kind == 0:
        return data[:start]
    if kind == 1:
        return data[:start] + data[stop:]
    if kind == 2:
        return data[:start] + chance.choice(TOKENS) + data[stop:]
    if kind == 3:
        return data[:start] + data[start:stop] * chance.randint(2, 50) + data[stop:]
    if kind == 4:
        other = chance.choice(corpus)
        return data[:start] + other[chance.randint(0, len(other)) :]
    return data[:start] + chance.randbytes(stop - start) + data[stop:]


def _with_other_values(chance: random.Random, data: bytes) -> bytes:
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        return data
    holder = [tree]
    for _ in range(chance.randint(1, 3)):
        place: Any = holder
        key: Any = 0
        while isinstance(place[key], dict | list) and place[key] and chance.random() < 0.8:
            place = place[key]
            key = chance.choice(list(place)) if isinstance(place, dict) else chance.randrange(len(place))
        if chance.random() < 0.2 and len(place) > 1 and place is not holder:
            del place[key]
        else:
            place[key] = copy.deepcopy(chance.choice(VALUES))
    return json.dumps(holder[0]).encode()


def _in_another_encoding(chance: random.Random, data: bytes) -> bytes:
    encoding = chance.choice(("utf-16", "utf-16-be", "utf-32", "utf-8-sig", "cp949"))
    return data.decode("utf-8", "replace").encode(encoding, "replace")
