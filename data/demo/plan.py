"""The plan of the demo data: which camera and frame serves what, how files are named, and when a rotation stands."""

from __future__ import annotations

from pathlib import Path

from data.demo.source import SOURCE_SHA256
from modules.utils import UserError, digest, read_json, sha256_file
from pre_models.fetch import BLAZEPOSE_SHA256

CAMERAS = ("cam01", "cam02", "cam03", "cam04")
TRAIN_FRAMES = range(0, 55)  # 55-59 and 70-74 are a gap that nothing uses as an image
VALIDATION_FRAMES = range(60, 70)
TEST_FRAMES = range(75, 100)
ALL_FRAMES = range(0, 100)
CALIBRATION_FRAMES = range(0, 70)  # what extrinsics may be refined on
POSE, PERSON = "1", "demo"  # sex, height and body-mass class of the person are not known, so the code does not say
WEIGHTS = "full"  # of the BlazePose that sees the 2D landmarks for the labels
MARKER = "prepared.json"
ROTATION, ZERO_SHOT = "test_camera", "zero_shot_camera"  # the folders <kind>_<camera>
_ROOT = Path(__file__).parents[2]
_CODE = [*sorted(Path(__file__).parent.glob("*.py")), *sorted((_ROOT / "modules").glob("rig*.py"))]
_CODE += [_ROOT / "modules" / name for name in ("pose_utils.py", "layout.py", "skeleton.py")]
_CODE += [_ROOT / "modules/extractors/blazepose_smpl24.json"]


def image_name(camera: int, frame: int) -> str:
    """The file name of a frame (from 0) of a camera (from 1)."""
    return f"{POSE}_{PERSON}_{camera}_{frame}.jpg"


def sample_submission(test_camera: int, frames: range = TEST_FRAMES) -> list[dict[str, object]]:
    """The images that a submission for this test camera must answer, with zeros for answers.

    That of camera 4 is kept at the repository's root as sample_submission.json.
    """
    zeros = [[0.0, 0.0, 0.0]] * 24
    return [{"file_name": image_name(test_camera, frame), "3d_pos": zeros} for frame in frames]


def marker(folder: Path) -> dict[str, object]:
    """What a finished rotation must still be: made from this source by this code, no file added, lost or edited."""
    recipe = digest([SOURCE_SHA256, BLAZEPOSE_SHA256, WEIGHTS, [sha256_file(path) for path in _CODE]])
    parts = [folder / "task04_train", folder / "task04_test"]  # not what others keep beside them, such as a cache
    files = sorted(path for part in parts for path in part.rglob("*") if path.suffix in (".json", ".jpg"))
    files.append(folder / "sample_submission.json")
    contents = {
        path.relative_to(folder).as_posix(): sha256_file(path) if path.suffix == ".json" else path.stat().st_size
        for path in files
        if path.exists()
    }
    return {"recipe": recipe, "contents": digest(contents)}


def stands(folder: Path) -> bool:
    """Whether a rotation is finished and still as this code made it."""
    try:
        found = read_json(folder / MARKER)
    except UserError:
        return False
    return isinstance(found, dict) and found.items() >= marker(folder).items()
