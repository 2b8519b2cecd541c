"""Overlays: skeletons where people are, halos as wide as the errors, the floor, and files that play."""

from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from modules.export.poses import Poses
from modules.pose_utils import project_to_image
from modules.predict.overlay import Painter, write_overlays
from modules.predict.scene import level_axes, scene_of
from modules.predict.source import ImageFiles
from modules.predict.view import View
from tests.conftest import looking_camera, standing_person

SIZE = (960, 540)


@pytest.fixture
def view(rng: np.random.Generator) -> View:
    camera = looking_camera(rng, distortion=True)
    return View(Path("camera.json"), replace(camera, K=np.diag([0.5, 0.5, 1]) @ camera.K, image_size=SIZE), False)


@pytest.fixture
def poses(rng: np.random.Generator) -> Poses:
    """Two people in the first image, one in the second, nobody in the third."""
    one = standing_person(rng)
    joints = np.stack([one, one + [600, 400, 0], one, np.full((24, 3), np.nan)])
    return Poses(
        joints, np.full((4, 24), 60.0), np.array([0, 0, 1, 2]), np.array([0, 0, 0.1, 0.2]), np.array([0, 1, 0, 0]),
        np.array([True, True, True, False]), ["0.jpg", "0.jpg", "b/1.jpg", "2.jpg"], up=np.array([0.0, 0, 1]),
        floor_height_mm=0.0, warnings=["", "", "expected error 300 mm", "nobody found"],
    )  # fmt: skip


@pytest.fixture
def source(tmp_path: Path) -> ImageFiles:
    (tmp_path / "b").mkdir()
    names = ["0.jpg", "b/1.jpg", "2.jpg"]
    for name in names:
        cv2.imwrite(str(tmp_path / name), np.full((SIZE[1], SIZE[0], 3), 90, np.uint8))
    files = [tmp_path / name for name in names]
    return ImageFiles(tmp_path, files, names, [SIZE] * 3, np.arange(3), np.arange(3) / 10, True)


def changed(picture: np.ndarray) -> int:
    """The number of px of the image's part that are not grey."""
    return int((np.ptp(picture[:, : SIZE[0]].astype(int), axis=-1) > 12).sum())


def test_the_halo_is_as_wide_as_the_expected_error(poses: Poses, view: View) -> None:
    grey = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
    drawn = {}
    for error in (0.0, 30.0, 60.0, 120.0):
        wider = replace(poses, expected_error_mm=np.full((4, 24), error), floor_height_mm=None)
        drawn[error] = changed(Painter(wider, scene_of(wider, view.camera)).paint(grey, view.camera, [2]))
    assert 0 < drawn[0] < drawn[30] < drawn[60] < drawn[120]


def test_the_skeleton_is_where_the_person_is(poses: Poses, view: View) -> None:
    sure = replace(poses, expected_error_mm=np.zeros((4, 24)), floor_height_mm=None, person=np.zeros(4, int))
    picture = Painter(sure, scene_of(sure, view.camera)).paint(np.full((540, 960, 3), 90, np.uint8), view.camera, [2])
    seen = np.argwhere(np.ptp(picture[:, : SIZE[0]].astype(int), axis=-1) > 60)[:, ::-1]
    pixels = project_to_image(poses.joints_mm[2], view.camera)
    np.testing.assert_allclose(seen.min(0), pixels.min(0), atol=5)
    np.testing.assert_allclose(seen.max(0), pixels.max(0), atol=5)


def test_the_floor_is_drawn_where_it_is_known(poses: Poses, view: View) -> None:
    grey = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
    for floor, expected in ((0.0, True), (None, False)):
        known = replace(poses, floor_height_mm=floor)
        picture = Painter(known, scene_of(known, view.camera)).paint(grey, view.camera, [3])
        assert bool((picture[:, : SIZE[0]] > 100).any()) == expected
        assert picture.shape[0] % 2 == picture.shape[1] % 2 == 0


def test_level_axes_are_a_rotation_with_up(view: View) -> None:
    axes = level_axes(view.camera)
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(axes) == pytest.approx(1) and axes[2].tolist() == [0, 0, 1]
    straight_down = replace(view.camera, R=np.diag([1.0, -1, -1]))
    assert np.isfinite(level_axes(straight_down)).all()


def test_a_video_of_a_sequence(poses: Poses, view: View, source: ImageFiles, tmp_path: Path) -> None:
    (path,) = write_overlays(poses, source, view, tmp_path / "out")
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        times = [frame.time for frame in container.decode(stream)]
        assert (stream.codec_context.pix_fmt, stream.width % 2, stream.height % 2) == ("yuv420p", 0, 0)
    np.testing.assert_allclose(times, [0, 0.1, 0.2], atol=1e-3)


def test_a_picture_of_each_separate_image(poses: Poses, view: View, source: ImageFiles, tmp_path: Path) -> None:
    written = write_overlays(poses, replace(source, is_sequence=False), view, tmp_path / "out")
    names = [path.relative_to(tmp_path / "out").as_posix() for path in written]
    assert names == ["overlays/0.jpg", "overlays/b/1.jpg", "overlays/2.jpg"]
    two, one, nobody = (cv2.imread(str(path)) for path in written)
    assert changed(two) > changed(one) > changed(nobody)


def test_a_long_warning_ends_in_dots_within_the_panel(poses: Poses, view: View) -> None:
    long = "people are not upright along world_up (cosine -0.05); right if they lie, bend or are upside down"
    warned = replace(poses, warnings=["", "", long, ""])
    painter = Painter(warned, scene_of(warned, view.camera))
    text = painter._caption([2])[-1][0]
    assert long.startswith(text.removesuffix(" ...")) and text.endswith(" ...")
    panel = painter._panel(1080, view.camera, [2])
    assert (panel[:90, -4:] == panel[0, -1]).all()
