"""Fetches the source of the demo: four videos and their calibration from the PyPI wheel pose2sim (BSD-3-Clause)."""

from __future__ import annotations

from pathlib import Path

from pre_models.packages import Member, fetch_wheel

SOURCE_FOLDER = Path("data/demo/source")
CALIBRATION = "Calib.qca.txt"
VIDEOS = ("cam01.mp4", "cam02.mp4", "cam03.mp4", "cam04.mp4")
POSE2SIM_SHA256 = "403e0dc4065898ba6a595e72a8970950310979253d60e24c2e00b16b36bf21e1"
SOURCE_SHA256 = {
    "calibration/Calib.qca.txt": "fd90e4bbae3278ef1dc0cdd42a34ee06bf88286f628a02c00a29407aa39e34c5",
    "videos/cam01.mp4": "cf4f2816c86bea4bfbea255333d8626ff32a3ecabdab8b0fb147cea9167fde3a",
    "videos/cam02.mp4": "94ff87cf978b8406e8aa36ab3c5362e72848994e87652f0dc7a33c315e8e0442",
    "videos/cam03.mp4": "b8b329f832f178f27ecb78d024d5026b96c6adb36c387bfe2c0af85eab8a11ca",
    "videos/cam04.mp4": "b5c0e7863fd70d008e7178d3c556b045b0ea5f78fcd61ca548a0b2e807e641f7",
}


def fetch_demo_source(folder: Path = SOURCE_FOLDER) -> Path:
    """Fetches cam01..cam04.mp4 and Calib.qca.txt into `folder`, unless they exist, and returns the folder.

    Raises UserError if pip cannot fetch the wheel.
    """
    members = [
        Member(f"Pose2Sim/Demo_SinglePerson/{name}", folder / Path(name).name, sha256)
        for name, sha256 in SOURCE_SHA256.items()
    ]
    fetch_wheel("pose2sim", "0.10.49", POSE2SIM_SHA256, members)
    return folder
