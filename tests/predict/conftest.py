"""A run whose network is not trained, and a camera for the demo's frames."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from data.demo.source import fetch_demo_source
from model.model import PoseNetSpec, make_posenet
from modules.config.schema import Config
from modules.config.sections import Extract
from modules.extractors.blazepose.extractor import BlazePoseExtractor
from modules.files.atomic import write_json
from modules.files.cameras import write_camera
from modules.files.video import open_video, read_frames
from modules.pose_utils import Camera
from modules.runs import checkpoints, folders
from pre_models.blazepose import fetch_blazepose


@pytest.fixture(scope="session")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run folder of the smallest network, for the smaller weights of BlazePose."""
    fetch_blazepose()
    run = tmp_path_factory.mktemp("run")
    torch.manual_seed(0)
    spec = PoseNetSpec(model_type="pose")
    config = Config(EXTRACT=Extract(weights="full", test_time_augmentation=False)).model_dump(mode="json")
    facts = checkpoints.load_checkpoint(checkpoints.RELEASED)["facts"]
    content = {"spec": spec.as_dict(), "config": config, "model": make_posenet(spec).state_dict(), "facts": facts}
    fingerprint = BlazePoseExtractor.fingerprint_of("full")
    checkpoints.save_checkpoint(run / "best_01.pt", {**content, "fingerprint": fingerprint, "key": "0"})
    write_json(run / folders.COMPLETE, {"best": "best_01.pt"})
    return run


@pytest.fixture(scope="session")
def people_images() -> list[np.ndarray]:
    """Two frames of the demo, one beside the other, and black: two people, one person, nobody; 1088x960 px."""
    source = fetch_demo_source()
    one, other = (next(read_frames(open_video(source / f"cam0{camera}.mp4"), [30])) for camera in (1, 4))
    one, other = (cv2.resize(image, (544, 960), interpolation=cv2.INTER_AREA) for image in (one, other))
    black = np.zeros_like(one)
    return [np.concatenate(pair, 1) for pair in ((one, other), (black, other), (black, black))]


@pytest.fixture
def camera_file(tmp_path: Path) -> Path:
    """A camera of 1088x960 px, 0.5 m above the floor, that looks along y."""
    K = np.array([[900.0, 0, 543.5], [0, 900, 479.5], [0, 0, 1]])
    R = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    centre = np.array([0.0, -4000, 500])
    write_camera(tmp_path / "camera.json", Camera(K, R, -R @ centre, (1088, 960), None, np.array([0.0, 0, 1]), 0.0))
    return tmp_path / "camera.json"
