"""Tests of the statistics of a synthetic set."""

import numpy as np
import pandas as pd
import pytest

from benchmarks import synthetic_set
from benchmarks.synthetic_set import count_distinct, without_yaw
from tests.conftest import standing_person


@pytest.mark.parametrize("degrees", [10, 90, 200])
def test_a_rotated_and_moved_pose_is_the_same_pose(degrees: float, rng: np.random.Generator) -> None:
    pose = standing_person(rng)
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    turned = pose @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]) + [300, -200, 50]
    np.testing.assert_allclose(without_yaw(turned), without_yaw(pose), atol=1e-9)
    assert np.abs(without_yaw(pose[:, [0, 2, 1]]) - without_yaw(pose)).max() > 100


def test_repeated_poses_count_once() -> None:
    poses = np.zeros((5, 24, 3))
    poses[1, :, 0], poses[2, :, 0], poses[3, :, 0], poses[4, :, 0] = 79, 81, 80, 200
    assert count_distinct(poses, 80) == 3


def test_shares_are_of_views() -> None:
    manifest = pd.DataFrame({
        "source": ["clip:walk:frame 1", "sampler:squat"], "seated": ["False", "True"], "airborne": [False, False],
        "truncated": [0, 3], "occluded": [0, 0], "facing_degrees": [10.0, -170.0], "distance_mm": [2000.0, 3000.0],
        "camera_height_mm": [1000.0, 1200.0], "height_mm": [1600.0, 1700.0], "room": ["gym", "office"],
        "mass_class": ["A", "A"], "sex": ["F", "M"],
    })  # fmt: skip
    lines = dict(synthetic_set.views(manifest))
    assert lines["from clips"] == "50 %" and lines["seated"] == "50 %" and lines["airborne"] == "0 %"
    assert lines["truncated (a joint or more outside)"] == "50 %" and lines["mass_class"] == "A 100 %"
    assert lines["facing the camera within 60 degrees"] == "50 %"
