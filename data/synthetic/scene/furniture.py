"""Furniture made of boxes, cylinders and blobs. Each piece stands on z = 0, centred at the origin, facing -y."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from data.synthetic.geometry.meshes import Material, Mesh
from data.synthetic.geometry.solids import Solid, about_x, about_z, blob, box, cylinder, mesh, sheet, surface
from data.synthetic.scene.materials import BRIGHT, MUTED, WOODS, fabric, metal, pick_colour, wood


@dataclass(frozen=True)
class Piece:
    """One piece of furniture and its size."""

    meshes: tuple[Mesh, ...]
    width_mm: float
    depth_mm: float
    height_mm: float

    @property
    def radius_mm(self) -> float:
        """The radius of the circle that contains its footprint."""
        return float(np.hypot(self.width_mm, self.depth_mm)) / 2

    def placed(self, place: np.ndarray, yaw_degrees: float) -> list[Mesh]:
        """Returns its meshes rotated by a yaw and moved to a place (3,) mm."""
        R = about_z(yaw_degrees)
        return [replace(one, vertices_world=one.vertices_world @ R.T + place) for one in self.meshes]


def piece(*meshes: Mesh) -> Piece:
    """Returns meshes as a piece, with its size."""
    ends = np.concatenate([one.vertices_world for one in meshes])
    across = 2 * np.abs(ends).max(0)
    return Piece(meshes, float(across[0]), float(across[1]), float(ends[:, 2].max()))


def table(rng: np.random.Generator) -> Piece:
    """A dining table, a desk or a low table."""
    width, depth = rng.uniform(900, 1800), rng.uniform(600, 900)
    height = rng.choice([rng.uniform(710, 760), rng.uniform(380, 480)], p=[0.75, 0.25])
    thick, inset, top = rng.uniform(18, 40), rng.uniform(30, 120), wood(rng)
    feet = [(sx * (width / 2 - inset), sy * (depth / 2 - inset), 0) for sx in (-1, 1) for sy in (-1, 1)]
    if rng.random() < 0.5:
        legs = [cylinder(rng.uniform(15, 25), height - thick, foot) for foot in feet]
    else:
        legs = [box((55, 55, height - thick), foot) for foot in feet]
    legs += [box((width - 2 * inset, 20, 70), (0, s * (depth / 2 - inset), height - thick - 70)) for s in (-1, 1)]
    board = box((width, depth, thick), (0, 0, height - thick))
    return piece(mesh("table", top, [board]), mesh("table legs", top if rng.random() < 0.5 else metal(rng), legs))


def chair(rng: np.random.Generator) -> Piece:
    """A chair with four legs; its back is behind the sitter, at +y."""
    width, height, back = rng.uniform(400, 480), rng.uniform(430, 470), rng.uniform(800, 950)
    frame = wood(rng) if rng.random() < 0.6 else metal(rng)
    seat = fabric(rng) if rng.random() < 0.5 else frame
    w = width / 2 - 25
    legs = [cylinder(17, height - 20, (sx * w, -w, 0), sides=12) for sx in (-1, 1)]
    legs += [cylinder(17, back, (sx * w, w, 0), sides=12) for sx in (-1, 1)]
    slats = [box((2 * w - 10, 18, rng.uniform(50, 90)), (0, w, z)) for z in np.linspace(height + 130, back - 100, 3)]
    if rng.random() < 0.4:
        slats = [box((2 * w + 30, 30, back - height - 120), (0, w, height + 110), 14)]
    return piece(
        mesh("chair frame", frame, legs),
        mesh("chair", seat, [box((width, width, 40), (0, 0, height - 25), 16), *slats]),
    )


def office_chair(rng: np.random.Generator) -> Piece:
    """A swivel chair on five spokes."""
    height, cover = rng.uniform(440, 520), fabric(rng)
    spokes = [box((300, 45, 35), (150, 0, 50), 10).turned(about_z(72 * i)) for i in range(5)]
    wheels = [cylinder(28, 56, (285, 0, 0), sides=12).turned(about_z(72 * i)) for i in range(5)]
    arms = [box((50, 260, 30), (s * 260, 0, height + 200), 12) for s in (-1, 1)]
    arms += [box((35, 35, 210), (s * 260, 60, height - 5), 8) for s in (-1, 1)]
    seat = [box((500, 480, 90), (0, 0, height - 45), 40), box((470, 80, 560), (0, 235, height + 110), 36)]
    seat += [box((90, 40, 200), (0, 245, height - 20), 10)]
    dark = Material("plain", ((0.05, 0.05, 0.055),), roughness=0.45)
    return piece(
        mesh("office chair", cover, seat),
        mesh("office chair frame", dark, [cylinder(28, height - 60, (0, 0, 55)), *spokes, *wheels, *arms]),
    )


def sofa(rng: np.random.Generator) -> Piece:
    """A sofa or an armchair with cushions."""
    seats = int(rng.integers(1, 4))
    width, depth, cover = 620 * seats + 360, rng.uniform(820, 950), fabric(rng)
    solids = [box((width, depth, 250), (0, 0, 90), 25), box((width, 220, 560), (0, depth / 2 - 110, 280), 70)]
    solids += [box((180, depth, 500), (s * (width / 2 - 90), 0, 95), 60) for s in (-1, 1)]
    middles = [620 * (i - (seats - 1) / 2) for i in range(seats)]
    solids += [box((612, depth - 230, 150), (x, -110, 320), 55) for x in middles]
    solids += [
        box((600, 150, 400), (0, 0, 0), 65).turned(about_x(-12)).moved((x, depth / 2 - 300, 450)) for x in middles
    ]
    feet = [
        cylinder(28, 95, (sx * (width / 2 - 80), sy * (depth / 2 - 80), 0), sides=12)
        for sx in (-1, 1)
        for sy in (-1, 1)
    ]
    pillow = box((430, 130, 420), (0, 0, 0), 62).turned(about_x(-25)).moved((middles[0] * 0.9, depth / 2 - 420, 450))
    extra = replace(
        fabric(rng),
        pattern=str(rng.choice(["cloth", "print", "dots", "pinstripes"])),
        colours=(pick_colour(rng, BRIGHT), pick_colour(rng, MUTED), pick_colour(rng, BRIGHT)),
    )
    return piece(mesh("sofa", cover, solids), mesh("sofa feet", wood(rng), feet), mesh("cushion", extra, [pillow]))


def shelf(rng: np.random.Generator) -> Piece:
    """A bookcase with rows of books and some boxes."""
    width, height, depth, rows = rng.uniform(700, 1200), rng.uniform(900, 2100), 300.0, int(rng.integers(3, 6))
    board, pitch = wood(rng), 0.0
    pitch = (height - 60) / rows
    solids = [box((24, depth, height), (s * (width / 2 - 12), 0, 0)) for s in (-1, 1)]
    solids += [box((width - 48, depth, 22), (0, 0, 38 + i * pitch)) for i in range(rows + 1)]
    solids += [box((width - 40, 8, height - 40), (0, depth / 2 - 6, 40), 2)]
    books: list[Solid] = []
    others: list[Solid] = []
    for row in range(rows):
        z, free, x = 60 + row * pitch, min(pitch - 40, 330), -width / 2 + 40
        while x < width / 2 - 150:
            long = min(rng.uniform(120, 420), width / 2 - 40 - x)
            high = free * rng.uniform(0.6, 0.95)
            group = books if rng.random() < 0.75 else others
            group.append(box((long, 200, high), (x + long / 2, -10, z), 4, grain=False))
            x += long + rng.choice([4, rng.uniform(20, 250)])
    spines = Material(
        "books",
        tuple(pick_colour(rng, MUTED + BRIGHT) for _ in range(4)),
        scale_mm=34,
        roughness=0.7,
        seed=int(rng.integers(1 << 30)),
    )
    meshes = [mesh("shelf", board, solids)]
    meshes += [mesh("books", spines, books)] if books else []
    meshes += (
        [mesh("shelf boxes", Material("cloth", (pick_colour(rng, MUTED),), roughness=0.9, bump=0.5), others)]
        if others
        else []
    )
    return piece(*meshes)


def cabinet(rng: np.random.Generator) -> Piece:
    """A sideboard, a chest of drawers or a counter: a body with fronts and handles."""
    width, depth, height = rng.uniform(800, 1900), rng.uniform(400, 550), rng.uniform(600, 1050)
    columns, rows, body = int(rng.integers(2, 5)), int(rng.integers(1, 4)), wood(rng)
    w, h = (width - 40) / columns, (height - 120) / rows
    cells = [((i - (columns - 1) / 2) * w, 80 + j * h) for i in range(columns) for j in range(rows)]
    fronts = [box((w - 8, 18, h - 8), (x, -depth / 2 - 8, z), 3) for x, z in cells]
    handles = [box((min(140, 0.4 * w), 22, 14), (x, -depth / 2 - 26, z + h - 70), 5) for x, z in cells]
    front = body if rng.random() < 0.5 else wood(rng)
    solids = [box((width, depth, height - 70), (0, 0, 70)), box((width - 80, depth - 60, 72), (0, 20, 0))]
    return piece(
        mesh("cabinet", body, solids), mesh("cabinet fronts", front, fronts), mesh("handles", metal(rng), handles)
    )


def cartons(rng: np.random.Generator) -> Piece:
    """One to three cardboard or plastic boxes, stacked."""
    brown = rng.random() < 0.6
    material = Material(
        "plain", (pick_colour(rng, ((0.62, 0.47, 0.32),) if brown else BRIGHT),), roughness=0.9 if brown else 0.35
    )
    solids, tape, z = [], [], 0.0
    size = rng.uniform(320, 600, 2)
    for _ in range(int(rng.integers(1, 4))):
        high, turn = rng.uniform(220, 420), about_z(rng.uniform(-9, 9))
        solids.append(box((*size, high), (0, 0, z), 5).turned(turn))
        tape.append(box((size[0] + 2, 50, high + 2), (0, 0, z - 0.5), 1).turned(turn))
        z, size = z + high, size * rng.uniform(0.75, 0.95)
    strip = Material("plain", ((0.70, 0.58, 0.42),) if brown else material.colours, roughness=0.35)
    return piece(mesh("cartons", material, solids), mesh("tape", strip, tape))


def plant(rng: np.random.Generator) -> Piece:
    """A pot with leaves on stems."""
    radius, pot, reach = rng.uniform(110, 200), rng.uniform(220, 420), rng.uniform(500, 1200)
    vessel = [cylinder(0.75 * radius, pot, top=radius)]
    earth = [cylinder(0.93 * radius, 4, (0, 0, pot - 2))]
    stems, leaves = [], []
    for _ in range(int(rng.integers(16, 34))):
        turn, lean, long = about_z(rng.uniform(0, 360)), rng.uniform(4, 50), reach * rng.uniform(0.5, 1.0)
        bend = about_x(lean)
        stems.append(cylinder(5, long, top=2, sides=6).turned(bend).turned(turn).moved((0, 0, pot - 5)))
        tip = turn @ bend @ [0, 0, long] + [0, 0, pot - 5]
        leaves.append(_leaf(rng.uniform(160, 360)).turned(about_x(-rng.uniform(0, 40))).turned(turn).moved(tip))
    green = pick_colour(rng, ((0.20, 0.38, 0.14), (0.14, 0.30, 0.16), (0.32, 0.44, 0.18)))
    leaf = Material("leather", (green,), roughness=0.45, bump=0.4)
    clay = Material(
        "plain", (pick_colour(rng, ((0.62, 0.36, 0.25), (0.85, 0.84, 0.82), (0.25, 0.26, 0.28))),), roughness=0.6
    )
    soil = Material("carpet", ((0.12, 0.09, 0.07), (0.18, 0.13, 0.10)), bump=1.0, roughness=1.0)
    stalk = Material("plain", (green,), roughness=0.7)
    return piece(
        mesh("pot", clay, vessel),
        mesh("soil", soil, earth),
        mesh("stems", stalk, stems),
        mesh("leaves", leaf, leaves, two_sided=True),
    )


def _leaf(length: float) -> Solid:
    """A leaf that leaves the origin towards -y and droops."""
    t, s = np.meshgrid(np.linspace(0, 1, 7), [-1.0, 0.0, 1.0], indexing="ij")
    wide = 0.42 * length * np.sin(np.pi * np.clip(t, 0.02, 0.98)) ** 0.8 / 2
    return surface(np.stack([s * wide, -length * t, length * (0.25 * t - 0.55 * t**2) + 0.25 * np.abs(s) * wide], -1))


def floor_lamp(rng: np.random.Generator) -> Piece:
    """A standing lamp with a shade that glows a little."""
    height, glow = rng.uniform(1350, 1750), float(rng.uniform(0.1, 0.35))
    shade = Material("glow", ((0.95, 0.85, 0.68),), bump=glow)
    pole = [cylinder(12, height - 150, sides=10), cylinder(150, 22)]
    return piece(
        mesh("lamp", metal(rng), pole),
        mesh("shade", shade, [cylinder(200, 260, (0, 0, height - 200), top=140)], casts=False),
    )


def monitor_desk(rng: np.random.Generator) -> Piece:
    """A desk with a screen and a keyboard."""
    desk = box((1500, 750, 28), (0, 0, 705))
    legs = [box((50, 650, 705), (s * 680, 0, 0)) for s in (-1, 1)]
    screen = box((560, 25, 340), (0, 180, 850), 6).turned(about_z(rng.uniform(-4, 4)))
    dark = [
        screen,
        box((60, 60, 140), (0, 190, 733)),
        box((240, 180, 12), (0, 190, 733)),
        box((440, 140, 22), (0, -120, 733), 5),
    ]
    face = sheet((-265, 165, 865), (530, 0, 0), (0, 0, 310))
    shown = Material(
        "picture", tuple(pick_colour(rng, BRIGHT) for _ in range(4)), scale_mm=260, seed=int(rng.integers(1 << 30))
    )
    black = Material("plain", ((0.05, 0.05, 0.055),), roughness=0.35)
    return piece(
        mesh("desk", wood(rng), [desk]),
        mesh("desk legs", metal(rng), legs),
        mesh("screen", black, dark),
        mesh("shown", shown, [face]),
    )


def bench(rng: np.random.Generator) -> Piece:
    """A long gymnastics bench."""
    top, legs = box((2800, 240, 40), (0, 0, 290), 12), [box((60, 220, 292), (x, 0, 0)) for x in (-1100, 0, 1100)]
    return piece(mesh("bench", replace(wood(rng), pattern="timber", colours=WOODS[0]), [top, *legs]))


def mats(rng: np.random.Generator) -> Piece:
    """A pile of gym mats."""
    pile = [
        box((1900, 1200, 80), (rng.uniform(-20, 20), rng.uniform(-20, 20), 80 * i), 20)
        for i in range(int(rng.integers(3, 9)))
    ]
    return piece(mesh("mats", Material("leather", (pick_colour(rng, BRIGHT[:4]),), roughness=0.55, bump=0.6), pile))


def vaulting_box(rng: np.random.Generator) -> Piece:
    """A vaulting box of wooden frames with a leather top."""
    frames = [box((1500 - 50 * i, 800 - 60 * i, 195), (0, 0, 200 * i)) for i in range(4)]
    top = box((1300, 560, 180), (0, 0, 795), 60)
    return piece(
        mesh("vaulting box", Material("timber", WOODS[0], roughness=0.5), frames),
        mesh("top", Material("leather", ((0.45, 0.30, 0.2),), roughness=0.5, bump=1.0), [top]),
    )


def ball(rng: np.random.Generator) -> Piece:
    """An exercise ball or a medicine ball."""
    r = float(rng.choice([rng.uniform(100, 150), rng.uniform(270, 340)]))
    return piece(
        mesh("ball", Material("plain", (pick_colour(rng, BRIGHT),), roughness=0.35), [blob((r, r, r), (0, 0, r))])
    )


def light_stand(rng: np.random.Generator) -> Piece:
    """A studio light with a soft box on a tripod."""
    height = rng.uniform(1700, 2200)
    poles = [cylinder(14, height, sides=10)]
    feet = [
        cylinder(9, 620, sides=8).turned(about_x(130)).moved((0, 0, 400)).turned(about_z(120 * i)) for i in range(3)
    ]
    cloth = box((700, 90, 500), (0, -60, height - 250), 10)
    face = sheet((-330, -110, height - 230), (660, 0, 0), (0, 0, 460))
    black = Material("plain", ((0.04, 0.04, 0.045),), roughness=0.6)
    return piece(
        mesh("stand", black, [*poles, *feet, cloth]),
        mesh("soft box", Material("glow", ((1.0, 0.98, 0.94),), bump=0.25), [face], casts=False),
    )


def pillar(rng: np.random.Generator) -> Piece:
    """A round or square column, taller than any camera."""
    width, height = rng.uniform(180, 320), 2500.0
    material = Material("concrete", ((0.68, 0.67, 0.65), (0.58, 0.57, 0.55)), roughness=0.8, bump=0.8)
    return piece(
        mesh(
            "pillar",
            material,
            [cylinder(width / 2, height, sides=32) if rng.random() < 0.5 else box((width, width, height))],
        )
    )


Maker = Callable[[np.random.Generator], Piece]
