"""Shadow maps: orthographic views from the lamps, around the people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.synthetic.geometry.meshes import Lamp, Mesh

REACH_MM = 4000.0  # shadows are drawn within this distance of the people


@dataclass(frozen=True)
class LampView:
    """One lamp's orthographic view."""

    clip: np.ndarray  # (4, 4) world mm → OpenGL's clip space
    across_mm: float
    deep_mm: float


def lamp_view(lamp: Lamp, meshes: Sequence[Mesh]) -> LampView:
    """Returns a square around the people (or all casters), as deep as what lies between them and the lamp."""
    casters = [mesh for mesh in meshes if mesh.casts_shadow] or list(meshes)
    people = [mesh for mesh in casters if mesh.person] or casters
    axes = _axes(np.asarray(lamp.towards, dtype=np.float64))
    every, focus = (_bounding_box(group, axes) for group in (casters, people))
    lower = np.maximum(every[0], focus[0] - REACH_MM)[:2]
    upper = np.minimum(every[1], focus[1] + REACH_MM)[:2]
    across = float((upper - lower).max()) * 1.02 + 20
    near = every[0][2] - 50
    deep = float(min(every[1][2], focus[1][2] + REACH_MM) + 500 - near)
    centre = np.array([*(lower + upper) / 2, near + deep / 2])
    clip = np.eye(4)
    clip[:3, :3] = axes * (2 / np.array([across, across, deep]))[:, None]
    clip[:3, 3] = -centre * 2 / np.array([across, across, deep])
    return LampView(clip, across, deep)


def _axes(towards: np.ndarray) -> np.ndarray:
    """Returns the axes (3, 3) as rows: two across, and one away from the light."""
    away = -towards / np.linalg.norm(towards)
    side = np.cross(away, [0.0, 0.0, 1.0] if abs(away[2]) < 0.9 else [1.0, 0.0, 0.0])
    side /= np.linalg.norm(side)
    return np.stack([side, np.cross(away, side), away])


def _bounding_box(meshes: Sequence[Mesh], axes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    ends = [mesh.vertices_world @ axes.T for mesh in meshes]
    return np.min([e.min(0) for e in ends], axis=0), np.max([e.max(0) for e in ends], axis=0)
