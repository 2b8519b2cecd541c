"""What the background page claims of geometry holds for any pose and camera; its numbers are the committed ones."""

import re
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from benchmarks import drawing
from docs import ambiguity, figures, figures_conventions, measurements
from docs.measurements import Scene
from modules import vis
from modules.config.paths import PROJECT_ROOT
from modules.files.atomic import read_json
from modules.pose_utils import world2cam
from tests.conftest import looking_camera, standing_person

IMAGE_BYTES = 150_000
SHEET_BYTES = 400_000  # of forty images in one


@pytest.fixture
def scene(rng: np.random.Generator) -> Scene:
    return Scene("made up", standing_person(rng), looking_camera(rng), looking_camera(rng))


def test_three_people_share_their_pixels(scene: Scene) -> None:
    joints, camera = scene.joints_cam, scene.camera
    other = ambiguity.other_pose(joints, camera)
    for pose in (other, ambiguity.further_away(joints, 1.25)):
        assert ambiguity.pixel_shift(joints, pose, camera).max() < 1e-6
    np.testing.assert_allclose(ambiguity.bone_lengths(other), ambiguity.bone_lengths(joints), atol=1e-6)
    assert np.linalg.norm(other - joints, axis=-1).max() > 100 and (other[:, 2] > 0).all()


def test_a_ray_that_passes_the_sphere_has_no_place() -> None:
    assert ambiguity.two_places(np.array([0.0, 0, 1000]), np.array([1.0, 0, 1]), 100.0) == []
    near, far = ambiguity.two_places(np.array([0.0, 0, 1000]), np.array([0.0, 0, 1]), 100.0)
    assert near[2] == pytest.approx(900) and far[2] == pytest.approx(1100)


def test_a_level_camera_loses_nothing_by_being_taken_for_level(scene: Scene) -> None:
    camera, up = scene.camera, np.array([0.0, 0, 1])
    tilted = ambiguity.without_rotation(scene.joints_cam, camera)
    assert np.linalg.norm(tilted - scene.joints_world, axis=-1).mean() > 50
    forward = np.array([camera.R[2, 0], camera.R[2, 1], 0]) / np.hypot(*camera.R[2, :2])
    R = np.stack([np.cross(-up, forward), -up, forward])
    level = measurements.Camera(camera.K, R, -R @ camera.centre_world, world_up=up)
    seen = world2cam(scene.joints_world, level.R, level.t)
    np.testing.assert_allclose(ambiguity.without_rotation(seen, level), scene.joints_world, atol=1e-6)
    assert ambiguity.tilt_degrees(level) == pytest.approx(0, abs=1e-6)


def test_a_step_along_the_ray_is_a_step_in_the_world_and_none_in_the_image(scene: Scene) -> None:
    found = measurements.measure_depth(scene)
    assert found["along_px"] == 0 and found["along_world_mm"] == pytest.approx(100)
    assert found["across_px"] > 10 and found["body_px_mean"] < found["across_px"]
    share = found["short_limbs_root_mm"] / found["pelvis_depth_mm"]
    assert share == pytest.approx(measurements.SHORT - 1, abs=1e-4)  # limbs 5 % short: the root 5 % near


def test_every_number_of_the_page_is_a_committed_one() -> None:
    """A number is marked by <!-- its/path/in/background.json --> or <!-- rotations: method/metric --> right behind it."""
    measured, rotations = read_json(measurements.RESULT), read_json(figures.ROTATIONS)
    text = (PROJECT_ROOT / "docs" / "background.md").read_text(encoding="utf-8")
    marks = re.findall(r"(-?[\d.]+)(?: ?(?:mm|px|°))?<!-- ([^>]+) -->", text)
    assert len(marks) == text.count("<!--") > 10
    for written, path in marks:
        found = _look_up(path, measured, rotations)
        digits = len(written.partition(".")[2])
        assert float(written) == pytest.approx(abs(found), abs=0.5001 * 10**-digits), path


def _look_up(path: str, measured: dict[str, Any], rotations: dict[str, Any]) -> float:
    if path.startswith("rotations: "):
        method, metric = path.removeprefix("rotations: ").split("/")
        return float(np.mean(figures._camera_means(rotations, method, metric)))
    value: Any = measured
    for key in path.split("/"):
        value = value[key]
    return float(value)


OF_BENCHMARKS = {"demo.jpg", "accuracy.png", "failures.jpg", "uncertainty.png"}  # drawn by benchmarks
SCREENSHOTS = {"report.jpg"}  # of a browser
OF_TOOLS = {"rig_labels.jpg", "rig_residuals.png", "rig_shifts.png"}  # from the quality page of data.rig.prepare
FIGURES = ("figures.py", "figures_conventions.py", "figures_synthetic.py", "figures_calibrate.py")


def test_the_pages_own_figures_are_small_and_drawn_by_the_script() -> None:
    names = {path.name for path in drawing.IMAGES.iterdir()} - OF_BENCHMARKS - SCREENSHOTS - OF_TOOLS
    source = "".join((PROJECT_ROOT / "docs" / name).read_text() for name in FIGURES)
    for name in names:
        most = SHEET_BYTES if name == "synthetic.jpg" else IMAGE_BYTES
        assert f'"{name}"' in source and (drawing.IMAGES / name).stat().st_size < most, name


def test_a_figure_comes_out_the_same_twice(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []
    for turn in ("first", "second"):
        monkeypatch.setattr(drawing, "IMAGES", tmp_path_factory.mktemp(turn))
        figures_conventions.draw_joints()
        drawn.append((drawing.IMAGES / "joints.png").read_bytes())
    assert drawn[0] == drawn[1]


def test_left_and_right_have_the_colours_of_every_other_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    figures_drawn: list[Figure] = []
    monkeypatch.setattr(drawing, "save", lambda figure, name: figures_drawn.append(figure))
    figures_conventions.draw_joints()
    (axes,) = figures_drawn[0].axes
    colours = {text.get_text(): text.get_color() for text in axes.texts}
    left, right = colours["the person's left"], colours["the person's right"]
    assert (left, right) == (vis.hex_colour(vis.LEFT), vis.hex_colour(vis.RIGHT))
    for line in axes.lines:
        side = max(line.get_xdata(), key=abs)  # of somebody who faces the reader
        assert line.get_color() == (left if side > 0 else right if side < 0 else vis.hex_colour(vis.MIDDLE))
