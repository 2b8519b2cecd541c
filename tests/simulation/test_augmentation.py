"""Augmentation: pixels, cameras, poses and labels agree after it as before."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from model.inputs import CROP_SIZE
from model.skeleton import MIRROR
from modules.cache.crop_joints import CropPose, cached_crop_pose, cached_joints_cam, cam_to_crop
from modules.cache.table import NUMBER_COLUMNS
from modules.config.train import Train
from modules.inference.baselines import place_extractor
from modules.pose_utils import Camera, cam2pixel, distort, mirror_camera, world2cam
from modules.recipes.base import Recipe
from modules.recipes.original import OriginalRecipe
from modules.recipes.posenet import PoseNetRecipe
from modules.simulation.augmentation import (
    ORIGINAL_AUGMENTATION,
    POSENET_AUGMENTATION,
    Augmentation,
    jitter_colour,
    jitter_pose,
    mirror_rows,
    mirror_some,
    occlude,
    turn_cameras,
    turn_crop,
    turns_between,
)
from modules.simulation.pose_inputs import pose_inputs
from tests.builders import make_rows
from tests.conftest import looking_camera, standing_person

ORDER = list(MIRROR)


def label_in_crop(row: dict[str, np.ndarray]) -> np.ndarray:
    """Returns the label through world, camera and crop: (B, 24, 2) crop px."""
    cam = world2cam(row["joints_world_mm"], row["R"], row["t"])
    return np.asarray(cam2pixel(cam_to_crop(cam, row["R_cam2crop"]).joints_mm, row["K_crop"]))


def relative_depth(pose: CropPose) -> np.ndarray:
    return np.asarray(pose.joints_mm[..., 2] - pose.root_mm[:, None])


def test_a_mirrored_scene_reprojects_to_the_mirrored_image(tmp_path: Path) -> None:
    row = dict(make_rows(tmp_path, 4).columns)
    other = mirror_rows(row, CROP_SIZE)
    for name in ("R", "R_cam2crop"):
        np.testing.assert_allclose(
            other[name] @ other[name].swapaxes(1, 2), np.broadcast_to(np.eye(3), (4, 3, 3)), atol=1e-12
        )
        np.testing.assert_allclose(np.linalg.det(other[name]), 1)
    width = row["image_size"][:, :1]
    before = cam2pixel(world2cam(row["joints_world_mm"], row["R"], row["t"]), row["K"])[:, ORDER]
    after = cam2pixel(world2cam(other["joints_world_mm"], other["R"], other["t"]), other["K"])
    np.testing.assert_allclose(after[..., 0], width - 1 - before[..., 0], atol=1e-8)
    np.testing.assert_allclose(after[..., 1], before[..., 1], atol=1e-8)
    crop = label_in_crop(row)[:, ORDER]
    np.testing.assert_allclose(
        label_in_crop(other), np.stack([CROP_SIZE - 1 - crop[..., 0], crop[..., 1]], -1), atol=1e-8
    )


def test_a_mirrored_pose_keeps_its_heights_and_depths(tmp_path: Path) -> None:
    row = dict(make_rows(tmp_path, 4).columns)
    other = mirror_rows(row, CROP_SIZE)
    flip = np.array([-1, 1, 1])
    np.testing.assert_allclose(cached_joints_cam(other), cached_joints_cam(row)[:, ORDER] * flip, atol=1e-8)
    one, two = (pose_inputs(cached_crop_pose(r), r)["pose_features"] for r in (row, other))
    np.testing.assert_allclose(two[..., [0, 3, 4]], one[:, ORDER][..., [0, 3, 4]], atol=1e-9)
    back = mirror_rows(other, CROP_SIZE)
    for name in ("K", "R", "t", "K_crop", "R_cam2crop", "joints_px", "joints_world_mm", "world_up", "depth_rel_mm"):
        np.testing.assert_allclose(back[name], row[name], atol=1e-9, err_msg=name)


def test_a_mirrored_row_is_consistent_in_every_column(tmp_path: Path) -> None:
    """The extractor's own 3D, its box, and the label's pixels are mirrored with the camera and the world."""
    row = dict(make_rows(tmp_path, 4).columns)
    other = mirror_rows(row, CROP_SIZE)
    flip, width = np.array([-1.0, 1.0, 1.0]), row["image_size"][:, :1]
    own = place_extractor(row)
    np.testing.assert_allclose(place_extractor(other), own[:, ORDER] * flip, atol=1e-8)
    truth_cam = world2cam(other["joints_world_mm"], other["R"], other["t"])
    np.testing.assert_allclose(other["true_joints_px"], cam2pixel(truth_cam, other["K"]), atol=1e-8)
    np.testing.assert_allclose(other["true_depth_rel_mm"], truth_cam[..., 2] - truth_cam[:, :1, 2], atol=1e-8)
    low, high = (box["box_xywh"][:, :2] + share * box["box_xywh"][:, 2:] for box, share in ((row, 0), (other, 1)))
    np.testing.assert_allclose(low[:, :1] + high[:, :1], width - 1, atol=1e-9)
    np.testing.assert_array_equal(other["box_xywh"][:, 1:], row["box_xywh"][:, 1:])
    for name, values in mirror_rows(other, CROP_SIZE).items():
        if name in NUMBER_COLUMNS:
            np.testing.assert_allclose(values, row[name], atol=1e-9, err_msg=name)


def test_a_mirrored_lens_has_its_p2_negated(rng: np.random.Generator) -> None:
    camera = looking_camera(rng)
    lens = np.array([-0.1, 0.02, 0.003, -0.004, 0.001])
    points = rng.uniform(100, 900, (10, 2))
    K = mirror_camera(camera.K, camera.R, camera.t, np.array(1920.0))[0]
    mirrored = points * [-1, 1] + [1919, 0]
    expected = distort(points, camera.K, lens) * [-1, 1] + [1919, 0]
    np.testing.assert_allclose(distort(mirrored, K, lens * [1, 1, 1, -1, 1]), expected, atol=1e-9)


@pytest.mark.parametrize(
    "how",
    [
        Augmentation(rotation=90),
        Augmentation(zoom=0.3),
        Augmentation(shift=0.1),
        Augmentation(rotation=40, zoom=0.2, shift=0.1),
    ],
)
def test_a_turned_crop_shows_the_label_where_its_camera_says(tmp_path: Path, how: Augmentation) -> None:
    """A blob is drawn at a joint of the crop; after the change it is where the changed camera projects the joint."""
    rows = make_rows(tmp_path, 3)
    rng = np.random.default_rng(4)
    for index in range(3):
        row = {name: values[index : index + 1] for name, values in rows.columns.items()}
        at = label_in_crop(row)[0, 0]
        y, x = np.mgrid[:CROP_SIZE, :CROP_SIZE]
        blob = 255 * np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / 50)
        turned = turn_cameras(row, how, rng, CROP_SIZE)
        image = turn_crop(as_picture(blob), turns_between(row, turned, CROP_SIZE)[0], mirrored=False)
        heat = image[..., 0].astype(float)
        found = np.array([(heat * x).sum(), (heat * y).sum()]) / heat.sum()
        np.testing.assert_allclose(label_in_crop(turned)[0, 0], found, atol=0.3)
        assert np.abs(label_in_crop(turned) - label_in_crop(row)).max() > 0.5
        np.testing.assert_allclose(
            relative_depth(cam_to_crop(cached_joints_cam(turned), turned["R_cam2crop"])),
            relative_depth(cached_crop_pose(row)), atol=1e-8,
        )  # fmt: skip


def as_picture(brightness: np.ndarray) -> np.ndarray:
    return np.repeat(brightness[..., None], 3, 2).astype(np.uint8)


@pytest.mark.parametrize("side", [CROP_SIZE, CROP_SIZE // 2])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_smaller_and_mirrored_crop_is_turned_as_the_whole_one(tmp_path: Path, side: int, mirrored: bool) -> None:
    """One warp does what mirroring the crop, turning it, and making it smaller do one after the other."""
    row = {name: values[:1] for name, values in make_rows(tmp_path, 1).columns.items()}
    turned = turn_cameras(row, Augmentation(rotation=30, zoom=0.2, shift=0.1), np.random.default_rng(2), CROP_SIZE)
    y, x = np.mgrid[:CROP_SIZE, :CROP_SIZE]
    crop = as_picture(255 * np.exp(-((x - 90) ** 2 + (y - 140) ** 2) / 400))
    whole = crop[:, ::-1] if mirrored else crop
    expected = turn_crop(whole, turns_between(row, turned, CROP_SIZE)[0], mirrored=False)
    expected = cv2.resize(expected, (side, side), interpolation=cv2.INTER_AREA)
    small = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
    found = turn_crop(small, turns_between(row, turned, side)[0], mirrored)
    assert expected.max() > 200 and cv2.absdiff(found, expected).max() <= 6


def test_only_some_rows_are_mirrored(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 3).columns
    which = np.array([True, False, True])
    some, every = mirror_some(rows, which, CROP_SIZE), mirror_rows(rows, CROP_SIZE)
    for name, values in rows.items():
        np.testing.assert_array_equal(some[name][which], every[name][which])
        np.testing.assert_array_equal(some[name][~which], values[~which])
    assert not np.array_equal(some["K"], rows["K"])


def test_outside_the_crop_it_is_black(tmp_path: Path) -> None:
    row = {name: values[:1] for name, values in make_rows(tmp_path, 1).columns.items()}
    white = np.full((CROP_SIZE, CROP_SIZE, 3), 255, np.uint8)
    turned = turn_cameras(row, Augmentation(rotation=45), np.random.default_rng(0), CROP_SIZE)
    image = turn_crop(white, turns_between(row, turned, CROP_SIZE)[0], mirrored=False)
    assert image[0, 0].max() == 0 and image[CROP_SIZE // 2, CROP_SIZE // 2].min() == 255


def test_occlusion_hides_one_rectangle(rng: np.random.Generator) -> None:
    image = rng.integers(0, 255, (128, 128, 3), dtype=np.uint8)
    changed = (occlude(image, rng) != image).any(-1)
    rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
    assert 0 < changed.sum() <= (rows[-1] + 1 - rows[0]) * (columns[-1] + 1 - columns[0])
    assert len(rows) <= 64 and len(columns) <= 64


def test_colour_jitter_of_nothing_changes_nothing(rng: np.random.Generator) -> None:
    image = rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)
    assert np.abs(jitter_colour(image, 0.0, rng).astype(int) - image).max() <= 1
    assert cv2.absdiff(jitter_colour(image, 0.3, rng), image).max() > 5


def test_mirroring_a_person_swaps_sides(rng: np.random.Generator) -> None:
    camera: Camera = looking_camera(rng)
    K, R, t = mirror_camera(camera.K, camera.R, camera.t, np.array(1920.0))
    person = standing_person(rng)
    seen = cam2pixel(world2cam(person[ORDER] * [-1, 1, 1], R, t), K)
    plain = cam2pixel(world2cam(person, camera.R, camera.t), camera.K)
    np.testing.assert_allclose(seen[ORDER] * [-1, 1] + [1919, 0], plain, atol=1e-8)


def test_jitter_is_in_crop_px_mm_and_shares_of_the_root(tmp_path: Path) -> None:
    row = make_rows(tmp_path, 200).columns
    pose = cached_crop_pose(row)
    how = Augmentation(pose_jitter=4.0, depth_jitter=20.0, root_jitter=0.03)
    moved = jitter_pose(pose, row, how, np.random.default_rng(0))
    px = cam2pixel(moved.joints_mm, row["K_crop"]) - cam2pixel(pose.joints_mm, row["K_crop"])
    mm = relative_depth(moved) - relative_depth(pose)
    assert 3.8 < np.abs(px).max() <= 4 + 1e-6 and 19 < np.abs(mm).max() <= 20 + 1e-6
    assert 0.028 < np.abs(moved.root_mm / pose.root_mm - 1).max() <= 0.03
    same = jitter_pose(pose, row, Augmentation(), np.random.default_rng(0))
    np.testing.assert_allclose(same.joints_mm, pose.joints_mm, atol=1e-8)


@pytest.mark.parametrize(
    ("recipe", "expected"), [(PoseNetRecipe, POSENET_AUGMENTATION), (OriginalRecipe, ORIGINAL_AUGMENTATION)]
)
def test_the_config_switches_the_recipes_augmentation(recipe: type[Recipe], expected: Augmentation) -> None:
    assert recipe.augmentation_of(Train()) == expected != Augmentation()
    assert recipe.augmentation_of(Train(augmentation=False)) == Augmentation()
