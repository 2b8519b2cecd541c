"""Tops and bottoms, cut from a surface that lies off the skin, with hems at levels of the body at rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.synthetic.anatomy import Anatomy
from data.synthetic.parts import Material
from data.synthetic.pieces import Piece, hemmed, wrinkles
from data.synthetic.sheets import Sheet, cut, normals, sheet_of, smoothed

COVERED_MM = 14.0  # skin that lies so far inside a garment's rims is not needed


@dataclass(frozen=True)
class Garment:
    """How a garment is cut; B is the number of the body's vertices."""

    name: str
    fields: tuple[np.ndarray, ...]  # each (B,): cloth is where none of them is negative; mm from the rim, roughly
    clearance: np.ndarray  # (B,) mm off the skin
    smoothing: int  # rounds: how far it bridges the body's hollows
    wrinkle_mm: float
    wrinkle_length_mm: float
    thickness_mm: float
    material: Material
    drape: float = 0.0  # 0: as the body below, 1: hanging straight from chest, belly and seat

    def surface(self, anatomy: Anatomy) -> np.ndarray:
        """(B, 3) where the cloth would be over every vertex of the skin, mm."""
        surface = anatomy.off_skin(self.clearance, self.smoothing)
        hanging = self.drape * anatomy.draped
        wanted = np.linalg.norm(hanging, axis=1)
        bridged = np.linalg.norm(surface - anatomy.shape.vertices, axis=1) - self.clearance
        share = np.clip(wanted - np.maximum(bridged, 0), 0, None) / np.maximum(
            wanted, 1e-9
        )  # hollows are filled only once
        return surface + smoothed(hanging * share[:, None], anatomy.neighbours, 3)

    def hides(self) -> np.ndarray:
        """(B,) True where the skin below is not seen."""
        return np.min(self.fields, axis=0) > COVERED_MM


def sewn(anatomy: Anatomy, garment: Garment, rng: np.random.Generator) -> Piece:
    """The garment as a surface with hems, at rest."""
    sheet = sheet_of(anatomy.body, len(anatomy.shape.vertices))
    for field in garment.fields:
        sheet = cut(sheet, field)
    rest = sheet.at(garment.surface(anatomy))
    waves = wrinkles(rest, rng, garment.wrinkle_mm, garment.wrinkle_length_mm)
    rest = rest + normals(rest, sheet.triangles) * waves[:, None]
    return hemmed(piece_of(anatomy, garment.name, sheet, rest, garment.material), garment.thickness_mm)


def piece_of(anatomy: Anatomy, name: str, sheet: Sheet, rest: np.ndarray, material: Material) -> Piece:
    """A sheet at a place of its own, moving as the body below it does."""
    weights = (sheet.mix @ anatomy.model.weights).tocsr()
    place = sheet.at(anatomy.pattern_place)
    return Piece(name, rest, weights, sheet.triangles, material, two_sided=True, texture_mm=place)


@dataclass(frozen=True)
class TopCut:
    """A top: sleeves end `sleeve` links down the arm (1 the elbow, 2 the wrist; below 0 there are none)."""

    sleeve: float
    hem: float  # 0 at the crotch, 1 at the waist, 2 at the chest
    neckline: float  # mm below the root of the neck; in front more with `plunge`
    plunge: float
    loose: float  # mm at the trunk
    flare: float  # mm more at the hem and the sleeves' ends
    smoothing: int


def top(anatomy: Anatomy, name: str, cut_as: TopCut, material: Material, thickness_mm: float) -> Garment:
    """A shirt, jumper, vest or jacket."""
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
    """(B,) mm below a plane through the neck that leans forward, lower in front where the neckline plunges."""
    away = anatomy.shape.vertices - anatomy.head_of("neck01")
    above = away @ np.array([0.0, -0.42, 0.91])
    across = np.abs(away[:, 0]) / (75 * anatomy.unit)
    front = np.clip(-away[:, 1] / (40 * anatomy.unit), 0, 1)
    limit = (28 - cut_as.neckline) * anatomy.unit - cut_as.plunge * anatomy.unit * front * np.clip(
        1.15 - across**2, 0, 1
    )
    return np.where(anatomy.arms > 0.5, 1e3, smoothed(limit - above, anatomy.neighbours, 5))


def _sleeve(anatomy: Anatomy, length: float) -> np.ndarray:
    """(B,) mm from the sleeve's end, or from the armhole of a top without sleeves."""
    upper = float(np.linalg.norm(anatomy.head_of("lowerarm01.L") - anatomy.head_of("upperarm01.L")))
    if length <= 0:
        return (0.30 - smoothed(anatomy.arms, anatomy.neighbours, 5)) * 120.0
    return np.where(anatomy.arms > 0.5, (length - anatomy.along_arm) * upper, 1e3)


@dataclass(frozen=True)
class BottomCut:
    """Trousers, shorts or leggings: 0 at the crotch, 1 at the knee, 2 at the ankle."""

    leg: float
    waist: float  # 0 at the hip, 1 at the waist
    loose: float  # mm at the thigh
    flare: float  # mm more at the hem
    smoothing: int


def bottom(anatomy: Anatomy, name: str, cut_as: BottomCut, material: Material, thickness_mm: float) -> Garment:
    """Trousers, shorts or leggings."""
    unit, levels = anatomy.unit, anatomy.levels
    z = anatomy.shape.vertices[:, 2]
    hem = np.interp(cut_as.leg, [0, 1, 2], [levels["crotch"], levels["knee"], levels["ankle"]])
    waist = np.interp(cut_as.waist, [0, 1], [levels["hip"], levels["waist"]])
    down = np.clip((waist - z) / (waist - hem), 0, 1)
    clearance = 2.5 + cut_as.loose * unit * np.clip(3 * down, 0, 1) + cut_as.flare * unit * down
    fields = (waist - z, z - hem, np.where(anatomy.arms > 0.5, -1e3, 1e3))
    return Garment(name, fields, clearance, cut_as.smoothing, 0.25 * cut_as.loose + 0.3, 90.0, thickness_mm, material)
