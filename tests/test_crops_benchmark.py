"""The judge of several crops: who counts as lost, what the table says, and that the page holds the committed numbers."""

import numpy as np
import pytest

from benchmarks import crops, record, uncertainty
from modules.extractors.blazepose import LANDMARKS, LANDMARKS_TO_SMPL24, SURE, Landmarks
from modules.extractors.blazepose_decode import Square
from modules.pose_utils import cam2pixel, cam2world
from modules.utils import read_json
from tests.conftest import looking_camera

SQUARE = Square(np.zeros(2), 1.0)


def one(aside_mm: float, certainty: float = 0.9, depth_mm: float = 80.0, ms: float = 100.0) -> dict[str, float]:
    return {"aside_mm": aside_mm, "depth_mm": depth_mm, "certainty": certainty, "ms": ms}


def test_an_answer_is_off_by_what_it_is_moved(rng: np.random.Generator) -> None:
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
    assert found["aside_mm"] == pytest.approx(50, abs=0.01)
    assert found["depth_mm"] == pytest.approx(0, abs=1e-3) and found["certainty"] == 0.8
    deeper = crops.errors_of(seen, camera, cam2world(joints_cam, camera.R, camera.t))
    assert deeper["depth_mm"] == pytest.approx(np.abs(joints_cam[:, 2] - joints_cam[0, 2]).mean(), abs=1e-3)


def test_nobody_is_lost_and_counts_in_no_mean(rng: np.random.Generator) -> None:
    nobody = crops.errors_of(None, looking_camera(rng), np.zeros((24, 3)))
    found = crops.summary([one(20.0), one(40.0), one(crops.LOST_MM + 1), {**nobody, "ms": 100.0}])
    assert found["lost"] == 2 and found["aside_median_mm"] == 40.0
    assert found["depth_mean_mm"] == 80.0
    told = crops.told_by_certainty([one(20.0), one(300.0, SURE), one(30.0, 0.5), {**nobody, "ms": 1.0}])
    assert told == {"unsure": 3, "lost_and_unsure": 2, "sure_above": SURE}


def test_the_page_holds_the_committed_numbers() -> None:
    page = crops.PAGE.read_text(encoding="utf-8")
    tables = {
        "crops": crops.table(read_json(crops.RESULT)),
        "uncertainty": uncertainty.table(read_json(uncertainty.RESULTS / "uncertainty.json")),
        "uncertainty-several_released": uncertainty.table(
            read_json(uncertainty.RESULTS / "uncertainty-several_released.json")
        ),
    }
    for name, table in tables.items():
        begin, end = record.marks(name)
        assert f"{begin}\n{table}\n{end}" in page, name
