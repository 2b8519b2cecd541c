"""The view attributes of a synthetic label: visibility of joints, yaw of the body, distance."""

import numpy as np
import pytest

from data.synthetic.recording.labels import DEPTH_MM, facing_degrees, joint_visibility, view_facts
from data.synthetic.scene.cameras import View, look_at
from model.skeleton import JOINT_NAMES
from modules.pose_utils import Camera

SIZE = (64, 48)
K = np.array([[60.0, 0, 31.5], [0, 60, 23.5], [0, 0, 1]])
CAMERA = Camera(K, np.eye(3), np.zeros(3), SIZE)


def seen(depth_mm: float, surface_mm: float, of_person: bool, x: float = 0.0) -> str:
    joints = np.tile([x, 0.0, depth_mm], (24, 1))
    shown = np.full(SIZE[::-1], surface_mm)
    return joint_visibility(joints, CAMERA, shown, np.full(shown.shape, of_person))[7]


@pytest.mark.parametrize(
    ("word", "depth", "surface", "of_person", "x"),
    [
        ("seen", 3000, 3000 - DEPTH_MM + 1, True, 0),
        ("self", 3000, 3000 - DEPTH_MM - 1, True, 0),
        ("object", 3000, 2999, False, 0),
        ("seen", 3000, 3001, False, 0),  # a wall behind the joint, beside a thin limb
        ("outside", 3000, 2900, True, 5000),
    ],
)
def test_each_word_has_its_cause(word: str, depth: float, surface: float, of_person: bool, x: float) -> None:
    assert seen(depth, surface, of_person, x) == word


def body(towards: float = 0.0) -> np.ndarray:
    """Returns joints of a person who faces -y, rotated about the vertical by some degrees."""
    joints = np.zeros((24, 3))
    joints[JOINT_NAMES.index("left_hip")] = [90, 0, 0]
    joints[JOINT_NAMES.index("right_hip")] = [-90, 0, 0]
    c, s = np.cos(np.deg2rad(towards)), np.sin(np.deg2rad(towards))
    return joints @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]).T


def camera_at(*position: float) -> Camera:
    place = np.array(position)
    R = look_at(place, np.zeros(3))
    return Camera(K, R, -R @ place, SIZE, world_up=np.array([0.0, 0, 1]), floor_height_mm=-1000.0)


@pytest.mark.parametrize(
    ("position", "degrees"), [((0, -3000), 0), ((3000, 0), 90), ((-3000, 0), -90), ((0, 3000), 180)]
)
def test_facing_is_zero_to_the_camera_and_90_from_the_left(position: tuple[float, float], degrees: float) -> None:
    assert abs(facing_degrees(body(), camera_at(*position, 500.0))) == pytest.approx(abs(degrees))
    if abs(degrees) == 90:
        assert facing_degrees(body(), camera_at(*position, 500.0)) == pytest.approx(degrees)
    turned = facing_degrees(body(30.0), camera_at(*position, 500.0))
    assert (turned - degrees + 30 + 180) % 360 - 180 == pytest.approx(0, abs=1e-9)


def test_the_facts_of_a_view_count_its_words() -> None:
    words = ["seen"] * 20 + ["outside", "object", "object", "self"]
    facts = view_facts(View(camera_at(0, -3000, 500), False, True), body(), words)
    assert facts["truncated"] == 1 and facts["occluded"] == 2 and facts["visibility"] == words
    assert facts["distance_mm"] == pytest.approx(np.hypot(3000, 500), abs=0.1)
    assert facts["camera_height_mm"] == pytest.approx(1500)
