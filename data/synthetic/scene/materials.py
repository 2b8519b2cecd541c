"""Random colours and materials of rooms and furniture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data.synthetic.geometry.meshes import Colour, Material

WOODS = (
    ((0.70, 0.57, 0.43), (0.57, 0.44, 0.32)),
    ((0.43, 0.31, 0.23), (0.32, 0.22, 0.16)),
    ((0.85, 0.74, 0.58), (0.76, 0.64, 0.47)),
)
MUTED = (
    (0.35, 0.36, 0.38),
    (0.55, 0.53, 0.50),
    (0.22, 0.25, 0.33),
    (0.48, 0.36, 0.28),
    (0.30, 0.38, 0.34),
    (0.70, 0.67, 0.62),
)
BRIGHT = (
    (0.60, 0.26, 0.22),
    (0.24, 0.37, 0.50),
    (0.74, 0.60, 0.32),
    (0.32, 0.45, 0.34),
    (0.45, 0.33, 0.44),
    (0.80, 0.78, 0.74),
)


def pick_colour(rng: np.random.Generator, colours: Sequence[Colour]) -> Colour:
    """Returns one of the colours, slightly varied in brightness and hue."""
    base = np.array(colours[int(rng.integers(len(colours)))]) * rng.uniform(0.8, 1.15) + rng.normal(0, 0.01, 3)
    r, g, b = (float(c) for c in np.clip(base, 0.03, 0.92))
    return r, g, b


def wood(rng: np.random.Generator) -> Material:
    """Returns a light or dark wood, or a painted board."""
    if rng.random() < 0.25:
        return Material(
            "plain", (pick_colour(rng, ((0.85, 0.84, 0.82), *MUTED)),), roughness=float(rng.uniform(0.3, 0.6))
        )
    one = WOODS[rng.integers(len(WOODS))]
    return Material("timber", one, roughness=float(rng.uniform(0.35, 0.65)), bump=0.5, seed=int(rng.integers(1 << 30)))


def fabric(rng: np.random.Generator) -> Material:
    """Returns an upholstery material."""
    pattern = str(rng.choice(["cloth", "cloth", "knit", "leather", "pinstripes"]))
    colours = (pick_colour(rng, MUTED + BRIGHT[:3]), pick_colour(rng, MUTED))
    rough = 0.45 if pattern == "leather" else 0.95
    return Material(pattern, colours, scale_mm=120, roughness=rough, bump=0.8, seed=int(rng.integers(1 << 30)))


def metal(rng: np.random.Generator) -> Material:
    """Returns a bare metal, or one lacquered black."""
    if rng.random() < 0.5:
        return Material("plain", ((0.06, 0.06, 0.065),), roughness=0.4)
    return Material("metal", ((0.62, 0.62, 0.63),), roughness=0.35)
