"""The map from landmarks to joints: a known map is recovered, outliers have little influence, and the file is exact."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.synthetic import landmark_map
from data.synthetic.landmark_map import Detections, are_swapped, compare, fit, write_map
from model.skeleton import JOINT_NAMES, MIRROR
from modules.extractors.blazepose import landmarks as blazepose_landmarks
from modules.extractors.blazepose.landmarks import LANDMARK_MIRROR, LANDMARKS, LANDMARKS_TO_SMPL24
from modules.files.atomic import read_json


def sightings_of(matrix: np.ndarray, count: int = 400, noise_px: float = 1.0, seed: int = 0) -> Detections:
    """Returns random landmarks, and the joints that the matrix computes from them."""
    rng = np.random.default_rng(seed)
    landmarks = rng.uniform(0, 600, (count, len(LANDMARKS), 2))
    joints = matrix @ landmarks + rng.normal(0, noise_px, (count, len(JOINT_NAMES), 2))
    return Detections(landmarks, np.ones(landmarks.shape[:2], bool), joints, rng.uniform(2, 4, joints.shape[:2]))


def other_matrix() -> np.ndarray:
    """Returns a symmetric map unlike the one in use: every joint takes a quarter of the nose."""
    matrix = 0.75 * LANDMARKS_TO_SMPL24.astype(float)
    matrix[:, LANDMARKS.index("nose")] += 0.25
    return matrix


def test_a_known_map_is_found_again() -> None:
    wanted = other_matrix()
    found = fit(sightings_of(wanted))
    np.testing.assert_allclose(found, wanted, atol=0.02)
    np.testing.assert_allclose(found.sum(1), 1)
    assert (found >= 0).all()
    np.testing.assert_allclose(found[list(MIRROR)][:, list(LANDMARK_MIRROR)], found, atol=1e-12)


def test_landmarks_that_fail_grossly_do_not_bend_it() -> None:
    wanted, rng = other_matrix(), np.random.default_rng(1)
    clean = sightings_of(wanted)
    wrong = rng.random(clean.confident.shape) < 0.05
    spoilt = clean.landmarks_px + wrong[..., None] * rng.normal(0, 300, clean.landmarks_px.shape)
    found = fit(replace(clean, landmarks_px=spoilt))
    assert np.abs(found - wanted).max() < 0.02


def test_landmarks_that_are_unsure_do_not_count() -> None:
    wanted = other_matrix()
    clean = sightings_of(wanted)
    landmarks, confident = clean.landmarks_px.copy(), clean.confident.copy()
    landmarks[:180], confident[:180] = landmarks[:180, ::-1], False  # one for the other in nearly half of the images
    found = fit(replace(clean, landmarks_px=landmarks, confident=confident))
    assert np.abs(found - wanted).max() < 0.02


def test_swapped_views_are_detected() -> None:
    seen = sightings_of(LANDMARKS_TO_SMPL24.astype(float), 20)
    turned = seen.landmarks_px.copy()
    turned[:7] = turned[:7][:, list(LANDMARK_MIRROR)]
    told = are_swapped(Detections(turned, seen.confident, seen.joints_px, seen.mm_per_px))
    assert told.tolist() == [True] * 7 + [False] * 13


def test_the_table_tells_the_better_map() -> None:
    wanted = other_matrix()
    lines = compare(sightings_of(wanted, noise_px=0.0), {"before": LANDMARKS_TO_SMPL24.astype(float), "fitted": wanted})
    cells = [cell.strip() for cell in lines[-1].split("|")[1:-1]]
    assert cells[0] == "all" and float(cells[1]) > 20 and float(cells[3]) == 0


def test_what_is_written_is_what_the_extractor_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "map.json"
    monkeypatch.setattr(landmark_map, "MAP_PATH", path)
    monkeypatch.setattr(blazepose_landmarks, "MAP_PATH", path)
    write_map(other_matrix(), "nobody")
    assert read_json(path)["origin"] == "nobody"
    np.testing.assert_allclose(blazepose_landmarks._landmarks_to_smpl24(), other_matrix(), atol=2e-4)
