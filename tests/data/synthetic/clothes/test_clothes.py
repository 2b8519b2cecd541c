"""Dressed people: cloth over skin in every pose, closed shoes, no inverted triangles, reproducible outfits."""

from __future__ import annotations

import numpy as np
import pytest

from data.synthetic.body.anatomy import Anatomy
from data.synthetic.clothes.garments import bottom, build_garment, top
from data.synthetic.clothes.outfits import dress, outfit_of, sole_mm
from data.synthetic.clothes.shoes import footwear
from data.synthetic.clothes.wardrobe import BOTTOMS, TOPS, cloth, colour
from data.synthetic.geometry.meshes import Material
from data.synthetic.plan import BAREFOOT_SHARE
from tests.data.synthetic.body.example_people import BENT, model, person, posed, shape

PLAIN = Material("plain", ((0.5, 0.5, 0.5),))


@pytest.fixture(scope="module")
def anatomy() -> Anatomy:
    return Anatomy(model(), shape(1))


@pytest.mark.parametrize("seed", range(4))
def test_every_surface_is_sound_in_a_pose(seed: int) -> None:
    outfit = outfit_of(model(), person(seed), shape(seed), np.random.default_rng(seed))
    for mesh in outfit.meshes(posed(shape(seed), BENT)):
        assert np.isfinite(mesh.vertices_world).all(), mesh.name
        assert mesh.person and mesh.texture_mm.shape == mesh.vertices_world.shape
        assert mesh.triangles.min() >= 0 and mesh.triangles.max() < len(mesh.vertices_world)
        assert mesh.tint is None or (mesh.tint.shape == mesh.vertices_world.shape and mesh.tint.min() >= 0)
    for piece in outfit.pieces:
        np.testing.assert_allclose(piece.weights.sum(axis=1), 1, atol=1e-5, err_msg=piece.name)


@pytest.mark.parametrize("seed", range(3))
def test_clothes_go_where_the_body_goes(seed: int) -> None:
    rng = np.random.default_rng(5)
    shift = np.array([1000.0, -500.0, 300.0])
    still = dress(model(), person(seed), shape(seed), posed(shape(seed), {}), np.random.default_rng(5))
    moved = posed(shape(seed), {}, model().at_rest(shape(seed)).root_world + shift)
    for before, after in zip(still, dress(model(), person(seed), shape(seed), moved, rng), strict=True):
        np.testing.assert_allclose(after.vertices_world, before.vertices_world + shift, atol=1e-6)


@pytest.mark.parametrize("name", list(TOPS))
def test_a_top_lies_outside_the_skin_it_covers(name: str, anatomy: Anatomy) -> None:
    cut_as, _, thickness = TOPS[name]
    garment = top(anatomy, name, cut_as, PLAIN, thickness)
    _lies_outside(anatomy, garment.surface(anatomy), garment.hidden_skin())
    piece = build_garment(anatomy, garment, np.random.default_rng(0))
    assert len(piece.triangles) > 500
    hands = anatomy.bone_weight(("finger",)) > 0.5
    assert not garment.hidden_skin()[hands].any()


@pytest.mark.parametrize("name", list(BOTTOMS))
def test_a_bottom_lies_outside_the_skin_and_ends_at_its_hem(name: str, anatomy: Anatomy) -> None:
    cut_as, _, thickness = BOTTOMS[name]
    garment = bottom(anatomy, name, cut_as, PLAIN, thickness)
    _lies_outside(anatomy, garment.surface(anatomy), garment.hidden_skin())
    levels = anatomy.levels
    hem = np.interp(cut_as.leg, [0, 1, 2], [levels["crotch"], levels["knee"], levels["ankle"]])
    assert build_garment(anatomy, garment, np.random.default_rng(0)).rest[:, 2].min() == pytest.approx(hem, abs=20)


def _lies_outside(anatomy: Anatomy, surface: np.ndarray, where: np.ndarray) -> None:
    lift = np.einsum("ij,ij->i", surface - anatomy.below_cloth, anatomy.normals)
    lift = lift[where & (np.linalg.norm(anatomy.normals, axis=1) > 0)]  # the helper surfaces are no skin
    assert np.percentile(lift, 1) > 0  # where skin folds a corner may look elsewhere; it is removed below cloth
    assert np.median(lift) > 1.5


@pytest.mark.parametrize("seed", range(12))
def test_shoes_stand_on_their_soles(seed: int, anatomy: Anatomy) -> None:
    worn = footwear(anatomy, np.random.default_rng(seed), BAREFOOT_SHARE)
    soles = [piece for piece in worn.pieces if piece.name == "sole"]
    for sole in soles:
        assert sole.rest[:, 2].min() == pytest.approx(anatomy.levels["floor"] - worn.sole_mm, abs=4)
        a, b, c = (sole.rest[sole.triangles[:, i]] - sole.rest.mean(axis=0) for i in range(3))
        assert np.einsum("ij,ij->", a, np.cross(b, c)) > 0
    assert (worn.sole_mm > 10) == bool(soles)


def test_a_share_of_people_is_barefoot(anatomy: Anatomy) -> None:
    for seed in range(6):
        bare, never = (footwear(anatomy, np.random.default_rng(seed), share) for share in (1.0, 0.0))
        assert not bare.pieces and not bare.hidden.any() and bare.sole_mm == 0
        assert never.pieces and never.sole_mm > 0
    outfits = [outfit_of(model(), person(2), shape(2), np.random.default_rng(9), share) for share in (1.0, 0.0)]
    assert sole_mm(outfits[0]) == 0 < sole_mm(outfits[1])


def test_the_same_seed_dresses_alike() -> None:
    outfits = [outfit_of(model(), person(2), shape(2), np.random.default_rng(9)) for _ in range(2)]
    assert [p.name for p in outfits[0].pieces] == [p.name for p in outfits[1].pieces]
    for one, other in zip(outfits[0].pieces, outfits[1].pieces, strict=True):
        assert one.material == other.material
        np.testing.assert_array_equal(one.rest, other.rest)
    assert sole_mm(outfits[0]) == sole_mm(outfits[1])


def test_hidden_skin_is_left_out_and_hands_and_face_are_not() -> None:
    outfit = outfit_of(model(), person(2), shape(2), np.random.default_rng(9))
    skin = next(piece for piece in outfit.pieces if piece.name == "skin")
    assert len(skin.triangles) < 0.9 * len(model().surfaces["body"])
    anatomy = Anatomy(model(), shape(2))
    seen = (anatomy.bone_weight(("finger",)) > 0.9) & np.isin(np.arange(len(anatomy.arms)), model().surfaces["body"])
    rows = {tuple(row) for row in np.round(skin.rest, 3)}
    assert all(tuple(row) in rows for row in np.round(shape(2).vertices[seen], 3))


def test_colours_are_colours() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        assert all(0 <= c <= 1 for c in colour(rng))
        material = cloth(rng, ("stripes", "denim", "print", "check"))
        assert all(0 <= c <= 1 for shade in material.colours for c in shade)
