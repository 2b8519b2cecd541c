"""Tops and bottoms, cut from an offset surface of the skin, with hems at heights measured in the rest pose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.synthetic.body.anatomy import Anatomy
from data.synthetic.clothes.skinned_surface import SkinnedSurface, surface_of_sheet, with_hem, wrinkles
from data.synthetic.geometry.meshes import Material
from data.synthetic.geometry.sheets import cut, normals, sheet_of, smoothed

COVERED_MM = 14.0  # skin this far inside a garment's borders is not needed


@dataclass(frozen=True)
class Garment:
    """The cut of a garment. B is the number of base vertices."""

    name: str
    fields: tuple[np.ndarray, ...]  # each (B,): cloth exists where all are >= 0; roughly mm from the border
    clearance: np.ndarray  # (B,) mm from the skin
    smoothing: int  # rounds of smoothing, by which it bridges the body's hollows
    wrinkle_mm: float
    wrinkle_length_mm: float
    thickness_mm: float
    material: Material
    drape: float = 0.0  # 0: follows the body, 1: hangs straight from chest, belly and seat

    def surface(self, anatomy: Anatomy) -> np.ndarray:
        """Returns the cloth's position (B, 3) over every vertex of the skin, mm."""
        surface = anatomy.offset_from_skin(self.clearance, self.smoothing)
        hanging = self.drape * anatomy.draped
        wanted = np.linalg.norm(hanging, axis=1)
        bridged = np.linalg.norm(surface - anatomy.shape.vertices, axis=1) - self.clearance
        share = np.clip(wanted - np.maximum(bridged, 0), 0, None) / np.maximum(
            wanted, 1e-9
        )  # hollows are filled only once
        return surface + smoothed(hanging * share[:, None], anatomy.neighbours, 3)

    def hidden_skin(self) -> np.ndarray:
        """Returns (B,) True where the skin below is invisible."""
        return np.min(self.fields, axis=0) > COVERED_MM


def build_garment(anatomy: Anatomy, garment: Garment, rng: np.random.Generator) -> SkinnedSurface:
    """Returns the garment as a surface with hems, in the rest pose."""
    sheet = sheet_of(anatomy.body, len(anatomy.shape.vertices))
    for field in garment.fields:
        sheet = cut(sheet, field)
    rest = sheet.at(garment.surface(anatomy))
    waves = wrinkles(rest, rng, garment.wrinkle_mm, garment.wrinkle_length_mm)
    rest = rest + normals(rest, sheet.triangles) * waves[:, None]
    return with_hem(surface_of_sheet(anatomy, garment.name, sheet, rest, garment.material), garment.thickness_mm)


@dataclass(frozen=True)
class TopCut:
    """The cut of a top. `sleeve` is the sleeve's end along the arm (1 elbow, 2 wrist; 0 or below: sleeveless)."""

    sleeve: float
    hem: float  # 0 at the crotch, 1 at the waist, 2 at the chest
    neckline: float  # mm below the root of the neck; lower in front by `plunge`
    plunge: float
    loose: float  # mm at the trunk
    flare: float  # mm more at the hem and the ends of the sleeves
    smoothing: int


def top(anatomy: Anatomy, name: str, cut_as: TopCut, material: Material, thickness_mm: float) -> Garment:
    """Returns a shirt, jumper, vest or jacket."""
    unit, levels = anatomy.unit, anatomy.levels
    hem = np.interp(cut_as.hem, [0, 1, 2], [levels["crotch"], levels["waist"], levels["chest"]])
    down = np.clip((levels["chest"] - anatomy.height) / (levels["chest"] - hem), 0, 1)
    out = np.clip(anatomy.along_arm / max(cut_as.sleeve, 0.3), 0, 1)
    clearance = cut_as.loose * unit * (0.35 + 0.65 * np.maximum(np.clip(2.5 * down, 0, 1), np.clip(2 * out, 0, 1)))
    clearance = clearance + cut_as.flare * unit * np.maximum(down, out) + 3.0
    fields = (anatomy.height - hem, _below_neckline(anatomy, cut_as), _sleeve(anatomy, cut_as.sleeve))
    return Garment(
        name,
        fields,
        clearance,
        cut_as.smoothing,
        0.28 * cut_as.loose,
        75.0,
        thickness_mm,
        material,
        float(np.clip(cut_as.loose / 13, 0.15, 1)),
    )


def _below_neckline(anatomy: Anatomy, cut_as: TopCut) -> np.ndarray:
    """Returns (B,) mm below a plane through the neck that leans forward, lower in front if the neckline plunges."""
    away = anatomy.shape.vertices - anatomy.head_of("neck01")
    above = away @ np.array([0.0, -0.42, 0.91])
    across = np.abs(away[:, 0]) / (75 * anatomy.unit)
    front = np.clip(-away[:, 1] / (40 * anatomy.unit), 0, 1)
    limit = (28 - cut_as.neckline) * anatomy.unit - cut_as.plunge * anatomy.unit * front * np.clip(
        1.15 - across**2, 0, 1
    )
    return np.where(anatomy.arms > 0.5, 1e3, smoothed(limit - above, anatomy.neighbours, 5))


def _sleeve(anatomy: Anatomy, length: float) -> np.ndarray:
    """Returns (B,) mm from the sleeve's end, or from the armhole of a sleeveless top."""
    upper = float(np.linalg.norm(anatomy.head_of("lowerarm01.L") - anatomy.head_of("upperarm01.L")))
    if length <= 0:
        return (0.30 - smoothed(anatomy.arms, anatomy.neighbours, 5)) * 120.0
    return np.where(anatomy.arms > 0.5, (length - anatomy.along_arm) * upper, 1e3)


@dataclass(frozen=True)
class BottomCut:
    """The cut of trousers, shorts or leggings. `leg` is 0 at the crotch, 1 at the knee, 2 at the ankle."""

    leg: float
    waist: float  # 0 at the hip, 1 at the waist
    loose: float  # mm at the thigh
    flare: float  # mm more at the hem
    smoothing: int


def bottom(anatomy: Anatomy, name: str, cut_as: BottomCut, material: Material, thickness_mm: float) -> Garment:
    """Returns trousers, shorts or leggings."""
    unit, levels = anatomy.unit, anatomy.levels
    z = anatomy.shape.vertices[:, 2]
    hem = np.interp(cut_as.leg, [0, 1, 2], [levels["crotch"], levels["knee"], levels["ankle"]])
    waist = np.interp(cut_as.waist, [0, 1], [levels["hip"], levels["waist"]])
    down = np.clip((waist - z) / (waist - hem), 0, 1)
    clearance = 2.5 + cut_as.loose * unit * np.clip(3 * down, 0, 1) + cut_as.flare * unit * down
    fields = (waist - z, z - hem, np.where(anatomy.arms > 0.5, -1e3, 1e3))
    return Garment(name, fields, clearance, cut_as.smoothing, 0.25 * cut_as.loose + 0.3, 90.0, thickness_mm, material)
