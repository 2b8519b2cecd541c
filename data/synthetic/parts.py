"""What the makers of a synthetic scene hand to each other: surfaces, their looks, and the light they stand in.

Everything lies in the world: mm, z up. Colours are sRGB, 0 to 1, as a picker shows them; whoever computes with light makes
them linear.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Material:
    """How a surface looks. A pattern is computed from where a point lies in the material, so no image is needed."""

    pattern: str  # one that data.synthetic.render knows
    colours: tuple[Colour, ...]  # the base first, then what the pattern mixes in
    scale_mm: float = 100.0  # of one repeat of the pattern
    roughness: float = 0.8  # 0: a mirror, 1: chalk
    bump: float = 0.0  # how deep the pattern is to the light, 0 to 1
    seed: int = 0


@dataclass(frozen=True)
class Mesh:
    """One surface of triangles. Vertices that are shared are shaded smoothly; an edge has vertices of its own."""

    name: str
    vertices_world: np.ndarray  # (V, 3) mm
    triangles: np.ndarray  # (F, 3) vertex indices, counter-clockwise seen from outside
    texture_mm: np.ndarray  # (V, 3) each vertex's place in the material: for a body at rest, so cloth moves along
    material: Material
    tint: np.ndarray | None = None  # (V, 3) what the material's colour is multiplied by
    person: bool = False  # part of the person: its body, clothes and hair
    two_sided: bool = False  # cloth that is seen from inside too
    casts_shadow: bool = True  # not the walls and the ceiling, which would keep every lamp out


@dataclass(frozen=True)
class Lamp:
    """A light so far away that its rays are parallel within the room, with the soft edge of a light of some width."""

    towards: np.ndarray  # (3,) unit vector from the scene to the light
    colour: Colour
    strength: float
    width_degrees: float  # how large it is seen from the scene: the softness of shadows
    shadow: bool = True


@dataclass(frozen=True)
class Fill:
    """Soft light without shadows from a place in the room, such as a window, that fades with the distance."""

    place_world: np.ndarray  # (3,) mm
    colour: Colour
    strength: float
    reach_mm: float  # where half of it is left


@dataclass(frozen=True)
class Lighting:
    """The lamps (two at most cast shadows), and what comes from everywhere: from above and from below."""

    lamps: tuple[Lamp, ...]
    sky: Colour
    ground: Colour
    ambient: float
    fills: tuple[Fill, ...] = ()
    clouds: float = 0.5  # how much of the open sky they cover
    haze_mm: float = 1e9  # how far away the air has taken 63 % of what is seen
