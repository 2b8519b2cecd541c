"""Sheets cut from a surface: triangles whose vertices are linear combinations of the base mesh's vertices.

A sheet is cut along the zero line of a field given at the base vertices. Any quantity that is known there (positions, skinning
weights, clearances) is interpolated at the sheet's vertices, including the new ones on the cut.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, vstack


@dataclass(frozen=True)
class Sheet:
    """V vertices and F triangles cut from a base mesh of B vertices."""

    mix: csr_array  # (V, B) rows sum to 1
    triangles: np.ndarray  # (F, 3)

    def at(self, values: np.ndarray) -> np.ndarray:
        """Interpolates values at the base vertices (B, ...) at the sheet's vertices (V, ...)."""
        return self.mix @ values


def sheet_of(triangles: np.ndarray, num_vertices: int) -> Sheet:
    """Returns the sheet that consists of some triangles (F, 3) of a base mesh of `num_vertices` vertices."""
    used, local = np.unique(triangles, return_inverse=True)
    mix = csr_array((np.ones(len(used)), (np.arange(len(used)), used)), shape=(len(used), num_vertices))
    return Sheet(mix, local.reshape(-1, 3).astype(np.int32))


def cut(sheet: Sheet, field: np.ndarray) -> Sheet:
    """Returns the part of a sheet where the field (B,), interpolated along edges, is not negative."""
    values = sheet.at(field)
    inside = values >= 0
    count = inside[sheet.triangles].sum(axis=1)
    crossing = np.isin(count, (1, 2))
    if not crossing.any():
        return _compact(Sheet(sheet.mix, sheet.triangles[count == 3]))
    corners = _lone_first(sheet.triangles[crossing], inside, count[crossing])
    edges = np.sort(np.concatenate([corners[:, [0, 1]], corners[:, [0, 2]]]), axis=1)
    unique, which = np.unique(edges, axis=0, return_inverse=True)
    mix = _crossings(sheet.mix, unique, values)
    first, second = len(values) + which.reshape(2, -1)
    lone = count[crossing] == 1
    a, b, c = corners.T
    kept = [
        sheet.triangles[count == 3],
        np.stack([a, first, second], axis=1)[lone],
        np.stack([first, b, c], axis=1)[~lone],
        np.stack([first, c, second], axis=1)[~lone],
    ]
    return _compact(Sheet(vstack([sheet.mix, mix]).tocsr(), np.concatenate(kept).astype(np.int32)))


def _lone_first(triangles: np.ndarray, inside: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Rotates each triangle's corners so that the one alone on its side of the cut comes first."""
    alone = inside[triangles] == (count == 1)[:, None]
    turn = (np.argmax(alone, axis=1)[:, None] + np.arange(3)) % 3
    return np.take_along_axis(triangles, turn, axis=1)


def _crossings(mix: csr_array, edges: np.ndarray, values: np.ndarray) -> csr_array:
    a, b = edges.T
    share = values[a] / (values[a] - values[b])
    rows = np.repeat(np.arange(len(edges)), 2)
    part = csr_array(
        (np.stack([1 - share, share], axis=1).ravel(), (rows, edges.ravel())), shape=(len(edges), mix.shape[0])
    )
    return (part @ mix).tocsr()


def _compact(sheet: Sheet) -> Sheet:
    used, local = np.unique(sheet.triangles, return_inverse=True)
    return Sheet(sheet.mix[used], local.reshape(-1, 3).astype(np.int32))


def normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Returns unit normals (V, 3), weighted by the triangles' areas; zero at vertices without triangles."""
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    across = np.cross(b - a, c - a)
    total = np.stack(
        [np.bincount(triangles.ravel(), np.repeat(across[:, i], 3), len(vertices)) for i in range(3)], axis=1
    )
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)


def neighbour_mean(triangles: np.ndarray, num_vertices: int) -> csr_array:
    """Returns the matrix (V, V) that averages over each vertex' neighbours; isolated vertices keep their value."""
    return neighbour_mean_of_edges(
        np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), num_vertices
    )


def neighbour_mean_of_edges(edges: np.ndarray, num_vertices: int) -> csr_array:
    """Returns the same matrix for edges (E, 2)."""
    edges = np.unique(np.sort(edges, axis=1), axis=0)
    rows, columns = np.concatenate([edges, edges[:, ::-1]]).T
    lonely = np.setdiff1d(np.arange(num_vertices), rows)
    rows, columns = np.concatenate([rows, lonely]), np.concatenate([columns, lonely])
    degree = np.bincount(rows, minlength=num_vertices)
    return csr_array((1 / degree[rows], (rows, columns)), shape=(num_vertices, num_vertices))


def smoothed(values: np.ndarray, neighbours: csr_array, rounds: int) -> np.ndarray:
    """Moves values (V, ...) half-way to their neighbours' mean, `rounds` times (Laplacian smoothing)."""
    for _ in range(rounds):
        values = 0.5 * values + 0.5 * (neighbours @ values)
    return values


def boundary_edges(triangles: np.ndarray) -> np.ndarray:
    """Returns the directed edges (E, 2) that belong to one triangle only, in that triangle's direction."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    span = int(triangles.max()) + 1
    forward, backward = (
        edges[:, 0].astype(np.int64) * span + edges[:, 1],
        edges[:, 1].astype(np.int64) * span + edges[:, 0],
    )
    return edges[~np.isin(forward, backward)]
