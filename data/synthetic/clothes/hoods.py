"""The hood of a hoodie, lying on the back: a roll around the neck, thick behind and thin in front."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from data.synthetic.body.anatomy import Anatomy
from data.synthetic.clothes.skinned_surface import SkinnedSurface
from data.synthetic.geometry.meshes import Material
from data.synthetic.geometry.tubes import oriented_outwards, tube_triangles

RINGS, AROUND = 40, 16


def hood(anatomy: Anatomy, over: np.ndarray, material: Material, rng: np.random.Generator) -> SkinnedSurface:
    """Returns a roll that lies on the clothes `over` (B, 3) and moves with the closest skin."""
    unit = anatomy.unit
    angles = np.linspace(-2.75, 2.75, RINGS)  # around the neck, 0 behind
    behind = 0.5 + 0.5 * np.cos(angles)
    middle = anatomy.head_of("neck01") + np.array([0, -8, 4]) * unit
    reach = (62 + 8 * behind) * unit
    path = middle + np.stack([reach * np.sin(angles), reach * np.cos(angles), unit * (-34 + 22 * behind)], axis=1)
    thick = (9 + float(rng.uniform(16, 24)) * behind**1.5) * unit * np.clip(12 * (1 - np.abs(angles) / 2.78), 0.05, 1)
    skin = anatomy.skin
    skin = skin[anatomy.bone_weight(("head", "jaw", "neck02", "neck03"))[skin] < 0.3]
    tree = cKDTree(over[skin])
    lie = tree.query(path)[1]
    gap = np.einsum("ij,ij->i", path - over[skin][lie], anatomy.normals[skin][lie])
    path = path + anatomy.normals[skin][lie] * (0.45 * thick - gap)[:, None]
    path[1:-1] = 0.25 * path[:-2] + 0.5 * path[1:-1] + 0.25 * path[2:]
    forward = np.gradient(path, axis=0)
    forward /= np.linalg.norm(forward, axis=1, keepdims=True)
    away = np.cross(forward, np.array([0, 0, 1.0]))
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    turn = np.linspace(0, 2 * np.pi, AROUND, endpoint=False)
    fold = thick[:, None] * (1 + 0.10 * np.sin(3 * turn + 5 * angles[:, None]))
    rest = path[:, None] + (fold * np.cos(turn))[..., None] * away[:, None]
    rest = (rest + (0.75 * fold * np.sin(turn))[..., None] * np.cross(away, forward)[:, None]).reshape(-1, 3)
    weights = anatomy.model.weights[skin[np.repeat(lie, AROUND)]].tocsr()
    piece = SkinnedSurface(
        "hood", rest, weights, oriented_outwards(rest, tube_triangles(RINGS, AROUND)), material, two_sided=True
    )
    return replace(piece, texture_mm=rest)
