"""Random changes of a scene: bones keep their lengths, people stay on the floor, cameras keep their centres."""

from pathlib import Path

import numpy as np
import pytest

from model.skeleton import FEET, PARENTS
from modules.config.train import Train
from modules.pose_utils import world2cam
from modules.simulation.scene import (
    NO_FLOOR_SHARE,
    NO_UP_SHARE,
    RAISE_MM,
    WRONG_FLOOR_MM,
    WRONG_FLOOR_SHARE,
    CalibrationError,
    bend,
    miscalibrate,
    move_cameras,
    move_people,
    withhold_floor,
)
from tests.builders import make_rows
from tests.conftest import standing_person

CALIBRATED = CalibrationError(0.0, 0.0)


def bone_lengths(joints: np.ndarray) -> np.ndarray:
    """Returns the length of each bone of poses (..., 24, 3): (..., 23)."""
    return np.linalg.norm(joints[..., 1:, :] - joints[..., PARENTS[1:], :], axis=-1)


def camera_columns(folder: Path, count: int) -> dict[str, np.ndarray]:
    rows = make_rows(folder, count)
    return {name: rows[name].copy() for name in ("R", "t", "world_up", "floor_height_mm", "joints_world_mm")}


def centres(row: dict[str, np.ndarray]) -> np.ndarray:
    return -np.einsum("bji,bj->bi", row["R"], row["t"])


def test_bending_keeps_every_bone(rng: np.random.Generator) -> None:
    joints = np.stack([standing_person(rng) for _ in range(5)])
    bent = bend(joints, 20.0, rng)
    np.testing.assert_allclose(bone_lengths(bent), bone_lengths(joints), rtol=1e-10)
    assert np.abs(bent - joints).max() > 50
    np.testing.assert_allclose(bend(joints, 0.0, rng), joints, atol=1e-9)


def test_moved_people_keep_their_bones_and_the_height_of_their_lowest_foot(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    row = camera_columns(tmp_path, 6)
    joints = row["joints_world_mm"]
    moved = move_people(joints, row["world_up"], row, rng)
    np.testing.assert_allclose(bone_lengths(moved), bone_lengths(joints), rtol=1e-10)
    np.testing.assert_allclose(moved[:, FEET, 2].min(1), joints[:, FEET, 2].min(1), atol=1e-9)
    assert (np.linalg.norm((moved - joints)[:, 0, :2], axis=1) > 20).all()


def test_cameras_tilt_about_their_own_axis_and_rise(tmp_path: Path, rng: np.random.Generator) -> None:
    row = camera_columns(tmp_path, 40)
    R, t = move_cameras(row["R"], row["t"], row["world_up"], rng)
    np.testing.assert_allclose(R[:, 0], row["R"][:, 0], atol=1e-12)  # x axes stay
    np.testing.assert_allclose(R @ R.swapaxes(1, 2), np.broadcast_to(np.eye(3), (40, 3, 3)), atol=1e-12)
    raised = -np.einsum("bji,bj->bi", R, t) - centres(row)
    np.testing.assert_allclose(raised[:, :2], 0, atol=1e-9)
    assert RAISE_MM / 2 < np.abs(raised[:, 2]).max() <= RAISE_MM


def test_miscalibration_keeps_the_centre_and_has_the_configured_size(tmp_path: Path, rng: np.random.Generator) -> None:
    row = camera_columns(tmp_path, 400)
    before = {name: values.copy() for name, values in row.items()}
    miscalibrate(row, CalibrationError(2.0, 30.0), rng)
    np.testing.assert_allclose(centres(row), centres(before), atol=1e-7)
    np.testing.assert_array_equal(row["joints_world_mm"], before["joints_world_mm"])
    turn = row["R"] @ before["R"].swapaxes(1, 2)
    degrees = np.degrees(np.arccos((np.trace(turn, axis1=1, axis2=2) - 1) / 2))
    assert 0.9 < np.sqrt((degrees**2).mean() / 3) / 2.0 < 1.1  # per axis
    assert 0.9 < (row["floor_height_mm"] - before["floor_height_mm"]).std() / 30.0 < 1.1


def test_no_calibration_error_changes_nothing(tmp_path: Path, rng: np.random.Generator) -> None:
    row = camera_columns(tmp_path, 3)
    before = {name: values.copy() for name, values in row.items()}
    miscalibrate(row, CALIBRATED, rng)
    for name, values in before.items():
        np.testing.assert_allclose(row[name], values, atol=1e-9)
    seen = world2cam(row["joints_world_mm"], row["R"], row["t"])
    np.testing.assert_allclose(seen, world2cam(before["joints_world_mm"], before["R"], before["t"]), atol=1e-7)


def test_the_config_gives_degrees_and_floor() -> None:
    assert CalibrationError.of(Train()) == CalibrationError(0.5, 20.0) == CalibrationError()
    assert CalibrationError.of(Train(calibration_error=[1.0, 5.0])) == CalibrationError(1.0, 5.0)


def test_floors_are_withheld_and_spoiled_in_their_shares(rng: np.random.Generator) -> None:
    count = 20_000
    row = {"floor_height_mm": np.zeros(count), "world_up": np.tile([0.0, 0, 1], (count, 1))}
    withhold_floor(row, rng)
    no_floor, no_up = np.isnan(row["floor_height_mm"]), np.isnan(row["world_up"]).all(1)
    assert no_up.mean() == pytest.approx(NO_UP_SHARE, abs=0.01)
    assert (no_floor & ~no_up).mean() == pytest.approx(NO_FLOOR_SHARE, abs=0.01) and no_floor[no_up].all()
    floors = row["floor_height_mm"][~no_floor]
    assert (floors != 0).mean() == pytest.approx(WRONG_FLOOR_SHARE, abs=0.01)
    assert floors[floors != 0].std() == pytest.approx(WRONG_FLOOR_MM, rel=0.1)
