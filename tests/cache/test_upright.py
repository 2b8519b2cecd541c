"""A camera that is mounted upside down or on its side answers as it would upright; px stay those of the stored picture."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from model.model import PoseNetSpec, make_posenet
from modules.cache import store
from modules.cache.extraction import extract_split
from modules.cache.table import Rows
from modules.cache.upright import upright_rows
from modules.config.schema import Config
from modules.config.sections import Data, Extract
from modules.evaluation.prediction import predict_rows
from modules.files.atomic import read_json, write_json
from modules.files.cameras import read_camera, write_camera
from modules.files.images import read_image
from modules.files.layout import list_frames
from modules.picture_turns import picture_turn, quarter_turns, turn_camera
from modules.runs import checkpoints
from modules.utils import UserError
from pre_models.blazepose import fetch_blazepose

VIEW = "1_demo_4"


def extracted(root: Path, demo_root: Path, turns: int) -> tuple[Rows, Config]:
    """Extracts one image of the demo, stored turned clockwise by so many quarters, with its camera."""
    demo, folder = demo_root / "task04_test", root / "task04_test"
    image = read_image(demo / f"images/{VIEW}/{VIEW}_83.jpg")
    path = folder / f"images/{VIEW}/{VIEW}_83.png"
    path.parent.mkdir(parents=True)
    cv2.imwrite(str(path), cv2.cvtColor(np.ascontiguousarray(np.rot90(image, -turns)), cv2.COLOR_RGB2BGR))
    camera = read_camera(demo / f"camera/{VIEW}.json")
    write_camera(
        folder / f"camera/{VIEW}.json", turn_camera(camera, (image.shape[1], image.shape[0]), turns), image_scale=1.0
    )
    config = Config(DATA=Data(root=str(root)), EXTRACT=Extract(weights="full", test_time_augmentation=False))
    extract_split(config, "test")
    return store.open_cache(config, "test", list_frames(root, "test"))[0], config


@pytest.fixture(scope="module")
def upright(demo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Rows, Config]:
    fetch_blazepose()
    return extracted(tmp_path_factory.mktemp("upright"), demo_root, 0)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_camera_answers_as_the_upright_one(
    upright: tuple[Rows, Config], demo_root: Path, tmp_path: Path, turns: int
) -> None:
    (rows, config), (turned, turned_config) = upright, extracted(tmp_path, demo_root, turns)
    size = (int(rows["image_size"][0, 0]), int(rows["image_size"][0, 1]))
    M = picture_turn(size, turns)
    np.testing.assert_allclose(turned["joints_px"], rows["joints_px"] @ M[:2, :2].T + M[:2, 2], atol=1e-6)
    np.testing.assert_allclose(turned["R_cam2crop"] @ turned["R"], rows["R_cam2crop"] @ rows["R"], atol=1e-9)
    np.testing.assert_array_equal(turned.read_crop(0), rows.read_crop(0))
    torch.manual_seed(0)
    spec = PoseNetSpec(model_type="image+pose")
    facts = checkpoints.load_checkpoint(checkpoints.RELEASED)["facts"]
    network = {"spec": spec.as_dict(), "model": make_posenet(spec).state_dict(), "facts": facts}
    network["config"] = config.model_dump(mode="json")
    answers = [
        predict_rows(own, network, Path("made up"), own_rows).world
        for own_rows, own in (upright, (turned, turned_config))
    ]
    assert np.linalg.norm(answers[1] - answers[0], axis=-1).max() < 1.0
    back = upright_rows(turned)
    for name in ("K", "R", "t", "joints_px", "joints_rel_mm", "root_cam_mm", "box_xywh", "distortion", "image_size"):
        np.testing.assert_allclose(back[name], rows[name], atol=1e-6, err_msg=name)


def test_a_cache_without_the_turn_is_stale_and_upright_caches_know_none(
    upright: tuple[Rows, Config], demo_root: Path, tmp_path: Path
) -> None:
    rows, config = upright
    assert upright_rows(rows) is rows
    assert "turned" not in (store.read_manifest(store.cache_folder(config, "test")) or {})
    _, turned = extracted(tmp_path, demo_root, 2)
    path = store.manifest_path(store.cache_folder(turned, "test"))
    write_json(path, {name: value for name, value in read_json(path).items() if name != "turned"})
    with pytest.raises(UserError, match="pictures of cameras that are not upright were not turned"):
        store.open_cache(turned, "test", list_frames(tmp_path, "test"))


def test_pictures_are_turned_only_where_up_is_declared_and_clearly_elsewhere(demo_root: Path) -> None:
    camera = read_camera(demo_root / f"task04_test/camera/{VIEW}.json")
    assert quarter_turns(camera) == 0
    for turns in (1, 2, 3):
        turned = turn_camera(camera, (1088, 1920), -turns)
        assert quarter_turns(turned) == turns
        assert quarter_turns(replace(turned, world_up=None)) == 0
    angle = np.radians(55)
    roll = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    assert quarter_turns(replace(camera, R=roll @ camera.R)) == 0, "rolled by less than 60 degrees"
    assert quarter_turns(replace(camera, R=roll @ roll @ camera.R)) != 0
    down = np.array([[1.0, 0, 0], [0, -1, 0], [0, 0, -1]])
    assert quarter_turns(replace(camera, R=down, world_up=np.array([0.0, 0, 1]))) == 0, "it looks straight down"
    skewed = turn_camera(camera, (1088, 1920), -1)
    skewed.K[0, 1] = 0.3
    assert quarter_turns(skewed) == 0
