"""Defines the demo data: the use of each camera and frame, file names, and when a rotation is complete."""

from __future__ import annotations

from pathlib import Path

from data.demo.source import SOURCE_SHA256
from modules.extractors.blazepose.weights import BLAZEPOSE_SHA256
from modules.files.atomic import read_json
from modules.files.hashing import digest, sha256_file
from modules.utils import UserError

CAMERAS = ("cam01", "cam02", "cam03", "cam04")
TRAIN_FRAMES = range(0, 55)  # 55-59 and 70-74 are gaps: no split has their images
VALIDATION_FRAMES = range(60, 70)
TEST_FRAMES = range(75, 100)
ALL_FRAMES = range(0, 100)
FRAMES_PER_SECOND = 60.0
CALIBRATION_FRAMES = range(0, 70)  # extrinsics are refined on these alone
POSE, PERSON = "1", "demo"  # the person's sex, height and build are unknown, so the code does not contain them
WEIGHTS = "full"  # of the BlazePose that detects the 2D landmarks for the labels
MARKER = "prepared.json"
ROTATION, ZERO_SHOT = "test_camera", "zero_shot_camera"  # folders are named <kind>_<camera>
_ROOT = Path(__file__).parents[2]
_CODE = sorted(Path(__file__).parent.glob("*.py"))
_CODE += [
    _ROOT / f"data/rig/{name}.py" for name in ("calibration", "labelling", "landmarks", "swap_correction", "views")
]
_CODE += [_ROOT / f"modules/rig/{name}.py" for name in ("refinement", "swaps", "triangulation")]
_CODE += [_ROOT / name for name in ("modules/pose_utils.py", "modules/files/cameras.py", "modules/files/labels.py")]
_CODE += [_ROOT / name for name in ("modules/files/layout.py", "model/skeleton.py")]
_CODE += [_ROOT / "modules/extractors/blazepose/smpl24.json"]


def image_name(camera: int, frame: int) -> str:
    """Returns the file name of a frame (from 0) of a camera (from 1)."""
    return f"{POSE}_{PERSON}_{camera}_{frame}.jpg"


def sample_submission(test_camera: int, frames: range = TEST_FRAMES) -> list[dict[str, object]]:
    """Returns the sample submission of a test camera: every requested image, with zeros as joints.

    The one of camera 4 is sample_submission.json at the repository's root.
    """
    zeros = [[0.0, 0.0, 0.0]] * 24
    return [{"file_name": image_name(test_camera, frame), "3d_pos": zeros} for frame in frames]


def marker(folder: Path) -> dict[str, object]:
    """Returns digests of the source, the code and the files of a rotation; any change makes a rotation incomplete."""
    recipe = digest([SOURCE_SHA256, BLAZEPOSE_SHA256, WEIGHTS, [sha256_file(path) for path in _CODE]])
    parts = [folder / "task04_train", folder / "task04_test"]  # not the cache, which may be in the same folder
    files = sorted(path for part in parts for path in part.rglob("*") if path.suffix in (".json", ".jpg"))
    files.append(folder / "sample_submission.json")
    contents = {
        path.relative_to(folder).as_posix(): sha256_file(path) if path.suffix == ".json" else path.stat().st_size
        for path in files
        if path.exists()
    }
    return {"recipe": recipe, "contents": digest(contents)}


def is_complete(folder: Path) -> bool:
    """Returns whether a rotation is finished and unchanged since this code made it."""
    try:
        found = read_json(folder / MARKER)
    except UserError:
        return False
    return isinstance(found, dict) and found.items() >= marker(folder).items()
