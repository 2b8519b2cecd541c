"""Shoes with soles of some thickness, socks, and bare feet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from data.synthetic.anatomy import FOOT, Anatomy
from data.synthetic.garments import piece_of
from data.synthetic.parts import Colour, Material
from data.synthetic.pieces import Piece, hemmed, wrinkles
from data.synthetic.sheets import cut, normals, sheet_of
from data.synthetic.skirts import tube
from data.synthetic.wardrobe import colour

BARE_SHARE, SOCKS_SHARE, SANDALS = 0.14, 0.10, 0.0
STATIONS, AROUND = 22, 20
ROOM_MM = 5.0  # of the upper around the foot


@dataclass(frozen=True)
class Footwear:
    """What is on both feet; hidden (B,) is the skin that it covers."""

    pieces: tuple[Piece, ...]
    hidden: np.ndarray
    sole_mm: float


def footwear(anatomy: Anatomy, rng: np.random.Generator) -> Footwear:
    """Bare feet, socks alone, or shoes with short, long or no socks."""
    chance = rng.random()
    bare = np.zeros(len(anatomy.shape.vertices), dtype=bool)
    if chance < BARE_SHARE:
        return Footwear((), bare, 0.0)
    white = rng.random() < 0.5
    sock_colour: Colour = (0.9, 0.9, 0.88) if white else (0.1, 0.1, 0.12)
    sock_top = float(rng.choice([55.0, 110.0, 180.0], p=[0.5, 0.35, 0.15])) * anatomy.unit
    if chance < BARE_SHARE + SOCKS_SHARE:
        return Footwear((_sock(anatomy, sock_top, sock_colour, rng),), _below(anatomy, sock_top) > 10, 3.0)
    sole = float(rng.uniform(14, 32))
    upper: Colour = colour(rng)
    sole_colour: Colour = (0.88, 0.88, 0.86) if rng.random() < 0.6 else (0.1, 0.1, 0.1)
    pieces = [piece for side in "LR" for piece in _shoe(anatomy, side, sole, upper, sole_colour, rng)]
    if rng.random() < 0.8:
        pieces.append(_sock(anatomy, sock_top, sock_colour, rng))
    return Footwear(tuple(pieces), _below(anatomy, -25 * anatomy.unit) > 0, sole)


def _below(anatomy: Anatomy, above_ankle: float) -> np.ndarray:
    """(B,) mm below a level over the ankles; negative on everything but legs and feet."""
    legs = anatomy.share(("lowerleg", *FOOT)) > 0.5
    return np.where(legs, anatomy.levels["ankle"] + above_ankle - anatomy.shape.vertices[:, 2], -1.0)


def _sock(anatomy: Anatomy, above_ankle: float, sock_colour: Colour, rng: np.random.Generator) -> Piece:
    sheet = cut(sheet_of(anatomy.body, len(anatomy.shape.vertices)), _below(anatomy, above_ankle))
    rest = sheet.at(anatomy.off_skin(np.full(len(anatomy.shape.vertices), 1.8), 8))
    rest = rest + normals(rest, sheet.triangles) * wrinkles(rest, rng, 1.0, 25.0)[:, None]
    return hemmed(piece_of(anatomy, "socks", sheet, rest, Material("knit", (sock_colour,), 4.0, 0.95, 0.5)), 1.5, 6.0)


def _shoe(
    anatomy: Anatomy, side: str, sole_mm: float, upper: Colour, sole: Colour, rng: np.random.Generator
) -> tuple[Piece, Piece]:
    """The upper, a loft over sections of the foot, and the sole below it."""
    foot = _Foot(anatomy, side)
    s = np.concatenate([[-0.035], np.linspace(-0.03, 1.045, STATIONS - 2), [1.05]])
    left, right, height = foot.outline(s)
    upper_piece = foot.piece("shoe", _upper(s, left, right, height, foot), Material("leather", (upper,), 40.0, 0.6, 0.2))
    sole_piece = foot.piece("sole", _sole(s, left, right, foot, sole_mm), Material("plain", (sole,), 30.0, 0.8))
    return upper_piece, sole_piece


class _Foot:
    """One foot in axes of its own: s from heel (0) to toe (1), across in mm to the person's left, up in mm from the ground."""

    def __init__(self, anatomy: Anatomy, side: str) -> None:
        self.anatomy, self.side = anatomy, side
        mine = anatomy.share(FOOT, f".{side}") > 0.5
        self.points = anatomy.shape.vertices[mine & (anatomy.share(("body",)) == 0)]
        skin = np.zeros(len(mine), dtype=bool)
        skin[np.unique(anatomy.body)] = True
        self.points = anatomy.shape.vertices[mine & skin]
        ball = np.mean([anatomy.head_of(f"toe{i}-1.{side}") for i in (1, 2, 3, 4, 5)], axis=0)
        ahead = (ball - anatomy.head_of(f"foot.{side}")) * [1, 1, 0]
        self.ahead = ahead / np.linalg.norm(ahead)
        self.across = np.cross([0, 0, 1.0], self.ahead)
        self.ground = float(self.points[:, 2].min())
        along = self.points @ self.ahead
        self.start, self.length = float(along.min()), float(np.ptp(along))
        self.ball = (float(ball @ self.ahead) - self.start) / self.length

    def outline(self, s: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """How far the shoe reaches to either side and up at each station."""
        along = (self.points @ self.ahead - self.start) / self.length
        side, up = self.points @ self.across, self.points[:, 2] - self.ground
        inside = np.clip(s, 0.02, 0.98)
        near = np.abs(along[:, None] - inside) < 0.06
        low = up < 45 * self.anatomy.unit
        left = np.array([side[near[:, i] & low].max() for i in range(len(s))]) + ROOM_MM
        right = np.array([side[near[:, i] & low].min() for i in range(len(s))]) - ROOM_MM
        top = np.array([up[near[:, i]].max() for i in range(len(s))]) + ROOM_MM
        collar = self.anatomy.levels["ankle"] - self.ground + 2 * self.anatomy.unit
        toe_box = 42 * self.anatomy.unit
        top = np.minimum(np.maximum(top, toe_box), collar)
        kernel = np.array([0.25, 0.5, 0.25])
        left, right, top = (np.convolve(np.pad(x, 1, mode="edge"), kernel, mode="valid") for x in (left, right, top))
        # Round in plan at heel and toe.
        round_end = np.sqrt(np.clip(1 - np.clip((np.abs(s - 0.505) - 0.37) / 0.178, 0, 1) ** 2.4, 0, 1))
        middle = (left + right) / 2
        return middle + (left - middle) * round_end, middle + (right - middle) * round_end, top * (0.25 + 0.75 * round_end)

    def world(self, s: np.ndarray, across: np.ndarray, up: np.ndarray) -> np.ndarray:
        """(..., 3) mm at rest."""
        along = self.start + s * self.length
        return along[..., None] * self.ahead + across[..., None] * self.across + (self.ground + up)[..., None] * [0, 0, 1.0]

    def piece(self, name: str, made: tuple[np.ndarray, np.ndarray], material: Material) -> Piece:
        rest, triangles = made
        bones = self.anatomy.model
        along = (rest @ self.ahead - self.start) / self.length
        bend = np.clip((along - self.ball + 0.04) / 0.08, 0, 1)
        weights = np.zeros((len(rest), len(bones.bones)))
        weights[:, bones.bone(f"foot.{self.side}")] = 1 - bend
        weights[:, bones.bone(f"toe2-1.{self.side}")] = bend
        return Piece(name, rest, csr_array(weights), triangles, material, two_sided=True)


def _upper(
    s: np.ndarray, left: np.ndarray, right: np.ndarray, height: np.ndarray, foot: _Foot
) -> tuple[np.ndarray, np.ndarray]:
    angles = np.linspace(0, 2 * np.pi, AROUND, endpoint=False)
    # A section is flat below and rounded above: a superellipse whose upper half is the foot's height.
    shape = np.stack([_power(np.cos(angles), 0.75), _power(np.sin(angles), 0.8)])
    middle, half = (left + right) / 2, (left - right) / 2
    across = middle[:, None] + half[:, None] * shape[0]
    up = np.where(shape[1] > 0, height[:, None] * shape[1], 0.5 * shape[1])
    rest = foot.world(np.broadcast_to(s[:, None], across.shape), across, up).reshape(-1, 3)
    return _outside(rest, tube(len(s), AROUND))


def _sole(s: np.ndarray, left: np.ndarray, right: np.ndarray, foot: _Foot, thickness: float) -> tuple[np.ndarray, np.ndarray]:
    """A slab below the upper, a little wider, with a rim that rises around it and a toe that lifts off the ground."""
    spring = 14.0 * np.clip((s - 0.72) / 0.33, 0, 1) ** 2
    middle, half = (left + right) / 2, (left - right) / 2 + 2.5
    corners = [(1, 9.0, 0), (1.02, 0.0, 0), (0.97, -1.0, 1), (-0.97, -1.0, 1), (-1.02, 0.0, 0), (-1, 9.0, 0), (-0.9, 5.0, 0), (0.9, 5.0, 0)]
    rings = []
    for share, up, low in corners:
        level = np.where(low, np.minimum(-thickness + spring, -2.0), up)
        rings.append(foot.world(s, middle + half * share, level + 0 * s))
    rest = np.stack(rings, axis=1).reshape(-1, 3)
    doubled = np.concatenate([rest, rest])  # so that the edges are not rounded off by shared normals too much
    return _outside(doubled[: len(rest)], tube(len(s), len(corners)))


def _outside(rest: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The triangles turned so that the closed surface holds a positive volume."""
    a, b, c = (rest[triangles[:, i]] - rest.mean(axis=0) for i in range(3))
    inside_out = np.einsum("ij,ij->", a, np.cross(b, c)) < 0
    return rest, triangles[:, ::-1].copy() if inside_out else triangles


def _power(x: np.ndarray, exponent: float) -> np.ndarray:
    return np.asarray(np.sign(x) * np.abs(x) ** exponent)
