"""Hair and caps: an offset shell of the scalp that thins out at the hairline, and hanging or tied hair."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from data.synthetic.body.anatomy import Anatomy
from data.synthetic.body.people import HAIRS, Person
from data.synthetic.clothes.skinned_surface import SkinnedSurface, fixed_to, surface_of_sheet, with_hem
from data.synthetic.clothes.wardrobe import colour
from data.synthetic.geometry.meshes import Material
from data.synthetic.geometry.sheets import cut, normals, sheet_of, smoothed
from data.synthetic.geometry.tubes import oriented_outwards, tube_triangles

# The hairline: azimuth in degrees from the front, and mm above the eyes of a head with 115 mm from eyes to crown.
HAIRLINE = (
    (0, 25, 45, 58, 68, 76, 84, 92, 108, 118, 135, 155, 180),
    (64, 63, 56, 44, 26, -4, -6, 26, 28, -22, -52, -64, -68),
)


def hair(
    anatomy: Anatomy, person: Person, over: np.ndarray, rng: np.random.Generator
) -> tuple[list[SkinnedSurface], np.ndarray]:
    """Returns the surfaces of a person's hair style (none if bald), and the hair cover (B,) of the skin.

    `over` (B, 3) is the outermost surface of body and clothes, on which hair rests.
    """
    old_man = person.sex == "M" and person.age_years > 32
    head = _Head(anatomy, over, float(rng.uniform(0, 24)) if old_man else 0.0, rng)
    scalp = np.clip(0.5 + head.inside / (12 * head.scale), 0, 1)
    if person.hair_style == "bald":
        return [], scalp * rng.uniform(0, 0.3) * (np.abs(head.azimuth) > 60)
    return _style(head, person, rng), scalp


def _style(head: _Head, person: Person, rng: np.random.Generator) -> list[SkinnedSurface]:
    tone = np.clip(np.array(HAIRS[person.hair]) * rng.uniform(0.8, 1.25), 0.02, 0.95)
    dark, light = ((float(r), float(g), float(b)) for r, g, b in (0.8 * tone, np.clip(1.2 * tone + 0.02, 0, 0.95)))
    material = Material("hair", (dark, light), 10.0, 0.6, 0.3, int(rng.integers(2**31)))
    match person.hair_style:
        case "crop":
            return [head.shell(material, 4.0, 5.0)]
        case "short":
            return [head.shell(material, float(rng.uniform(12, 20)), float(rng.uniform(18, 34)))]
        case "bun":
            tied = head.bun(material, rng) if rng.random() < 0.5 else head.tail(material, rng)
            return [head.shell(material, 7.0, 10.0), tied]
        case "cap":
            long = person.sex == "F"
            return [head.shell(material, 8.0, 8.0), *([head.tail(material, rng)] if long else []), *head.cap(rng)]
    length = 120.0 if person.hair_style == "bob" else float(rng.uniform(220, 430))
    return [head.shell(material, 15.0, 20.0), head.curtain(material, length * head.scale, rng)]


class _Head:
    """A person's head in the rest pose: eye level, crown and hairline."""

    def __init__(self, anatomy: Anatomy, over: np.ndarray, recede_mm: float, rng: np.random.Generator) -> None:
        self.anatomy, self.over = anatomy, over
        self.bone = anatomy.model.bone("head")
        v = anatomy.shape.vertices
        self.eyes = float(anatomy.head_of("eye.L")[2])
        self.scale = (anatomy.levels["crown"] - self.eyes) / 115
        skin = np.zeros(len(v), dtype=bool)
        skin[anatomy.skin] = True
        self.skull = skin & (v[:, 2] > self.eyes) & (anatomy.arms < 0.1)
        box = v[self.skull]
        self.centre = np.array([0.0, (box[:, 1].min() + box[:, 1].max()) / 2, self.eyes + 15 * self.scale])
        self.half = np.array([np.abs(box[box[:, 2] > self.eyes + 45 * self.scale, 0]).max(), np.ptp(box[:, 1]) / 2])
        rough = smoothed(rng.normal(size=len(v)), anatomy.neighbours, 2)
        self.rough = rough / rough[skin].std()
        away = v - self.centre
        self.azimuth = np.degrees(np.arctan2(np.abs(away[:, 0]), -away[:, 1]))
        degrees, heights = (np.array(values, dtype=float) for values in HAIRLINE)
        front = degrees < 60
        heights = heights + front * (rng.uniform(-5, 6) + recede_mm * np.exp(-(((degrees - 34) / 20) ** 2)))
        line = self.eyes + self.scale * np.interp(self.azimuth, degrees, heights)
        high = (
            skin
            & (v[:, 2] > self.eyes - 110 * self.scale)
            & (anatomy.arms < 0.1)
            & (np.abs(v[:, 0]) < 110 * self.scale)
        )
        self.inside = np.where(high, v[:, 2] - line + 3.0 * self.rough, -50.0)  # mm above the hairline
        grown = np.flatnonzero(self.inside > 0)
        bare = cKDTree(v[skin & (self.inside <= 0) & (v[:, 2] > self.eyes - 140 * self.scale)])
        self.depth = np.zeros(len(v))  # mm from the hairline, approximately along the scalp
        self.depth[grown] = bare.query(v[grown])[0]

    def shell(self, material: Material, sides_mm: float, top_mm: float) -> SkinnedSurface:
        """Returns hair that follows the scalp, thicker on top."""
        up = np.clip((self.anatomy.shape.vertices[:, 2] - self.eyes) / (115 * self.scale), 0, 1)
        full = sides_mm + (top_mm - sides_mm) * up**1.5
        thick = full * (1 - np.exp(-np.clip(self.depth - 3, 0, None) / (0.8 * full + 4))) + 0.5
        sheet = cut(sheet_of(self.anatomy.body, len(full)), self.inside)
        rest = self.anatomy.offset_from_skin(thick, 2) + self.anatomy.normals * (0.10 * thick * self.rough)[:, None]
        piece = surface_of_sheet(self.anatomy, "hair", sheet, sheet.at(rest), material)
        streaks = sheet.at(1 + 0.10 * self.rough) * (
            0.78 + 0.22 * np.clip(sheet.at(self.inside) / (25 * self.scale), 0, 1)
        )
        return replace(piece, tint=np.repeat(streaks[:, None], 3, axis=1), texture_mm=self._combed(piece.rest))

    def _combed(self, rest: np.ndarray) -> np.ndarray:
        """Returns texture coordinates (V, 3) for hair, whose strands run along z: outwards from the crown of the head."""
        away = rest - self.centre
        whorl = np.array([0.0, 0.45, 0.89])
        ahead = np.array([0.0, -0.89, 0.45])
        polar = np.arccos(np.clip(away @ whorl / np.linalg.norm(away, axis=1), -1, 1))
        around = np.arctan2(away[:, 0], away @ ahead)
        radius = 90 * self.scale * np.sin(np.clip(polar, 0.25, np.pi / 2))
        return np.stack([radius * np.cos(around), radius * np.sin(around), -95 * self.scale * polar], axis=1)

    def bun(self, material: Material, rng: np.random.Generator) -> SkinnedSurface:
        radius = float(rng.uniform(26, 38)) * self.scale
        place = self._back_of_head(float(rng.uniform(0, 75)) * self.scale) + [0, 0.6 * radius, 0]
        rest, triangles = _ball(18, 24)
        rest = rest * (1 + 0.05 * np.sin(6 * np.arctan2(rest[:, 1], rest[:, 0]) + 9 * rest[:, 2]))[:, None]
        rest = place + rest * radius * np.array([1.05, 0.85, 1.0])
        return SkinnedSurface("bun", rest, self._fixed(len(rest)), triangles, material)

    def tail(self, material: Material, rng: np.random.Generator) -> SkinnedSurface:
        """Returns a pony tail: it leaves the back of the head outwards, bends, and falls onto the back."""
        length, steps, around = float(rng.uniform(180, 330)) * self.anatomy.unit, 22, 14
        start = self._back_of_head(float(rng.uniform(5, 60)) * self.scale)
        out = start + np.array([[0, -14, 0], [0, 8, 2], [0, 20, 4], [0, 30, 0], [0, 35, -10.0]]) * self.scale
        path = np.concatenate([out, self._fall(out[-1:], length, steps, 20.0)[1:, 0]])
        t = np.linspace(0, 1, len(path))
        radius = (8 + 16 * np.sin(np.pi * np.clip(1.1 * t, 0, 1)) ** 0.8) * (1 - 0.85 * t**3) * self.scale
        forward = np.gradient(path, axis=0)
        forward /= np.linalg.norm(forward, axis=1, keepdims=True)
        sideways = np.array([1.0, 0, 0])
        upright = np.cross(sideways, forward)
        angles = np.linspace(0, 2 * np.pi, around, endpoint=False)
        wave = radius[:, None] * (1 + 0.10 * np.sin(5 * angles))
        rest = path[:, None] + (wave * np.cos(angles))[..., None] * sideways
        rest = (rest + (wave * np.sin(angles))[..., None] * upright[:, None]).reshape(-1, 3)
        triangles = oriented_outwards(rest, tube_triangles(len(path), around))
        return SkinnedSurface("tail", rest, self._hanging(rest, 0.35), triangles, material, two_sided=True)

    def curtain(self, material: Material, length: float, rng: np.random.Generator) -> SkinnedSurface:
        """Returns hair that hangs from above the ears, around the back of the head."""
        strands, steps = 44, 26
        azimuth = np.radians(np.linspace(-98, 98, strands))  # from the back
        room = (20 + 8 * np.exp(-(((np.degrees(np.abs(azimuth)) - 88) / 26) ** 2)))[
            :, None
        ] * self.scale  # over the ears
        out = (self.half + room) * np.stack([np.sin(azimuth), np.cos(azimuth)], axis=1)
        level = self.eyes + self.scale * (38 - 8 * np.cos(azimuth))
        start = np.concatenate([self.centre[:2] + out, level[:, None]], axis=1)
        front = np.clip((np.degrees(np.abs(azimuth)) - 58) / 36, 0, 1)  # hair beside the face ends above the shoulders
        lengths = length + front * (min(length, 105 * self.scale) - length) + 60 * self.scale
        path = self._fall(start, lengths, steps, 11.0)
        inward = (self.half * 0.9) / (self.half + room)  # it emerges from the shell
        below = [((1 - b) * inward + b, up) for b, up in ((0.0, 34.0), (0.55, 26.0), (0.9, 12.0))]
        roots = [
            np.concatenate([self.centre[:2] + out * k, level[:, None] + up * self.scale], axis=1) for k, up in below
        ]
        path = np.concatenate([np.stack(roots), path])
        steps = len(path)
        ridge = 2.5 * np.sin(np.arange(strands) * 1.9 + rng.uniform(0, 6, 1)) + rng.normal(0, 1.2, strands)
        outward = np.concatenate([out / np.linalg.norm(out, axis=1, keepdims=True), np.zeros((strands, 1))], axis=1)
        path = path + outward * (ridge[None, :] * np.linspace(0, 1, steps)[:, None])[..., None]
        path[:, :, 2] += (rng.uniform(0, 26, strands) * np.linspace(0, 1, steps)[:, None] ** 3) * self.scale
        outer = path.reshape(-1, 3)
        inner = (path - outward * 5.0).reshape(-1, 3)
        triangles = _grid(steps, strands)
        if normals(outer, triangles)[strands // 2 :: strands, 1].sum() < 0:
            triangles = triangles[:, ::-1].copy()
        rest = np.concatenate([outer, inner])
        both = np.concatenate([triangles, triangles[:, ::-1] + len(outer)]).astype(np.int32)
        return SkinnedSurface("long hair", rest, self._hanging(rest, 0.75), both, material, two_sided=True)

    def cap(self, rng: np.random.Generator) -> list[SkinnedSurface]:
        """Returns a cap with a peak, level above the ears."""
        material = Material("cloth", (colour(rng),), 30.0, 0.9, 0.3)
        v = self.anatomy.shape.vertices
        band = self.eyes + self.scale * (42 + 0.10 * (self.centre[1] - v[:, 1]))
        sheet = cut(sheet_of(self.anatomy.body, len(v)), np.where(self.skull, v[:, 2] - band, -50.0))
        rest = sheet.at(self.anatomy.offset_from_skin(np.full(len(v), 13.0), 12))
        dome = with_hem(surface_of_sheet(self.anatomy, "cap", sheet, rest, material), 2.0, 8.0)
        return [dome, self._peak(material)]

    def _peak(self, material: Material) -> SkinnedSurface:
        angles, reach = np.linspace(-1.05, 1.05, 17), np.linspace(0, 1, 7)
        a, r = np.meshgrid(angles, reach, indexing="ij")
        half = self.half + 11 * self.scale
        length = 68 * self.scale * np.cos(a * 1.2).clip(0) ** 0.6
        x, y = np.sin(a) * (half[0] - 2), -np.cos(a) * half[1] - r * length
        z = (
            self.eyes
            + self.scale * 48
            + 10 * self.scale
            - r * 16 * self.scale
            - (np.sin(a) * 1.0) ** 2 * 16 * self.scale
        )
        top = np.stack([x, self.centre[1] + y, z], axis=-1).reshape(-1, 3)
        triangles = _grid(len(angles), len(reach))
        if normals(top, triangles)[:, 2].sum() < 0:
            triangles = triangles[:, ::-1].copy()
        rest = np.concatenate([top, top - [0, 0, 3.0]])
        both = np.concatenate([triangles, triangles[:, ::-1] + len(top)]).astype(np.int32)
        return SkinnedSurface("peak", rest, self._fixed(len(rest)), both, material, two_sided=True)

    def _back_of_head(self, above_eyes: float) -> np.ndarray:
        v = self.anatomy.shape.vertices[self.skull]
        near = v[np.abs(v[:, 2] - self.eyes - above_eyes) < 12]
        return np.array([0.0, near[:, 1].max(), self.eyes + above_eyes])

    def _fixed(self, count: int) -> csr_array:
        return fixed_to(self.bone, count, len(self.anatomy.model.bones))

    def _fall(self, start: np.ndarray, length: float | np.ndarray, steps: int, clear_mm: float) -> np.ndarray:
        """Returns strands (steps, N, 3) that fall from their starts (N, 3) and slide over the skin they meet."""
        skin = self.anatomy.skin
        skin = skin[self.anatomy.arms[skin] < 0.2]
        tree, outward = cKDTree(self.over[skin]), self.anatomy.normals[skin]
        path = [start]
        for _ in range(steps - 1):
            at = path[-1] - np.multiply.outer(np.broadcast_to(length, len(start)) / (steps - 1), [0, 0, 1.0])
            at = at * [0.992, 1, 1] + [0, 0.8 * self.scale, 0]  # hair gathers slightly and goes behind the shoulders
            _, nearest = tree.query(at)
            gap = np.einsum("ij,ij->i", at - self.over[skin][nearest], outward[nearest])
            at = at + outward[nearest] * np.clip(clear_mm - gap, 0, 60)[:, None] * [0.5, 1, 0.2]
            path.append(at)
        return np.stack(path)

    def _hanging(self, rest: np.ndarray, most: float) -> csr_array:
        """Returns skinning weights that blend from the head's to those of the closest skin, from top to bottom."""
        skin = self.anatomy.skin
        skin = skin[self.anatomy.arms[skin] < 0.2]
        _, nearest = cKDTree(self.anatomy.shape.vertices[skin]).query(rest)
        like_skin = self.anatomy.model.weights[skin[nearest]].toarray()
        like_skin = np.where(like_skin.sum(axis=1, keepdims=True) > 0, like_skin, 0)
        t = most * np.clip((self.eyes - 70 * self.scale - rest[:, 2]) / (150 * self.scale), 0, 1)[:, None]
        result = t * like_skin
        result[:, self.bone] += 1 - t[:, 0]
        return csr_array(result)


def _grid(rows: int, columns: int) -> np.ndarray:
    row, column = np.meshgrid(np.arange(rows - 1), np.arange(columns - 1), indexing="ij")
    a = row * columns + column
    b, c, d = a + 1, a + columns, a + columns + 1
    return np.concatenate([np.stack(t, axis=-1).reshape(-1, 3) for t in ((a, c, b), (b, c, d))]).astype(np.int32)


def _ball(rings: int, around: int) -> tuple[np.ndarray, np.ndarray]:
    polar = np.linspace(0.02, np.pi - 0.02, rings)
    angles = np.linspace(0, 2 * np.pi, around, endpoint=False)
    p, a = np.meshgrid(polar, angles, indexing="ij")
    rest = np.stack([np.sin(p) * np.cos(a), np.sin(p) * np.sin(a), np.cos(p)], axis=-1).reshape(-1, 3)
    return rest, tube_triangles(rings, around)
