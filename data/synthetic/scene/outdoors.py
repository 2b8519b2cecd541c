"""Open ground under the sky, with trees, hedges and buildings at some distance."""

from __future__ import annotations

import numpy as np

from data.synthetic.geometry.meshes import Lamp, Lighting, Material, Mesh
from data.synthetic.geometry.solids import Solid, about_z, blob, box, cylinder, mesh, sheet, surface
from data.synthetic.scene.materials import pick_colour

HORIZON_MM = 250_000.0


def open_ground(rng: np.random.Generator, clear_mm: float) -> tuple[list[Mesh], Lighting]:
    """Returns grass or paving around the origin at z = 0, with nothing within `clear_mm` of it, and the daylight."""
    seed = int(rng.integers(1 << 30))
    grass = Material(
        "grass", ((0.33, 0.40, 0.22), (0.43, 0.47, 0.29), (0.47, 0.42, 0.32)), roughness=1.0, bump=0.8, seed=seed
    )
    asphalt = Material(
        "asphalt", (pick_colour(rng, ((0.36, 0.36, 0.37), (0.45, 0.44, 0.43))),), roughness=0.95, bump=0.8, seed=seed
    )
    slabs = Material(
        "tiles",
        (pick_colour(rng, ((0.60, 0.58, 0.54), (0.52, 0.50, 0.49))), (0.35, 0.34, 0.32)),
        scale_mm=float(rng.uniform(250, 600)),
        roughness=0.9,
        bump=0.8,
        seed=seed,
    )
    sand = Material("concrete", ((0.70, 0.62, 0.48), (0.62, 0.54, 0.41)), roughness=1.0, bump=1.0, seed=seed)
    near = (grass, grass, asphalt, slabs, sand)[rng.integers(5)]
    h = HORIZON_MM
    meshes = [mesh("ground", near, [sheet((-h, -h, 0), (2 * h, 0, 0), (0, 2 * h, 0))])]
    meshes += _buildings(rng, clear_mm + 15_000)
    meshes += _trees(rng, clear_mm + 2500)
    meshes += _hedge(rng, clear_mm + 1500)
    meshes.append(_treeline(rng))
    return meshes, daylight(rng, pick_colour(rng, ((0.38, 0.42, 0.28),) if near is grass else ((0.5, 0.48, 0.45),)))


def daylight(rng: np.random.Generator, ground: tuple[float, float, float]) -> Lighting:
    """Returns the sun, dimmed by clouds, and the sky."""
    clouds = float(rng.uniform(0, 1))
    sun = float(rng.uniform(1.0, 2.2) * (1 - clouds) ** 0.5 + 0.35)
    height, turn = np.radians(rng.uniform(18, 68)), rng.uniform(0, 2 * np.pi)
    towards = np.array([np.cos(height) * np.cos(turn), np.cos(height) * np.sin(turn), np.sin(height)])
    warm = float(np.clip(1.25 - height, 0.0, 0.8))
    colour = (1.0, 0.97 - 0.14 * warm, 0.92 - 0.34 * warm)
    lamp = Lamp(towards, colour, sun, width_degrees=1.0 + 25 * clouds**2)
    sky = tuple(float(c) for c in np.array([0.84, 0.91, 1.0]) * (1 - clouds) + np.array([0.92, 0.94, 0.97]) * clouds)
    return Lighting(
        (lamp,),
        (sky[0], sky[1], sky[2]),
        ground,
        0.38 + 0.22 * clouds,
        clouds=clouds,
        haze_mm=float(rng.uniform(150_000, 900_000)),
    )


def _ring(rng: np.random.Generator, nearest: float, farthest: float, count: int) -> np.ndarray:
    """Returns places (count, 3) around the origin, uniform in distance."""
    turn, far = rng.uniform(0, 2 * np.pi, count), rng.uniform(nearest, farthest, count)
    return np.stack([far * np.cos(turn), far * np.sin(turn), np.zeros(count)], -1)


def _buildings(rng: np.random.Generator, nearest: float) -> list[Mesh]:
    meshes = []
    for place in _ring(rng, nearest, nearest + 60_000, int(rng.integers(2, 9))):
        wall = pick_colour(rng, ((0.72, 0.66, 0.56), (0.55, 0.36, 0.28), (0.68, 0.68, 0.67), (0.78, 0.74, 0.68)))
        facade = Material(
            "facade",
            (wall, (0.12, 0.15, 0.18), (0.45, 0.52, 0.60)),
            scale_mm=float(rng.uniform(2800, 3600)),
            roughness=0.85,
            seed=int(rng.integers(1 << 30)),
        )
        wide, deep, high = rng.uniform(9000, 24_000), rng.uniform(8000, 13_000), rng.uniform(5000, 16_000)
        turn = about_z(np.degrees(np.arctan2(place[1], place[0])) + 90 + rng.uniform(-20, 20))
        out = place * (1 + deep / np.linalg.norm(place))
        body = box((wide, deep, high), bevel=5, grain=False).turned(turn).moved(out)
        roof = box((wide + 600, deep + 600, 500), (0, 0, high - 5), 30).turned(turn).moved(out)
        meshes += [mesh("building", facade, [body], casts=False)]
        meshes += [
            mesh(
                "roof",
                Material("plain", (pick_colour(rng, ((0.30, 0.26, 0.25), (0.45, 0.28, 0.22))),), roughness=0.9),
                [roof],
                casts=False,
            )
        ]
    return meshes


def _trees(rng: np.random.Generator, nearest: float) -> list[Mesh]:
    trunks: list[Solid] = []
    crowns: list[Solid] = []
    for place in _ring(rng, nearest, nearest + 35_000, int(rng.integers(4, 26))):
        tall, girth = rng.uniform(4000, 9000), rng.uniform(110, 260)
        trunks.append(cylinder(girth, 0.6 * tall, top=0.6 * girth, sides=12).moved(place))
        for _ in range(int(rng.integers(4, 9))):
            size = tall * rng.uniform(0.12, 0.24)
            at = place + rng.uniform(-0.2 * tall, 0.2 * tall, 3) * [1, 1, 0.8] + [0, 0, 0.68 * tall]
            crowns.append(blob((size, size, 0.8 * size), at, rng, rough=0.5))
    green = pick_colour(rng, ((0.30, 0.36, 0.20), (0.35, 0.42, 0.22), (0.42, 0.40, 0.22)))
    light = tuple(min(1.0, 1.35 * c) for c in green)
    leaves = Material(
        "foliage", (green, (light[0], light[1], light[2])), roughness=1.0, bump=1.0, seed=int(rng.integers(1 << 30))
    )
    bark = Material("carpet", ((0.30, 0.24, 0.19), (0.22, 0.18, 0.14)), roughness=1.0, bump=1.0)
    return [mesh("trunks", bark, trunks), mesh("crowns", leaves, crowns)]


def _hedge(rng: np.random.Generator, nearest: float) -> list[Mesh]:
    if rng.random() < 0.4:
        return []
    green = Material(
        "foliage",
        (pick_colour(rng, ((0.28, 0.35, 0.18),)), pick_colour(rng, ((0.40, 0.46, 0.26),))),
        roughness=1.0,
        bump=1.0,
    )
    turn, away, high = about_z(rng.uniform(0, 360)), nearest + rng.uniform(500, 6000), rng.uniform(900, 1900)
    lumps = [
        blob((900, 600, high * rng.uniform(0.54, 0.62)), (x, away, 0.42 * high), rng, rough=0.25).turned(turn)
        for x in np.arange(-9000.0, 9001.0, 900.0).tolist()
    ]
    return [mesh("hedge", green, lumps)]


def _treeline(rng: np.random.Generator) -> Mesh:
    """Returns the horizon: a distant forest of uneven height."""
    turn = np.linspace(0, 2 * np.pi, 721)
    waves = sum(np.sin(turn * k + rng.uniform(0, 6.3)) * k**-0.5 for k in (2, 5, 11, 23, 47, 90, 170))
    high = 7000 + rng.uniform(1200, 2600) * np.asarray(waves)
    circle = 0.85 * HORIZON_MM * np.stack([np.cos(turn), np.sin(turn), np.zeros_like(turn)], -1)
    strip = surface(np.stack([circle, circle + high[:, None] * [0, 0, 1]])[:, ::-1])
    green = Material(
        "plain",
        (pick_colour(rng, ((0.30, 0.35, 0.25), (0.36, 0.36, 0.28), (0.28, 0.33, 0.30))),),
        scale_mm=3000,
        roughness=1.0,
    )
    return mesh("treeline", green, [strip], two_sided=True, casts=False)
