"""Pictures: skeletons stand where the camera says, lens included; nothing overflows; files are whole."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d import proj3d

from model.skeleton import JOINT_NAMES
from modules import recorders, vis
from modules.recorders import PerformanceRecorder
from tests.conftest import looking_camera, standing_person


@pytest.mark.parametrize("distortion", [False, True])
def test_joints_are_drawn_where_the_camera_sees_them(rng: np.random.Generator, distortion: bool) -> None:
    camera, joints = looking_camera(rng, distortion), standing_person(rng)
    expected, _ = cv2.projectPoints(joints, cv2.Rodrigues(camera.R)[0], camera.t, camera.K, camera.distortion)
    pixels = vis.project_to_image(joints, camera)
    np.testing.assert_allclose(pixels, expected[:, 0], atol=1e-6)
    image = np.zeros((1080, 1920, 3), np.uint8)
    vis.draw_skeleton(image, pixels, 3)
    for name, colour in (("left_hand", vis.LEFT), ("right_hand", vis.RIGHT)):
        u, v = pixels[JOINT_NAMES.index(name)].round().astype(int)
        assert image[v, u].tolist() == list(colour)


def test_overlay_shows_the_person_with_and_without_reference(rng: np.random.Generator) -> None:
    camera, joints = looking_camera(rng), standing_person(rng)
    image = np.full((1080, 1920, 3), 90, np.uint8)
    alone = vis.overlay(image, camera, joints, None, "a.jpg")
    both = vis.overlay(image, camera, joints, joints + 20, "a.jpg")
    assert alone.shape[1] == both.shape[1] == 720 and both.shape[0] == alone.shape[0] + 30
    assert (image == 90).all()  # the input is left alone
    assert (alone == vis.LEFT).all(-1).sum() > 100


def test_the_overlays_legend_has_the_colours_of_the_bones(rng: np.random.Generator) -> None:
    camera = looking_camera(rng)
    image = np.zeros((1080, 1920, 3), np.uint8)
    picture = vis.overlay(image, camera, standing_person(rng), None, "a.jpg")
    legend = picture[-60:].reshape(-1, 3)
    for colour in (vis.LEFT, vis.RIGHT):
        assert (legend == colour).all(1).any()


def test_far_away_and_broken_joints_do_not_overflow(rng: np.random.Generator) -> None:
    camera = looking_camera(rng)
    image = np.zeros((1080, 1920, 3), np.uint8)
    for pixels in (np.full((24, 2), 1e12), np.full((24, 2), -1e12), np.full((24, 2), np.nan)):
        vis.draw_skeleton(image, pixels, 3)
    behind = np.tile(camera.centre_world, (24, 1)) + rng.normal(size=(24, 3))
    assert vis.overlay(image, camera, behind, None, "a.jpg").shape[1] == 720


@pytest.mark.parametrize("reference", [False, True])
def test_world_plot_is_a_whole_png(tmp_path: Path, rng: np.random.Generator, reference: bool) -> None:
    poses = np.stack([standing_person(rng), standing_person(rng)])
    vis.plot_world(tmp_path / "world.png", poses, poses + 30 if reference else None, np.array([0.0, 0, 1]), ["a", "b"])
    assert cv2.imread(str(tmp_path / "world.png")).std() > 5
    assert [path.name for path in tmp_path.iterdir()] == ["world.png"]


def test_the_world_plot_explains_its_colours(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures: list[Figure] = []
    monkeypatch.setattr(vis, "save_figure", lambda figure, path: figures.append(figure))
    poses, up = standing_person(rng)[None], np.array([0.0, 0, 1])
    vis.plot_world(tmp_path / "world.png", poses, poses, up, ["a"])
    vis.plot_world(tmp_path / "world.png", poses, None, up, ["a"])
    both, alone = ([(line.get_label(), line.get_color()) for line in f.legends[0].get_lines()] for f in figures)
    assert both == [("left", "#ff961e"), ("right", "#145ac8"), ("spine", "#c81e78"), ("reference", "#999999")]
    assert alone == both[:3]
    drawn = {line.get_color() for line in figures[1].axes[0].get_lines()}
    assert drawn == {colour for _, colour in alone}  # those of the overlays, the spine's too


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("sign", [1, -1])
def test_the_person_stands_upright_in_the_plot_and_is_not_mirrored(axis: int, sign: int) -> None:
    up = 0.2 * np.ones(3)
    up[axis] = sign
    axes = plt.figure().add_subplot(projection="3d")
    vis._stand_upright(axes, np.array([[[0.0, 0, 0], [1000, 1000, 1000]]]), up)
    corners = np.concatenate([np.full((1, 3), 0.5), 0.5 + 0.1 * np.eye(3)])
    shown = np.stack(proj3d.proj_transform(*corners.T, axes.get_proj()), -1)  # right, up, towards the reader
    steps = shown[1:] - shown[0]
    assert sign * steps[axis, 1] > 5 * abs(steps[axis, 0])
    assert np.linalg.det(steps) < 0, "the projection's own sign, that of z up"


def test_up_is_the_declared_one_or_the_cameras(rng: np.random.Generator) -> None:
    cameras = np.stack([looking_camera(rng).R for _ in range(5)])
    np.testing.assert_array_equal(vis.up_to_draw(np.array([0.0, 1, 0]), cameras), [0, 1, 0])
    for undeclared in (None, np.full(3, np.nan)):
        assert vis.up_to_draw(undeclared, cameras).argmax() == 2  # they stand on a floor below z


def test_recorder_keeps_the_requested_columns_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It draws at its end, and after an epoch where the last drawing is old enough."""
    drawings = [tmp_path / name for name in ("loss.png", "score.jpg")]
    recorder = PerformanceRecorder(tmp_path, ["validation_score", "epoch"], "world_mpjpe", baseline=150.0)
    for epoch, score in ((1, 120.0), (2, 100.123456)):
        recorder.add({"epoch": epoch, "train_loss": 0.1, "validation_loss": 0.2, "validation_score": score})
    assert (tmp_path / "record.csv").read_text() == "validation_score,epoch\n120,1\n100.123,2\n"
    assert not any(path.exists() for path in drawings)
    recorder.draw()
    assert all(cv2.imread(str(path)).std() > 5 for path in drawings)
    before = [path.read_bytes() for path in drawings]
    monkeypatch.setattr(recorders, "SECONDS_PER_DRAWING", 0)
    recorder.add({"epoch": 3, "train_loss": 0.1, "validation_loss": 0.2, "validation_score": 90.0})
    assert all(path.read_bytes() != drawn for path, drawn in zip(drawings, before, strict=True))


def test_lines_of_the_sheet_are_as_wide_on_images_of_every_size(rng: np.random.Generator) -> None:
    """Both skeletons over black: the white and coloured areas are the same at a quarter of the px."""
    camera = looking_camera(rng)
    pixels = vis.project_to_image(standing_person(rng), camera)
    covered = []
    for scale in (1.0, 0.5):
        image = np.zeros((int(1080 * scale), int(1920 * scale), 3), np.uint8)
        at = (pixels + 0.5) * scale - 0.5
        tile = vis.comparison_tile(image, at, at + [20 * scale, 0], "")[:360]
        covered.append([(tile == colour).all(-1).sum() for colour in (vis.REFERENCE, vis.LEFT)])
    np.testing.assert_allclose(covered[0], covered[1], rtol=0.15)
    assert min(covered[0]) > 100


@pytest.mark.parametrize("columns", [1, 4])
def test_the_sheet_has_a_legend_in_its_colours(columns: int) -> None:
    tiles = [np.zeros((390, 360, 3), np.uint8)] * columns
    sheet = vis.contact_sheet(tiles, 4, vis.COMPARISON_LEGEND)
    legend = sheet[: len(sheet) - 390]
    assert sheet.shape[1] == 360 * columns and 20 < len(legend) < 100
    for _, colour in vis.COMPARISON_LEGEND:
        assert (legend == colour).all(-1).sum() > 50
