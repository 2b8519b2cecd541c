"""The solids that rooms and furniture are made of, with texture coordinates at every vertex.

In texture space a flat face lies in the plane x, y, with x horizontal and y up on upright faces, so that boards, bricks and
tiles are aligned. z differs between faces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from data.synthetic.geometry.meshes import Material, Mesh
from data.synthetic.geometry.rotations import rotation_x, rotation_z

Size = Sequence[float]


@dataclass(frozen=True)
class Solid:
    """A surface without a material. All mm, z up."""

    vertices: np.ndarray  # (V, 3)
    triangles: np.ndarray  # (F, 3)
    texture: np.ndarray  # (V, 3)

    def moved(self, shift: Size) -> Solid:
        """Returns the solid translated; its texture moves along."""
        return Solid(self.vertices + np.asarray(shift, dtype=np.float64), self.triangles, self.texture)

    def turned(self, R: np.ndarray) -> Solid:
        """Returns the solid rotated by R (3, 3) about the origin."""
        return Solid(self.vertices @ R.T, self.triangles, self.texture)


def about_z(degrees: float) -> np.ndarray:
    """Returns the rotation (3, 3) about z."""
    return rotation_z(np.radians(degrees))


def about_x(degrees: float) -> np.ndarray:
    """Returns the rotation (3, 3) about x."""
    return rotation_x(np.radians(degrees))


def mesh(name: str, material: Material, solids: Sequence[Solid], two_sided: bool = False, casts: bool = True) -> Mesh:
    """Joins solids of one material into one mesh."""
    starts = np.cumsum([0] + [len(solid.vertices) for solid in solids])
    triangles = np.concatenate([s.triangles + start for s, start in zip(solids, starts[:-1], strict=True)])
    vertices, texture = (np.concatenate([getattr(s, key) for s in solids]) for key in ("vertices", "texture"))
    return Mesh(name, vertices, triangles, texture, material, two_sided=two_sided, casts_shadow=casts)


def sheet(corner: Size, along: Size, up: Size) -> Solid:
    """Returns a rectangle that faces along x up. Its texture starts at `corner`."""
    start, right, upright = (np.asarray(v, dtype=np.float64) for v in (corner, along, up))
    vertices = np.stack([start, start + right, start + right + upright, start + upright])
    width, height = np.linalg.norm(right), np.linalg.norm(upright)
    texture = np.array([[0, 0, 0], [width, 0, 0], [width, height, 0], [0, height, 0]])
    return Solid(vertices, np.array([[0, 1, 2], [0, 2, 3]]), texture)


def surface(points: np.ndarray) -> Solid:
    """Returns a grid (rows, columns, 3) of points as one smooth surface that faces columns x rows."""
    x = np.cumsum(np.linalg.norm(np.diff(points, axis=1, prepend=points[:, :1]), axis=2), axis=1)
    y = np.cumsum(np.linalg.norm(np.diff(points, axis=0, prepend=points[:1]), axis=2), axis=0)
    texture = np.stack([x, y, np.zeros_like(x)], -1).reshape(-1, 3)
    return Solid(points.reshape(-1, 3), _grid_triangles(*points.shape[:2]), texture)


@cache
def _grid_triangles(rows: int, columns: int) -> np.ndarray:
    """Returns the triangles (F, 3) of a grid of points."""
    at = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = (q.ravel() for q in (at[:-1, :-1], at[:-1, 1:], at[1:, 1:], at[1:, :-1]))
    return np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])


def box(size: Size, foot: Size = (0, 0, 0), bevel: float = 6.0, grain: bool = True) -> Solid:
    """Returns a box with rounded edges; the centre of its base is at `foot`.

    Texture x runs along the longest side, like wood grain; without `grain`, y is up on every upright face.
    """
    half = np.asarray(size, dtype=np.float64) / 2
    bevel = min(bevel, 0.45 * float(half.min()))
    signs, ledge, out, triangles, sides = _box_grid()
    vertices = signs * (half - bevel) + bevel * out + np.asarray(foot, dtype=np.float64) + [0, 0, half[2]]
    flat = signs * (half - bevel) + bevel * ledge
    longest = int(np.argmax(half)) if grain else -1
    texture = np.empty_like(flat)
    for face, (axis, side) in enumerate(sides):
        a, b = [(1, 2), (0, 2), (0, 1)][axis]
        a, b = (b, a) if b == longest else (a, b)
        own = slice(16 * face, 16 * face + 16)
        texture[own, 0], texture[own, 1], texture[own, 2] = flat[own, a], flat[own, b], 1000.0 * (2 * axis + side)
    return Solid(vertices, triangles, texture)


@cache
def _box_grid() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, list[tuple[int, int]]]:
    """Returns a box' six sides as 4 x 4 points each, whose borders are bent round the edges.

    Returns (96, 3) signs of the inner box' corner that each point belongs to; (96, 3) its offset from that corner while flat,
    in bevels; (96, 3) the offset bent to unit length; (F, 3) triangles; and each side's axis and direction.
    """
    corner, beyond = np.array([-1.0, -1, 1, 1]), np.array([-1.0, 0, 0, 1])
    signs: list[np.ndarray] = []
    ledges: list[np.ndarray] = []
    triangles: list[np.ndarray] = []
    sides = [(axis, side) for axis in range(3) for side in (-1, 1)]
    for axis, side in sides:
        a, b = [(1, 2), (0, 2), (0, 1)][axis]
        sign, ledge = np.full((4, 4, 3), float(side)), np.full((4, 4, 3), float(side))
        sign[..., a], sign[..., b] = corner[None, :], corner[:, None]
        ledge[..., a], ledge[..., b] = beyond[None, :], beyond[:, None]
        outwards = side * (-1 if axis == 1 else 1)
        triangles.append(surface(sign).triangles[:, ::outwards] + 16 * len(triangles))
        signs.append(sign.reshape(-1, 3))
        ledges.append(ledge.reshape(-1, 3))
    ledge = np.concatenate(ledges)
    out = ledge / np.linalg.norm(ledge, axis=1, keepdims=True)
    return np.concatenate(signs), ledge, out, np.concatenate(triangles), sides


def cylinder(radius: float, height: float, foot: Size = (0, 0, 0), top: float | None = None, sides: int = 20) -> Solid:
    """Returns a cylinder, or a truncated cone with radius `top`, that stands on `foot`."""
    top = radius if top is None else top
    angle = np.linspace(0, 2 * np.pi, sides + 1)
    ring = np.stack([np.cos(angle), np.sin(angle), np.zeros_like(angle)], -1)
    lower, upper = radius * ring, top * ring + [0, 0, height]
    wall = np.concatenate([lower, upper])
    round_ = np.tile(radius * angle, 2)
    texture = np.stack([wall[:, 2], round_, np.zeros_like(round_)], -1)  # x is vertical, like the grain
    lids = np.concatenate([np.zeros_like(lower), lower, upper, np.zeros_like(upper) + [0, 0, height]])
    vertices, places = np.concatenate([wall, lids]), np.concatenate([texture, lids])
    starts = np.arange(3) * 2 * (sides + 1)
    triangles = np.concatenate([_grid_triangles(2, sides + 1) + start for start in starts])
    return Solid(vertices + np.asarray(foot, dtype=np.float64), triangles, places)


def blob(radii: Size, centre: Size, rng: np.random.Generator | None = None, rough: float = 0.0) -> Solid:
    """Returns an ellipsoid or, with `rough`, a lumpy one such as a bush; its texture is solid."""
    a, b = np.meshgrid(np.linspace(0, 2 * np.pi, 25), np.linspace(-np.pi / 2, np.pi / 2, 13))
    unit = np.stack([np.cos(b) * np.cos(a), np.cos(b) * np.sin(a), np.sin(b)], -1)
    if rng is not None and rough > 0:
        waves, phases = rng.normal(0, 2.5, (6, 3)), rng.uniform(0, 2 * np.pi, 6)
        unit = unit * (1 + rough * np.sin(unit @ waves.T + phases).mean(-1, keepdims=True) * 2)
    points = unit * np.asarray(radii, dtype=np.float64) + np.asarray(centre, dtype=np.float64)
    vertices = points.reshape(-1, 3)
    return Solid(vertices, _grid_triangles(*points.shape[:2]), vertices)
