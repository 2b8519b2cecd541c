"""Hair: on the scalp and not in the face, outside the head, moving with it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from data.synthetic.body.anatomy import Anatomy
from data.synthetic.body.people import STYLES
from data.synthetic.clothes.hair import hair
from data.synthetic.clothes.hoods import hood
from data.synthetic.clothes.skinned_surface import Outfit
from data.synthetic.geometry.meshes import Material
from tests.data.synthetic.body.example_people import model, person, posed, shape

STYLE_NAMES = sorted(set(STYLES["F"]) | set(STYLES["M"]))
EXPECTED = {
    "bald": set(), "crop": {"hair"}, "short": {"hair"}, "bob": {"hair", "long hair"}, "long": {"hair", "long hair"},
    "cap": {"hair", "tail", "cap", "peak"},
}  # fmt: skip


@pytest.mark.parametrize("style", STYLE_NAMES)
def test_every_style_leaves_the_face_free(style: str) -> None:
    anatomy = Anatomy(model(), shape(1))
    wearer = replace(person(1), hair_style=style)
    pieces, scalp = hair(anatomy, wearer, anatomy.shape.vertices, np.random.default_rng(0))
    names = {piece.name for piece in pieces}
    assert names in ([EXPECTED[style]] if style in EXPECTED else [{"hair", "bun"}, {"hair", "tail"}])
    eyes = anatomy.head_of("eye.L")
    for piece in pieces:
        before_face = (piece.rest[:, 1] < eyes[1]) & (np.abs(piece.rest[:, 0]) < 45)
        assert not (before_face & (np.abs(piece.rest[:, 2] - eyes[2]) < 20)).any(), piece.name
        np.testing.assert_allclose(piece.weights.sum(axis=1), 1, atol=1e-5)
    assert scalp.min() >= 0 and scalp.max() <= 1
    lips = anatomy.shape.tails[model().bone("oris05")]
    assert scalp[np.linalg.norm(anatomy.shape.vertices - lips, axis=1) < 15].max() == 0


def test_hair_turns_with_the_head() -> None:
    anatomy = Anatomy(model(), shape(1))
    pieces, _ = hair(anatomy, replace(person(1), hair_style="short"), anatomy.shape.vertices, np.random.default_rng(0))
    outfit = Outfit(shape(1), tuple(pieces))
    turned = posed(shape(1), {"head": (0, 0, 90)})
    high = pieces[0].rest[:, 2] > anatomy.head_of("eye.L")[2] + 40
    expected = turned.carried(model().bone("head"), pieces[0].rest, shape(1))
    off = np.linalg.norm(outfit.meshes(turned)[0].vertices_world - expected, axis=1)
    assert off[high].max() < 1.0


def test_a_hood_lies_behind_the_neck_and_outside_the_skin() -> None:
    anatomy = Anatomy(model(), shape(2))
    piece = hood(anatomy, anatomy.shape.vertices, Material("knit", ((0.4, 0.4, 0.4),)), np.random.default_rng(0))
    neck = anatomy.head_of("neck01")
    behind = piece.rest[piece.rest[:, 1] > neck[1] + 40]
    assert len(behind) > 50
    assert np.linalg.norm(piece.rest - neck, axis=1).max() < 220
