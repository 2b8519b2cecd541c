"""BlazePose against MediaPipe's own runtime, its test-time augmentation, and the extractor's contract."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from data.demo.source import fetch_demo_source
from model.skeleton import JOINT_NAMES, MIRROR
from modules.config.paths import PROJECT_ROOT
from modules.config.schema import Config
from modules.config.sections import Extract, TestTimeAugmentation
from modules.extractors import configured_extractor, configured_fingerprint
from modules.extractors.base import Estimate
from modules.extractors.blazepose.decoding import LANDMARK_SIZE, Square
from modules.extractors.blazepose.detector import MIN_CERTAINTY, BlazePose
from modules.extractors.blazepose.extractor import BlazePoseExtractor
from modules.extractors.blazepose.landmarks import (
    LANDMARK_MIRROR,
    LANDMARKS,
    LANDMARKS_TO_SMPL24,
    Landmarks,
    person_box,
)
from modules.extractors.blazepose.merging import merge_landmarks
from modules.extractors.blazepose.weights import BLAZEPOSE_FOLDER, check_weights
from modules.pose_utils import Camera, distort
from modules.utils import UserError
from pre_models.blazepose import fetch_blazepose
from tests.extractors.make_blazepose_reference import FRAMES, REFERENCE, pixels_sha256, read_frames

CAMERA = Camera(K=np.array([[1500.0, 0, 540], [0, 1500.0, 960], [0, 0, 1]]), R=np.eye(3), t=np.zeros(3))
SQUARE = Square(np.zeros(2), 1.0)
# By weights and test-time augmentation: caches and released weights of every release depend on these digests.
FINGERPRINTS: dict[tuple[str, TestTimeAugmentation], str] = {
    ("heavy", False): "5d3473be4fb7c69bd7981c1fcc2887428d5803834e88b5286c94bb73963dfdc5",
    ("heavy", True): "a6dce4fb10b45cdbde256669daae050b9eb2f3ff0eceaf90b42d4930305b81b0",
    ("full", False): "b30a8453145f93875aabc914f3192efc846a2c489419a6619aae5f7b9c32bba8",
    ("full", True): "402b9c4a0054425da8fc8f79a2c24ecbcb54cf2d5d89361574a58b947deef377",
    ("heavy", "adaptive"): "803c1547db45185b35de426f795b7f49fd98eb0de50640a10232b761649cb703",
}
FINGERPRINTS_OPENCV = "4.11.0"


@pytest.fixture(scope="module")
def model() -> BlazePose:
    fetch_blazepose()
    return BlazePose()


@pytest.fixture(scope="module")
def images() -> dict[tuple[str, int], np.ndarray]:
    source = fetch_demo_source()
    return {
        (video, index): image
        for video, indices in FRAMES.items()
        for index, image in zip(indices, read_frames(source / video, indices), strict=True)
    }


@pytest.fixture(scope="module")
def reference(images: dict[tuple[str, int], np.ndarray]) -> list[dict[str, Any]]:
    """MediaPipe's results, each with its image, whose decoded pixels must be the same."""
    records = json.loads(REFERENCE.read_text())["frames"]
    assert [(r["video"], r["frame"]) for r in records] == list(images)
    for record in records:
        record["image"] = images[record["video"], record["frame"]]
        assert pixels_sha256(record["image"]) == record["pixels_sha256"], "the video decoder differs, not the extractor"
    return records


def mediapipe_landmarks(record: dict[str, Any]) -> tuple[Square, np.ndarray]:
    """MediaPipe's square, and its landmarks (33, 2) px with the half pixel of the crop that it leaves in removed."""
    x, y, side, angle = record["square"]
    square = Square(np.array([x, y]), side, angle)
    return square, np.array(record["landmarks_px"]) - square.rotation @ np.full(2, 0.5 * side / LANDMARK_SIZE)


def left_minus_right(landmarks_px: np.ndarray) -> float:
    return float(landmarks_px[LANDMARKS.index("left_hip"), 0] - landmarks_px[LANDMARKS.index("right_hip"), 0])


class TestAgainstMediaPipe:
    def test_the_detector_places_the_same_square(self, model: BlazePose, reference: list[dict[str, Any]]) -> None:
        for record in reference:
            square = model.detect_square(record["image"])
            assert square is not None
            np.testing.assert_allclose([*square.centre, square.side], record["square"][:3], atol=0.01)
            assert square.angle == pytest.approx(record["square"][3], abs=1e-5)

    def test_the_same_square_gives_the_same_landmarks(self, model: BlazePose, reference: list[dict[str, Any]]) -> None:
        errors_px, errors_mm, errors_visibility = [], [], []
        for record in reference:
            square, expected_px = mediapipe_landmarks(record)
            found = model.estimate_landmarks(record["image"], square)
            assert found is not None
            errors_px.append(np.linalg.norm(found.landmarks_px - expected_px, axis=-1))
            errors_mm.append(np.abs(found.world_landmarks_mm - record["world_mm"]))
            errors_visibility += [found.visibility - record["visibility"], found.presence - record["presence"]]
        assert np.median(errors_px) < 0.002
        assert np.max(errors_px) < 1
        assert np.max(errors_mm) < 0.6
        assert np.abs(errors_visibility).max() < 1e-3

    def test_detect_as_a_whole(self, model: BlazePose, reference: list[dict[str, Any]]) -> None:
        # The squares of the two runtimes differ by 1e-4 px. The warp, which rounds to 1/32 px, and the heatmaps'
        # thresholds turn that into about 0.01 px per landmark, at most 2.3 px or 4.5 mm for perturbed squares.
        errors_px, errors_mm, errors_visibility, sides = [], [], [], []
        for record in reference:
            found, (_, expected_px) = model.detect(record["image"]), mediapipe_landmarks(record)
            assert found is not None
            errors_px.append(np.linalg.norm(found.landmarks_px - expected_px, axis=-1))
            errors_mm.append(np.abs(found.world_landmarks_mm - record["world_mm"]))
            errors_visibility.append(np.abs(found.visibility - record["visibility"]))
            sides.append([left_minus_right(found.landmarks_px), left_minus_right(expected_px)])
        assert np.median(errors_px) < 0.02
        assert np.max(errors_px) < 3
        assert np.median(errors_mm) < 0.2
        assert np.max(errors_mm) < 6
        assert np.median(errors_visibility) < 1e-4
        assert np.max(errors_visibility) < 5e-3
        ours, theirs = np.sign(sides).T
        np.testing.assert_array_equal(ours, theirs)
        assert {-1, 1} == set(theirs[[record["video"] == "cam02.mp4" for record in reference]])  # one is a swap


class TestOnRealImages:
    def test_a_mirrored_image_gives_mirrored_landmarks(
        self, model: BlazePose, images: dict[tuple[str, int], np.ndarray]
    ) -> None:
        # Half a pixel of the crop, if it were left in, would be a bias of 0.3-0.4 px of the crop here.
        biases = []
        for (video, _), image in images.items():
            square = model.detect_square(image)
            found, mirrored = model.detect(image), model.detect(np.ascontiguousarray(image[:, ::-1]))
            if video == "cam02.mp4" or square is None or found is None or mirrored is None:
                continue  # in cam02 left and right are ambiguous
            both = found.landmarks_px[:, 0] + mirrored.landmarks_px[list(LANDMARK_MIRROR), 0]
            biases.append((image.shape[1] - 1 - both) / 2 * LANDMARK_SIZE / square.side)
        assert len(biases) == 9
        assert abs(np.median(biases)) < 0.2

    def test_a_rotated_image_gives_rotated_landmarks(
        self, model: BlazePose, images: dict[tuple[str, int], np.ndarray]
    ) -> None:
        image = images["cam04.mp4", 0]
        upright, turned = model.detect(image), model.detect(np.ascontiguousarray(np.rot90(image)))
        assert upright is not None and turned is not None
        u, v = upright.landmarks_px.T
        expected_px = np.stack([v, image.shape[1] - 1 - u], -1)  # a quarter turn against the clock
        x, y, z = upright.world_landmarks_mm.T
        assert np.median(np.linalg.norm(turned.landmarks_px - expected_px, axis=-1)) < 15
        assert np.median(np.linalg.norm(turned.world_landmarks_mm - np.stack([y, -x, z], -1), axis=-1)) < 40

    def test_the_box_is_tight_around_every_joint(
        self, model: BlazePose, images: dict[tuple[str, int], np.ndarray]
    ) -> None:
        for image in images.values():
            found = model.detect(image)
            assert found is not None
            low, size = found.box_xywh[:2], found.box_xywh[2:]
            shares = (found.landmarks_px - low) / size
            assert shares.min() > 0 and shares.max() < 1
            assert np.ptp(shares[:, 1]) > 0.7

    @pytest.mark.parametrize("shape", [(1080, 1920), (1, 1), (2, 3), (1, 500), (500, 1)])
    def test_nobody_in_a_black_or_tiny_image(self, model: BlazePose, shape: tuple[int, int]) -> None:
        assert model.detect(np.zeros((*shape, 3), dtype=np.uint8)) is None

    def test_a_missed_person_is_found_in_the_rotated_image(
        self, model: BlazePose, reference: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        detect_square, rotations = model.detect_square, []

        def miss_upright(image: np.ndarray, rotation: float = 0.0) -> Square | None:
            rotations.append(rotation)
            return detect_square(image, rotation) if rotation else None

        expected = [model.detect(record["image"]) for record in reference]
        monkeypatch.setattr(model, "detect_square", miss_upright)
        for record, upright in zip(reference, expected, strict=True):
            found = model.detect(record["image"])
            assert found is not None and upright is not None
            apart = np.median(np.linalg.norm(found.landmarks_px - upright.landmarks_px, axis=-1))
            assert apart < 0.05 * record["square"][2]  # the same person in the same place
        assert rotations[:2] == [0.0, np.pi]

    def test_nobody_in_noise(self, model: BlazePose) -> None:
        noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
        assert model.detect(noise) is None


class TestSeveralCrops:
    def test_a_mirrored_crop_is_mirrored_back(self, model: BlazePose, reference: list[dict[str, Any]]) -> None:
        apart_px, apart_mm = [], []
        for record in reference:
            if record["video"] == "cam02.mp4":
                continue  # in which left and right are ambiguous
            square = model.detect_square(record["image"])
            assert square is not None
            plain, mirrored = (model.estimate_landmarks(record["image"], square, mirrored=m) for m in (False, True))
            assert plain is not None and mirrored is not None
            apart_px.append((mirrored.landmarks_px - plain.landmarks_px) / square.side * LANDMARK_SIZE)
            apart_mm.append(np.abs(mirrored.world_landmarks_mm - plain.world_landmarks_mm))
            assert np.linalg.norm(mirrored.next_square.centre - plain.next_square.centre) < 0.05 * square.side
            assert mirrored.next_square.side == pytest.approx(plain.next_square.side, rel=0.1)
        assert np.median(np.linalg.norm(apart_px, axis=-1)) < 2  # px of the crop; a left/right swap would be tens
        assert abs(np.median(np.array(apart_px)[..., 0])) < 0.3  # and the half pixel is removed once
        assert np.median(apart_mm) < 40

    def test_a_certain_crop_needs_no_rotated_image(
        self, model: BlazePose, reference: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        detect_square, rotations = model.detect_square, []

        def record_rotation(image: np.ndarray, rotation: float = 0.0) -> Square | None:
            rotations.append(rotation)
            return detect_square(image, rotation)

        monkeypatch.setattr(model, "detect_square", record_rotation)
        record = reference[0]
        one = model.detect(record["image"])
        assert one is not None and one.certainty > MIN_CERTAINTY
        rotations.clear()
        merged = model.detect(record["image"], True)
        assert merged is not None and rotations == [0.0]
        apart = np.median(np.linalg.norm(merged.landmarks_px - one.landmarks_px, axis=1))
        assert 0 < apart < 0.02 * record["square"][2]

    def test_a_rotated_image_corrects_a_wrong_square(
        self, model: BlazePose, reference: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """On an upside-down crop the network outputs wrong limbs with a high score, but with a low certainty."""
        detect_square = model.detect_square

        def upside_down(image: np.ndarray, rotation: float = 0.0) -> Square | None:
            square = detect_square(image, rotation)
            if square is None or rotation != 0:
                return square
            return Square(square.centre, square.side, square.angle + np.pi)

        truth = [model.detect(record["image"]) for record in reference]
        monkeypatch.setattr(model, "detect_square", upside_down)
        lost = {"one crop": 0, "augmented": 0}
        for record, expected in zip(reference, truth, strict=True):
            assert expected is not None
            for way, tta in (("one crop", False), ("augmented", True)):
                found = model.detect(record["image"], tta)
                assert found is not None
                apart = np.median(np.linalg.norm(found.landmarks_px - expected.landmarks_px, axis=1))
                lost[way] += bool(apart > 0.05 * record["square"][2])
        assert lost["one crop"] > len(reference) / 2
        assert lost["augmented"] == 0

    def test_adaptive_looks_at_as_many_crops_as_it_takes(
        self, model: BlazePose, reference: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        image, estimate, seen = reference[0]["image"], model.estimate_landmarks, []

        def with_certainty(certainty: float) -> Any:
            def estimated(
                image_rgb: np.ndarray, square: Square, mirrored: bool = False, exact: bool = True
            ) -> Landmarks | None:
                found = estimate(image_rgb, square, mirrored, exact)
                seen.append(replace(found, certainty=certainty) if found is not None and not mirrored else found)
                return seen[-1]

            return estimated

        crops = {}
        for certainty in (MIN_CERTAINTY + 0.01, MIN_CERTAINTY):
            seen.clear()
            monkeypatch.setattr(model, "estimate_landmarks", with_certainty(certainty))
            found = model.detect(image, "adaptive")
            assert found is not None
            crops[certainty] = len(seen)
            expected = merge_landmarks(seen) if len(seen) == 2 else model.detect(image, True)
            assert expected is not None
            np.testing.assert_array_equal(found.landmarks_px, expected.landmarks_px)
            np.testing.assert_array_equal(found.world_landmarks_mm, expected.world_landmarks_mm)
        assert crops[MIN_CERTAINTY + 0.01] == 2 and crops[MIN_CERTAINTY] > 3

    @pytest.mark.parametrize("shape", [(480, 640), (1, 1), (1, 500)])
    def test_nobody_in_a_black_image(self, model: BlazePose, shape: tuple[int, int]) -> None:
        assert model.detect(np.zeros((*shape, 3), dtype=np.uint8), True) is None

    def test_only_crops_that_agree_with_the_most_certain_one_are_averaged(self) -> None:
        rng = np.random.default_rng(3)
        points, world = rng.uniform(0, 1000, (33, 2)), rng.normal(0, 300, (33, 3))

        def seen(certainty: float, shift: float) -> Landmarks:
            shares = np.full(33, certainty), np.ones(33)
            return Landmarks(0.9, np.zeros(4), points + shift, *shares, world + shift, certainty, SQUARE, SQUARE)

        best, near, far = seen(0.8, 0.0), seen(0.4, 10.0), seen(0.7, 300.0)
        found = merge_landmarks([near, far, best])
        weight = 0.4**4 / (0.4**4 + 0.8**4)
        np.testing.assert_allclose(found.landmarks_px, points + 10 * weight)
        np.testing.assert_allclose(found.world_landmarks_mm, world + 10 * weight)
        np.testing.assert_allclose(found.visibility, 0.8 * (1 - weight) + 0.4 * weight)
        np.testing.assert_allclose(found.box_xywh, person_box(found.landmarks_px, np.ones(33)))
        assert found.certainty == 0.8
        alone = merge_landmarks([best])
        np.testing.assert_allclose(alone.landmarks_px, best.landmarks_px)


def one_crop(weights: str) -> Config:
    return Config(EXTRACT=Extract(weights=weights, test_time_augmentation=False))


class TestExtractor:
    def test_undistorts_exactly_once(self, model: BlazePose, monkeypatch: pytest.MonkeyPatch) -> None:
        distortion = np.array([-0.3, 0.1, 0.002, -0.001, 0.0])
        camera = Camera(K=CAMERA.K, R=CAMERA.R, t=CAMERA.t, distortion=distortion)
        rng = np.random.default_rng(1)
        true_px = rng.uniform([200, 300], [900, 1600], (33, 2))
        raw_px = distort(true_px, camera.K, distortion)
        assert np.abs(raw_px - true_px).max() > 10
        visibility, presence = rng.uniform(0, 1, (2, 33))
        presence[:] = 1
        world_mm = rng.normal(0, 300, (33, 3))
        seen = Landmarks(0.9, np.zeros(4), raw_px, visibility, presence, world_mm, 0.9, SQUARE, SQUARE)
        monkeypatch.setattr(BlazePose, "detect", lambda self, image, tta: seen)
        (estimate,) = BlazePoseExtractor().estimate([np.zeros((8, 8, 3), np.uint8)], [camera])
        assert estimate is not None
        np.testing.assert_allclose(estimate.joints_px, LANDMARKS_TO_SMPL24 @ true_px, atol=1e-3)
        np.testing.assert_allclose(estimate.box_xywh, person_box(true_px, presence), atol=1e-3)
        np.testing.assert_allclose(estimate.confidence, LANDMARKS_TO_SMPL24 @ visibility, atol=1e-6)
        np.testing.assert_allclose(estimate.joints_rel_mm[0], 0, atol=1e-9)
        assert seen.landmarks_px is raw_px

    def test_a_landmark_without_a_ray_leaves_the_other_joints_as_they_are(
        self, model: BlazePose, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Far outside the image, a lens model with k1 < 0 has no inverse: here for the left wrist and index finger."""
        camera = Camera(K=CAMERA.K, R=CAMERA.R, t=CAMERA.t, distortion=np.array([-0.3, 0.0, 0.0, 0.0, 0.0]))
        rng = np.random.default_rng(1)
        raw_px = rng.uniform([200, 300], [900, 1600], (33, 2))
        far = [LANDMARKS.index("left_wrist"), LANDMARKS.index("left_index")]
        ones, world_mm = np.ones(33), rng.normal(0, 300, (33, 3))

        def estimate_of(landmarks_px: np.ndarray) -> Estimate:
            seen = Landmarks(0.9, np.zeros(4), landmarks_px, ones, ones, world_mm, 0.9, SQUARE, SQUARE)
            monkeypatch.setattr(BlazePose, "detect", lambda self, image, tta: seen)
            (estimate,) = BlazePoseExtractor().estimate([np.zeros((8, 8, 3), np.uint8)], [camera])
            assert estimate is not None
            return estimate

        spoiled_px = raw_px.copy()
        spoiled_px[far] = [20_000, 20_000]
        whole, spoiled = estimate_of(raw_px), estimate_of(spoiled_px)
        lost = LANDMARKS_TO_SMPL24[:, far].any(1)
        assert {JOINT_NAMES[joint] for joint in np.flatnonzero(lost)} == {"left_wrist", "left_hand"}
        assert np.isnan(spoiled.joints_px[lost]).all()
        np.testing.assert_allclose(spoiled.joints_px[~lost], whole.joints_px[~lost], atol=1e-9)
        np.testing.assert_array_equal(spoiled.joints_rel_mm, whole.joints_rel_mm)
        assert np.isfinite(spoiled.box_xywh).all()

    def test_keeps_the_order_around_an_image_without_a_person(self, images: dict[tuple[str, int], np.ndarray]) -> None:
        first, last = images["cam01.mp4", 0], images["cam03.mp4", 80]
        extractor = BlazePoseExtractor("full", threads=1)
        batch = extractor.estimate([first, np.zeros_like(first), last], [CAMERA] * 3)
        assert batch[1] is None
        for image, estimate in ((first, batch[0]), (last, batch[2])):
            (alone,) = extractor.estimate([image], [CAMERA])
            assert isinstance(estimate, Estimate) and isinstance(alone, Estimate)
            np.testing.assert_array_equal(estimate.joints_px, alone.joints_px)
            assert estimate.joints_rel_mm.shape == (24, 3)
            assert ((estimate.confidence >= 0) & (estimate.confidence <= 1)).all()
        assert extractor.estimate([], []) == []
        with pytest.raises(ValueError, match="zip"):
            extractor.estimate([first], [])

    def test_the_fingerprint_is_stable_and_sees_the_decoder(
        self, model: BlazePose, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = BlazePoseExtractor().fingerprint
        assert before == BlazePoseExtractor(threads=1).fingerprint
        assert before == configured_fingerprint(one_crop("full"))
        augmented = BlazePoseExtractor(test_time_augmentation=True).fingerprint
        assert (
            augmented
            == configured_fingerprint(Config(EXTRACT=Extract(weights="full", test_time_augmentation=True)))
            != before
        )
        monkeypatch.setattr("modules.extractors.blazepose.extractor.TTA_VERSION", 0)
        assert BlazePoseExtractor(test_time_augmentation=True).fingerprint != augmented
        assert BlazePoseExtractor().fingerprint == before
        monkeypatch.setattr("modules.extractors.blazepose.extractor.DECODER_VERSION", 0)
        assert BlazePoseExtractor().fingerprint != before
        assert configured_fingerprint(one_crop("full")) != before

    @pytest.mark.parametrize(("weights", "tta", "expected"), [(*key, digest) for key, digest in FINGERPRINTS.items()])
    def test_existing_caches_stay_valid(self, weights: str, tta: TestTimeAugmentation, expected: str) -> None:
        if cv2.__version__ != FINGERPRINTS_OPENCV:  # it is part of the fingerprint
            pytest.skip(f"the fingerprints were recorded with OpenCV {FINGERPRINTS_OPENCV}")
        fetch_blazepose(weights)
        assert BlazePoseExtractor.fingerprint_of(weights, test_time_augmentation=tta) == expected

    def test_the_fingerprint_needs_the_weights_but_not_the_runtime(self, tmp_path: Path) -> None:
        assert BlazePoseExtractor.fingerprint_of("full", models_dir=tmp_path) is None
        program = (
            "import sys; from modules.config.schema import Config; from modules.extractors import configured_fingerprint\n"
            "assert configured_fingerprint(Config()) and not {'ai_edge_litert', 'openvino', 'tensorflow'} & set(sys.modules)"
        )
        subprocess.run([sys.executable, "-c", program], cwd=PROJECT_ROOT, check=True)

    def test_unknown_extractor(self) -> None:
        with pytest.raises(UserError, match=r"EXTRACT\.extractor.*'blaze'; set it to one of blazepose"):
            configured_extractor(Config(EXTRACT=Extract(extractor="blaze")))

    def test_weights_absent_corrupt_or_unknown(self, tmp_path: Path) -> None:
        with pytest.raises(
            UserError, match=r"pose_detection\.tflite.*missing.*`python -m pre_models\.fetch blazepose --weights full`"
        ):
            BlazePoseExtractor("full", models_dir=tmp_path)
        (tmp_path / "pose_detection.tflite").write_bytes(b"cut off")
        with pytest.raises(UserError, match=r"pose_detection\.tflite.*not the pinned.*pre_models\.fetch"):
            BlazePoseExtractor("full", models_dir=tmp_path)
        (tmp_path / "pose_detection.tflite").write_bytes((BLAZEPOSE_FOLDER / "pose_detection.tflite").read_bytes())
        with pytest.raises(UserError, match=r"pose_landmark_heavy\.tflite.*fetch blazepose`"):
            check_weights("heavy", tmp_path)
        with pytest.raises(UserError, match=r"EXTRACT\.weights.*heavy or full"):
            check_weights("lite", tmp_path)

    def test_imports_neither_torch_nor_tensorflow(self) -> None:
        code = (
            "import sys, modules.extractors.blazepose.extractor; assert not {'torch', 'tensorflow'} & set(sys.modules)"
        )
        subprocess.run([sys.executable, "-c", code], check=True, cwd=BLAZEPOSE_FOLDER.parents[1])


class TestMatrix:
    def test_rows_are_shares(self) -> None:
        assert LANDMARKS_TO_SMPL24.shape == (24, 33)
        assert (LANDMARKS_TO_SMPL24 >= 0).all()
        np.testing.assert_allclose(LANDMARKS_TO_SMPL24.sum(1), 1, atol=1e-6)

    def test_left_and_right_are_treated_alike(self) -> None:
        np.testing.assert_allclose(LANDMARKS_TO_SMPL24[list(MIRROR)][:, list(LANDMARK_MIRROR)], LANDMARKS_TO_SMPL24)

    def test_a_known_pose(self) -> None:
        pose = np.zeros((33, 2))
        known = {
            "shoulder": (200, -500), "elbow": (450, -500), "wrist": (700, -500), "index": (800, -520), "pinky": (800, -480),
            "hip": (100, 0), "knee": (100, 400), "ankle": (100, 800), "heel": (100, 850), "toe": (140, 850), "ear": (70, -700),
        }  # fmt: skip
        for part, (x, y) in known.items():
            pose[LANDMARKS.index(f"left_{part}")] = x, y
            pose[LANDMARKS.index(f"right_{part}")] = -x, y
        joints = dict(zip(JOINT_NAMES, LANDMARKS_TO_SMPL24 @ pose, strict=True))
        expected = {
            "pelvis": (0, -71.0), "spine1": (0, -172.8), "spine2": (0, -298.8), "left_hip": (62.0, 0),
            "right_knee": (-100, 392.8), "left_ankle": (102.5, 817.5), "left_foot": (129.6, 847.9),
            "right_wrist": (-695.5, -500.0), "left_hand": (800, -491.8),
        }  # fmt: skip
        for name, position in expected.items():
            np.testing.assert_allclose(joints[name], position, atol=1.5, err_msg=name)

    def test_joints_are_in_anatomical_order(self) -> None:
        shares = dict(zip(JOINT_NAMES, LANDMARKS_TO_SMPL24, strict=True))
        upwards = np.array([landmark.endswith("shoulder") + 1.5 * landmark.endswith("ear") for landmark in LANDMARKS])
        heights = [
            shares[name] @ upwards for name in ("pelvis", "spine1", "spine2", "spine3", "left_collar", "neck", "head")
        ]
        assert heights == sorted(heights)  # up the back, hips at 0, shoulders at 1, ears at 1.5
        for name, share in shares.items():
            side, _, part = name.rpartition("_")
            if side and part in (
                "knee",
                "ankle",
                "foot",
                "elbow",
                "wrist",
                "hand",
            ):  # no limb depends on the other side
                other = {"left": "right", "right": "left"}[side]
                assert not any(share[index] for index, landmark in enumerate(LANDMARKS) if landmark.startswith(other))


class TestBox:
    def test_counts_what_lies_in_the_image(self) -> None:
        points, presence = np.array([[10.0, 20], [110, 220], [500, 900]]), np.array([0.9, 0.6, 0.1])
        np.testing.assert_allclose(person_box(points, presence), [-10, 0, 140, 240])

    def test_counts_everything_where_nothing_lies_in_the_image(self) -> None:
        points = np.array([[10.0, 20], [110, 220]])
        np.testing.assert_allclose(person_box(points, np.zeros(2)), [-10, 0, 140, 240])
