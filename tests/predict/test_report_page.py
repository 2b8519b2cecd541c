"""The report: one file without links, whose numbers are the answer's, and that no name can break.

test_report_in_browser.py opens it in Chromium; `python -m tests.predict.report_cases FOLDER` writes cases to look at.
"""

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest

from modules.predict import report
from modules.predict.scene import scene_of
from tests.conftest import looking_camera
from tests.predict.report_cases import HOSTILE, walking_poses, write_case

FRAMES = 24


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_case(tmp_path_factory.mktemp("report"), 2, FRAMES).read_text(encoding="utf-8")


def data_of(page: str) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1])


def test_the_numbers_are_those_of_the_answer(page: str) -> None:
    data, poses = data_of(page), walking_poses(2, FRAMES)
    scene = scene_of(poses, looking_camera(np.random.default_rng(3)))
    local = np.frombuffer(base64.b64decode(data["positions"]), "<i2").reshape(poses.joints_mm.shape)
    np.testing.assert_allclose(local @ scene.axes + scene.origin, poses.joints_mm, atol=1)
    errors = np.frombuffer(base64.b64decode(data["errors"]), "<u2").reshape(-1, 24)
    np.testing.assert_allclose(errors, poses.expected_error_mm, atol=0.5)
    assert [row["frame"] for row in data["rows"]] == poses.frame_index.tolist()
    assert [row["person"] for row in data["rows"]] == poses.person.tolist()
    np.testing.assert_allclose([frame["time"] for frame in data["frames"]], np.arange(FRAMES) / 30, atol=1e-3)


def test_the_camera_is_where_it_stands(page: str) -> None:
    camera, poses = looking_camera(np.random.default_rng(3)), walking_poses(2, FRAMES)
    centre, *corners = np.array(data_of(page)["frustum"])
    scene = scene_of(poses, camera)
    np.testing.assert_allclose(centre @ scene.axes + scene.origin, camera.centre_world, atol=0.1)
    depths = (np.array(corners) @ scene.axes + scene.origin - camera.centre_world) @ camera.R[2]
    np.testing.assert_allclose(depths, report.FRUSTUM_MM, atol=0.5)


def test_it_opens_without_a_network_and_no_name_breaks_it(page: str) -> None:
    assert page.count("</script>") == 3 == page.count("<script")
    assert (
        not re.search(r'(src|href)="?(https?:)?//', page)
        and "@import" not in page
        and "fetch(" not in page.split('id="data"', maxsplit=1)[0]
    )
    title = re.search(r"<title>(.*?)</title>", page)[1]
    assert "<" not in title and title.startswith("&lt;∕script&gt;")
    data = data_of(page)
    assert HOSTILE in data["origin"] and "%DATA%" in data["frames"][0]["name"]
    assert not re.search(r"%(TITLE|CSS|THREE|JS)%", page)


def test_few_pictures_stand_for_many_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "PICTURES", 5)
    data = data_of(write_case(tmp_path, 1, FRAMES).read_text(encoding="utf-8"))
    assert [picture["frame"] for picture in data["pictures"]] == [0, 5, 10, 15, 20]
    assert "5 of the pictures are in this file" in data["about"]
    assert all(picture["jpeg"].startswith("data:image/jpeg;base64,/9j/") for picture in data["pictures"])


def test_nobody_is_no_measurement(tmp_path: Path) -> None:
    data = data_of(write_case(tmp_path, 1, 1, found=False).read_text(encoding="utf-8"))
    positions = np.frombuffer(base64.b64decode(data["positions"]), "<i2")
    assert (positions == report.NOBODY).all() and "nobody found" in data["about"]
    assert data["rows"][0]["warnings"] == "nobody found" and data["frames"][0]["time"] is None
