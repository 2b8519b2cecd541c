"""A person off the floor is named with a larger expected error, a note raises it, and a problem withholds it."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.trust.harms import Shot
from benchmarks.trust.run import rows_of
from modules.checks.error_effects import SHARE, apart_sentence, difference, effects_of, floor_over_size, is_apart
from modules.checks.recordings import ONE_CAMERA, Finding
from modules.checks.report import check_rows
from modules.pose_utils import Camera
from tests.checks.made_up import one_view, shots

LIST = Path("off_floor.json")


def rows(made: list[Shot]) -> dict[str, np.ndarray]:
    cameras = [Camera(s.K, s.R, s.t, s.size, s.distortion, s.up, s.floor) for s in made]
    return rows_of(made, cameras, [shot.written for shot in made])


def test_people_on_the_floor_raise_nothing() -> None:
    sound = rows(one_view())
    ratio = floor_over_size(sound)
    assert np.abs(ratio - 1).max() < 0.1 and apart_sentence(["a.jpg"] * 10, ratio, LIST) is None
    effects = effects_of(sound, [])
    assert not effects.raised_mm.any() and effects.raised_by == effects.withheld == [None] * 10


def test_a_person_on_a_step_is_named_with_a_larger_expected_error() -> None:
    sound = rows(one_view())
    sound["floor_height_mm"] = np.where(np.arange(10) == 3, -450.0, 0.0)  # they stand 450 mm above this floor
    ratio = floor_over_size(sound)
    assert np.flatnonzero(is_apart(ratio)).tolist() == [3]
    effects = effects_of(sound, [])
    np.testing.assert_allclose(ratio[3], 2050 / 1600, rtol=0.08)
    distance = np.linalg.norm(sound["root_cam_mm"][3])
    np.testing.assert_allclose(effects.raised_mm, np.eye(10)[3] * SHARE * distance * (1 - 1 / ratio[3]))
    assert effects.raised_by[3] == f"by the floor the person is {ratio[3]:.2f} times as far away as by the size"
    sentence = apart_sentence([f"{i}.jpg" for i in range(10)], ratio, LIST)
    assert sentence is not None and sentence.startswith("in 1 of 10 images") and "most in 3.jpg" in sentence
    assert "off_floor.json" in sentence


def test_most_people_off_the_floor_point_to_floor_or_camera() -> None:
    sound = rows(one_view())
    sound["floor_height_mm"] = np.full(10, -450.0)
    ratio = floor_over_size(sound)
    assert "check floor_height_mm and K" in (apart_sentence(["a"] * 10, ratio, LIST) or "")
    wanted = np.linalg.norm(sound["root_cam_mm"], axis=1) * (1 - 1 / ratio)
    np.testing.assert_allclose(effects_of(sound, []).raised_mm, wanted)


def test_notes_raise_and_problems_withhold() -> None:
    both = rows(shots(images=2))
    note = Finding(("1_A_1",), "odd", False, "odd", off_mm=100.0, off_share=0.1)
    effects = effects_of(both, [note, Finding(("1_A_2",), "wrong", True, "wrong")])
    assert effects.raised_by == ["odd", "odd", None, None, None, None]
    assert effects.withheld == [None, None, "wrong", "wrong", None, None]
    np.testing.assert_allclose(effects.raised_mm[:2], 100 + 0.1 * np.linalg.norm(both["root_cam_mm"][:2], axis=1))


def test_the_difference_of_distances_is_a_share_of_the_larger() -> None:
    np.testing.assert_allclose(difference(np.array([0.5, 2.0, 1.0, -3.0])), [0.5, 0.5, 0, 1])


def test_one_calibration_in_two_files_is_always_noted() -> None:
    """The second camera's images are of other moments, so that no view contradicts the first."""
    first = one_view()[0]
    later = {**first.written, "_sequence": [f"later {i}" for i in range(10)]}
    found = check_rows(rows([first, replace(first, name="1_A_2", written=later)]))
    assert [one.kind for one in found] == [ONE_CAMERA] and not found[0].is_problem
    assert "camera/1_A_1.json, camera/1_A_2.json hold the same K and [R|t]; right if one camera" in found[0].sentence
    assert not any(one.kind == ONE_CAMERA for one in check_rows(rows(shots())))
