"""Shifts between cameras are found from the movement, whichever camera is late, and told apart from no movement."""

from __future__ import annotations

import numpy as np
import pytest

from modules.pose_utils import Camera
from modules.rig.refinement import move_camera
from modules.rig.synchronisation import Track2D, estimate_shifts, whole_frames
from modules.rig.triangulation import project
from tests.rig.walking_body import CAMERAS, MIRROR

FRAMES, RATE = 120, 30.0


def swinging(frames: int = FRAMES) -> np.ndarray:
    """A body (F, 11, 3) mm whose points swing, each at a speed of its own, while it walks."""
    rng = np.random.default_rng(0)
    body = np.array([0, 0, 1000.0]) + rng.normal(0, 300, (len(MIRROR), 3))
    rate, phase = rng.uniform(3, 9, (len(MIRROR), 3)), rng.uniform(0, 6, (len(MIRROR), 3))
    seconds = np.arange(frames)[:, None, None] / RATE
    return body + 120 * np.sin(rate * seconds + phase) + seconds * np.array([300.0, 100, 0])


def seen(points: np.ndarray, cameras: list[Camera], late: list[int], frames: int = 80) -> list[Track2D]:
    """What each camera records from its first frame on, with 2 px of noise."""
    rng = np.random.default_rng(1)
    pixels = project(points, cameras)[0]
    cut = [
        px[start : start + frames] + rng.normal(0, 2, (frames, *px.shape[1:]))
        for px, start in zip(pixels, late, strict=True)
    ]
    return [Track2D(px[:, None], np.ones((frames, 1, px.shape[1]))) for px in cut]


@pytest.mark.parametrize("late", [[0, 0, 0], [0, 7, 0], [7, 0, 0], [3, 20, 9]])
def test_the_shifts_are_found_exactly(late: list[int]) -> None:
    found = estimate_shifts(seen(swinging(), CAMERAS, late), CAMERAS, MIRROR, RATE)
    assert found.frames.tolist() == [start - late[0] for start in late]
    np.testing.assert_allclose(found.between_frames, found.frames, atol=0.3)
    assert (found.contrast > 1.5).all()


def test_an_error_of_the_extrinsics_shifts_nothing() -> None:
    wrong = [
        move_camera(camera, step)
        for camera, step in zip(CAMERAS, np.random.default_rng(2).normal(0, 1, (3, 6)), strict=True)
    ]
    assert estimate_shifts(seen(swinging(), CAMERAS, [0, 7, 2]), wrong, MIRROR, RATE).frames.tolist() == [0, 7, 2]


def test_swapped_sides_and_a_second_person_do_not_disturb() -> None:
    tracks = seen(swinging(), CAMERAS, [0, 5, 0])
    bystander = seen(np.repeat(swinging(1) + [1500.0, 800, 0], FRAMES, 0), CAMERAS, [0, 0, 0])
    both = [
        Track2D(*(np.concatenate([getattr(part, name) for part in order], 1) for name in ("points_px", "weights")))
        for order in ((tracks[0], bystander[0]), (bystander[1], tracks[1]), (tracks[2], bystander[2]))
    ]
    both[1].points_px[20:40] = both[1].points_px[20:40][:, :, MIRROR]
    assert estimate_shifts(both, CAMERAS, MIRROR, RATE).frames.tolist() == [0, 5, 0]


def test_who_stands_still_shows_no_shift() -> None:
    still = np.repeat(swinging(1), FRAMES, 0)
    pixels = project(still, CAMERAS)[0][:, :80, None]
    tracks = [Track2D(px, np.ones(px.shape[:3])) for px in pixels]
    assert not (estimate_shifts(tracks, CAMERAS, MIRROR, RATE).contrast >= 1.1).any()


def test_near_the_middle_between_two_frames_the_first_estimate_decides() -> None:
    between, first = np.array([0.0, -0.51, 6.6, 3.2, 5.45]), np.array([0, 0, 6, 4, 9])
    assert whole_frames(between, first).tolist() == [0, 0, 6, 3, 5]
