"""The data types of a scene: meshes, materials and lights.

The world is in mm with z up. Colours are sRGB, 0 to 1; the renderer converts them to linear light.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Material:
    """The appearance of a surface. Patterns are procedural: they are computed from a point's texture coordinates."""

    pattern: str  # a shader of data.synthetic.render.shaders.patterns
    colours: tuple[Colour, ...]  # the base colour first, then those that the pattern mixes in
    scale_mm: float = 100.0  # period of the pattern
    roughness: float = 0.8  # 0: mirror, 1: chalk
    bump: float = 0.0  # depth of the bump map, 0 to 1
    seed: int = 0


@dataclass(frozen=True)
class Mesh:
    """One triangle mesh. Shared vertices are shaded smoothly; sharp edges have their own vertices."""

    name: str
    vertices_world: np.ndarray  # (V, 3) mm
    triangles: np.ndarray  # (F, 3) vertex indices, counter-clockwise seen from outside
    texture_mm: np.ndarray  # (V, 3) texture coordinates; people: of the rest pose, so that patterns move along
    material: Material
    tint: np.ndarray | None = None  # (V, 3) factors of the material's colour
    person: bool = False  # part of the person: body, clothes or hair
    two_sided: bool = False  # visible from inside too, such as cloth
    casts_shadow: bool = True  # False for walls and ceiling, which would block every lamp


@dataclass(frozen=True)
class Lamp:
    """A directional light with the soft shadow edge of an extended source."""

    towards: np.ndarray  # (3,) unit vector from the scene to the light
    colour: Colour
    strength: float
    width_degrees: float  # angular size seen from the scene, which softens shadows
    shadow: bool = True


@dataclass(frozen=True)
class Fill:
    """A point light without shadows, such as a window, that fades with the distance."""

    place_world: np.ndarray  # (3,) mm
    colour: Colour
    strength: float
    reach_mm: float  # distance at which half of it is left


@dataclass(frozen=True)
class Lighting:
    """The lamps (at most two cast shadows) and the ambient light from above and below."""

    lamps: tuple[Lamp, ...]
    sky: Colour
    ground: Colour
    ambient: float
    fills: tuple[Fill, ...] = ()
    clouds: float = 0.5  # share of the open sky that they cover
    haze_mm: float = 1e9  # distance at which the air has absorbed 63 % of the light
