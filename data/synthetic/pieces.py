"""Surfaces that are made once at rest and move with a person's bones: skin, cloth, hair, shoes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array, vstack

from data.synthetic.body import Posed, Shape
from data.synthetic.parts import Material, Mesh
from data.synthetic.sheets import averaging_edges, normals, rim, smoothed


@dataclass(frozen=True)
class Piece:
    """One surface of a person at rest, mm."""

    name: str
    rest: np.ndarray  # (V, 3)
    weights: csr_array  # (V, 163) rows sum to 1
    triangles: np.ndarray  # (F, 3)
    material: Material
    tint: np.ndarray | None = None  # (V, 3)
    two_sided: bool = False
    texture_mm: np.ndarray | None = None  # (V, 3) where it lies in its material; as at rest where not given


@dataclass(frozen=True)
class Outfit:
    """All that is seen of one person, in any pose. `sole_mm`: how far the soles lie below the bare feet."""

    shape: Shape
    pieces: tuple[Piece, ...]
    sole_mm: float = 0.0

    @cached_property
    def _weights(self) -> csr_array:
        return vstack([piece.weights for piece in self.pieces]).tocsr()

    @cached_property
    def _rest(self) -> np.ndarray:
        return np.concatenate([piece.rest for piece in self.pieces])

    def meshes(self, posed: Posed) -> list[Mesh]:
        """The surfaces in a pose of the same person."""
        offsets = posed.heads - (posed.rotations @ self.shape.heads[..., None])[..., 0]
        blended = self._weights @ np.concatenate([posed.rotations.reshape(-1, 9), offsets], axis=1)
        turns, shifts = blended[:, :9].reshape(-1, 3, 3), blended[:, 9:]
        world = (turns @ self._rest[..., None])[..., 0] + shifts
        ends = np.cumsum([len(piece.rest) for piece in self.pieces])
        return [self._mesh(piece, part) for piece, part in zip(self.pieces, np.split(world, ends[:-1]), strict=True)]

    @staticmethod
    def _mesh(piece: Piece, world: np.ndarray) -> Mesh:
        place = piece.rest if piece.texture_mm is None else piece.texture_mm
        return Mesh(
            piece.name,
            world,
            piece.triangles,
            place,
            piece.material,
            piece.tint,
            person=True,
            two_sided=piece.two_sided,
        )


def fixed_to(bone: int, num_vertices: int, num_bones: int) -> csr_array:
    """(V, 163) the weights of a surface that goes with one bone."""
    ones, rows = np.ones(num_vertices), np.arange(num_vertices)
    return csr_array((ones, (rows, np.full(num_vertices, bone))), shape=(num_vertices, num_bones))


def hemmed(piece: Piece, thickness_mm: float, turned_in_mm: float = 7.0) -> Piece:
    """The piece with its rims given an edge `thickness_mm` wide and folded back inside by `turned_in_mm`."""
    edges = rim(piece.triangles)
    if not len(edges):
        return piece
    ring, local = np.unique(edges, return_inverse=True)
    local = local.reshape(-1, 2)
    around = _rounded(local, len(ring))
    outward = around(normals(piece.rest, piece.triangles)[ring])
    back = around(_away_from_rim(piece, edges, ring))
    inner = piece.rest[ring] - outward * thickness_mm
    folded = inner + back * turned_in_mm
    start = len(piece.rest)
    lip, deep = start + local, start + len(ring) + local
    # The rim's own corners are doubled so that the edge is shaded as an edge.
    sharp = start + 2 * len(ring) + local
    bands = [_band(sharp, lip), _band(lip, deep)]
    rows = np.concatenate([np.arange(start), ring, ring, ring])
    return Piece(
        piece.name,
        np.concatenate([piece.rest, inner, folded, piece.rest[ring]]),
        piece.weights[rows],
        np.concatenate([piece.triangles, *bands]).astype(np.int32),
        piece.material,
        None if piece.tint is None else piece.tint[rows],
        piece.two_sided,
        None if piece.texture_mm is None else piece.texture_mm[rows],
    )


def _rounded(edges: np.ndarray, count: int) -> Callable[[np.ndarray], np.ndarray]:
    """What evens unit vectors (R, 3) out along a rim: slivers of the cut have wild normals."""
    neighbours = averaging_edges(edges, count)

    def even(vectors: np.ndarray) -> np.ndarray:
        answer = smoothed(vectors, neighbours, 6)
        return np.asarray(answer / np.maximum(np.linalg.norm(answer, axis=1, keepdims=True), 1e-9))

    return even


def _band(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """The triangles between edges (E, 2) and the same edges further in, facing away from the surface they end."""
    a, b = outer.T
    c, d = inner.T
    return np.concatenate([np.stack([b, a, c], axis=1), np.stack([b, c, d], axis=1)])


def _away_from_rim(piece: Piece, edges: np.ndarray, ring: np.ndarray) -> np.ndarray:
    """Unit vectors (R, 3) that lead from the rim into the surface: across the rim's edges, in the surface."""
    outward = normals(piece.rest, piece.triangles)
    along = piece.rest[edges[:, 1]] - piece.rest[edges[:, 0]]
    into = np.cross(outward[edges].mean(axis=1), along)
    total = np.zeros_like(piece.rest)
    for end in (0, 1):
        np.add.at(total, edges[:, end], into)
    total = total[ring]
    return np.asarray(total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-9))


def wrinkles(rest: np.ndarray, rng: np.random.Generator, depth_mm: float, length_mm: float) -> np.ndarray:
    """(V,) mm, 0 to depth: a few crossing waves of about `length_mm`, as hanging cloth has."""
    total = np.zeros(len(rest))
    for _ in range(5):
        wave = rng.normal(size=3) * [1, 1, 0.6]
        wave *= 2 * np.pi / (length_mm * rng.uniform(0.7, 1.6) * np.linalg.norm(wave))
        bend = 0.6 * np.sin(rest @ (rng.normal(size=3) / (2.5 * length_mm)) * 2 * np.pi)
        total += np.sin(rest @ wave + bend + rng.uniform(0, 2 * np.pi))
    return depth_mm * np.clip(0.5 + total / 5, 0, 1)
