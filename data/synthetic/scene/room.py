"""Furnished rooms and open ground around people and cameras, and occluders in a camera's line of sight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from data.synthetic.geometry.meshes import Fill, Lamp, Lighting, Material, Mesh
from data.synthetic.geometry.solids import about_z, mesh, sheet, surface
from data.synthetic.scene import furniture
from data.synthetic.scene.furniture import Maker, Piece
from data.synthetic.scene.materials import BRIGHT, MUTED, pick_colour
from data.synthetic.scene.outdoors import open_ground
from data.synthetic.scene.shells import shell

Circle = tuple[float, float, float]  # x, y, radius: mm

KINDS = ("living", "office", "gym", "corridor", "studio", "outdoors")
SHARES = (0.28, 0.18, 0.16, 0.08, 0.14, 0.16)
HEIGHTS = {
    "living": (2400, 2900),
    "office": (2500, 3200),
    "gym": (4500, 7000),
    "corridor": (2400, 3000),
    "studio": (2800, 4000),
}
SPARE = {
    "living": (600, 2200),
    "office": (600, 3000),
    "gym": (2500, 7000),
    "corridor": (250, 900),
    "studio": (500, 2500),
}
AGAINST_WALLS: dict[str, tuple[Maker, ...]] = {
    "living": (
        furniture.sofa,
        furniture.shelf,
        furniture.cabinet,
        furniture.plant,
        furniture.floor_lamp,
        furniture.table,
        furniture.chair,
    ),
    "office": (
        furniture.monitor_desk,
        furniture.shelf,
        furniture.cabinet,
        furniture.plant,
        furniture.office_chair,
        furniture.cartons,
    ),
    "gym": (furniture.bench, furniture.mats, furniture.vaulting_box, furniture.ball, furniture.ball, furniture.bench),
    "corridor": (furniture.plant, furniture.chair, furniture.cabinet, furniture.cartons, furniture.bench),
    "studio": (furniture.light_stand, furniture.cartons, furniture.chair, furniture.table, furniture.light_stand),
}
STANDING_FREE: dict[str, tuple[Maker, ...]] = {
    "living": (furniture.table, furniture.chair, furniture.sofa, furniture.plant, furniture.ball),
    "office": (furniture.office_chair, furniture.table, furniture.cartons, furniture.monitor_desk),
    "gym": (furniture.ball, furniture.ball, furniture.mats, furniture.vaulting_box),
    "corridor": (furniture.cartons, furniture.chair),
    "studio": (furniture.light_stand, furniture.chair, furniture.cartons),
}
IN_THE_WAY: tuple[Maker, ...] = (
    furniture.table,
    furniture.chair,
    furniture.cartons,
    furniture.cabinet,
    furniture.pillar,
    furniture.office_chair,
    furniture.plant,
)


@dataclass(frozen=True)
class RoomPose:
    """Where a room is in the world."""

    centre_mm: tuple[float, float] = (0.0, 0.0)
    floor_height_mm: float = 0.0
    yaw_degrees: float = 0.0


def make_room(
    rng: np.random.Generator,
    pose: RoomPose | None = None,
    size_mm: tuple[float, float, float] | None = None,
    keep_clear: Sequence[Circle] = (),
    cameras: np.ndarray | None = None,
    kind: str | None = None,
) -> tuple[list[Mesh], Lighting]:
    """Returns a scene's surroundings and lighting, in the world.

    `cameras` (N, 3) world mm are inside the room. Nothing is placed in the circles of `keep_clear`, at a camera, or between
    the two. The size defaults to one that fits; the kind is drawn from KINDS with probabilities SHARES.
    """
    kind = kind or str(rng.choice(KINDS, p=SHARES))
    if kind not in KINDS:
        raise ValueError(f"the kind of room {kind} is not one of {', '.join(KINDS)}")
    pose = pose or RoomPose()
    R = about_z(pose.yaw_degrees)
    shift = np.array([*pose.centre_mm, pose.floor_height_mm])
    eyes = (np.zeros((0, 3)) if cameras is None else np.asarray(cameras, dtype=np.float64) - shift) @ R
    clear = [(*((np.array([x, y, 0.0]) - [*pose.centre_mm, 0.0]) @ R)[:2], radius) for x, y, radius in keep_clear]
    if kind == "outdoors":
        reach = max(
            [np.hypot(x, y) + r for x, y, r in clear] + [float(np.hypot(*eye[:2])) + 500 for eye in eyes] + [1500.0]
        )
        meshes, lighting = open_ground(rng, reach)
    else:
        meshes, lighting = _indoors(kind, rng, size_mm, clear, eyes)
    return [replace(one, vertices_world=one.vertices_world @ R.T + shift) for one in meshes], _transform_lighting(
        lighting, R, shift
    )


def occluders(
    rng: np.random.Generator,
    camera_mm: np.ndarray,
    person_mm: np.ndarray,
    floor_height_mm: float = 0.0,
    person_radius_mm: float = 700.0,
) -> list[Mesh]:
    """Returns one or two objects on the floor between a camera and a person (both (3,) world mm) that hide a part of them.

    They keep outside the person's circle and 400 mm from the camera; there are none if nothing fits.
    """
    towards = np.asarray(camera_mm, dtype=np.float64)[:2] - np.asarray(person_mm, dtype=np.float64)[:2]
    away = float(np.linalg.norm(towards))
    meshes: list[Mesh] = []
    taken: list[tuple[np.ndarray, float]] = []
    for _ in range(int(rng.integers(1, 3))):
        one = IN_THE_WAY[rng.integers(len(IN_THE_WAY))](rng)
        nearest, farthest = person_radius_mm + one.radius_mm, away - 400 - one.radius_mm
        if farthest <= nearest:
            continue
        along = towards / away * rng.uniform(nearest, min(farthest, nearest + 1500))
        aside = np.array([-towards[1], towards[0]]) / away * _sideways(one, rng)
        place = np.array([*(np.asarray(person_mm)[:2] + along + aside), floor_height_mm])
        if any(np.linalg.norm(place[:2] - other[:2]) < one.radius_mm + radius for other, radius in taken):
            continue
        taken.append((place, one.radius_mm))
        meshes += one.placed(place, rng.uniform(0, 360))
    return meshes


def _sideways(one: Piece, rng: np.random.Generator) -> float:
    """Returns the distance (mm) from the line of sight: tall pieces stand to the side, so that they hide only a part."""
    if one.height_mm < 1300:
        return float(rng.normal(0, 220))
    return float(rng.choice([-1, 1]) * (0.35 * one.width_mm + rng.uniform(60, 260)))


def _indoors(
    kind: str, rng: np.random.Generator, size: tuple[float, float, float] | None, clear: list[Circle], eyes: np.ndarray
) -> tuple[list[Mesh], Lighting]:
    """Returns a furnished room around the origin."""
    width, depth, height = size or _fitting_size(kind, rng, clear, eyes)
    built = shell(kind, (width, depth, height), rng)
    meshes = built.meshes
    taken = [(np.array([x, y]), r) for x, y, r in clear] + [(eye[:2], 450.0) for eye in eyes]
    if kind == "studio" and rng.random() < 0.75:
        meshes += _backdrop(rng, depth, height, clear)
        x = float(np.mean([c[0] for c in clear])) if clear else 0.0
        taken += [(np.array([x, y]), 1300.0) for y in np.arange(depth / 2 - 900, 0, -900)]  # the paper stays empty
    if kind == "living" and rng.random() < 0.6:
        meshes += _rug(rng, clear)
    ground = _Ground((width, depth), taken, clear, eyes)
    for _ in range(int((width + depth) / 1000 * rng.uniform(0.5, 1.1))):
        makers = AGAINST_WALLS[kind]
        meshes += _place(makers[rng.integers(len(makers))](rng), rng, ground, wall=True)
    for _ in range(int(rng.integers(1, 5))):
        makers = STANDING_FREE[kind]
        meshes += _place(makers[rng.integers(len(makers))](rng), rng, ground, wall=False)
    return meshes, _lamplight(rng, built.fills)


def _fitting_size(
    kind: str, rng: np.random.Generator, clear: list[Circle], eyes: np.ndarray
) -> tuple[float, float, float]:
    """Returns width, depth and height that contain all circles and cameras with some margin."""
    ends = (
        [(abs(x) + r, abs(y) + r) for x, y, r in clear]
        + [(abs(e[0]) + 300, abs(e[1]) + 300) for e in eyes]
        + [(1500, 1500)]
    )
    half = np.max(ends, axis=0) + rng.uniform(*SPARE[kind], 2)
    highest = max((float(eye[2]) for eye in eyes), default=0.0)
    height = max(float(rng.uniform(*HEIGHTS[kind])), highest + 250)
    return float(2 * half[0]), float(2 * half[1]), height


@dataclass(frozen=True)
class _Ground:
    """The ground of a room, and what is on it."""

    size: tuple[float, float]  # mm
    taken: list[tuple[np.ndarray, float]]  # spots and radii, mm; placing a piece adds its own
    clear: list[Circle]
    eyes: np.ndarray  # (N, 3) mm, the cameras


def _place(one: Piece, rng: np.random.Generator, ground: _Ground, wall: bool) -> list[Mesh]:
    """Places the piece at the first free one of some random spots; returns no meshes if none is free."""
    size, taken = ground.size, ground.taken
    for _ in range(12):
        if one.width_mm > min(size) - 120 or (not wall and 2 * one.radius_mm > min(size) - 100):
            break
        spot, yaw = _spot(one, rng, size, wall)
        if any(np.linalg.norm(spot - other) < one.radius_mm + radius for other, radius in taken):
            continue
        if one.height_mm > 250 and any(
            _distance(spot, eye[:2], np.array([x, y])) < one.radius_mm + 0.4 * r
            for eye in ground.eyes
            for x, y, r in ground.clear
        ):
            continue
        taken.append((spot, one.radius_mm))
        return one.placed(np.array([*spot, 0.0]), yaw)
    return []


def _spot(one: Piece, rng: np.random.Generator, size: tuple[float, float], wall: bool) -> tuple[np.ndarray, float]:
    """Returns a random spot and yaw: with its back 30 mm from a wall's skirting, or anywhere."""
    if not wall:
        reach = np.maximum(np.array(size) / 2 - one.radius_mm - 50, 0)
        return rng.uniform(-reach, reach), rng.uniform(0, 360)
    side = int(rng.integers(4))
    long, away = (size[0], size[1] / 2) if side % 2 == 0 else (size[1], size[0] / 2)
    aside = max(long / 2 - one.width_mm / 2 - 60, 0.0)
    local = np.array([rng.uniform(-aside, aside), away - one.depth_mm / 2 - 50, 0.0])
    return (about_z(90 * side) @ local)[:2], 90.0 * side


def _distance(point: np.ndarray, start: np.ndarray, end: np.ndarray) -> float:
    """Returns the distance from a point to a segment."""
    along = end - start
    share = np.clip((point - start) @ along / max(float(along @ along), 1e-9), 0, 1)
    return float(np.linalg.norm(point - start - share * along))


def _rug(rng: np.random.Generator, clear: list[Circle]) -> list[Mesh]:
    """Returns a rug only 1.5 mm thick, so that feet stand at the floor's height."""
    x, y = (np.mean([c[:2] for c in clear], axis=0) if clear else np.zeros(2)) + rng.normal(0, 250, 2)
    wide, deep = rng.uniform(1500, 2600), rng.uniform(1200, 2000)
    pattern = str(rng.choice(["carpet", "wallpaper", "pinstripes"]))
    material = Material(
        pattern, (pick_colour(rng, BRIGHT), pick_colour(rng, MUTED)), scale_mm=160, roughness=1.0, bump=0.6
    )
    flat = sheet((-wide / 2, -deep / 2, 0), (wide, 0, 0), (0, deep, 0)).turned(about_z(rng.uniform(-15, 15)))
    return [mesh("rug", material, [flat.moved((x, y, 1.5))], casts=False)]


def _backdrop(rng: np.random.Generator, depth: float, height: float, clear: list[Circle]) -> list[Mesh]:
    """Returns a studio backdrop of seamless paper that curves from the back wall onto the floor."""
    paper = Material(
        "plain",
        (
            pick_colour(
                rng, ((0.86, 0.86, 0.86), (0.5, 0.5, 0.51), (0.2, 0.2, 0.21), (0.45, 0.55, 0.62), (0.72, 0.62, 0.52))
            ),
        ),
        scale_mm=400,
        roughness=0.95,
    )
    back, top, wide, bend = depth / 2 - 150, min(height - 200, 2700.0), rng.uniform(2700, 3600), 600.0
    front = min([c[1] - c[2] for c in clear] + [back - 2500])
    x = float(np.mean([c[0] for c in clear])) if clear else 0.0
    angle = np.linspace(0, np.pi / 2, 13)
    y = np.array([front, *(back - bend + bend * np.sin(angle)), back])
    z = np.array([1.5, *(1.5 + bend * (1 - np.cos(angle))), top])
    profile = np.stack([np.stack([np.full_like(y, side), y, z], -1) for side in (x - wide / 2, x + wide / 2)], axis=1)
    return [mesh("backdrop", paper, [surface(profile)], two_sided=True, casts=False)]


def _lamplight(rng: np.random.Generator, fills: list[Fill]) -> Lighting:
    """Returns two lamps from above or the side, one of them stronger, and the ambient light."""
    warm = float(rng.uniform(-0.5, 1.0))
    colour = (1.0, 0.97 - 0.03 * warm, 0.94 - 0.10 * warm)
    turn = rng.uniform(0, 2 * np.pi)
    lamps = []
    for strength, swing in ((rng.uniform(0.7, 1.3), 0.0), (rng.uniform(0.15, 0.5), rng.uniform(1.5, 4.8))):
        height = np.radians(rng.uniform(28, 66))
        towards = [np.cos(height) * np.cos(turn + swing), np.cos(height) * np.sin(turn + swing), np.sin(height)]
        lamps.append(Lamp(np.array(towards), colour, float(strength), float(rng.uniform(4, 20))))
    sky = tuple(float(c) for c in 0.5 + 0.5 * np.array(colour))
    ground = pick_colour(rng, ((0.74, 0.68, 0.62), (0.68, 0.66, 0.64)))
    return Lighting(tuple(lamps), (sky[0], sky[1], sky[2]), ground, float(rng.uniform(0.2, 0.42)), tuple(fills[:3]))


def _transform_lighting(lighting: Lighting, R: np.ndarray, shift: np.ndarray) -> Lighting:
    """Returns the lighting of a scene that is rotated and moved."""
    lamps = tuple(replace(lamp, towards=R @ lamp.towards) for lamp in lighting.lamps)
    fills = tuple(replace(fill, place_world=R @ fill.place_world + shift) for fill in lighting.fills)
    return replace(lighting, lamps=lamps, fills=fills)
