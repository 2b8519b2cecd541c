"""Shoes with soles, socks, and bare feet."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import convolve1d
from scipy.sparse import csr_array

from data.synthetic.body.anatomy import FOOT, Anatomy
from data.synthetic.clothes.skinned_surface import SkinnedSurface, surface_of_sheet, with_hem, wrinkles
from data.synthetic.clothes.wardrobe import colour
from data.synthetic.geometry.meshes import Colour, Material
from data.synthetic.geometry.sheets import cut, normals, sheet_of
from data.synthetic.geometry.tubes import oriented_outwards, tube_triangles

SOCKS_SHARE = 0.10
STATIONS, AROUND = 34, 28
ROOM_MM = 5.0  # gap between the foot and the upper


@dataclass(frozen=True)
class Footwear:
    """The surfaces on both feet; `hidden` (B,) is the skin that they cover."""

    pieces: tuple[SkinnedSurface, ...]
    hidden: np.ndarray
    sole_mm: float


def footwear(anatomy: Anatomy, rng: np.random.Generator, barefoot: float) -> Footwear:
    """Returns nothing with probability `barefoot`, else socks alone, or shoes with short, long or no socks."""
    chance = rng.random()
    bare = np.zeros(len(anatomy.shape.vertices), dtype=bool)
    if chance < barefoot:
        return Footwear((), bare, 0.0)
    white = rng.random() < 0.5
    sock_colour: Colour = (0.9, 0.9, 0.88) if white else (0.1, 0.1, 0.12)
    sock_top = float(rng.choice([55.0, 110.0, 180.0], p=[0.5, 0.35, 0.15])) * anatomy.unit
    if chance < barefoot + SOCKS_SHARE:
        return Footwear((_sock(anatomy, sock_top, sock_colour, rng),), _below(anatomy, sock_top) > 10, 3.0)
    sole = float(rng.uniform(14, 32))
    upper: Colour = colour(rng)
    sole_colour: Colour = (0.88, 0.88, 0.86) if rng.random() < 0.6 else (0.1, 0.1, 0.1)
    pieces = [piece for side in "LR" for piece in _shoe(anatomy, side, sole, upper, sole_colour, rng)]
    if rng.random() < 0.8:
        pieces.append(_sock(anatomy, sock_top, sock_colour, rng, from_ankle=-38 * anatomy.unit))
    return Footwear(tuple(pieces), _below(anatomy, -25 * anatomy.unit) > 0, sole)


def _below(anatomy: Anatomy, above_ankle: float) -> np.ndarray:
    """Returns (B,) mm below a height above the ankles; negative on everything but legs and feet."""
    legs = anatomy.bone_weight(("lowerleg", *FOOT)) > 0.5
    return np.where(legs, anatomy.levels["ankle"] + above_ankle - anatomy.shape.vertices[:, 2], -1.0)


def _sock(
    anatomy: Anatomy, above_ankle: float, sock_colour: Colour, rng: np.random.Generator, from_ankle: float = -1e3
) -> SkinnedSurface:
    """Returns a sock up to a height above the ankle; in a shoe only the part above `from_ankle`."""
    sheet = cut(sheet_of(anatomy.body, len(anatomy.shape.vertices)), _below(anatomy, above_ankle))
    sheet = cut(sheet, anatomy.shape.vertices[:, 2] - anatomy.levels["ankle"] - from_ankle)
    rest = sheet.at(anatomy.offset_from_skin(np.full(len(anatomy.shape.vertices), 1.8), 8))
    rest = rest + normals(rest, sheet.triangles) * wrinkles(rest, rng, 1.0, 25.0)[:, None]
    return with_hem(
        surface_of_sheet(anatomy, "socks", sheet, rest, Material("knit", (sock_colour,), 4.0, 0.95, 0.5)), 1.5, 6.0
    )


def _shoe(
    anatomy: Anatomy, side: str, sole_mm: float, upper: Colour, sole: Colour, rng: np.random.Generator
) -> tuple[SkinnedSurface, SkinnedSurface]:
    """Returns the upper, a loft over cross-sections of the foot, and the sole below it."""
    foot = _Foot(anatomy, side)
    s = np.linspace(-0.035, 1.05, STATIONS)
    outlines, prints = foot.sections(s)
    heel, toe = np.clip((s + 0.035) / 0.10, 0, 1), np.clip((1.05 - s) / 0.24, 0, 1)
    ends = np.sqrt(1 - (1 - heel) ** 2.5) * np.sqrt(1 - (1 - toe) ** 2.3)  # rounded in plan at heel and toe
    outlines, prints = _narrowed(outlines, ends, toe), _narrowed(prints[..., None], ends)[..., 0]
    upper_piece = foot.piece("shoe", _upper(s, outlines, foot), Material("leather", (upper,), 40.0, 0.6, 0.2))
    upper_piece = replace(upper_piece, tint=_details(s, upper, sole))
    sole_piece = foot.piece(
        "sole", _sole(s, prints[:, 0], prints[:, 1], foot, sole_mm), Material("plain", (sole,), 30.0, 0.8)
    )
    return upper_piece, sole_piece


class _Foot:
    """One foot in its own axes: s from heel (0) to toe (1), across in mm to the person's left, up in mm from the ground."""

    def __init__(self, anatomy: Anatomy, side: str) -> None:
        self.anatomy, self.side = anatomy, side
        mine = anatomy.bone_weight(FOOT, f".{side}") > 0.5
        skin = np.zeros(len(mine), dtype=bool)
        skin[anatomy.skin] = True
        self.points = anatomy.shape.vertices[mine & skin]
        ball = np.mean([anatomy.head_of(f"toe{i}-1.{side}") for i in (1, 2, 3, 4, 5)], axis=0)
        ahead = (ball - anatomy.head_of(f"foot.{side}")) * [1, 1, 0]
        self.ahead = ahead / np.linalg.norm(ahead)
        self.across = np.cross([0, 0, 1.0], self.ahead)
        self.ground = float(self.points[:, 2].min())
        along = self.points @ self.ahead
        self.start, self.length = float(along.min()), float(np.ptp(along))
        self.ball = (float(ball @ self.ahead) - self.start) / self.length

    def sections(self, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns outlines of the shoe (S, AROUND, 2) mm, across and up, and left and right edges of its sole (S, 2)."""
        along = (self.points @ self.ahead - self.start) / self.length
        side, up = self.points @ self.across, self.points[:, 2] - self.ground
        collar = self.anatomy.levels["ankle"] - self.ground + 4 * self.anatomy.unit
        outlines, prints = [], []
        for station in np.clip(s, 0.03, 0.97):
            near = (np.abs(along - station) < 0.055) & (up < collar)
            outlines.append(_outline(side[near], up[near], 40 * self.anatomy.unit, collar))
            low = near & (up < 40 * self.anatomy.unit)
            prints.append((side[low].max() + ROOM_MM, side[low].min() - ROOM_MM))
        kernel = np.array([1, 2, 3, 2, 1]) / 9
        return convolve1d(np.array(outlines), kernel, axis=0, mode="nearest"), convolve1d(
            np.array(prints), kernel, axis=0, mode="nearest"
        )

    def world(self, s: np.ndarray, across: np.ndarray, up: np.ndarray) -> np.ndarray:
        """Returns points (..., 3) mm in the rest pose."""
        along = self.start + s * self.length
        return (
            along[..., None] * self.ahead
            + across[..., None] * self.across
            + (self.ground + up)[..., None] * [0, 0, 1.0]
        )

    def piece(self, name: str, made: tuple[np.ndarray, np.ndarray], material: Material) -> SkinnedSurface:
        rest, triangles = made
        bones = self.anatomy.model
        along = (rest @ self.ahead - self.start) / self.length
        bend = np.clip((along - self.ball + 0.04) / 0.08, 0, 1)
        weights = np.zeros((len(rest), len(bones.bones)))
        weights[:, bones.bone(f"foot.{self.side}")] = 1 - bend
        weights[:, bones.bone(f"toe2-1.{self.side}")] = bend
        return SkinnedSurface(name, rest, csr_array(weights), triangles, material, two_sided=True)


def _details(s: np.ndarray, upper: Colour, other: Colour) -> np.ndarray:
    """Returns tints (S * AROUND, 3) of laces over the instep, collar and heel."""
    angles = np.linspace(0, 2 * np.pi, AROUND, endpoint=False)
    on_top = np.abs(angles - np.pi / 2) < 0.5
    laces = on_top & (((s > 0.42) & (s < 0.72)) & (np.arange(len(s)) % 2 == 0))[:, None]
    tongue = on_top & ((s > 0.40) & (s < 0.74))[:, None]
    heel = np.broadcast_to((s < 0.10)[:, None], tongue.shape)
    tone = np.array(other) / np.maximum(upper, 0.03)
    tint = np.ones((*tongue.shape, 3))
    tint[tongue], tint[heel] = 0.7, 0.8
    tint[laces] = np.clip(tone, 0.3, 6)
    return tint.reshape(-1, 3)


def _outline(side: np.ndarray, up: np.ndarray, toe_box: float, collar: float) -> np.ndarray:
    """Returns the outline (AROUND, 2) of one section's points, slightly outside their convex hull."""
    angles = np.linspace(0, 2 * np.pi, AROUND, endpoint=False)
    towards = np.stack([np.cos(angles), np.sin(angles)])
    centre = np.array([(side.max() + side.min()) / 2, 0.45 * min(max(up.max(), toe_box), collar)])
    reach = ((np.stack([side, up], axis=1) - centre) @ towards).max(axis=0) + ROOM_MM
    reach = np.maximum(reach, (toe_box - centre[1]) * np.clip(towards[1], 0, 1) ** 2)
    outline = centre + reach[:, None] * towards.T
    outline[:, 1] = np.clip(outline[:, 1], 0.0, collar)
    return outline


def _narrowed(outlines: np.ndarray, ends: np.ndarray, toe: np.ndarray | None = None) -> np.ndarray:
    """Returns outlines (S, N, ...) narrowed at the ends and lowered at the toe."""
    middle = (outlines[..., :1].max(axis=1, keepdims=True) + outlines[..., :1].min(axis=1, keepdims=True)) / 2
    across = middle + (outlines[..., :1] - middle) * ends[:, None, None]
    if toe is None:
        return across
    low = 1 - 0.55 * (1 - toe[:, None, None]) ** 2
    return np.concatenate([across, outlines[..., 1:] * low], axis=-1)


def _upper(s: np.ndarray, outlines: np.ndarray, foot: _Foot) -> tuple[np.ndarray, np.ndarray]:
    rest = foot.world(np.broadcast_to(s[:, None], outlines.shape[:2]), outlines[..., 0], outlines[..., 1])
    rest = rest.reshape(-1, 3)
    return rest, oriented_outwards(rest, tube_triangles(len(s), outlines.shape[1]))


def _sole(
    s: np.ndarray, left: np.ndarray, right: np.ndarray, foot: _Foot, thickness: float
) -> tuple[np.ndarray, np.ndarray]:
    """Returns a slab below the upper, slightly wider, with a raised rim and toe spring."""
    spring = 14.0 * np.clip((s - 0.72) / 0.33, 0, 1) ** 2
    middle, half = (left + right) / 2, (left - right) / 2 + 2.5
    corners = [
        (1, 9.0, 0),
        (1.02, 0.0, 0),
        (0.97, -1.0, 1),
        (-0.97, -1.0, 1),
        (-1.02, 0.0, 0),
        (-1, 9.0, 0),
        (-0.9, 5.0, 0),
        (0.9, 5.0, 0),
    ]
    rings = []
    for share, up, low in corners:
        level = np.where(low, np.minimum(-thickness + spring, -2.0), up)
        rings.append(foot.world(s, middle + half * share, level + 0 * s))
    rest = np.stack(rings, axis=1).reshape(-1, 3)
    return rest, oriented_outwards(rest, tube_triangles(len(s), len(corners)))
