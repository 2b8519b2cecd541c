"""The renderer: projection, occlusion, and depth and owner that agree with the image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from data.synthetic.geometry.meshes import Lamp, Lighting, Material, Mesh
from data.synthetic.geometry.sheets import normals
from data.synthetic.render.lens import make_lens
from data.synthetic.render.opengl import PATTERNS
from data.synthetic.render.renderer import Picture, Renderer
from modules.pose_utils import Camera, cam2pixel, distort, undistort, world2cam
from modules.utils import UserError

DARK = Lighting((), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 0.0)
NOON = Lighting((Lamp(np.array([0.0, 0.0, 1.0]), (1.0, 1.0, 1.0), 1.0, 2.0),), (1.0, 1.0, 1.0), (1.0, 1.0, 1.0), 0.3)
BENT = np.array([-0.28, 0.09, 0.0011, -0.0007, 0.0])
SIZES = [(1920, 1080), (1080, 1920)]


@pytest.fixture(scope="module")
def renderer(egl: None) -> Iterator[Renderer]:
    with Renderer() as renderer:
        yield renderer


def look_at(eye: np.ndarray, target: np.ndarray, size: tuple[int, int], focal: float = 1400.0) -> Camera:
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    R = np.stack([right, np.cross(forward, right), forward])
    K = np.array([[focal, 1.5, size[0] / 2 + 17.3], [0, focal * 1.01, size[1] / 2 - 11.8], [0, 0, 1.0]])
    return Camera(K, R, -R @ eye, size)


def ball(centre: np.ndarray, radius: float, pattern: str = "marker", **more: bool) -> Mesh:
    turns, rings = 16, 8
    a, b = np.meshgrid(np.arange(turns) * 2 * np.pi / turns, np.linspace(-np.pi / 2, np.pi / 2, rings + 1))
    points = np.stack([np.cos(b) * np.cos(a), np.cos(b) * np.sin(a), np.sin(b)], -1).reshape(-1, 3)
    cell = np.array([[i * turns + j, i * turns + (j + 1) % turns] for i in range(rings) for j in range(turns)])
    triangles = np.concatenate([np.c_[cell, cell[:, 1] + turns], np.c_[cell[:, 0], cell + turns][:, [0, 2, 1]]])
    triangles[len(cell) :] = np.c_[cell[:, 0], cell[:, 1] + turns, cell[:, 0] + turns]
    vertices = centre + radius * points
    return Mesh("ball", vertices, triangles, vertices, Material(pattern, ((1.0, 1.0, 1.0),)), **more)


def slab(
    x: tuple[float, float], y: tuple[float, float], z: float, colour: tuple[float, float, float] = (0.5,) * 3
) -> Mesh:
    corners = np.array([[x[0], y[0], z], [x[1], y[0], z], [x[1], y[1], z], [x[0], y[1], z]], dtype=np.float64)
    return Mesh("slab", corners, np.array([[0, 1, 2], [0, 2, 3]]), corners, Material("plain", (colour,)))


def seen_centre(image: np.ndarray, near: np.ndarray, reach: int = 14) -> np.ndarray:
    u, v = np.round(near).astype(int)
    patch = image[v - reach : v + reach + 1, u - reach : u + reach + 1].mean(-1)
    rows, columns = np.mgrid[v - reach : v + reach + 1, u - reach : u + reach + 1]
    return np.array([(patch * columns).sum(), (patch * rows).sum()]) / patch.sum()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("distortion", [None, BENT])
def test_markers_appear_where_the_camera_model_says(
    renderer: Renderer, size: tuple[int, int], distortion: np.ndarray | None
) -> None:
    origin = np.array([41_000.0, -7_000.0, 300.0])  # far from the world's zero, as rooms are
    camera = replace(look_at(origin + [900.0, -5200, 1500], origin, size), distortion=distortion)
    raw = np.array([[x, y] for x in (0.03, 0.4, 0.97) for y in (0.04, 0.55, 0.96)]) * size
    rays = np.c_[(undistort(raw, camera.K, distortion) - camera.K[:2, 2]) / [1400, 1414], np.ones(len(raw))]
    places = (rays * 5000 - camera.t) @ camera.R
    picture = renderer.render([ball(place, 15.0) for place in places], DARK, camera)
    expected = distort(cam2pixel(world2cam(places, camera.R, camera.t), camera.K), camera.K, distortion)
    found = np.array([seen_centre(picture.rgb, place) for place in expected])
    assert picture.rgb.shape == (size[1], size[0], 3)
    assert np.abs(found - expected).max() < 0.1
    assert np.abs((found - expected).mean(0)).max() < 0.03  # no half pixel, no leaning to a side


def test_depth_is_the_camera_z_and_the_owner_the_mesh(renderer: Renderer) -> None:
    camera = look_at(np.array([0.0, -3000, 2000]), np.zeros(3), (640, 480), focal=500)
    floor, low, high = slab((-900, 900), (-900, 900), 0.0), ball(np.zeros(3), 300), ball(np.array([0, 0, 600.0]), 100)
    picture = renderer.render([floor, low, high], NOON, camera)
    v, u = np.nonzero(picture.owner == 0)
    rays = np.c_[(np.c_[u, v] - camera.K[:2, 2]) / [500, 505], np.ones(len(u))]
    rays[:, 0] -= 1.5 / 500 * rays[:, 1]
    on_floor = (rays * picture.depth_mm[v, u, None] - camera.t) @ camera.R
    assert len(u) > 10_000 and np.abs(on_floor[:, 2]).max() < 0.5
    for mesh, owner in ((low, 1), (high, 2)):
        centre = world2cam(mesh.vertices_world.mean(0)[None], camera.R, camera.t)[0]
        u, v = np.round(cam2pixel(centre[None], camera.K)[0]).astype(int)
        assert picture.owner[v, u] == owner
        assert 0 < centre[2] - picture.depth_mm[v, u] < 310
    assert picture.owner[0, 0] == -1 and np.isinf(picture.depth_mm[0, 0])


def test_a_bent_picture_keeps_depth_and_owner_in_step(renderer: Renderer) -> None:
    camera = replace(look_at(np.array([0.0, -3000, 1500]), np.zeros(3), (640, 480), focal=500), distortion=BENT)
    picture = renderer.render([ball(np.zeros(3), 500)], DARK, camera)
    inside = picture.owner == 0
    assert np.isfinite(picture.depth_mm[inside]).all() and np.isinf(picture.depth_mm[~inside]).all()
    assert (picture.rgb[inside].mean(-1) > 0.2).mean() > 0.99


def test_a_lens_is_the_camera_models_inverse() -> None:
    camera = replace(look_at(np.array([0.0, -3000, 1500]), np.zeros(3), (1080, 1920)), distortion=BENT)
    lens = make_lens(camera)
    assert lens.map_x is not None and lens.map_y is not None
    v, u = np.mgrid[3:1920:97, 5:1080:89]
    seen = np.stack([lens.map_x[v, u], lens.map_y[v, u]], -1).reshape(-1, 2) + camera.K[:2, 2] - lens.pinhole.K[:2, 2]
    back = distort(seen.astype(np.float64), camera.K, BENT)
    assert np.abs(back - np.c_[u.ravel(), v.ravel()]).max() < 0.002


def test_a_lens_that_folds_the_image_is_refused() -> None:
    camera = replace(
        look_at(np.array([0.0, -3000, 0]), np.zeros(3), (1920, 1080)), distortion=np.array([-2.0, 0, 0, 0, 0])
    )
    with pytest.raises(UserError, match="distortion"):
        make_lens(camera)


def test_a_shadow_lies_below_what_casts_it_and_nowhere_else(renderer: Renderer) -> None:
    camera = look_at(np.array([0.0, -10, 6000]), np.zeros(3), (400, 400), focal=500)
    floor, plate = slab((-1500, 1500), (-1500, 1500), 0.0), slab((-300, 300), (-300, 300), 900.0)
    slanted = replace(NOON, lamps=(replace(NOON.lamps[0], towards=np.array([0.6, 0.0, 0.8])),), ambient=0.1)

    def brightness(picture: Picture, x: float, y: float) -> float:
        u, v = np.round(cam2pixel(world2cam(np.array([[x, y, 0.0]]), camera.R, camera.t), camera.K)[0]).astype(int)
        return float(picture.rgb[v - 3 : v + 4, u - 3 : u + 4].mean())

    picture = renderer.render([floor, plate], slanted, camera)
    assert brightness(picture, -700, 0) < 0.35 * brightness(picture, 900, 0)  # 900 mm up: it falls 675 mm to the side
    assert brightness(picture, -1300, 0) > 0.9 * brightness(picture, 900, 0)
    without = renderer.render([floor, replace(plate, casts_shadow=False)], slanted, camera)
    assert brightness(without, -700, 0) > 0.9 * brightness(without, 900, 0)


def test_a_flat_floor_does_not_shade_itself(renderer: Renderer) -> None:
    camera = look_at(np.array([0.0, -3000, 1500]), np.array([0.0, 500, 0]), (400, 300), focal=300)
    grazing = replace(NOON, lamps=(Lamp(np.array([0.9, 0.1, 0.42]) / 0.998, (1.0, 1.0, 1.0), 1.0, 15.0),), ambient=0.0)
    picture = renderer.render([slab((-4000, 4000), (-2000, 6000), 0.0)], grazing, camera)
    floor = picture.rgb[picture.owner == 0].mean(-1)
    assert np.quantile(floor, 0.01) > 0.75 * np.median(floor)


def test_what_lies_beyond_the_shadow_map_is_lit(renderer: Renderer) -> None:
    camera = look_at(np.array([0.0, -4000, 3000]), np.array([0.0, 3000, 0]), (400, 300), focal=250)
    person = replace(ball(np.array([0.0, 0, 30]), 30, "plain"), person=True)
    low = replace(NOON, lamps=(replace(NOON.lamps[0], towards=np.array([0.0, -0.8, 0.6])),), ambient=0.0)
    picture = renderer.render([slab((-40_000, 40_000), (-4000, 40_000), 0.0), person], low, camera)
    assert np.quantile(picture.rgb[picture.owner == 0].mean(-1), 0.005) > 0.8 * np.median(
        picture.rgb[picture.owner == 0]
    )


def test_corners_are_darker_than_open_floor(renderer: Renderer) -> None:
    camera = look_at(np.array([0.0, -3000, 2500]), np.zeros(3), (400, 300), focal=400)
    block = ball(np.array([0, 0, 100.0]), 300, "plain")
    picture = renderer.render([slab((-1500, 1500), (-1500, 1500), 0.0), block], replace(NOON, lamps=()), camera)
    u, v = (
        np.round(cam2pixel(world2cam(np.array([[0, -310.0, 0], [1000, 0, 0]]), camera.R, camera.t), camera.K))
        .astype(int)
        .T
    )
    assert picture.rgb[v[0], u[0]].mean() < 0.8 * picture.rgb[v[1], u[1]].mean()


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_pattern_is_drawn_and_calms_down_far_away(renderer: Renderer, pattern: str) -> None:
    colours = ((0.7, 0.6, 0.5), (0.2, 0.25, 0.3), (0.5, 0.2, 0.2), (0.2, 0.5, 0.3))
    floor = slab((-60_000, 60_000), (0, 90_000), 0.0)
    floor = replace(
        floor, material=Material(pattern, colours, scale_mm=80, bump=0.0 if pattern in ("glow", "view") else 1.0)
    )
    camera = look_at(np.array([0.0, -100, 1500]), np.array([0.0, 4000, 0]), (256, 256), focal=220)
    picture = renderer.render([floor], NOON, camera)
    assert np.isfinite(picture.rgb).all()
    far = picture.rgb[(picture.depth_mm > 40_000) & (picture.owner == 0)].mean(-1)
    assert len(far) > 200 and 0 < far.mean() < 2
    assert far.std() < 0.12 * far.mean() + 0.01  # 80 mm is a fraction of a pixel there: no moire


def test_the_same_scene_gives_the_same_picture_and_several_cameras_share_it(renderer: Renderer) -> None:
    meshes = [slab((-900, 900), (-900, 900), 0.0), ball(np.array([0, 0, 300.0]), 300, "skin")]
    cameras = [look_at(np.array([x, -3000.0, 1500]), np.zeros(3), (320, 240), focal=250) for x in (-500, 800)]
    with renderer.scene(meshes, NOON) as scene:
        shared = [scene.view(camera) for camera in cameras]
    alone = [renderer.render(meshes, NOON, camera) for camera in cameras]
    for one, other in zip(shared, alone, strict=True):
        assert np.array_equal(one.rgb, other.rgb) and np.array_equal(one.depth_mm, other.depth_mm)


def test_an_unknown_pattern_is_named(renderer: Renderer) -> None:
    mesh = replace(ball(np.zeros(3), 10), material=Material("velvet", ((1.0, 1, 1),)))
    with pytest.raises(ValueError, match="velvet"), renderer.scene([mesh], NOON):
        pass


def test_a_missing_driver_is_reported_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise Exception("libEGL.so.1 not loaded")

    monkeypatch.setattr("moderngl.create_standalone_context", fail)
    with pytest.raises(UserError, match="apt-get install libegl1"):
        Renderer()


def test_normals_of_a_ball_point_outwards() -> None:
    mesh = ball(np.array([1.0, 2, 3]), 10.0)
    outwards = normals(mesh.vertices_world, mesh.triangles)
    assert ((outwards * (mesh.vertices_world - [1, 2, 3])).sum(1) > 9).all()
