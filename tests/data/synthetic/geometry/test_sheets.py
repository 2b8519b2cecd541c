"""Cutting, smoothing and hemming of surfaces."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from data.synthetic.clothes.skinned_surface import SkinnedSurface, with_hem
from data.synthetic.geometry.meshes import Material
from data.synthetic.geometry.sheets import Sheet, boundary_edges, cut, neighbour_mean, normals, sheet_of, smoothed


def grid(n: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """A square of 100 mm in the x-y plane whose triangles face up."""
    x, y = np.meshgrid(np.linspace(0, 100, n), np.linspace(0, 100, n), indexing="ij")
    vertices = np.stack([x.ravel(), y.ravel(), np.zeros(n * n)], axis=1)
    row, column = (i.ravel() for i in np.meshgrid(np.arange(n - 1), np.arange(n - 1), indexing="ij"))
    a, b, c, d = row * n + column, (row + 1) * n + column, row * n + column + 1, (row + 1) * n + column + 1
    return vertices, np.concatenate([np.stack([a, b, c], axis=1), np.stack([c, b, d], axis=1)])


def area_up(sheet: Sheet, vertices: np.ndarray) -> float:
    at = sheet.at(vertices)
    a, b, c = (at[sheet.triangles[:, i]] for i in range(3))
    return float(np.cross(b - a, c - a)[:, 2].sum() / 2)


@given(st.floats(0, 2 * np.pi), st.floats(-60, 60))
def test_a_straight_cut_leaves_what_it_should_and_turns_no_triangle(angle: float, offset: float) -> None:
    vertices, triangles = grid()
    field = (vertices[:, :2] - 50) @ [np.cos(angle), np.sin(angle)] - offset
    whole = sheet_of(triangles, len(vertices))
    kept, other = cut(whole, field), cut(whole, -field)
    assert area_up(kept, vertices) + area_up(other, vertices) == pytest.approx(1e4, rel=1e-6)
    for part, sign in ((kept, 1), (other, -1)):
        if len(part.triangles):
            assert (sign * part.at(field) > -1e-9).all()
            assert (normals(part.at(vertices), part.triangles)[np.unique(part.triangles), 2] >= 0).all()
            np.testing.assert_allclose(part.mix.sum(axis=1), 1)


def test_a_second_cut_cuts_the_first_ones_edge() -> None:
    vertices, triangles = grid()
    corner = cut(cut(sheet_of(triangles, len(vertices)), 33.0 - vertices[:, 0]), 41.0 - vertices[:, 1])
    assert area_up(corner, vertices) == pytest.approx(33 * 41)


def test_the_rim_of_a_square_is_its_outline() -> None:
    vertices, triangles = grid(4)
    edges = boundary_edges(triangles)
    assert len(edges) == 12
    assert np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=1).sum() == pytest.approx(400)


def test_smoothing_levels_a_spike_and_keeps_a_constant() -> None:
    vertices, triangles = grid()
    neighbours = neighbour_mean(triangles, len(vertices))
    spike = np.zeros(len(vertices))
    spike[14] = 1
    assert smoothed(spike, neighbours, 5).max() < 0.3
    np.testing.assert_allclose(smoothed(np.ones(len(vertices)), neighbours, 5), 1)


def test_a_hem_hangs_inside_and_its_edge_faces_away() -> None:
    vertices, triangles = grid()
    weights = csr_array(np.ones((len(vertices), 1)))
    cloth = with_hem(
        SkinnedSurface("cloth", vertices, weights, triangles, Material("plain", ((1.0, 1.0, 1.0),))), 3.0, 10.0
    )
    added = cloth.rest[len(vertices) :]
    assert added[:, 2].min() == pytest.approx(-3.0)
    edge = cloth.triangles[len(triangles) : len(triangles) + 40]
    a, b, c = (cloth.rest[edge[:, i]] for i in range(3))
    outward = (a + b + c) / 3 - [50, 50, 0]
    assert (np.einsum("ij,ij->i", np.cross(b - a, c - a), outward) > 0).all()
    assert cloth.weights.shape[0] == len(cloth.rest)
