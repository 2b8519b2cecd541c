"""Tests of the benchmark of test-time augmentation, and that the page holds the committed tables."""

import numpy as np
import pytest

from benchmarks import adaptive_crops, adaptive_rows, crops, engines, extraction_hours, pages, rotations, uncertainty
from benchmarks.adaptive_crops import ALL, LEAST_SQUARES, ONE, TWO, Seen
from modules.extractors.blazepose.decoding import Square
from modules.extractors.blazepose.detector import MIN_CERTAINTY
from modules.extractors.blazepose.landmarks import LANDMARKS, LANDMARKS_TO_SMPL24, Landmarks
from modules.files.atomic import read_json
from modules.pose_utils import cam2pixel, cam2world
from tests.conftest import looking_camera

SQUARE = Square(np.zeros(2), 1.0)


def one(in_plane_mm: float, certainty: float = 0.9, depth_mm: float = 80.0, ms: float = 100.0) -> dict[str, float]:
    return {"in_plane_mm": in_plane_mm, "depth_mm": depth_mm, "certainty": certainty, "ms": ms}


def test_errors_are_those_of_moved_landmarks(rng: np.random.Generator) -> None:
    camera = looking_camera(rng)
    landmarks_cam = rng.normal(0, 300, (len(LANDMARKS), 3)) + [0, 0, 4000]
    joints_cam = LANDMARKS_TO_SMPL24 @ landmarks_cam
    # Joints are mixed in the image, so all landmarks stand at one depth here, as one plane's points mix exactly.
    flat = landmarks_cam * [1, 1, 0] + [0, 0, 4000]
    joints_flat = LANDMARKS_TO_SMPL24 @ flat
    moved_px = cam2pixel(flat, camera.K) + [camera.K[0, 0] * 50 / 4000, 0]
    shares = np.ones(len(LANDMARKS))
    seen = Landmarks(0.9, np.zeros(4), moved_px, shares, shares, flat - flat[0], 0.8, SQUARE, SQUARE)
    found = crops.errors_of(seen, camera, cam2world(joints_flat, camera.R, camera.t))
    assert found["in_plane_mm"] == pytest.approx(50, abs=0.01)
    assert found["depth_mm"] == pytest.approx(0, abs=1e-3) and found["certainty"] == 0.8
    deeper = crops.errors_of(seen, camera, cam2world(joints_cam, camera.R, camera.t))
    assert deeper["depth_mm"] == pytest.approx(np.abs(joints_cam[:, 2] - joints_cam[0, 2]).mean(), abs=1e-3)


def test_a_missed_person_is_lost_and_counts_in_no_mean(rng: np.random.Generator) -> None:
    nobody = crops.errors_of(None, looking_camera(rng), np.zeros((24, 3)))
    found = crops.summary([one(20.0), one(40.0), one(crops.LOST_MM + 1), {**nobody, "ms": 100.0}])
    assert found["lost"] == 2 and found["in_plane_median_mm"] == 40.0
    assert found["depth_mean_mm"] == 80.0
    certainty = crops.certainty_summary([one(20.0), one(300.0, MIN_CERTAINTY), one(30.0, 0.5), {**nobody, "ms": 1.0}])
    assert certainty == {"uncertain": 3, "lost_and_uncertain": 2, "threshold": MIN_CERTAINTY}


def test_an_adaptive_row_takes_what_the_first_crop_asks_for() -> None:
    shares, world = np.ones(len(LANDMARKS)), np.zeros((len(LANDMARKS), 3))
    landmarks = Landmarks(0.9, np.zeros(4), world[:, :2], shares, shares, world, 0.8, SQUARE, SQUARE)
    seen = {ONE: Seen(landmarks, 1, 0.06), TWO: Seen(landmarks, 2, 0.11), ALL: Seen(landmarks, 3, 0.17)}
    errors = {
        way: {name: np.array([value, value + 10]) for name in (*adaptive_crops.METRICS, LEAST_SQUARES)}
        for way, value in ((ONE, 105.0), (TWO, 101.0), (ALL, 100.0))
    }
    found = adaptive_crops.summary([ONE, TWO], [seen, seen], errors)
    assert (found["crops"], found["processor_ms"], found["world_mpjpe"]) == (1.5, 85.0, 108.0)
    assert (found["difference_mm"], found["standard_error_mm"]) == (3.0, 1.41)


def test_a_row_moves_by_the_difference_of_the_same_images() -> None:
    def errors(world: list[float], placed: list[float]) -> adaptive_rows.Errors:
        means = {name: np.array(world) for name in adaptive_rows.METRICS}
        return {**means, adaptive_rows.LEAST_SQUARES: np.array(placed)}

    found = adaptive_rows.summary({
        "all crops": errors([100.0, 200.0], [300.0, np.nan]), "adaptive": errors([101.0, 205.0], [310.0, 330.0]),
    })  # fmt: skip
    assert (found["difference_mm"], found["standard_error_mm"]) == (3.0, 1.41)
    assert (found["all crops"]["not_found"], found["adaptive"]["not_found"]) == (1, 0)
    row = adaptive_rows.format_table({"some": {"title": "Some", **found}}).splitlines()[-1]
    assert row == "| Some | 2 | 150.0 (150.0, 150.0) | 153.0 (153.0, 153.0) | +3.0 ± 1.4 | 300.0 | 320.0 |"


def test_hours_are_of_the_processor() -> None:
    repeats = [{"seconds": 0.2, "processor_seconds": 0.36}, {"seconds": 0.3, "processor_seconds": 0.36}]
    settings = [{"name": "adaptive", "workers": workers, "repeats": repeats} for workers in (1, 2)]
    made = {
        "command": "here",
        "commit": None,
        "machine": {"load_before": 0.1, "processor": "some"},
        "settings": settings,
    }
    crops_of = {"sets": {"Demo": {"rows": {"adaptive": {"world_mpjpe": 99.96}}}}}
    table = extraction_hours.format_table(made, crops_of)
    assert "| adaptive | 2 | 360 | 1.0 | 10.0 | 100.0 | 100.0 |" in table and "adaptive 1.00 times" in table
    made["machine"] = {"load_before": 9.0, "processor": "some"}
    assert "Other programs were running" in extraction_hours.format_table(made, crops_of)


def test_the_page_holds_the_committed_tables() -> None:
    page = pages.ACCURACY_PAGE.read_text(encoding="utf-8")
    tables = {
        "crops": crops.table(read_json(crops.RESULT)),
        "adaptive": adaptive_crops.format_table(read_json(adaptive_crops.RESULT)["sets"]),
        "engines": engines.format_table(read_json(engines.RESULT)["sets"]),
        "adaptive rows": adaptive_rows.format_table(read_json(adaptive_rows.RESULT)),
        "rotations": rotations.format_tables(read_json(rotations.RESULT)),
        **{
            f"uncertainty: {name}": uncertainty.table(read_json(uncertainty.result_path(name)))
            for name in ("released", "pose")
        },
    }
    for name, table in tables.items():
        assert pages.marked(name, table) in page, name
