"""python -m data.cameras writes camera files that predict.py reads, for images as they are, cropped or resized."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from data import cameras
from data.cameras import file_names, write_cameras
from data.rig import prepare
from modules.calibrations.picture import Picture, parse_corner
from modules.calibrations.reading import read_calibration
from modules.files.cameras import read_camera
from modules.pose_utils import Camera, project_to_image
from modules.utils import UserError
from tests.calibrations.truth import CAMERAS, EXAMPLES, PIXELS, POINTS_WORLD
from tests.conftest import RunScript

CALIB = EXAMPLES / "pose2sim" / "Calib.toml"


def test_the_script_writes_a_file_for_each_camera(run_script: RunScript, tmp_path: Path) -> None:
    result = run_script("data/cameras.py", str(CALIB), "--up=z", "--floor", "0", "--out", str(tmp_path), "--json")
    assert result.returncode == 0, result.stderr
    assert "lengths are taken to be in m: the cameras are then 7.95 m apart" in result.stderr + result.stdout
    assert json.loads(result.stdout.splitlines()[-1])["unit"] == "m"
    for name, true in CAMERAS.items():
        camera = read_camera(tmp_path / f"{name}.json")
        np.testing.assert_allclose(project_to_image(POINTS_WORLD, camera), PIXELS[name], atol=1e-6)
        assert camera.image_size == true.image_size and camera.floor_height_mm == 0
        source = json.loads((tmp_path / f"{name}.json").read_text())["source"]
        assert source == {"file": "Calib.toml", "format": "toml", "unit": "m", "camera": name}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--floor", "0"], "--floor: a floor's height is measured along up"),
        (["--names", "cam7"], "no camera cam7 in this file; choose by name: cam1, cam2, cam3"),
        (["--unit", "mm"], "would be plausible if lengths were 1000 times as large"),
        (
            ["--image-size", "960x540"],
            "are not the calibrated 1920x1080 px of camera cam1; add --resized-from 1920x1080",
        ),
    ],
)
def test_what_does_not_fit_is_refused(run_script: RunScript, tmp_path: Path, options: list[str], says: str) -> None:
    result = run_script("data/cameras.py", str(CALIB), "--out", str(tmp_path / "out"), *options, check=False)
    assert result.returncode == 2 and says in result.stderr and "Traceback" not in result.stderr
    assert not (tmp_path / "out").exists()


def seen(camera: Camera) -> np.ndarray:
    return project_to_image(POINTS_WORLD, camera)


def test_cropped_and_resized_images_have_their_own_k() -> None:
    """A pixel of the calibrated picture moves with the crop; its centre scales about the corner of the corner pixel."""
    camera, path = CAMERAS["cam1"], Path("c.toml")
    cropped = Picture((800, 600), None, (100, 50)).apply(path, "cam1", camera)
    np.testing.assert_allclose(seen(cropped), seen(camera) - [100, 50], atol=1e-9)
    half = Picture((960, 540), (1920, 1080)).apply(path, "cam1", camera)
    np.testing.assert_allclose(seen(half), (seen(camera) + 0.5) / 2 - 0.5, atol=1e-9)
    both = Picture((400, 300), (800, 600), (100, 50)).apply(path, "cam1", camera)
    np.testing.assert_allclose(seen(both), (seen(camera) - [100, 50] + 0.5) / 2 - 0.5, atol=1e-9)
    assert (cropped.image_size, half.image_size, both.image_size) == ((800, 600), (960, 540), (400, 300))
    assert Picture((400, 300), (800, 600), (100, 50)).record() == {"resized_from": [800, 600], "cropped_by": [100, 50]}
    assert Picture().apply(path, "cam1", camera) is not camera and parse_corner("64,32") == (64, 32)


@pytest.mark.parametrize(
    ("picture", "says"),
    [
        (Picture(None, (1920, 1080)), "the size of your images is needed; add --image-size"),
        (Picture((800, 600), None, (1200, 0)), "correct --cropped-by, --resized-from or --image-size"),
        (Picture((960, 600), (1920, 1080)), "--resized-from and --image-size differ in shape"),
        (Picture((1280, 720)), "add --resized-from 1920x1080 if they were resized"),
    ],
)
def test_a_size_that_does_not_fit_is_named(picture: Picture, says: str) -> None:
    with pytest.raises(UserError, match=says):
        picture.apply(Path("c.toml"), "cam1", CAMERAS["cam1"])


def test_a_size_that_no_file_has_must_be_given_and_has_to_fit(tmp_path: Path) -> None:
    path = EXAMPLES / "h36m" / "camera-parameters.json"
    read = read_calibration(path)
    with pytest.raises(UserError, match="the size of camera S1_54138969, which the file lacks, is needed"):
        write_cameras(read, Picture(), tmp_path)
    one = replace(read, cameras={"S1_54138969": read.cameras["S1_54138969"]})
    (written,) = write_cameras(one, Picture((1920, 1080)), tmp_path)
    assert read_camera(written).image_size == (1920, 1080)
    with pytest.raises(
        UserError, match="principal point of camera S1_54138969 .*; width and height are probably swapped"
    ):
        write_cameras(one, Picture((1080, 1920)), tmp_path)


def test_names_of_files_are_names_of_cameras_without_separators() -> None:
    assert file_names(Path("x"), {"images/a 1.jpg": 0, "S1_2": 0, "c.1": 0}) == {
        "images/a 1.jpg": "images_a_1.json", "S1_2": "S1_2.json", "c.1": "c.1.json",
    }  # fmt: skip
    with pytest.raises(UserError, match="two cameras would be written to a_b.json"):
        file_names(Path("x"), {"a/b": 0, "a b": 0})


@pytest.mark.parametrize("height", ["-inf", "nan", "high"])
@pytest.mark.parametrize("script", [cameras, prepare])
def test_a_floor_has_a_height(
    script: ModuleType, height: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    monkeypatch.setattr(sys, "argv", ["script", str(CALIB), "--up=z", f"--floor={height}", "--out", str(out)])
    with pytest.raises(SystemExit) as ended:
        script.main()
    assert ended.value.code == 2 and not out.exists()
    assert f"argument --floor: '{height}': write a height in mm" in capsys.readouterr().err
