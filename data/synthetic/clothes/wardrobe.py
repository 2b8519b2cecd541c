"""Kinds of tops and bottoms with their cuts, and cloth in matching colours."""

from __future__ import annotations

from colorsys import hsv_to_rgb

import numpy as np

from data.synthetic.clothes.garments import BottomCut, TopCut
from data.synthetic.geometry.meshes import Colour, Material

# name: (cut, patterns, thickness mm)
TOPS: dict[str, tuple[TopCut, tuple[str, ...], float]] = {
    "t-shirt": (TopCut(0.55, 0.30, 0, 12, 13, 8, 25), ("cloth", "cloth", "stripes", "print", "check"), 2.0),
    "fitted t-shirt": (TopCut(0.45, 0.45, 4, 22, 4, 2, 12), ("cloth", "knit", "stripes", "dots"), 1.6),
    "sports shirt": (TopCut(0.65, 0.25, 2, 10, 9, 6, 20), ("plain", "cloth", "print"), 1.5),
    "long sleeve": (TopCut(1.92, 0.25, 0, 14, 9, 4, 20), ("knit", "cloth", "stripes", "print"), 2.2),
    "shirt": (TopCut(1.9, 0.12, -2, 26, 13, 6, 25), ("check", "cloth", "pinstripes", "denim"), 2.0),
    "hoodie": (TopCut(1.95, 0.22, -3, 6, 20, 4, 45), ("knit", "cloth"), 5.0),
    "jacket": (TopCut(1.95, 0.15, -5, 12, 24, 5, 50), ("cloth", "leather", "denim", "plain"), 5.0),
    "tank top": (TopCut(0.0, 0.35, 14, 55, 5, 5, 15), ("cloth", "knit", "print"), 1.8),
    "crop top": (TopCut(0.0, 1.55, 16, 55, 2, 0, 22), ("plain", "cloth", "print"), 2.0),
}
BOTTOMS: dict[str, tuple[BottomCut, tuple[str, ...], float]] = {
    "jeans": (BottomCut(1.93, 0.65, 6, 4, 14), ("denim",), 2.5),
    "trousers": (BottomCut(1.95, 0.75, 11, 9, 22), ("cloth", "cloth", "plain", "check"), 2.2),
    "joggers": (BottomCut(1.88, 0.7, 15, -6, 30), ("knit", "cloth"), 3.0),
    "wide trousers": (BottomCut(1.9, 0.85, 14, 34, 30), ("cloth", "print", "stripes"), 2.0),
    "leggings": (BottomCut(1.9, 0.9, 0.5, 0, 5), ("plain", "plain", "print"), 1.2),
    "short leggings": (BottomCut(0.62, 0.9, 0.5, 0, 5), ("plain",), 1.2),
    "capri leggings": (BottomCut(1.35, 0.9, 0.5, 0, 5), ("plain", "print"), 1.2),
    "sports shorts": (BottomCut(0.48, 0.7, 16, 16, 30), ("plain", "cloth"), 1.6),
    "shorts": (BottomCut(0.82, 0.7, 14, 14, 30), ("cloth", "denim", "check"), 2.4),
}
SPORTS_TOPS = ("sports shirt", "t-shirt", "fitted t-shirt", "tank top", "long sleeve", "hoodie")
DAILY_TOPS = ("t-shirt", "fitted t-shirt", "long sleeve", "shirt", "hoodie", "jacket")
SPORTS_BOTTOMS = ("sports shorts", "joggers", "leggings", "short leggings", "capri leggings")
DAILY_BOTTOMS = ("jeans", "trousers", "shorts", "wide trousers", "joggers")

NEUTRALS: tuple[Colour, ...] = (
    (0.06, 0.06, 0.07), (0.14, 0.14, 0.16), (0.30, 0.31, 0.33), (0.55, 0.56, 0.57), (0.90, 0.90, 0.89), (0.84, 0.79, 0.70),
    (0.10, 0.13, 0.24), (0.36, 0.31, 0.24), (0.24, 0.27, 0.20),
)  # fmt: skip
DENIMS: tuple[Colour, ...] = (
    (0.17, 0.23, 0.36),
    (0.28, 0.37, 0.52),
    (0.45, 0.55, 0.68),
    (0.10, 0.11, 0.14),
    (0.35, 0.36, 0.38),
)


def cloth(rng: np.random.Generator, patterns: tuple[str, ...]) -> Material:
    """Returns a material of one of the patterns, in a plausible colour."""
    pattern = str(rng.choice(list(patterns)))
    base = colour(rng, DENIMS if pattern == "denim" else None)
    second = _companion(rng, base)
    scales = {"stripes": (18, 90), "check": (25, 110), "print": (60, 220), "dots": (25, 70), "pinstripes": (10, 30)}
    scale = float(rng.uniform(*scales.get(pattern, (30, 50))))
    bump = {"knit": 0.6, "denim": 0.35, "cloth": 0.3, "leather": 0.4}.get(pattern, 0.15)
    roughness = {"leather": 0.4, "plain": 0.6}.get(pattern, 0.9)
    colours = (base, second, _companion(rng, base)) if pattern in scales else (base,)
    return Material(pattern, colours, scale, roughness, bump, int(rng.integers(2**31)))


def colour(rng: np.random.Generator, palette: tuple[Colour, ...] | None = None) -> Colour:
    """Returns a neutral, muted or vivid colour; or one of the palette, slightly varied."""
    if palette is None and rng.random() < 0.45:
        hue, saturation, value = rng.random(), rng.beta(2.2, 2.6), rng.uniform(0.2, 0.85)
        return hsv_to_rgb(float(hue), float(saturation), float(value))
    chosen = palette if palette is not None else NEUTRALS
    red, green, blue = np.clip(np.array(chosen[int(rng.integers(len(chosen)))]) + rng.normal(0, 0.025, 3), 0.03, 0.95)
    return float(red), float(green), float(blue)


def _companion(rng: np.random.Generator, base: Colour) -> Colour:
    """Returns a second colour that contrasts with the base: much lighter or darker, or white or black."""
    kind = rng.integers(3)
    if kind == 0:
        return (0.92, 0.92, 0.90) if max(base) < 0.75 else (0.12, 0.13, 0.17)
    factor = 0.55 if max(base) > 0.5 else 1.9
    red, green, blue = np.clip(np.array(base) * factor + rng.normal(0, 0.05, 3) * (kind == 2), 0.03, 0.95)
    return float(red), float(green), float(blue)
