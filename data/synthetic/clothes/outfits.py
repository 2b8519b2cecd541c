"""Outfits: drawn and built once in the rest pose, then skinned to any pose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from data.synthetic.body.anatomy import Anatomy
from data.synthetic.body.model import BodyModel, Posed, Shape
from data.synthetic.body.people import Person
from data.synthetic.clothes.faces import face, skin
from data.synthetic.clothes.garments import Garment, bottom, build_garment, top
from data.synthetic.clothes.hair import hair
from data.synthetic.clothes.hoods import hood
from data.synthetic.clothes.shoes import footwear
from data.synthetic.clothes.skinned_surface import Outfit, SkinnedSurface
from data.synthetic.clothes.skirts import skirt
from data.synthetic.clothes.wardrobe import BOTTOMS, DAILY_BOTTOMS, DAILY_TOPS, SPORTS_BOTTOMS, SPORTS_TOPS, TOPS, cloth
from data.synthetic.geometry.meshes import Mesh
from data.synthetic.plan import BAREFOOT_SHARE

SPORTS_SHARE = 0.5
SKIRT_SHARE, DRESS_SHARE, CROP_SHARE = 0.14, 0.06, 0.25  # of women in daily, daily and sports clothes


def dress(model: BodyModel, person: Person, shape: Shape, posed: Posed, rng: np.random.Generator) -> list[Mesh]:
    """Returns all visible surfaces of a person in a pose. For many poses, keep outfit_of() and call its `meshes`."""
    return outfit_of(model, person, shape, rng).meshes(posed)


def outfit_of(
    model: BodyModel, person: Person, shape: Shape, rng: np.random.Generator, barefoot: float = BAREFOOT_SHARE
) -> Outfit:
    """Returns skin, face, hair, clothes and shoes of one person (takes about a second), with the thickness of the soles.

    `barefoot` is the probability that the person wears neither shoes nor socks.
    """
    anatomy = Anatomy(model, shape)
    garments, pieces = _clothes(anatomy, person, rng)
    shoes = footwear(anatomy, rng, barefoot)
    hidden = np.any([garment.hidden_skin() for garment in garments] + [shoes.hidden], axis=0)
    on_head, scalp = hair(anatomy, person, _outermost(anatomy, garments), rng)
    pieces = [skin(anatomy, person, hidden, scalp, rng), *face(anatomy, person, rng), *pieces, *shoes.pieces, *on_head]
    return Outfit(shape, tuple(pieces), shoes.sole_mm)


def sole_mm(outfit: Outfit) -> float:
    """Returns how far the ground is below the bare feet, mm; 0 if barefoot."""
    return outfit.sole_mm


def _outermost(anatomy: Anatomy, garments: list[Garment]) -> np.ndarray:
    """Returns the outermost surface (B, 3): the skin or the last garment over it."""
    over = anatomy.shape.vertices.copy()
    for garment in garments:
        worn = np.min(garment.fields, axis=0) > -10
        over[worn] = garment.surface(anatomy)[worn]
    return over


def _clothes(anatomy: Anatomy, person: Person, rng: np.random.Generator) -> tuple[list[Garment], list[SkinnedSurface]]:
    sports = bool(rng.random() < SPORTS_SHARE)
    names = _names(person, sports, rng)
    skirted = names[1] in ("skirt", "dress")
    garments = [_bottom(anatomy, "short leggings" if skirted else names[1], rng)]
    garments.append(_top(anatomy, names[0], rng, under=garments, tucked=skirted))
    pieces = [build_garment(anatomy, garment, rng) for garment in garments]
    if skirted:
        material = garments[-1].material if names[1] == "dress" else cloth(rng, ("cloth", "denim", "check", "print"))
        pieces.append(skirt(anatomy, _outermost(anatomy, garments), material, rng))
    if names[0] == "hoodie" and person.hair_style not in ("long", "bob"):  # long hair would intersect it
        pieces.append(hood(anatomy, _outermost(anatomy, garments), garments[-1].material, rng))
    return garments, pieces


def _names(person: Person, sports: bool, rng: np.random.Generator) -> tuple[str, str]:
    """Returns the kinds of top and bottom."""
    woman = person.sex == "F"
    tops: tuple[str, ...] = SPORTS_TOPS if sports else DAILY_TOPS
    bottoms: tuple[str, ...] = SPORTS_BOTTOMS if sports else DAILY_BOTTOMS
    if not woman:
        bottoms = tuple(name for name in bottoms if "leggings" not in name and name != "wide trousers")
    top_name, bottom_name = str(rng.choice(tops)), str(rng.choice(bottoms))
    chance = rng.random()
    if woman and sports and chance < CROP_SHARE:
        return "crop top", str(rng.choice(["leggings", "short leggings", "capri leggings", "joggers"]))
    if woman and not sports and chance < SKIRT_SHARE + DRESS_SHARE:
        return ("fitted t-shirt", "dress") if chance < DRESS_SHARE else (top_name, "skirt")
    return top_name, bottom_name


def _top(anatomy: Anatomy, name: str, rng: np.random.Generator, under: list[Garment], tucked: bool) -> Garment:
    cut_as, patterns, thickness = TOPS[name]
    if tucked:
        cut_as = replace(cut_as, hem=0.45, loose=min(cut_as.loose, 5.0), flare=0.0)
    garment = top(anatomy, name, cut_as, cloth(rng, patterns), thickness)
    for other in under:  # a top hangs over what is below it
        overlap = (np.min(other.fields, axis=0) > -25) & (np.min(garment.fields, axis=0) > -25)
        needed = other.clearance + other.wrinkle_mm + 0.35 * other.smoothing + 5.0
        clearance = np.where(overlap, np.maximum(garment.clearance, needed), garment.clearance)
        garment = replace(garment, clearance=clearance)
    return garment


def _bottom(anatomy: Anatomy, name: str, rng: np.random.Generator) -> Garment:
    cut_as, patterns, thickness = BOTTOMS[name]
    return bottom(anatomy, name, cut_as, cloth(rng, patterns), thickness)
