"""A prediction as a whole: any names, several people, nobody, stopped and resumed, and never onto another's results."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from modules.config.schema import Config
from modules.config.sections import Extract
from modules.evaluation.testing import check_run, load_run
from modules.export import WRITERS, packages
from modules.extractors.blazepose.extractor import BlazePoseExtractor
from modules.files.atomic import write_json
from modules.files.video import VideoWriter
from modules.predict import job, parts
from modules.predict.arguments import QUALITIES
from modules.predict.source import Selection
from modules.predict.view import CameraOptions
from modules.runs import checkpoints, folders
from modules.utils import UserError
from pre_models.blazepose import fetch_blazepose
from predict import ALL_SAVES

NAMES = ("두 사람.png", "one person.png", "nobody.png")
Ask = Callable[..., job.Request]


@pytest.fixture
def folder(tmp_path: Path, people_images: list[np.ndarray]) -> Path:
    (tmp_path / "in").mkdir()
    for name, image in zip(NAMES, people_images, strict=True):
        (tmp_path / "in" / name).write_bytes(cv2.imencode(".png", image[..., ::-1])[1].tobytes())
    return tmp_path / "in"


@pytest.fixture
def ask(folder: Path, camera_file: Path, untrained: Path, tmp_path: Path) -> Ask:
    """Returns a function that makes a request for the folder of images, or for something else."""
    request = job.Request([str(folder)], camera_file, run=untrained, output=tmp_path / "out")
    return lambda **changes: replace(request, **changes)


def test_images_of_any_name_with_several_people_or_nobody(ask: Ask) -> None:
    result = job.predict(ask())
    poses = result.poses
    assert poses.image == sorted(NAMES) and poses.found.tolist() == [False, True, True]
    assert np.isnan(poses.joints_mm[0]).all() and np.isfinite(poses.joints_mm[1:]).all()
    assert poses.warnings[0] == "nobody found" and poses.warnings[2].startswith(
        "2 people seen, the most confident one taken"
    )
    assert "people seen" not in poses.warnings[1]
    assert np.isnan(poses.time_s).all() and poses.raw_joints_mm is None
    table = pd.read_csv(result.folder / "poses.csv")
    assert table["image"].tolist() == poses.image and table["found"].tolist() == [0, 1, 1]
    np.testing.assert_allclose(table["pelvis_z_mm"], poses.joints_mm[:, 0, 2], atol=1e-3)
    with np.load(result.folder / "poses.npz", allow_pickle=False) as stored:
        np.testing.assert_array_equal(stored["joints_mm"], poses.joints_mm)
    everybody = job.predict(ask(person="all", save=["trc", "glb", "json"])).poses
    assert {path.name for path in result.folder.glob("poses*")} >= {"poses.json", "poses.glb"}
    assert len(list(result.folder.glob("*.trc"))) == 2  # one file per person
    assert everybody.image == [NAMES[2], NAMES[1], NAMES[0], NAMES[0]] and everybody.person.tolist() == [0, 0, 0, 1]


def test_stopped_and_resumed(ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    whole = job.predict(ask(output=tmp_path / "whole", batch=1)).poses
    extract, extracted = parts.Predictor._extract, []

    def stop_at_the_second(self: parts.Predictor, part: int, progress: Callable[[int], object]) -> object:
        extracted.append(part)
        if len(extracted) == 2:
            raise KeyboardInterrupt
        return extract(self, part, progress)

    monkeypatch.setattr(parts.Predictor, "_extract", stop_at_the_second)
    with pytest.raises(KeyboardInterrupt, match=r"keeps 1 of 3 images"):
        job.predict(ask(batch=1))
    assert not (tmp_path / "out" / job.RECORD).exists()
    resumed = job.predict(ask(batch=1)).poses
    assert extracted == [0, 1, 1, 2]
    np.testing.assert_array_equal(resumed.joints_mm, whole.joints_mm)
    job.predict(ask(person="largest", batch=1))
    assert len(extracted) == 4  # nothing is extracted again for another choice
    job.predict(ask(named=[str(ask().named[0])], camera_options=CameraOptions(frame="camera"), batch=1))
    assert len(extracted) == 7


def test_the_released_weights_in_every_quality(ask: Ask, tmp_path: Path) -> None:
    fetch_blazepose("heavy")
    best, fast = (job.predict(ask(run=None, quality=quality, output=tmp_path / quality)).poses for quality in QUALITIES)
    assert [poses.origin["quality"] for poses in (best, fast)] == ["best", "fast"]
    assert np.isfinite(best.joints_mm[1:]).all() and (best.expected_error_mm[1:] > 0).all()
    difference = np.linalg.norm(fast.joints_mm[1:] - best.joints_mm[1:], axis=-1)
    assert 0 < difference.mean() < 300


def test_the_camera_frame_is_the_world_seen_from_the_camera(ask: Ask, tmp_path: Path) -> None:
    world = job.predict(ask()).poses
    own = job.predict(ask(camera_options=CameraOptions(frame="camera"), output=tmp_path / "own")).poses
    assert own.frame == "camera" and own.origin["axes"].startswith("the camera's")
    R, t = (np.array(world.origin["camera"][name]) for name in "Rt")
    np.testing.assert_allclose(own.joints_mm, world.joints_mm @ R.T + t, atol=0.05)


def test_a_video_has_times_and_is_smoothed(ask: Ask, people_images: list[np.ndarray], tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "walk.mp4", (1088, 960), 10) as writer:
        for index in range(5):
            writer.write(people_images[1 if index < 4 else 2], index / 10)
    request = ask(named=[str(tmp_path / "walk.mp4")], selection=Selection(start_s=0.1, every=1))
    poses = job.predict(request).poses
    np.testing.assert_allclose(poses.time_s, [0.1, 0.2, 0.3, 0.4], atol=1e-3)
    assert poses.frame_index.tolist() == [1, 2, 3, 4] and poses.found.tolist() == [True] * 3 + [False]
    assert poses.raw_joints_mm is not None and np.isnan(poses.joints_mm[3]).all()
    assert not np.array_equal(poses.raw_joints_mm[0], poses.joints_mm[0])
    assert job.predict(replace(request, smooths=False)).poses.raw_joints_mm is None
    with pytest.raises(UserError, match=r"no frame is between --start and --end; the video lasts 0\.40 s"):
        job.predict(replace(request, selection=Selection(start_s=3)))


def test_results_of_others_are_kept(ask: Ask, folder: Path, tmp_path: Path) -> None:
    job.predict(ask(named=[str(folder / NAMES[2])]))
    with pytest.raises(UserError, match="this folder holds the prediction of .*nobody.png"):
        job.predict(ask(named=[str(folder / NAMES[1])]))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    with pytest.raises(UserError, match="this folder holds other files"):
        job.predict(ask(output=tmp_path / "full"))


def test_files_of_another_question_do_not_stay_beside_the_answer(ask: Ask, folder: Path) -> None:
    """export.py would take the joints of other images from them."""
    images = [str(folder / name) for name in NAMES]
    first = job.predict(ask(named=images[:2], save=["csv", "trc", "overlay"])).folder
    job.predict(ask(named=images[:2], save=["npz"]))
    kept = {"poses.csv", "poses.csv.json", "poses.trc", "poses.trc.json", "poses.npz", "overlays"}
    assert {path.name for path in first.iterdir()} == {*kept, "cache", "predict.json"}
    job.predict(ask(named=images[1:], save=["csv"]))
    assert {path.name for path in first.iterdir()} == {"poses.csv", "poses.csv.json", "cache", "predict.json"}


def test_files_of_the_user_stay_in_the_folder(ask: Ask, folder: Path) -> None:
    """Their names begin like those of a prediction."""
    images = [str(folder / name) for name in NAMES]
    first = job.predict(ask(named=images[:2], save=["csv", "report"])).folder
    own = {
        "report_personal_notes.html", "poses_person0_checked_by_hand.csv", "poses_person0.csv", "report.html.json",
        "poses_personal.trc", "poses_person0_cut.trc", "report_person0.html",
    }  # fmt: skip
    for name in own:
        (first / name).write_text("mine")
    job.predict(ask(named=images[:2], save=["trc", "bvh"], person="all"))
    job.predict(ask(named=images[:2], save=["npz"], person="largest"))
    assert {path.name for path in first.iterdir()} == {*own, "poses.npz", "cache", "predict.json"}


def test_files_beside_a_refused_format_are_replaced_by_the_next_prediction(
    ask: Ask, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is found: all but bvh are written, and the next prediction of other images into the folder replaces them."""
    black = folder / NAMES[2]
    with pytest.raises(UserError, match="--save bvh"):
        job.predict(ask(named=[str(black)], save=["csv", "bvh", "trc", "overlay", "report"]))
    out = ask().output
    assert out is not None
    written = {"poses.csv", "poses.csv.json", "poses.trc", "poses.trc.json", "overlays", "report.html"}
    assert {path.name for path in out.iterdir()} == {*written, "cache", "predict.json"}
    black.write_bytes((folder / NAMES[0]).read_bytes())

    def refuse(*arguments: object) -> Path:
        raise UserError("--save parquet: no; leave parquet out")

    monkeypatch.setitem(WRITERS, "parquet", refuse)
    with pytest.raises(UserError, match="--save parquet"):
        job.predict(ask(named=[str(black)], save=["parquet", "trc"], person="all"))
    assert len(list(out.glob("poses_person*.trc"))) == 2
    job.predict(ask(named=[str(black)], save=["npz"]))
    assert {path.name for path in out.iterdir()} == {"poses.npz", "cache", "predict.json"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"smooths": True}, "^--smooth on: images have no times"),
        ({"selection": Selection(end_s=3)}, "^--start, --end: these choose a part of a video"),
    ],
)
def test_options_that_do_not_fit_are_refused(ask: Ask, changes: dict[str, object], says: str) -> None:
    with pytest.raises(UserError, match=says):
        job.predict(ask(**changes))


def test_a_record_that_is_none_is_refused(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for content in ([1], {"files": 3}, {"files": [3]}):
        (tmp_path / "out" / "predict.json").write_text(json.dumps(content))
        with pytest.raises(
            UserError, match=r"predict\.json: this is not the record of a prediction; delete .*--output"
        ):
            job.predict(ask())


def test_every_format_can_be_named_and_one_that_needs_up_is_refused_before_any_work(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert list(ALL_SAVES) == [*WRITERS, *job.PICTURES] and set(job.Request.save) <= set(ALL_SAVES)
    camera = json.loads((tmp_path / "camera.json").read_text())
    (tmp_path / "no_up.json").write_text(json.dumps({**camera, "world_up": None, "floor_height_mm": None}))
    with pytest.raises(UserError, match=r"--save trc: trc has an up axis .* add --up"):
        job.predict(ask(camera=tmp_path / "no_up.json", save=["csv", "trc"]))
    monkeypatch.setitem(packages.PACKAGES, "rrd", ("not_installed_anywhere",))
    with pytest.raises(UserError, match=r"--save rrd: the package not_installed_anywhere .*requirements-formats\.txt"):
        job.predict(ask(save=["csv", "rrd"]))
    assert not (tmp_path / "out").exists()


def test_a_run_of_bfloat16_predicts_in_float32(untrained: Path, tmp_path: Path) -> None:
    """The processor that trained it may have what this one lacks."""
    content = checkpoints.load_checkpoint(folders.best_checkpoint(untrained))
    extract = Extract(weights="full", test_time_augmentation=False, engine="openvino-bf16")
    fingerprint = BlazePoseExtractor.fingerprint_of("full", engine="openvino-bf16")
    config = Config(EXTRACT=extract).model_dump(mode="json")
    checkpoints.save_checkpoint(tmp_path / "best_01.pt", {**content, "config": config, "fingerprint": fingerprint})
    write_json(tmp_path / folders.COMPLETE, {"best": "best_01.pt"})
    run = load_run(tmp_path)
    found = job.config_of(run)
    assert found.EXTRACT.engine == "auto" and found.EXTRACT.weights == "full"
    check_run(found, run)
