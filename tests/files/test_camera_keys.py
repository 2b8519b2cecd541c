"""Camera files as other programs write them: usual names are read, near ones refused with the right name."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from modules.files.camera_keys import unread_keys_note
from modules.files.cameras import read_camera, read_camera_numbers
from modules.utils import UserError
from tests.conftest import looking_camera

OURS = {"intrinsics": [[0.8, 0, 0.5], [0, 0.8, 0.3], [0, 0, 1]], "extrinsics": np.eye(3, 4).tolist()}


def written(path: Path, data: Any) -> Path:
    path.write_text(json.dumps(data))
    return path


@pytest.mark.parametrize(
    ("K", "R", "t", "dist"),
    [
        ("K", "R", "t", "dist"),
        ("camera_matrix", "rotation", "translation", "dist_coeffs"),
        ("cameraMatrix", "rvec", "tvec", "distCoeffs"),
        ("mtx", "Rotation_Matrix", "T", "distortion_coefficients"),
    ],
)
@pytest.mark.parametrize("column", [False, True])
def test_usual_names_are_read(
    tmp_path: Path, rng: np.random.Generator, K: str, R: str, t: str, dist: str, column: bool
) -> None:
    """K in px, t in mm; a vector may be a column, as OpenCV writes it, and a rotation a Rodrigues vector."""
    camera = looking_camera(rng, distortion=True)
    rotation = cv2.Rodrigues(camera.R)[0].ravel() if R == "rvec" else camera.R
    translation = camera.t[:, None] if column else camera.t
    assert camera.distortion is not None
    data = {
        K: camera.K.tolist(), R: rotation.tolist(), t: translation.tolist(), dist: camera.distortion.tolist(),
        "rms": 0.3,
    }  # fmt: skip
    numbers = read_camera_numbers(written(tmp_path / "c.json", data))
    assert numbers.image_scale == 1 and numbers.unread == ("rms",)
    found = read_camera(tmp_path / "c.json")
    for name in ("K", "R", "t", "distortion"):
        np.testing.assert_allclose(getattr(found, name), getattr(camera, name), atol=1e-9, err_msg=name)


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("scale", "image_scale"), ("imageSize", "image_size"), ("image_siz", "image_size"), ("width", "image_size"),
        ("distortions", "distortion"), ("worldUp", "world_up"), ("up", "world_up"), ("floor_height", "floor_height_mm"),
    ],
)  # fmt: skip
def test_near_keys_are_refused_with_the_right_one(tmp_path: Path, key: str, meant: str) -> None:
    path = written(tmp_path / "c.json", {**OURS, key: 1})
    with pytest.raises(UserError) as caught:
        read_camera(path)
    assert str(caught.value) == f"{path}: the key '{key}' is unknown; did you mean {meant}?"


def test_a_near_key_beside_the_right_one_harms_nobody(tmp_path: Path) -> None:
    path = written(tmp_path / "c.json", {**OURS, "image_size": [1920, 1080], "width": 1920, "serial": "x\ny"})
    assert read_camera(path).image_size == (1920, 1080)
    unread = {path: read_camera_numbers(path).unread}
    note = unread_keys_note(unread)
    assert note is not None and "\n" not in note and "'serial'" in note and "'width'" in note
    assert unread_keys_note({path: ()}) is None


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({**OURS, "K": OURS["intrinsics"]}, "intrinsics and K name the same field; write one of them"),
        ({**OURS, "R": np.eye(3).tolist()}, "extrinsics and R name the same field; write one of them"),
        ({"intrinsics": OURS["intrinsics"], "R": np.eye(3).tolist()}, "R has no t beside it; add it"),
        ({"intrinsics": OURS["intrinsics"], "t": [0, 0, 0]}, "t has no R beside it; add it"),
        ({"K": OURS["intrinsics"], "extrinsics": OURS["extrinsics"]}, "focal lengths of 0.8 and 0.8 px"),
        ({"intrinsics": OURS["intrinsics"], "R": [1, 2, 3], "t": [0, 0, 0]}, "write lists of 3x3 numbers"),
        ({"K": [[900, 0, 5], [0, 900, 3], [0, 0, 1]], "k": 3, "R": np.eye(3).tolist()}, "K and k name the same field"),
    ],
)
def test_names_that_contradict_are_refused(tmp_path: Path, data: Any, says: str) -> None:
    with pytest.raises(UserError, match=says):
        read_camera(written(tmp_path / "c.json", data))
