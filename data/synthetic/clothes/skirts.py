"""Skirts: rings around both legs that widen downwards and follow the thighs."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from data.synthetic.body.anatomy import Anatomy
from data.synthetic.clothes.skinned_surface import SkinnedSurface, with_hem, wrinkles
from data.synthetic.geometry.meshes import Material
from data.synthetic.geometry.sheets import normals
from data.synthetic.geometry.tubes import tube_triangles

ANGLES, LEVELS = 64, 28
CLEARANCE_MM = 5.0


def skirt(anatomy: Anatomy, over: np.ndarray, material: Material, rng: np.random.Generator) -> SkinnedSurface:
    """Returns a skirt from the waist to between mid-thigh and mid-calf, around what is worn below it, `over` (B, 3)."""
    levels = anatomy.levels
    start = waistband(anatomy)
    hem = float(np.interp(rng.uniform(0.4, 1.45), [0, 1, 2], [levels["crotch"], levels["knee"], levels["ankle"]]))
    z = np.linspace(start, hem, LEVELS)
    flare, folds = float(rng.uniform(0.02, 0.2)), int(rng.integers(7, 14))
    rest, triangles = _rings(anatomy, over, z, flare, folds)
    rest = rest + normals(rest, triangles) * wrinkles(rest, rng, 3.0, 120.0)[:, None]
    return with_hem(SkinnedSurface("skirt", rest, _weights(anatomy, rest), triangles, material, two_sided=True), 2.0)


def waistband(anatomy: Anatomy) -> float:
    """Returns the height z of a skirt's upper edge, mm."""
    return anatomy.levels["hip"] + 0.8 * (anatomy.levels["waist"] - anatomy.levels["hip"])


def _rings(
    anatomy: Anatomy, over: np.ndarray, z: np.ndarray, flare: float, folds: int
) -> tuple[np.ndarray, np.ndarray]:
    angles = np.linspace(0, 2 * np.pi, ANGLES, endpoint=False)
    towards = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    skin = anatomy.skin
    trunk = over[skin][anatomy.arms[skin] < 0.3]
    centre = np.array([0.0, anatomy.head_of("upperleg01.L")[1]])
    radii = np.zeros((len(z), ANGLES))
    for i, level in enumerate(z):
        near = trunk[np.abs(trunk[:, 2] - level) < 18 * anatomy.unit, :2] - centre
        radii[i] = (near @ towards.T).max(axis=0) + CLEARANCE_MM
        if i and level < anatomy.levels["hip"] + 40:
            radii[i] = np.maximum(radii[i], radii[i - 1])
    down = np.clip((anatomy.levels["hip"] - z) / 1000, 0, None)[:, None]
    radii = radii + 1000 * down * flare * (1 + 0.16 * np.sin(folds * angles) + 0.06 * np.sin((2 * folds + 1) * angles))
    radii += 14 * np.minimum(4 * down, 1) * flare * np.sin(folds * angles)
    flat = centre + radii[..., None] * towards
    rest = np.concatenate([flat, np.broadcast_to(z[:, None, None], (*flat.shape[:2], 1))], axis=2).reshape(-1, 3)
    return rest, tube_triangles(len(z), ANGLES)


def _weights(anatomy: Anatomy, rest: np.ndarray) -> csr_array:
    """Returns skinning weights: the trunk's at the waist, blending to those of the thighs, left and right mixed between."""
    trunk = np.flatnonzero((anatomy.bone_weight(("upperleg", "lowerleg", "foot", "toe")) + anatomy.arms) < 0.2)
    trunk = np.intersect1d(trunk, anatomy.skin)
    nearest = trunk[cKDTree(anatomy.shape.vertices[trunk]).query(rest)[1]]
    like_trunk = anatomy.model.weights[nearest].toarray()
    hip, crotch = anatomy.levels["hip"], anatomy.levels["crotch"]
    legs = _smooth((hip + 60 * anatomy.unit - rest[:, 2]) / (hip + 120 * anatomy.unit - crotch))
    left = _smooth(0.5 + rest[:, 0] / (260 * anatomy.unit))
    result = like_trunk * (1 - legs)[:, None]
    shank = 0.85 * _smooth((anatomy.levels["knee"] + 40 - rest[:, 2]) / 110)  # below the knees it hangs from them
    for side, share in (("L", left), ("R", 1 - left)):
        result[:, anatomy.model.bone(f"upperleg02.{side}")] += legs * share * (1 - shank)
        result[:, anatomy.model.bone(f"lowerleg01.{side}")] += legs * share * shank
    return csr_array(result)


def _smooth(t: np.ndarray) -> np.ndarray:
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)
