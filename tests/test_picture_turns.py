"""Pictures that are turned by quarters, with their cameras and every kind of lens."""

from dataclasses import replace

import numpy as np
import pytest

from modules import picture_turns
from modules.pose_utils import project_to_image
from tests.conftest import looking_camera, standing_person

RATIONAL = [-0.1, 0.03, 0.01, -0.02, 0.004, 0.02, 0.01, -0.003]
THIN_PRISM = [*RATIONAL, 0.002, -0.001, 0.003, 0.0015]
LENSES = {"five": RATIONAL[:5], "rational": RATIONAL, "thin prism": THIN_PRISM, "fisheye": [0.05, -0.01, 0.004, -0.001]}


@pytest.mark.parametrize("turns", [1, 2, 3])
@pytest.mark.parametrize("lens", LENSES)
def test_a_turned_camera_sees_the_turned_picture(rng: np.random.Generator, turns: int, lens: str) -> None:
    camera, size = replace(looking_camera(rng), distortion=np.array(LENSES[lens])), (1920, 1080)
    world = standing_person(rng)
    M = picture_turns.picture_turn(size, turns)
    expected = project_to_image(world, camera) @ M[:2, :2].T + M[:2, 2]
    turned = picture_turns.turn_camera(camera, size, turns)
    np.testing.assert_allclose(project_to_image(world, turned), expected, atol=1e-7)
    back = picture_turns.turn_camera(turned, size[::-1] if turns % 2 else size, -turns)
    for name in ("K", "R", "t", "distortion"):
        np.testing.assert_allclose(getattr(back, name), getattr(camera, name), atol=1e-9)


def test_pictures_of_a_tilted_sensor_are_not_turned(rng: np.random.Generator) -> None:
    camera = looking_camera(rng)
    upside_down = replace(camera, world_up=camera.R[1])
    assert picture_turns.quarter_turns(upside_down) == 2
    tilted = replace(upside_down, distortion=np.array([*THIN_PRISM, 0.01, 0.0]))
    assert picture_turns.quarter_turns(tilted) == 0
