"""Triangles of tubes: closed rings of vertices, each joined to the next."""

from __future__ import annotations

import numpy as np


def tube_triangles(rings: int, around: int) -> np.ndarray:
    """Returns the triangles (F, 3) between `rings` closed rings of `around` vertices.

    They face outwards if the rings run counter-clockwise seen from above and follow each other downwards.
    """
    row, column = np.meshgrid(np.arange(rings - 1), np.arange(around), indexing="ij")
    a, b = row * around + column, row * around + (column + 1) % around
    c, d = a + around, b + around
    return np.concatenate([np.stack(t, axis=-1).reshape(-1, 3) for t in ((a, c, b), (b, c, d))]).astype(np.int32)


def oriented_outwards(rest: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Returns the triangles, flipped if necessary, so that the volume they enclose is positive."""
    a, b, c = (rest[triangles[:, i]] - rest.mean(axis=0) for i in range(3))
    inside_out = np.einsum("ij,ij->", a, np.cross(b, c)) < 0
    return triangles[:, ::-1].copy() if inside_out else triangles
