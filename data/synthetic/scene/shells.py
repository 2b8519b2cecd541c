"""Four walls, a floor and a ceiling, with skirting, windows, curtains, doors, pictures and ceiling lights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.synthetic.geometry.meshes import Fill, Material, Mesh
from data.synthetic.geometry.solids import Solid, about_z, box, mesh, sheet, surface
from data.synthetic.scene.materials import BRIGHT, MUTED, WOODS, metal, pick_colour, wood


@dataclass(frozen=True)
class Shell:
    """The inside of a building around its own centre, z = 0 on the floor, and the light of its windows."""

    meshes: list[Mesh]
    fills: list[Fill]


@dataclass(frozen=True)
class Style:
    """The finish of a room."""

    floor: Material
    walls: tuple[Material, ...]
    ceiling: Material
    windows: float  # per wall, on average
    pictures: float
    doors: int
    strips: bool  # lights in the ceiling


def style(kind: str, rng: np.random.Generator) -> Style:
    """Returns the random finish of a living room, an office, a gym hall, a corridor or a studio."""
    seed = int(rng.integers(1 << 30))
    pale = pick_colour(
        rng, ((0.86, 0.84, 0.80), (0.80, 0.80, 0.80), (0.82, 0.76, 0.66), (0.70, 0.76, 0.78), (0.62, 0.68, 0.62))
    )
    plaster = Material("plaster", (pale,), roughness=0.95, bump=0.5, seed=seed)
    brick = Material(
        "brick",
        ((0.58, 0.32, 0.24), (0.45, 0.26, 0.2), (0.70, 0.67, 0.62)),
        scale_mm=250,
        roughness=0.95,
        bump=0.8,
        seed=seed,
    )
    paper = Material(
        "wallpaper",
        (pale, pick_colour(rng, MUTED + BRIGHT)),
        scale_mm=float(rng.uniform(150, 400)),
        roughness=0.9,
        seed=seed,
    )
    concrete = Material("concrete", ((0.62, 0.61, 0.59), (0.50, 0.49, 0.48)), roughness=0.75, bump=0.6, seed=seed)
    accent = Material("plaster", (pick_colour(rng, MUTED + MUTED + BRIGHT),), roughness=0.95, bump=0.5, seed=seed)
    white = Material("plaster", ((0.86, 0.86, 0.85),), roughness=0.95)
    walls = {
        "living": [plaster, plaster, paper, accent, brick],
        "office": [plaster, plaster, accent],
        "gym": [plaster, brick, concrete, accent],
        "corridor": [plaster, concrete, accent],
        "studio": [plaster, white, concrete, accent],
    }[kind]
    main = walls[rng.integers(len(walls))]
    other = walls[rng.integers(len(walls))]
    sides = (other, main, main, main) if rng.random() < 0.6 else (main,) * 4
    windows = {"living": 0.6, "office": 0.7, "gym": 0.4, "corridor": 0.25, "studio": 0.25}[kind]
    pictures = {"living": 1.2, "office": 0.8, "gym": 0.3, "corridor": 0.8, "studio": 0.3}[kind]
    return Style(_floor(kind, rng), sides, white, windows, pictures, int(rng.integers(1, 3)), kind != "living")


def _floor(kind: str, rng: np.random.Generator) -> Material:
    seed, shine = int(rng.integers(1 << 30)), float(rng.uniform(0.3, 0.65))
    tone = WOODS[rng.integers(len(WOODS))]
    court = pick_colour(rng, ((0.66, 0.47, 0.30), (0.28, 0.42, 0.50), (0.35, 0.48, 0.36)))
    stone = pick_colour(rng, ((0.66, 0.63, 0.58), (0.45, 0.45, 0.46), (0.78, 0.77, 0.75), (0.50, 0.38, 0.32)))
    grey = pick_colour(rng, MUTED)
    choices = {
        "planks": Material("planks", tone, scale_mm=float(rng.uniform(70, 200)), roughness=shine, bump=0.5, seed=seed),
        "tiles": Material(
            "tiles",
            (stone, (0.4, 0.39, 0.38)),
            scale_mm=float(rng.uniform(200, 600)),
            roughness=shine,
            bump=0.4,
            seed=seed,
        ),
        "carpet": Material("carpet", (grey, pick_colour(rng, MUTED)), scale_mm=80, roughness=1.0, bump=0.8, seed=seed),
        "court": Material(
            "court",
            (court, (0.85, 0.85, 0.83), pick_colour(rng, BRIGHT)),
            scale_mm=float(rng.uniform(2500, 5000)),
            roughness=shine,
            seed=seed,
        ),
        "concrete": Material("concrete", ((0.52, 0.51, 0.50), (0.42, 0.42, 0.41)), roughness=0.7, bump=0.5, seed=seed),
    }
    fitting = {
        "living": ("planks", "planks", "tiles", "carpet"),
        "office": ("carpet", "carpet", "planks", "tiles"),
        "gym": ("court", "court", "planks"),
        "corridor": ("tiles", "concrete", "carpet", "planks"),
        "studio": ("concrete", "planks", "tiles"),
    }[kind]
    return choices[str(rng.choice(fitting))]


def shell(kind: str, size: Sequence[float], rng: np.random.Generator) -> Shell:
    """Returns a room of a kind and size (width, depth, height) mm."""
    width, depth, height = size
    finish = style(kind, rng)
    floor = sheet((-width / 2, -depth / 2, 0), (width, 0, 0), (0, depth, 0))
    ceiling = sheet((-width / 2, depth / 2, height), (width, 0, 0), (0, -depth, 0))
    meshes = [mesh("floor", finish.floor, [floor]), mesh("ceiling", finish.ceiling, [ceiling], casts=False)]
    fills: list[Fill] = []
    skirting = Material("plain", (pick_colour(rng, ((0.85, 0.84, 0.82), (0.45, 0.32, 0.22))),), roughness=0.5)
    for side in range(4):
        long, away = (width, depth / 2) if side % 2 == 0 else (depth, width / 2)
        R = about_z(90 * side)
        own = _wall(long, height, finish, side, skirting, rng)
        for one in own.meshes:
            place = (one.vertices_world + [0, away, 0]) @ R.T
            meshes.append(
                Mesh(
                    one.name,
                    place,
                    one.triangles,
                    one.texture_mm,
                    one.material,
                    two_sided=one.two_sided,
                    casts_shadow=False,
                )
            )
        fills += [Fill(R @ (f.place_world + [0, away, 0]), f.colour, f.strength, f.reach_mm) for f in own.fills]
    if finish.strips:
        meshes.append(_ceiling_lights(width, depth, height, rng))
    return Shell(meshes, fills)


def _wall(long: float, height: float, finish: Style, side: int, skirting: Material, rng: np.random.Generator) -> Shell:
    """Returns a wall in the plane y = 0, seen from -y, and what is on it, filled from left to right."""
    meshes = [mesh("wall", finish.walls[side], [sheet((-long / 2, 0, 0), (long, 0, 0), (0, 0, height))])]
    meshes.append(mesh("skirting", skirting, [box((long, 16, rng.uniform(60, 120)), (0, -8, 0), 4)]))
    fills: list[Fill] = []
    x = -long / 2 + rng.uniform(480, 1000)
    doors = finish.doors if side == 0 else 0
    while x < long / 2 - 1500:
        chance = rng.random()
        if doors > 0 and height > 2200:
            meshes += _door(x + 500, rng)
            doors, x = doors - 1, x + 1200
        elif chance < finish.windows / 2 and height > 2200:
            wide = min(rng.uniform(900, 2200), long / 2 - 480 - x)
            meshes += _window(x + wide / 2, wide, height, rng)
            fills.append(
                Fill(np.array([x + wide / 2, -100.0, 1500.0]), (0.92, 0.96, 1.0), float(rng.uniform(0.3, 0.8)), 2500.0)
            )
            x += wide + 500
        elif chance < finish.windows / 2 + finish.pictures / 3:
            wide = rng.uniform(350, 1000)
            meshes += _picture(x + wide / 2, wide, rng)
            x += wide + 300
        x += rng.uniform(200, 1400)
    return Shell(meshes, fills)


def _frame(x: float, z: float, wide: float, high: float, bar: float, deep: float) -> list[Solid]:
    """Returns four bars around an opening whose lower edge is centred at (x, z)."""
    upright = [box((bar, deep, high + 2 * bar), (x + s * (wide + bar) / 2, -deep / 2, z - bar), 4) for s in (-1, 1)]
    return upright + [box((wide, deep, bar), (x, -deep / 2, level), 4) for level in (z - bar, z + high)]


def _door(x: float, rng: np.random.Generator) -> list[Mesh]:
    leaf, frame = (
        wood(rng),
        Material("plain", (pick_colour(rng, ((0.85, 0.84, 0.82), (0.40, 0.30, 0.22))),), roughness=0.5),
    )
    panels = [box((860, 12, 2000), (x, -12, 0), 2)]
    panels += [box((620, 10, h), (x, -20, z), 5) for z, h in ((200, 700), (1050, 750))] if rng.random() < 0.5 else []
    handle = [box((130, 25, 18), (x + 330, -50, 1030), 6), box((20, 40, 20), (x + 385, -35, 1029), 4)]
    return [
        mesh("door", leaf, panels),
        mesh("door frame", frame, _frame(x, 0, 880, 2010, 70, 30)),
        mesh("door handle", metal(rng), handle),
    ]


def _window(x: float, wide: float, height: float, rng: np.random.Generator) -> list[Mesh]:
    sill, high = rng.uniform(300, 1000), 0.0
    high = min(height - 350 - sill, rng.uniform(1000, 1700))
    seen = Material(
        "view",
        ((0.85, 0.90, 0.97), (0.35, 0.42, 0.30), (0.45, 0.42, 0.40)),
        scale_mm=1400,
        bump=float(rng.uniform(0.02, 0.3)),
        seed=int(rng.integers(1 << 30)),
    )
    pane = sheet((x - wide / 2, -6, sill), (wide, 0, 0), (0, 0, high))
    white = Material("plain", ((0.84, 0.84, 0.83),), roughness=0.4)
    bars = _frame(x, sill, wide, high, 60, 50) + [box((45, 40, high), (x, -20, sill), 4)]
    bars += [box((wide + 160, 170, 30), (x, -85, sill - 88), 6)]
    meshes = [mesh("view", seen, [pane]), mesh("window frame", white, bars)]
    if rng.random() < 0.5:
        cloth = Material("cloth", (pick_colour(rng, MUTED + BRIGHT),), roughness=0.95, bump=0.5, seed=3)
        hung = [
            _curtain(x + s * (wide / 2 + 130), rng.uniform(300, 500), 40, min(height - 120, sill + high + 350))
            for s in (-1, 1)
        ]
        meshes.append(mesh("curtain", cloth, hung, two_sided=True))
    return meshes


def _curtain(x: float, wide: float, low: float, high: float) -> Solid:
    """Returns a pleated curtain from its rail down to just above the floor, slightly wider at the bottom."""
    t, z = np.meshgrid(np.linspace(-0.5, 0.5, 49), np.linspace(0, 1, 5))
    fold = (28 + 18 * (1 - z)) * np.sin(t * 2 * np.pi * wide / 90)
    return surface(np.stack([x + wide * t * (1.1 - 0.1 * z), -230 + fold, low + (high - low) * z], -1))


def _picture(x: float, wide: float, rng: np.random.Generator) -> list[Mesh]:
    high, middle = wide * rng.uniform(0.6, 1.4), rng.uniform(1400, 1700)
    z = middle - high / 2
    art = Material(
        "picture",
        tuple(pick_colour(rng, MUTED + BRIGHT) for _ in range(4)),
        scale_mm=0.8 * wide,
        roughness=0.3,
        seed=int(rng.integers(1 << 30)),
    )
    face = sheet((x - wide / 2, -9, z), (wide, 0, 0), (0, 0, high))
    rim = Material(
        "plain", (pick_colour(rng, ((0.08, 0.08, 0.08), (0.85, 0.84, 0.82), (0.5, 0.36, 0.22))),), roughness=0.45
    )
    return [mesh("picture", art, [face]), mesh("picture frame", rim, _frame(x, z, wide, high, rng.uniform(12, 45), 24))]


def _ceiling_lights(width: float, depth: float, height: float, rng: np.random.Generator) -> Mesh:
    long, wide = (1200.0, 250.0) if rng.random() < 0.6 else (600.0, 600.0)
    xs, ys = (np.arange(-(n - 1) / 2, n / 2) * 2400 for n in (max(int(width // 2400), 1), max(int(depth // 2400), 1)))
    lit = Material("glow", ((1.0, 0.98, 0.93),), bump=float(rng.uniform(0.1, 0.4)))
    return mesh(
        "ceiling lights", lit, [box((long, wide, 40), (x, y, height - 39), 6) for x in xs for y in ys], casts=False
    )
