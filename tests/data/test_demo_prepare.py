"""The demo's maker: its calibration parser, its honesty in view and time, its resuming, and what it writes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from data.demo import frames, make, plan, rotation
from data.demo.calibration import fit_to_video, read_calibration
from data.demo.frames import Landmarks2D, decode_videos, detect_landmarks, frame_path
from data.demo.rotation import MIRROR, PARTS, SOLE, build_rotation, floor_height
from modules.extractors.blazepose import LANDMARKS
from modules.layout import list_frames, read_camera, read_label, read_validation_list
from modules.pose_utils import Camera, cam2pixel, distort, undistort, world2cam
from modules.rig import project
from modules.utils import UserError, read_json

CALIBRATION = """<?xml version='1.0' encoding='ASCII'?>
<calibration><cameras>
<camera serial="cam01">
<fov_video bottom="1919" left="0" right="1087" top="0"/>
<transform r11="0" r12="1" r13="0" r21="0" r22="0" r23="1" r31="1" r32="0" r33="0" x="3000" y="20" z="1500"/>
<intrinsic centerPointU="34816" centerPointV="61440" focalLengthU="107520" focalLengthV="107200"
 radialDistortion1="-0.05" radialDistortion2="0.13" radialDistortion3="0" tangentalDistortion1="0.001"
 tangentalDistortion2="0.0005"/>
</camera></cameras></calibration>
"""


def write_calibration(folder: Path, old: str = "", new: str = "") -> Path:
    assert old in CALIBRATION
    path = folder / "Calib.qca.txt"
    path.write_text(CALIBRATION.replace(old, new) if old else CALIBRATION)
    return path


def test_calibration_is_read_in_pixels_and_millimetres(tmp_path: Path) -> None:
    camera = read_calibration(write_calibration(tmp_path))["cam01"]
    np.testing.assert_allclose(camera.K, [[1680, 0, 544], [0, 1675, 960], [0, 0, 1]])
    np.testing.assert_allclose(camera.centre_world, [3000, 20, 1500])
    assert camera.image_size == (1088, 1920)
    np.testing.assert_allclose(camera.distortion, [-0.05, 0.13, 0.001, 0.0005, 0])
    # It looks along -x: a point in front of it, higher and further along y, is seen higher and to the right.
    u, v = cam2pixel(world2cam(np.array([[0, 120.0, 1600]]), camera.R, camera.t), camera.K)[0]
    np.testing.assert_allclose([u, v], [544 + 1680 * 100 / 3000, 960 - 1675 * 100 / 3000])


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("</camera>", "", "not readable XML"),
        ('focalLengthU="107520"', "", "focalLengthU"),
        ('focalLengthU="107520"', 'focalLengthU="wide"', "wide"),
        ('focalLengthU="107520"', 'focalLengthU="nan"', "NaN"),
        ('focalLengthU="107520"', 'focalLengthU="0"', "no usable lens"),
        ('r12="1"', 'r12="2"', "no usable lens or rotation"),
        ("<transform", "<transport", "has no <transform>"),
        ("fov_video", "fov_video_max", "has no <fov_video>"),
        ("<camera serial", "<spare serial", "not readable XML"),
    ],
)
def test_a_broken_calibration_is_named(tmp_path: Path, old: str, new: str, says: str) -> None:
    with pytest.raises(UserError, match=says) as caught:
        read_calibration(write_calibration(tmp_path, old, new))
    assert "Calib.qca.txt" in str(caught.value)


def test_a_missing_or_empty_calibration_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="missing"):
        read_calibration(tmp_path / "Calib.qca.txt")
    (tmp_path / "Calib.qca.txt").write_text("<calibration/>")
    with pytest.raises(UserError, match="no <camera>"):
        read_calibration(tmp_path / "Calib.qca.txt")


def test_the_letterbox_goes_into_k_and_leaves_the_distortion_its_meaning(tmp_path: Path) -> None:
    calibrated = read_calibration(write_calibration(tmp_path))["cam01"]
    video = fit_to_video(calibrated, (1080, 1920))
    points = np.array([[0, 20, 1500.0], [500, 300, 900], [-700, -400, 2200]])

    def raw(camera: Camera) -> np.ndarray:
        return distort(cam2pixel(world2cam(points, camera.R, camera.t), camera.K), camera.K, camera.distortion)

    # The measured map of cam01 and cam02 from the video to the calibrated image.
    np.testing.assert_allclose(raw(video) * 1.00741 + [0.004, -7.107], raw(calibrated), atol=0.01)
    assert video.image_size == (1080, 1920)
    assert fit_to_video(calibrated, (1088, 1920)) is calibrated


def test_twins_and_parts_belong_together() -> None:
    assert all(MIRROR[MIRROR[index]] == index for index in range(33))
    assert [LANDMARKS[index] for index in range(33) if MIRROR[index] == index] == ["nose"]
    _, legs, arms = PARTS
    for part, size in ((legs, 8), (arms, 10)):
        assert len(part) == size and {MIRROR[index] for index in part} == set(part)


def test_the_frames_of_a_rotation_are_apart() -> None:
    train, validation, test = map(set, (plan.TRAIN_FRAMES, plan.VALIDATION_FRAMES, plan.TEST_FRAMES))
    assert (len(train), len(validation), len(test)) == (55, 10, 25)
    assert not (train & validation or train & test or validation & test)
    assert train | validation <= set(plan.CALIBRATION_FRAMES) and not test & set(plan.CALIBRATION_FRAMES)


def test_the_floor_is_under_the_lower_foot() -> None:
    points = np.full((40, 33, 3), 900.0)
    points[:, list(SOLE), 2] = [200, 210, 205, 215]
    points[::2, list(SOLE[:2]), 2] = [50 + rotation.SOLE_MM, 70 + rotation.SOLE_MM]
    points[1::2, list(SOLE[2:]), 2] = [50 + rotation.SOLE_MM, 70 + rotation.SOLE_MM]
    points[7] = -3000  # a frame that went wrong
    assert floor_height(points, np.array([0, 0, 1.0])) == pytest.approx(60)


# A synthetic recording: 4 cameras, 24 frames, of which the first 16 calibrate and the first 10 train.
FRAMES = 24


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "CALIBRATION_FRAMES", range(0, 16))
    monkeypatch.setattr(rotation, "TRAIN_FRAMES", range(0, 10))


def make_cameras() -> list[Camera]:
    cameras = []
    for centre in ([1460.0, -1909, 1896], [2582, 706, 1690], [-3216, 2231, 2088], [-3758, -1415, 1881]):
        forward = np.array([0, 0, 1000.0]) - centre
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, [0, 0, 1.0])
        R = np.stack([right / np.linalg.norm(right), np.cross(forward, right / np.linalg.norm(right)), forward])
        K = np.array([[1680, 0, 540], [0, 1680, 960], [0, 0, 1.0]])
        lens = np.array([-0.05, 0.13, 0.001, 0.0005, 0])
        cameras.append(Camera(K, R, -R @ np.array(centre), (1080, 1920), lens, np.array([0, 0, 1.0])))
    return cameras


def make_landmarks(cameras: list[Camera]) -> tuple[Landmarks2D, np.ndarray]:
    """What the cameras see of a drifting body (F, 33, 3), with 3 px of noise."""
    rng = np.random.default_rng(0)
    body = np.array([0, 0, 1000.0]) + rng.normal(0, 250, (33, 3))
    body[list(SOLE), 2] = 60 + rotation.SOLE_MM
    points = body + np.cumsum(rng.normal(0, 8, (FRAMES, 1, 3)) * [1, 1, 0], 0)
    ideal = project(points, cameras)[0] + rng.normal(0, 3, (4, FRAMES, 33, 2))
    raw = np.stack([distort(px, camera.K, camera.distortion) for px, camera in zip(ideal, cameras, strict=True)])
    np.testing.assert_allclose(undistort(raw[0], cameras[0].K, cameras[0].distortion), ideal[0], atol=1e-6)
    return Landmarks2D(raw, np.full((4, FRAMES, 33), 0.9)), points


@pytest.mark.usefixtures("short")
def test_a_rotation_finds_the_points_and_the_floor() -> None:
    cameras = make_cameras()
    landmarks, points = make_landmarks(cameras)
    found = build_rotation(landmarks, cameras, 3)
    assert np.median(np.linalg.norm(found.landmarks_world - points, axis=-1)) < 10
    assert found.joints_world.shape == (FRAMES, 24, 3)
    assert found.floor_height_mm == pytest.approx(60, abs=8)
    assert not found.swapped.any()
    assert all(camera.floor_height_mm == found.floor_height_mm for camera in found.cameras)


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("test_camera", [0, 3])
def test_no_pixel_of_the_test_camera_reaches_a_label(test_camera: int) -> None:
    cameras = make_cameras()
    landmarks, _ = make_landmarks(cameras)
    honest = build_rotation(landmarks, cameras, test_camera)
    rng = np.random.default_rng(1)
    points_px, visibility = landmarks.points_px.copy(), landmarks.visibility.copy()
    points_px[test_camera] = rng.uniform(0, 1900, points_px[test_camera].shape)
    visibility[test_camera] = rng.random(visibility[test_camera].shape)
    other = build_rotation(Landmarks2D(points_px, visibility), cameras, test_camera)
    assert honest.joints_world.tobytes() == other.joints_world.tobytes()
    assert honest.floor_height_mm == other.floor_height_mm
    for index, (one, two) in enumerate(zip(honest.cameras, other.cameras, strict=True)):
        assert (one.R.tobytes() == two.R.tobytes()) == (one.t.tobytes() == two.t.tobytes()) == (index != test_camera)


@pytest.mark.usefixtures("short")
def test_no_later_frame_reaches_an_extrinsic_the_floor_or_an_earlier_label() -> None:
    cameras = make_cameras()
    landmarks, _ = make_landmarks(cameras)
    honest = build_rotation(landmarks, cameras, 3)
    points_px = landmarks.points_px.copy()
    points_px[:, 16:] += np.random.default_rng(1).normal(0, 200, points_px[:, 16:].shape)
    other = build_rotation(dataclasses.replace(landmarks, points_px=points_px), cameras, 3)
    assert honest.floor_height_mm == other.floor_height_mm
    assert honest.joints_world[:16].tobytes() == other.joints_world[:16].tobytes()
    assert honest.joints_world[16:].tobytes() != other.joints_world[16:].tobytes()
    for one, two in zip(honest.cameras, other.cameras, strict=True):
        assert (one.R.tobytes(), one.t.tobytes()) == (two.R.tobytes(), two.t.tobytes())


@pytest.mark.usefixtures("short")
def test_a_frame_without_a_person_is_an_error_only_where_two_views_lack() -> None:
    cameras = make_cameras()
    landmarks, points = make_landmarks(cameras)
    visibility = landmarks.visibility.copy()
    visibility[0, 5] = 0
    found = build_rotation(dataclasses.replace(landmarks, visibility=visibility), cameras, 3)
    assert np.median(np.linalg.norm(found.landmarks_world - points, axis=-1)[5]) < 20
    visibility[1, 5] = 0
    with pytest.raises(UserError, match="frame 5"):
        build_rotation(dataclasses.replace(landmarks, visibility=visibility), cameras, 3)


class CountingDetector:
    """Sees a person at the image's mean grey; `stop_after` images it is killed."""

    def __init__(self, stop_after: int = 10_000) -> None:
        self.seen, self.stop_after = 0, stop_after

    def detect(self, image_rgb: np.ndarray) -> SimpleNamespace:
        self.seen += 1
        if self.seen > self.stop_after:
            raise KeyboardInterrupt
        return SimpleNamespace(landmarks_px=np.full((33, 2), float(image_rgb.mean())), visibility=np.ones(33))


@pytest.fixture
def little_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(frames, "NUM_FRAMES", 3)
    for number, camera in enumerate(plan.CAMERAS):
        for index in range(3):
            path = frame_path(tmp_path, camera, index)
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), np.full((8, 6, 3), 40 * number + index, dtype=np.uint8))
    return tmp_path


def test_a_killed_pass_goes_on_and_a_finished_one_stands(little_demo: Path) -> None:
    killed, second, third = CountingDetector(stop_after=7), CountingDetector(), CountingDetector()
    with pytest.raises(KeyboardInterrupt):
        detect_landmarks(little_demo, plan.CAMERAS, lambda: killed, "a")
    found = detect_landmarks(little_demo, plan.CAMERAS, lambda: second, "a")
    again = detect_landmarks(little_demo, plan.CAMERAS, lambda: third, "a")
    assert (second.seen, third.seen) == (6, 0)
    assert found.points_px.shape == (4, 3, 33, 2) and found.points_px[2, 1, 0, 0] == pytest.approx(81, abs=1)
    np.testing.assert_array_equal(found.points_px, again.points_px)


def test_another_extractor_frame_or_a_broken_file_is_not_believed(little_demo: Path) -> None:
    detector = CountingDetector()

    def seen_by(fingerprint: str) -> int:
        before = detector.seen
        detect_landmarks(little_demo, plan.CAMERAS, lambda: detector, fingerprint)
        return detector.seen - before

    assert [seen_by("a"), seen_by("a"), seen_by("b")] == [12, 0, 12]
    cv2.imwrite(str(frame_path(little_demo, "cam02", 1)), np.zeros((8, 6, 3), dtype=np.uint8))
    assert seen_by("b") == 3
    (little_demo / frames.LANDMARKS_FILE).write_bytes(b"PK no archive")
    assert seen_by("b") == 12


def test_a_short_video_is_named_and_frames_that_stand_are_kept(tmp_path: Path) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "cam01.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 60, (64, 48))
    for index in range(5):
        writer.write(np.full((48, 64, 3), 40 * index, dtype=np.uint8))
    writer.release()
    kept = frame_path(tmp_path, "cam01", 2)
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"mine")
    with pytest.raises(UserError, match=r"cam01\.mp4: this video ends before frame 005"):
        decode_videos(tmp_path, tmp_path, ["cam01"])
    assert kept.read_bytes() == b"mine"
    assert cv2.imread(str(frame_path(tmp_path, "cam01", 4))).mean() == pytest.approx(160, abs=8)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A rotation with test camera 2, written from made-up numbers."""
    rng = np.random.default_rng(0)
    for camera in plan.CAMERAS:
        for index in range(100):
            path = frame_path(tmp_path, camera, index)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"jpeg" + camera.encode())
    nothing = np.zeros((4, 100, 33))
    made = rotation.Rotation(
        test_camera=1,
        cameras=[dataclasses.replace(camera, floor_height_mm=61.5) for camera in make_cameras()],
        landmarks_world=rng.normal(0, 300, (100, 33, 3)),
        joints_world=rng.normal(0, 300, (100, 24, 3)),
        residuals_before_px=nothing,
        residuals_px=nothing,
        swapped=np.zeros((3, 4, 100), dtype=bool),
        floor_height_mm=61.5,
    )
    folder = make.write_rotation(tmp_path, made, {"extractor": "none"})
    np.save(tmp_path / "joints.npy", made.joints_world)
    return folder


def test_what_is_written_reads_back(written: Path) -> None:
    joints = np.load(written.parent / "joints.npy")
    train, test = list_frames(written, "train"), list_frames(written, "test")
    assert (len(train), len(test)) == (3 * 65, 25)
    assert {frame.camera for frame in train} == {"1", "3", "4"} and {frame.camera for frame in test} == {"2"}
    for frame in (*train[::10], *test):
        np.testing.assert_array_equal(read_label(frame.label_path), joints[int(frame.sequence)])
        assert frame.image_path.read_bytes() == b"jpegcam0" + frame.camera.encode()
    camera = read_camera(test[0].camera_path)
    assert camera.floor_height_mm == 61.5 and camera.image_size == (1080, 1920)
    held_out = read_validation_list(written)
    assert held_out == {frame.file_name for frame in train if int(frame.sequence) in plan.VALIDATION_FRAMES}
    sample = read_json(written / "sample_submission.json")
    assert [entry["file_name"] for entry in sample] == [frame.file_name for frame in test]
    assert plan.stands(written)


@pytest.mark.parametrize(
    "harm", ["label lost", "label edited", "image lost", "image added", "marker lost", "marker broken"]
)
def test_a_rotation_that_was_touched_does_not_stand(written: Path, harm: str) -> None:
    label = written / "task04_train/labels/1_demo/3D_1_demo_7.json"
    image = written / "task04_train/images/1_demo_3/1_demo_3_7.jpg"
    match harm:
        case "label lost":
            label.unlink()
        case "label edited":
            label.write_text(label.read_text().replace("1", "2", 1))
        case "image lost":
            image.unlink()
        case "image added":
            image.with_name("1_demo_3_57.jpg").write_bytes(b"")
        case "marker lost":
            (written / plan.MARKER).unlink()
        case "marker broken":
            (written / plan.MARKER).write_text('["half')
    assert not plan.stands(written)


def test_code_that_changed_makes_the_data_stale(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "WEIGHTS", "heavy")
    assert not plan.stands(written)


def test_the_sample_at_the_root_is_that_of_the_default_rotation() -> None:
    assert read_json(Path(__file__).parents[2] / "sample_submission.json") == plan.sample_submission(4)
