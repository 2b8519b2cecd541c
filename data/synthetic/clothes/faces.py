"""A person's skin and face: varying skin tones, lips, stubble, brows, lashes, and eyes with iris and pupil."""

from __future__ import annotations

import numpy as np

from data.synthetic.body.anatomy import Anatomy
from data.synthetic.body.people import HAIRS, Person
from data.synthetic.clothes.skinned_surface import SkinnedSurface, fixed_to, surface_of_sheet
from data.synthetic.geometry.meshes import Colour, Material
from data.synthetic.geometry.sheets import cut, sheet_of, smoothed
from data.synthetic.geometry.tubes import oriented_outwards, tube_triangles

IRISES: tuple[Colour, ...] = (
    (0.20, 0.12, 0.07),
    (0.28, 0.18, 0.10),
    (0.34, 0.30, 0.18),
    (0.35, 0.45, 0.52),
    (0.33, 0.42, 0.34),
)
BEARD_SHARE = 0.22
# Radians seen from the eyeball's centre: 11.8 and 4.5 mm across in an eye of 25 mm.
IRIS_SHARE, PUPIL_SHARE = 0.47, 0.18


def skin(
    anatomy: Anatomy, person: Person, hidden: np.ndarray, scalp: np.ndarray, rng: np.random.Generator
) -> SkinnedSurface:
    """Returns the visible skin, without triangles whose corners are all hidden (B,); `scalp` (B,) is the hair cover."""
    sheet = sheet_of(anatomy.body[~hidden[anatomy.body].all(axis=1)], len(hidden))
    piece = surface_of_sheet(
        anatomy,
        "skin",
        sheet,
        sheet.at(anatomy.shape.vertices),
        Material("skin", (person.skin,), 60.0, 0.55, 0.15, person.seed),
    )
    below_hair = scalp[:, None] * (1 - np.array(HAIRS[person.hair]) / person.skin)
    tint = sheet.at(skin_tint(anatomy, person, rng) * (1 - 0.8 * below_hair))
    return SkinnedSurface(
        "skin", piece.rest, piece.weights, piece.triangles, piece.material, tint, texture_mm=piece.rest
    )


def face(anatomy: Anatomy, person: Person, rng: np.random.Generator) -> list[SkinnedSurface]:
    """Returns eyes, brows, lashes and beard."""
    iris = IRISES[
        int(rng.integers(len(IRISES)) if max(person.skin) > 0.8 and "black" not in person.hair else rng.integers(2))
    ]
    hair = HAIRS[person.hair]
    dark = tuple(0.75 * c for c in hair) if person.hair not in ("grey", "white") else (0.3, 0.29, 0.28)
    pieces = [_eye(anatomy, side, iris) for side in "LR"]
    brows = [_brow(anatomy, side, Material("hair", (dark,), 8.0, 0.7)) for side in "LR"]  # type: ignore[arg-type]
    lashes = [_lashes(anatomy, side) for side in "lr"] if person.sex == "F" else []
    bearded = person.sex == "M" and person.age_years > 22 and rng.random() < BEARD_SHARE
    beards = (
        [_beard_piece(anatomy, Material("hair", (hair,), 8.0, 0.7, 0.4), float(rng.uniform(2, 9)))] if bearded else []
    )
    return pieces + brows + lashes + beards


def skin_tint(anatomy: Anatomy, person: Person, rng: np.random.Generator) -> np.ndarray:
    """Returns factors (B, 3) of the skin's colour: lips, cheeks, palms, elbows and knees, stubble, and mottling."""
    v, unit = anatomy.shape.vertices, anatomy.unit
    mottle = smoothed(rng.normal(size=len(v)), anatomy.neighbours, 20)
    tint = np.ones((len(v), 3)) + (0.03 * mottle / mottle[anatomy.skin].std())[:, None] * [0.6, 1.0, 1.0]
    pale = float(np.clip((max(person.skin) - 0.4) / 0.5, 0, 1))
    head = anatomy.bone_weight(
        ("head", "jaw", "oris", "levator", "special", "risorius", "temporalis", "oculi", "orbicularis")
    )
    for side in "LR":
        cheek = anatomy.head_of(f"levator02.{side}") + np.array([32.0 if side == "L" else -32.0, 12, 0]) * unit
        near = np.exp(-(((v - cheek) / (22 * unit)) ** 2).sum(axis=1)) * head
        tint -= near[:, None] * np.array([0.0, 0.05, 0.04]) * pale
        elbow = anatomy.head_of(f"lowerarm01.{side}")
        knee = anatomy.head_of(f"lowerleg01.{side}")
        for joint, size in ((elbow, 50), (knee, 70)):
            tint -= np.exp(-(((v - joint) / (size * unit)) ** 2).sum(axis=1))[:, None] * np.array([0.03, 0.07, 0.08])
    palms = anatomy.bone_weight(("wrist", "metacarpal", "finger")) * np.clip(-anatomy.normals[:, 2] - 0.2, 0, 1)
    tint += palms[:, None] * np.array([0.06, 0.06, 0.08]) * (1.6 - pale)
    lips = _lips(anatomy)[:, None]
    tone = np.array([0.90, 0.74, 0.72]) if person.sex == "M" else np.array([0.90, 0.66, 0.65])
    tint = tint * (1 - lips) + tint * tone * lips
    if person.sex == "M" and person.age_years > 17:
        tint *= 1 - (_beard(anatomy) * rng.uniform(0.0, 0.45) * np.clip((person.age_years - 15) / 10, 0, 1))[:, None]
    return np.clip(tint, 0.2, 1.3)


def _lips(anatomy: Anatomy) -> np.ndarray:
    """Returns (B,) 1 on the lips, 0 away from them."""
    upper, lower = anatomy.shape.tails[anatomy.model.bone("oris05")], anatomy.shape.tails[anatomy.model.bone("oris01")]
    corner = anatomy.shape.tails[anatomy.model.bone("oris03.L")]
    middle = (upper + lower) / 2
    away = anatomy.shape.vertices - middle
    half_width, half_height = 1.55 * abs(corner[0]), 1.15 * abs(upper[2] - lower[2])
    inside = 1 - (away[:, 0] / half_width) ** 2 - (away[:, 2] / half_height) ** 2
    return np.clip(2.5 * inside, 0, 1) * (np.abs(away[:, 1]) < 30)


def _beard(anatomy: Anatomy, above_lips: float = 14.0) -> np.ndarray:
    """Returns (B,) 1 where a beard grows, up to some mm above the lips."""
    v, unit = anatomy.shape.vertices, anatomy.unit
    lips = anatomy.shape.tails[anatomy.model.bone("oris05")]
    jaw = anatomy.head_of("jaw")
    below = np.clip(
        (lips[2] + above_lips * unit - v[:, 2] - 0.35 * np.maximum(v[:, 1] - lips[1], 0)) / (12 * unit), 0, 1
    )
    above_throat = np.clip((v[:, 2] - (jaw[2] - 95 * unit)) / (15 * unit), 0, 1)
    front = np.clip((jaw[1] + 10 * unit - v[:, 1]) / (20 * unit), 0, 1)
    return np.asarray(below * above_throat * front)


def _beard_piece(anatomy: Anatomy, material: Material, length_mm: float) -> SkinnedSurface:
    """Returns a full beard, thickest on the chin, with the lips free."""
    lips = smoothed(_lips(anatomy), anatomy.neighbours, 1)
    field = smoothed(_beard(anatomy, 21.0), anatomy.neighbours, 2) - 0.45 - 2.0 * lips
    sheet = cut(sheet_of(anatomy.body, len(field)), field)
    thick = 0.8 + length_mm * np.clip(2 * field, 0, 1)
    return surface_of_sheet(anatomy, "beard", sheet, sheet.at(anatomy.offset_from_skin(thick, 3)), material)


def _eye(anatomy: Anatomy, side: str, iris: Colour) -> SkinnedSurface:
    """Returns an eyeball made of rings from the pole that looks ahead: pupil, iris with a darker rim, white."""
    corners = anatomy.shape.vertices[np.unique(anatomy.model.surfaces[f"helper-{side.lower()}-eye"])]
    bone = anatomy.model.bone(f"eye.{side}")
    centre = corners.mean(axis=0)
    radius = float(np.linalg.norm(corners - centre, axis=1).mean())
    gaze = anatomy.shape.tails[bone] - anatomy.shape.heads[bone]
    gaze = gaze / np.linalg.norm(gaze)
    right = np.cross(gaze, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(right, gaze), gaze])
    black, white, rim = (0.02, 0.02, 0.02), (0.88, 0.86, 0.84), tuple(0.45 * c for c in iris)
    pupil, edge = PUPIL_SHARE, IRIS_SHARE
    rings = [(0.0, black), (pupil, black), (pupil, iris), (0.8 * edge, iris), (edge, rim), (1.06 * edge, white)]
    rings += [(float(angle), white) for angle in np.linspace(1.06 * edge, np.pi, 9)[1:]]
    angles = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    polar = np.array([ring[0] for ring in rings])[:, None]
    flat = np.stack(
        [np.sin(polar) * np.cos(angles), np.sin(polar) * np.sin(angles), np.cos(polar) + 0 * angles], axis=-1
    )
    rest = centre + radius * flat.reshape(-1, 3) @ axes
    tint = np.repeat(np.array([ring[1] for ring in rings]), len(angles), axis=0)
    material = Material("plain", ((1.0, 1.0, 1.0),), roughness=0.15)
    triangles = oriented_outwards(rest, tube_triangles(len(rings), len(angles)))
    return SkinnedSurface("eye", rest, fixed_to(bone, len(rest), len(anatomy.model.bones)), triangles, material, tint)


def _brow(anatomy: Anatomy, side: str, material: Material) -> SkinnedSurface:
    """Returns a brow along the bones above the eye, cut out of the skin and offset from it."""
    v, unit = anatomy.shape.vertices, anatomy.unit
    inner = anatomy.shape.tails[anatomy.model.bone(f"oculi01.{side}")]
    middle, outer = anatomy.head_of(f"oculi01.{side}"), anatomy.head_of(f"oculi02.{side}")
    sign = 1.0 if side == "L" else -1.0
    x = sign * v[:, 0]
    start, end = abs(inner[0]) - 4 * unit, abs(outer[0]) - 2 * unit
    line = np.interp(
        x, [abs(inner[0]), abs(middle[0]), abs(outer[0])], [inner[2], middle[2] + 1.5 * unit, outer[2] + 6 * unit]
    )
    taper = np.clip((end - x) / (0.6 * (end - start)), 0.25, 1)
    field = np.minimum(np.minimum(4.2 * unit * taper - np.abs(v[:, 2] - line), x - start), end - x)
    field = np.where((v[:, 1] < outer[1] + 12 * unit) & (np.abs(v[:, 2] - middle[2]) < 40 * unit), field, -1.0)
    sheet = cut(sheet_of(anatomy.body, len(v)), field)
    rest = sheet.at(v + 0.9 * anatomy.normals)
    return surface_of_sheet(anatomy, "brow", sheet, rest, material)


def _lashes(anatomy: Anatomy, side: str) -> SkinnedSurface:
    surfaces = anatomy.model.surfaces
    sheet = sheet_of(surfaces[f"helper-{side}-eyelashes-2"], len(anatomy.shape.vertices))
    rest = sheet.at(anatomy.shape.vertices)
    return surface_of_sheet(anatomy, "lashes", sheet, rest, Material("plain", ((0.05, 0.04, 0.04),), roughness=0.9))
