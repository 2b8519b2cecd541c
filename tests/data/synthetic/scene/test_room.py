"""Rooms: kept-clear circles are empty, nothing floats or penetrates, and one seed gives one room."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.synthetic.geometry.meshes import Material, Mesh
from data.synthetic.geometry.solids import blob, box, cylinder, mesh, sheet
from data.synthetic.render.opengl import PATTERNS
from data.synthetic.scene import furniture
from data.synthetic.scene.room import IN_THE_WAY, KINDS, RoomPose, make_room, occluders

PLAIN = Material("plain", ((0.5, 0.5, 0.5),))
FLAT = ("floor", "ground", "rug", "backdrop", "ceiling", "ceiling lights", "wall", "skirting")
MAKERS = sorted({m.__name__: m for m in IN_THE_WAY}.items()) + [
    (name, getattr(furniture, name))
    for name in ("sofa", "shelf", "floor_lamp", "monitor_desk", "bench", "mats", "vaulting_box", "ball", "light_stand")
]


def room(seed: int, kind: str, **more: object) -> tuple[list[Mesh], np.ndarray, np.ndarray, float]:
    rng = np.random.default_rng(seed)
    centre, floor = rng.uniform(-5000, 5000, 2), float(rng.uniform(-500, 500))
    turn = rng.uniform(0, 2 * np.pi, 3)
    cameras = np.c_[centre + 3200 * np.stack([np.cos(turn), np.sin(turn)], -1), floor + rng.uniform(800, 2200, 3)]
    meshes, lighting = make_room(
        rng, RoomPose((float(centre[0]) + 300, float(centre[1]) - 200), floor, float(rng.uniform(0, 360))),
        keep_clear=[(*centre, 1000.0)], cameras=cameras, kind=kind, **more,  # type: ignore[arg-type]
    )  # fmt: skip
    assert lighting.lamps and all(np.linalg.norm(lamp.towards) == pytest.approx(1) for lamp in lighting.lamps)
    assert all(lamp.towards[2] > 0 for lamp in lighting.lamps)
    return meshes, centre, cameras, floor


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=4, deadline=None)
def test_nothing_stands_where_people_and_cameras_are(kind: str, seed: int) -> None:
    meshes, centre, cameras, floor = room(seed, kind)
    standing = [one for one in meshes if one.name not in FLAT]
    for one in standing:
        away = np.linalg.norm(one.vertices_world[:, :2] - centre, axis=1)
        assert away.min() > 990, one.name
        for camera in cameras:
            assert np.linalg.norm(one.vertices_world - camera, axis=1).min() > 200, one.name
    lowest = np.concatenate([one.vertices_world for one in meshes if one.name in ("floor", "ground")])
    assert np.allclose(lowest[:, 2], floor)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "outdoors"])
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=4, deadline=None)
def test_cameras_and_furniture_are_inside_the_walls(kind: str, seed: int) -> None:
    meshes, _, cameras, floor = room(seed, kind)
    walls = [one for one in meshes if one.name == "wall"]
    points = np.concatenate([cameras, *(one.vertices_world for one in meshes if one.name not in FLAT)])
    for wall in walls:
        a, b, c = wall.vertices_world[wall.triangles[0]]
        inwards = np.cross(b - a, c - a)
        assert ((points - a) @ (inwards / np.linalg.norm(inwards)) > -10).all()
    ceiling = next(one for one in meshes if one.name == "ceiling").vertices_world[0, 2]
    assert (cameras[:, 2] < ceiling).all() and (cameras[:, 2] > floor).all()


def test_a_room_has_the_size_that_is_asked_for() -> None:
    meshes, _ = make_room(np.random.default_rng(1), RoomPose(floor_height_mm=120.0), (5000, 4000, 2600), kind="office")
    floor = next(one for one in meshes if one.name == "floor").vertices_world
    ceiling = next(one for one in meshes if one.name == "ceiling").vertices_world
    assert np.allclose(np.ptp(floor, axis=0), [5000, 4000, 0]) and np.allclose(ceiling[:, 2], 2720)


def test_one_seed_gives_one_room_and_another_another() -> None:
    first, same, other = (room(seed, "living")[0] for seed in (4, 4, 5))
    assert [one.material for one in first] == [one.material for one in same]
    assert all(np.array_equal(a.vertices_world, b.vertices_world) for a, b in zip(first, same, strict=True))
    assert [one.material for one in first] != [one.material for one in other]


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(ValueError, match="kitchen"):
        make_room(np.random.default_rng(0), kind="kitchen")


@pytest.mark.parametrize("name, maker", MAKERS)
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=4, deadline=None)
def test_furniture_stands_on_the_floor_and_is_drawable(name: str, maker: furniture.Maker, seed: int) -> None:
    made = maker(np.random.default_rng(seed))
    vertices = np.concatenate([one.vertices_world for one in made.meshes])
    assert -25 < vertices[:, 2].min() < 3  # no gap below it
    assert (np.linalg.norm(vertices[:, :2], axis=1) < made.radius_mm + 1).all()
    for one in made.meshes:
        assert one.material.pattern in PATTERNS and one.triangles.max() < len(one.vertices_world)
        assert one.texture_mm.shape == one.vertices_world.shape and np.isfinite(one.vertices_world).all()


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_occluders_stand_between_camera_and_person_and_touch_neither(seed: int) -> None:
    rng = np.random.default_rng(seed)
    person, camera = np.array([1000.0, 500, 0]), np.array([1000 + rng.uniform(3000, 5000), 500, 1500.0])
    for one in occluders(rng, camera, person, floor_height_mm=40.0):
        away = one.vertices_world[:, :2] - person[:2]
        assert np.linalg.norm(away, axis=1).min() > 690
        assert np.linalg.norm(one.vertices_world[:, :2] - camera[:2], axis=1).min() > 390
        assert 0 < away[:, 0].mean() < camera[0] - person[0]
        assert one.vertices_world[:, 2].min() > 10


def test_occluders_need_room() -> None:
    assert occluders(np.random.default_rng(0), np.array([900.0, 0, 1500]), np.zeros(3)) == []


SOLIDS = {
    "box": box((300, 500, 200), bevel=20),
    "cylinder": cylinder(100, 400, top=60),
    "blob": blob((90, 120, 150), (0, 0, 150)),
}


@pytest.mark.parametrize("name", SOLIDS)
def test_solids_are_closed_and_turned_outwards(name: str) -> None:
    one = mesh(name, PLAIN, [SOLIDS[name]])
    a, b, c = (one.vertices_world[one.triangles[:, k]] for k in range(3))
    volume = np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6
    extent = np.prod(np.ptp(one.vertices_world, axis=0))
    assert 0.4 * extent < volume <= extent  # the divergence theorem: a hole or a face turned in would cost much of it
    centre = one.vertices_world.mean(0)
    outwards = np.einsum("ij,ij->i", np.cross(b - a, c - a), (a + b + c) / 3 - centre)
    assert (outwards > -1e-6).all()


def test_a_sheet_is_seen_from_where_along_times_up_points_to() -> None:
    one = sheet((0, 0, 0), (2, 0, 0), (0, 3, 0))
    a, b, c = one.vertices[one.triangles[0]]
    assert np.cross(b - a, c - a)[2] > 0 and np.allclose(one.texture[2], [2, 3, 0])
