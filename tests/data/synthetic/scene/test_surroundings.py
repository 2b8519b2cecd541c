"""Surroundings leave the person free and the cameras inside, occlude where intended, and offer seats."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from data.synthetic.geometry.meshes import Lighting, Material, Mesh
from data.synthetic.geometry.solids import box, mesh
from data.synthetic.scene import surroundings
from data.synthetic.scene.cameras import ViewProbabilities, sample_rig
from data.synthetic.scene.room import make_room
from data.synthetic.scene.surroundings import (
    AROUND_MM,
    MAX_HIDDEN_SHARE,
    SEAT_MM,
    Surroundings,
    largest_hidden_share,
    make_surroundings,
)
from tests.data.synthetic.scene.test_cameras import people


def make(seed: int, occluded: float = 0.0) -> tuple[np.ndarray, list, Surroundings]:
    joints = people(seed)
    rng = np.random.default_rng(seed)
    views = sample_rig(rng, joints, 0.0, 3, ViewProbabilities(occluded=occluded))
    return joints, views, make_surroundings(rng, joints, views)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("occluded", [0.0, 1.0])
def test_nothing_stands_where_the_person_moves(seed: int, occluded: float) -> None:
    joints, _, place = make(seed, occluded)
    ground = joints.reshape(-1, 3)[:, :2]
    middle = (ground.min(0) + ground.max(0)) / 2
    radius = np.linalg.norm(ground - middle, axis=1).max() + AROUND_MM
    for one in place.meshes:
        low = one.vertices_world[(one.vertices_world[:, 2] > 30) & (one.vertices_world[:, 2] < 2000)]
        if len(low):
            assert np.linalg.norm(low[:, :2] - middle, axis=1).min() > 0.95 * radius, (place.kind, one.name)


@pytest.mark.parametrize("seed", range(6))
def test_every_camera_stands_within_what_is_seen(seed: int) -> None:
    _, views, place = make(seed)
    ends = np.concatenate([mesh.vertices_world for mesh in place.meshes])
    for view in views:
        centre = view.camera.centre_world
        assert (ends[:, :2].min(0) < centre[:2]).all() and (centre[:2] < ends[:, :2].max(0)).all()


def test_views_that_shall_be_occluded_get_things_in_their_way() -> None:
    more = 0
    for seed in range(8):
        joints = people(seed)
        views = sample_rig(np.random.default_rng(seed), joints, 0.0, 2, ViewProbabilities(truncated=0.0, occluded=0.0))
        plain = make_surroundings(np.random.default_rng(seed), joints, views)
        crowded = make_surroundings(
            np.random.default_rng(seed), joints, [replace(view, occluded=True) for view in views]
        )
        assert len(crowded.meshes) >= len(plain.meshes)
        more += len(crowded.meshes) > len(plain.meshes)
    assert more >= 5


def test_a_seat_has_its_top_where_somebody_sits_and_is_the_same_in_every_frame() -> None:
    _, _, place = make(2)
    assert place.seat(None) == []
    (seat,) = place.seat((120.0, -340.0, 450.0))
    assert seat.vertices_world[:, 2].max() == pytest.approx(450, abs=0.5)
    assert seat.vertices_world[:, 2].min() == pytest.approx(0, abs=0.5)
    middle = (seat.vertices_world.min(0) + seat.vertices_world.max(0)) / 2
    np.testing.assert_allclose(middle[:2], [120, -340], atol=1)
    assert np.ptp(seat.vertices_world[:, 0]) >= SEAT_MM - 1
    (other,) = place.seat((0.0, 0.0, 450.0))
    np.testing.assert_allclose(other.vertices_world + [120, -340, 0], seat.vertices_world)
    assert other.material == seat.material


def test_hidden_is_what_lies_behind() -> None:
    pillar = mesh("pillar", Material("plain", ((0.5, 0.5, 0.5),)), [box((400, 400, 1000), (0, -1500, 0))])
    camera = np.array([0.0, -3000.0, 500.0])
    joints = np.zeros((2, 24, 3))
    joints[0, :, 0] = np.linspace(-1150, 1150, 24)  # at 3 m the pillar, seen at 1.3 m, hides 923 mm
    joints[1, :, 0], joints[1, :, 2] = 3000, 200
    assert largest_hidden_share([pillar], camera, joints[:1]) == pytest.approx(10 / 24)
    assert largest_hidden_share([pillar], camera, joints) == pytest.approx(10 / 24)
    assert largest_hidden_share([pillar], camera, joints[1:]) == 0
    assert largest_hidden_share([pillar], -camera, joints) == 0  # a thing behind the person hides nothing
    assert largest_hidden_share([], camera, joints) == 0


def test_nobody_is_hidden_altogether(monkeypatch: pytest.MonkeyPatch) -> None:
    refused, of_room = 0, []

    def counting_make_room(*arguments: Any, **options: Any) -> tuple[list[Mesh], Lighting]:
        meshes, lighting = make_room(*arguments, **options)
        of_room.append(len(meshes))
        return meshes, lighting

    monkeypatch.setattr(surroundings, "make_room", counting_make_room)
    for seed in range(60):
        joints = people(seed)
        views = sample_rig(np.random.default_rng(seed), joints, 0.0, 2, ViewProbabilities(truncated=0.0, occluded=1.0))
        cameras = [view.camera.centre_world for view in views]
        place = make_surroundings(np.random.default_rng(seed), joints, views)
        things = place.meshes[of_room[-1] :]
        assert all(largest_hidden_share(things, camera, joints) <= MAX_HIDDEN_SHARE for camera in cameras)
        refused += not things
    assert refused < 30 and len(of_room) == 60
