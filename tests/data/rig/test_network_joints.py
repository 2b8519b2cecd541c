"""Labels by the released weights: how their 2D joints become labels, on made-up ones, and the real weights on the demo."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from data.rig import network_joints
from data.rig.clock import Clock, common_moments
from data.rig.data_set import detect_recording, one_person
from data.rig.network_joints import FOLDER, LIMB_SHARE, SHARE, Shown, with_network_joints
from data.rig.recording_labels import LabelledRecording, Settings, label_people, label_recording
from data.rig.recordings import Source, find_recordings
from data.rig.writing import LANDMARKS_FOLDER
from model.skeleton import JOINT_NAMES, MIRROR
from modules.extractors.blazepose.landmarks import LANDMARKS_TO_SMPL24
from modules.pose_utils import Camera, cam2pixel, world2cam
from modules.rig.refinement import movement
from pre_models.blazepose import fetch_blazepose
from tests.conftest import RunScript
from tests.data.rig.made_up_rig import FRAMES, MadeUpRig, make_rig

ASIDE_MM = np.array([30.0, -20.0, 25.0])  # from the landmarks' joints to those of the made-up network
LIMB = JOINT_NAMES.index("left_ankle")
PELVIS, HIP = JOINT_NAMES.index("pelvis"), JOINT_NAMES.index("left_hip")


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> MadeUpRig:
    return make_rig(tmp_path_factory.mktemp("rig"))


def labelled(rig: MadeUpRig, out: Path, **settings: object) -> LabelledRecording:
    (recording,) = find_recordings(Source(rig.folder))
    people = detect_recording(recording, out, rig.detector(), "made up")  # type: ignore[arg-type]
    return label_recording(recording, people, Settings(refine=False, offsets={}, **settings))  # type: ignore[arg-type]


class MadeUpNetwork:
    """Sees the joints of a recording's one person, ASIDE_MM from the landmarks', in each view."""

    def __init__(self, rig: MadeUpRig) -> None:
        self.cameras = rig.cameras
        self.joints_world = LANDMARKS_TO_SMPL24 @ rig.people[0] + ASIDE_MM
        self.seen: list[str] = []
        self.frames: list[int] = []
        self.mirrored = self.blind = ""  # cameras

    def estimate(self, shown: Shown, camera: Camera, folder: Path) -> tuple[np.ndarray, np.ndarray]:
        name = folder.parent.name
        self.seen.append(name)
        self.frames = shown.frame_index.tolist()
        joints = self.joints_world[shown.frame_index]
        seen = joints[:, list(MIRROR)] if name == self.mirrored else joints
        true = self.cameras[int(name[-1]) - 1]
        px = cam2pixel(world2cam(seen, true.R, true.t), camera.K)
        return px, np.full(px.shape[:2], 0.0 if name in self.blind.split() else 0.5)


@pytest.fixture
def network(rig: MadeUpRig, monkeypatch: pytest.MonkeyPatch) -> MadeUpNetwork:
    made = MadeUpNetwork(rig)
    monkeypatch.setattr(network_joints, "estimate", made.estimate)
    return made


def moved_mm(before: LabelledRecording, after: LabelledRecording) -> np.ndarray:
    """Returns by how much the kept labels were moved, (M, 24, 3)."""
    kept = after.people[0].kept
    return np.asarray((after.people[0].labels.joints_world - before.people[0].labels.joints_world)[kept])


def test_labels_are_the_networks_joints_and_in_limbs_the_mean_of_both(
    rig: MadeUpRig, network: MadeUpNetwork, tmp_path: Path
) -> None:
    before = labelled(rig, tmp_path)
    after = with_network_joints(before, tmp_path, refine=False)
    truth = network.joints_world[: len(before.moments.times_s)]
    found = after.people[0].labels.joints_world
    np.testing.assert_allclose(found[:, [PELVIS, HIP]], truth[:, [PELVIS, HIP]], atol=0.5)
    expected = before.people[0].labels.joints_world + SHARE[:, None] * (truth - before.people[0].labels.joints_world)
    np.testing.assert_allclose(found, expected, atol=0.5)
    assert SHARE[LIMB] == LIMB_SHARE and np.abs(moved_mm(before, after)).mean() > 10
    assert np.isfinite(after.people[0].labels.joints_sd_mm).all() and (after.people[0].labels.joints_sd_mm > 5).all()
    assert network.seen == ["cam1", "cam2", "cam3"]


def test_the_test_camera_is_not_looked_at_and_only_written_moments_are(
    rig: MadeUpRig, network: MadeUpNetwork, tmp_path: Path
) -> None:
    before = labelled(rig, tmp_path, test_camera="cam2", step=4)
    assert set(np.flatnonzero(before.people[0].kept)) <= set(range(0, FRAMES, 4)) and before.people[0].kept.sum() > 5
    after = with_network_joints(before, tmp_path, refine=False)
    assert network.seen == ["cam1", "cam3"] and all(frame % 4 == 0 for frame in network.frames)
    kept = after.people[0].kept
    np.testing.assert_array_equal(kept, before.people[0].kept)
    same = after.people[0].labels.joints_world[~kept]
    np.testing.assert_array_equal(same, before.people[0].labels.joints_world[~kept])


def test_a_view_whose_sides_are_swapped_is_turned_back(rig: MadeUpRig, network: MadeUpNetwork, tmp_path: Path) -> None:
    before = labelled(rig, tmp_path)
    right = with_network_joints(before, tmp_path, refine=False).people[0]
    network.mirrored = "cam2"
    turned = with_network_joints(before, tmp_path, refine=False).people[0]
    np.testing.assert_allclose(
        turned.labels.joints_world[turned.kept], right.labels.joints_world[right.kept], atol=1e-6
    )


def test_where_one_view_alone_shows_the_person_the_landmarks_joints_stay(
    rig: MadeUpRig, network: MadeUpNetwork, tmp_path: Path
) -> None:
    before = labelled(rig, tmp_path)
    network.blind = "cam1 cam3"
    after = with_network_joints(before, tmp_path, refine=False)
    np.testing.assert_array_equal(moved_mm(before, after), 0)
    np.testing.assert_array_equal(after.people[0].labels.joints_sd_mm, before.people[0].labels.joints_sd_mm)


def test_extrinsics_are_refined_on_the_networks_joints(rig: MadeUpRig, network: MadeUpNetwork, tmp_path: Path) -> None:
    before = labelled(rig, tmp_path)
    true = before.recording.cameras[1]
    turn = cv2.Rodrigues(np.radians([0.0, 0.4, 0.0]))[0]
    given = replace(true, R=turn @ true.R, t=turn @ true.t)
    cameras = (before.recording.cameras[0], given, before.recording.cameras[2])
    wrong = label_people(replace(before, recording=replace(before.recording, cameras=cameras)), refine=False)
    kept = with_network_joints(wrong, tmp_path, refine=False)
    np.testing.assert_array_equal(kept.cameras[1].R, given.R)
    found = with_network_joints(wrong, tmp_path)
    assert movement(true, found.cameras[1])[1] < 0.3 and found.people[0].kept.all()
    error = [
        np.median(
            np.linalg.norm(one.people[0].labels.joints_world[:, HIP] - network.joints_world[:FRAMES, HIP], axis=-1)
        )
        for one in (kept, found)
    ]
    assert error[1] < 0.75 * error[0]
    by_landmarks = label_people(wrong, refine=True)
    assert (found.cameras[1].R != by_landmarks.cameras[1].R).any()


def test_frames_of_moments_are_those_that_are_used(rng: np.random.Generator) -> None:
    times = tuple(
        np.arange(count) / rate + late for count, rate, late in ((40, 30, 0.0), (33, 25, 0.11), (30, 30, 0.2))
    )
    moments = common_moments(Clock(times, np.zeros(3), None, 30.0))
    for camera, own in enumerate(times):
        px, weights = rng.normal(size=(len(own), 4, 2)), rng.uniform(0.1, 1, (len(own), 4))
        which = rng.random(len(moments.times_s)) < 0.2
        used = moments.frames_of(camera, which)
        assert (np.diff(used) > 0).all()
        kept_px, kept_weights = np.zeros_like(px), np.zeros_like(weights)
        kept_px[used], kept_weights[used] = px[used], weights[used]
        whole_px, whole_weights = (values[which] for values in moments.at(camera, px, weights))
        part_px, part_weights = (values[which] for values in moments.at(camera, kept_px, kept_weights))
        np.testing.assert_array_equal(whole_weights, part_weights)
        np.testing.assert_array_equal(whole_px[whole_weights > 0], part_px[whole_weights > 0])
        assert (whole_weights > 0).any()


def test_the_real_weights_on_the_demo_resume_and_agree_with_the_landmarks(demo_root: Path, tmp_path: Path) -> None:
    fetch_blazepose("heavy")
    folder = tmp_path / "beam"
    for camera in (1, 2, 3):
        view = demo_root / "task04_train" / "images" / f"1_demo_{camera}"
        for image in sorted(view.iterdir(), key=lambda path: int(path.stem.split("_")[-1]))[:50:24]:
            (folder / f"cam{camera}").mkdir(parents=True, exist_ok=True)
            (folder / f"cam{camera}" / image.name).symlink_to(image)
    cameras = tmp_path / "cameras"
    cameras.mkdir()
    for camera in (1, 2, 3):
        source = demo_root / "task04_train" / "camera" / f"1_demo_{camera}.json"
        (cameras / f"cam{camera}.json").write_text(source.read_text())
    (recording,) = find_recordings(Source(folder, cameras))
    people = detect_recording(recording, tmp_path / "out", one_person("heavy"), "heavy")
    before = label_recording(recording, people, Settings(refine=False, offsets={}))
    after = with_network_joints(before, tmp_path / "out", refine=False)
    assert 5 < np.median(np.linalg.norm(moved_mm(before, after), axis=-1)) < 40
    kept = tmp_path / "out" / LANDMARKS_FOLDER / recording.name / "cam2" / FOLDER
    assert [path.name for path in kept.iterdir()] == ["predictions"]
    marks = {path: path.stat().st_mtime_ns for path in kept.rglob("*.npz")}
    turned = tuple(replace(camera, R=-camera.R) for camera in recording.cameras)  # neither extrinsics nor ...
    fewer = [replace(before.people[0], kept=np.array([True, False, True]))]  # ... which labels are kept matter
    other = replace(before, recording=replace(recording, cameras=turned), people=fewer)
    again = with_network_joints(other, tmp_path / "out", refine=False)
    np.testing.assert_array_equal(again.people[0].labels.joints_world[::2], after.people[0].labels.joints_world[::2])
    assert marks and {path: path.stat().st_mtime_ns for path in kept.rglob("*.npz")} == marks


def test_full_landmarks_are_refused_for_the_released_weights(run_script: RunScript, tmp_path: Path) -> None:
    done = run_script(
        "data/rig/prepare.py", str(tmp_path), "--out", str(tmp_path / "set"), "--weights", "full", check=False
    )
    assert done.returncode == 2 and "leave --weights out, or add --joints landmarks" in done.stderr
    assert not (tmp_path / "set").exists()
