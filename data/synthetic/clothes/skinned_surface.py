"""Surfaces that are built once in the rest pose and skinned to a person's bones: skin, cloth, hair, shoes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array, vstack

from data.synthetic.body.anatomy import Anatomy
from data.synthetic.body.model import Posed, Shape
from data.synthetic.geometry.meshes import Material, Mesh
from data.synthetic.geometry.sheets import Sheet, boundary_edges, neighbour_mean_of_edges, normals, smoothed


@dataclass(frozen=True)
class SkinnedSurface:
    """One surface of a person in the rest pose, mm."""

    name: str
    rest: np.ndarray  # (V, 3)
    weights: csr_array  # (V, 163) rows sum to 1
    triangles: np.ndarray  # (F, 3)
    material: Material
    tint: np.ndarray | None = None  # (V, 3)
    two_sided: bool = False
    texture_mm: np.ndarray | None = None  # (V, 3) texture coordinates; None: the rest positions


@dataclass(frozen=True)
class Outfit:
    """All visible surfaces of one person. `sole_mm` is the height of the bare feet above the ground."""

    shape: Shape
    pieces: tuple[SkinnedSurface, ...]
    sole_mm: float = 0.0

    @cached_property
    def _weights(self) -> csr_array:
        return vstack([piece.weights for piece in self.pieces]).tocsr()

    @cached_property
    def _rest(self) -> np.ndarray:
        return np.concatenate([piece.rest for piece in self.pieces])

    def meshes(self, posed: Posed) -> list[Mesh]:
        """Returns the surfaces in a pose of the same person."""
        offsets = posed.heads - (posed.rotations @ self.shape.heads[..., None])[..., 0]
        blended = self._weights @ np.concatenate([posed.rotations.reshape(-1, 9), offsets], axis=1)
        turns, shifts = blended[:, :9].reshape(-1, 3, 3), blended[:, 9:]
        world = (turns @ self._rest[..., None])[..., 0] + shifts
        ends = np.cumsum([len(piece.rest) for piece in self.pieces])
        return [self._mesh(piece, part) for piece, part in zip(self.pieces, np.split(world, ends[:-1]), strict=True)]

    @staticmethod
    def _mesh(piece: SkinnedSurface, world: np.ndarray) -> Mesh:
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


def surface_of_sheet(anatomy: Anatomy, name: str, sheet: Sheet, rest: np.ndarray, material: Material) -> SkinnedSurface:
    """Returns a sheet at given rest positions, skinned like the body below it."""
    weights = (sheet.mix @ anatomy.model.weights).tocsr()
    place = sheet.at(anatomy.pattern_place)
    return SkinnedSurface(name, rest, weights, sheet.triangles, material, two_sided=True, texture_mm=place)


def fixed_to(bone: int, num_vertices: int, num_bones: int) -> csr_array:
    """Returns the skinning weights (V, 163) of a surface that is fixed to one bone."""
    ones, rows = np.ones(num_vertices), np.arange(num_vertices)
    return csr_array((ones, (rows, np.full(num_vertices, bone))), shape=(num_vertices, num_bones))


def with_hem(piece: SkinnedSurface, thickness_mm: float, turned_in_mm: float = 7.0) -> SkinnedSurface:
    """Returns the surface with borders `thickness_mm` wide that are folded inside by `turned_in_mm`."""
    edges = boundary_edges(piece.triangles)
    if not len(edges):
        return piece
    ring, local = np.unique(edges, return_inverse=True)
    local = local.reshape(-1, 2)
    around = _rim_smoother(local, len(ring))
    outward = around(normals(piece.rest, piece.triangles)[ring])
    back = around(_inward_from_boundary(piece, edges, ring))
    inner = piece.rest[ring] - outward * thickness_mm
    folded = inner + back * turned_in_mm
    start = len(piece.rest)
    lip, deep = start + local, start + len(ring) + local
    # The border's vertices are duplicated so that it is shaded as a sharp edge.
    sharp = start + 2 * len(ring) + local
    bands = [_band(sharp, lip), _band(lip, deep)]
    rows = np.concatenate([np.arange(start), ring, ring, ring])
    return SkinnedSurface(
        piece.name,
        np.concatenate([piece.rest, inner, folded, piece.rest[ring]]),
        piece.weights[rows],
        np.concatenate([piece.triangles, *bands]).astype(np.int32),
        piece.material,
        None if piece.tint is None else piece.tint[rows],
        piece.two_sided,
        None if piece.texture_mm is None else piece.texture_mm[rows],
    )


def _rim_smoother(edges: np.ndarray, count: int) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a function that smooths unit vectors (R, 3) along a border, as slivers at the cut have unstable normals."""
    neighbours = neighbour_mean_of_edges(edges, count)

    def even(vectors: np.ndarray) -> np.ndarray:
        result = smoothed(vectors, neighbours, 6)
        return np.asarray(result / np.maximum(np.linalg.norm(result, axis=1, keepdims=True), 1e-9))

    return even


def _band(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """Returns the triangles between edges (E, 2) and the same edges further in, facing away from the surface."""
    a, b = outer.T
    c, d = inner.T
    return np.concatenate([np.stack([b, a, c], axis=1), np.stack([b, c, d], axis=1)])


def _inward_from_boundary(piece: SkinnedSurface, edges: np.ndarray, ring: np.ndarray) -> np.ndarray:
    """Returns unit vectors (R, 3) in the surface that point inward from its border, across the border's edges."""
    outward = normals(piece.rest, piece.triangles)
    along = piece.rest[edges[:, 1]] - piece.rest[edges[:, 0]]
    into = np.cross(outward[edges].mean(axis=1), along)
    total = np.zeros_like(piece.rest)
    for end in (0, 1):
        np.add.at(total, edges[:, end], into)
    total = total[ring]
    return np.asarray(total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-9))


def wrinkles(rest: np.ndarray, rng: np.random.Generator, depth_mm: float, length_mm: float) -> np.ndarray:
    """Returns offsets (V,) mm, 0 to depth: a few crossing waves of about `length_mm`, as in hanging cloth."""
    total = np.zeros(len(rest))
    for _ in range(5):
        wave = rng.normal(size=3) * [1, 1, 0.6]
        wave *= 2 * np.pi / (length_mm * rng.uniform(0.7, 1.6) * np.linalg.norm(wave))
        bend = 0.6 * np.sin(rest @ (rng.normal(size=3) / (2.5 * length_mm)) * 2 * np.pi)
        total += np.sin(rest @ wave + bend + rng.uniform(0, 2 * np.pi))
    return depth_mm * np.clip(0.5 + total / 5, 0, 1)
