"""Cameras without labels: what is usual, what is only noted, and the sentences with their causes."""

from dataclasses import replace

import numpy as np

from benchmarks.trust.harms import Shot
from benchmarks.trust.run import rows_of
from modules.checks.agreement import pairs_of, size_of
from modules.checks.limits import odd_measures
from modules.checks.measures import measure, picture_size
from modules.checks.recordings import Finding
from modules.checks.report import check_rows, gathered
from modules.checks.views import views_of_rows
from modules.pose_utils import Camera
from tests.checks.made_up import one_view, shots


def rows(made: list[Shot]) -> dict[str, np.ndarray]:
    cameras = [Camera(s.K, s.R, s.t, s.size, s.distortion, s.up, s.floor) for s in made]
    return rows_of(made, cameras, [shot.written for shot in made])


def test_the_measures_of_a_sound_camera_are_known() -> None:
    view = views_of_rows(rows(one_view()))[0]
    found = measure(view)
    assert abs(found.height_mm - 1600) < 1e-6 and found.aspect == 1.0
    assert abs(found.floor_over_size - 1 / 0.92) < 0.05 and found.upright > 0.95
    assert abs(found.field_of_view_deg - np.degrees(2 * np.arctan(960 / 1500))) < 1e-9
    assert odd_measures(found) == []


def test_people_who_lie_are_noted_and_no_problem() -> None:
    found = check_rows(rows(one_view(doing="lie")))
    assert len(found) == 1 and not found[0].is_problem
    assert "people are not upright along world_up" in found[0].sentence and "right if they lie" in found[0].sentence


def test_somebody_who_lies_high_up_is_a_problem_only_where_nobody_else_stands_on_the_floor() -> None:
    lying = shots(doing="lie", images=2, person="L", raised_mm=900.0)
    alone = check_rows(rows(lying))
    assert any(one.is_problem for one in alone)
    others = [shot for seed in (1, 2, 3) for shot in shots(seed, person=f"S{seed}")]
    (found,) = check_rows(rows([*others, *lying]))
    assert not found.is_problem and "right if they lie" in found.sentence and "write world_up" not in found.sentence
    turned = [replace(shot, up=np.array([0.0, 1.0, 0.0])) for shot in lying]  # another up than that of the others
    assert any(one.is_problem for one in check_rows(rows([*others, *turned])))
    many = shots(doing="lie", images=12, person="L", raised_mm=900.0)
    assert any(one.is_problem for one in check_rows(rows([*others, *many])))


def test_views_agree_in_place_and_size() -> None:
    pairs = pairs_of(views_of_rows(rows(shots())))
    assert len(pairs) == 3 and max(pair.miss for pair in pairs) < 0.02
    assert abs(size_of(pairs) - 1 / 0.92) < 0.05


def test_a_world_in_metres_is_seen_without_a_floor() -> None:
    bare = [replace(shot, up=None, floor=None, t=shot.t / 1000) for shot in shots()]
    problems = [one.sentence for one in check_rows(rows(bare)) if one.is_problem]
    assert len(problems) == 1 and "t is in metres" in problems[0], problems


def test_a_principal_point_tells_the_size_of_its_picture_but_a_crop_does_not() -> None:
    K = np.array([[1500.0, 0, 959.5], [0, 1500, 539.5], [0, 0, 1]])
    assert abs(picture_size(K, (1920, 1080)) - 1) < 1e-9 and abs(picture_size(K, (960, 540)) - 2) < 0.01
    assert np.isnan(picture_size(K - [[0, 0, 400], [0, 0, 0], [0, 0, 0]], (1920, 1080)))


def test_one_cause_in_many_files_is_one_sentence() -> None:
    own = [Finding((f"1_A_{i}",), f"sentence {i}", i > 1, "t is in metres") for i in (1, 2, 3)]
    found = gathered(own)
    assert len(found) == 1 and found[0].is_problem and found[0].views == ("1_A_2", "1_A_3", "1_A_1")
    assert found[0].sentence == "camera/1_A_2.json and 2 more camera files: sentence 2"
