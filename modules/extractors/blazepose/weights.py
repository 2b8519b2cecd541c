"""The weight files of BlazePose: their names, pinned hashes and sources."""

from __future__ import annotations

from pathlib import Path

from modules.extractors.weights import PRE_MODELS, KnownWeights
from modules.files.hashing import sha256_file
from modules.utils import UserError

BLAZEPOSE_FOLDER = PRE_MODELS / "blazepose"
DETECTOR_FILE = "pose_detection.tflite"
LANDMARK_FILES = {"full": "pose_landmark_full.tflite", "heavy": "pose_landmark_heavy.tflite"}
BLAZEPOSE_SHA256 = {
    DETECTOR_FILE: "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
    LANDMARK_FILES["full"]: "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
    LANDMARK_FILES["heavy"]: "59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe",
}
BLAZEPOSE = {
    "full": KnownWeights(
        "blazepose", "the PyPI wheel mediapipe", "detector and full landmark model", "Apache-2.0", 9_399_558
    ),
    "heavy": KnownWeights(
        "blazepose --weights heavy",
        "npm's @mediapipe/pose, or MediaPipe's own address",
        "heavy landmark model",
        "Apache-2.0",
        27_709_200,
    ),
}


def weight_paths(weights: str, folder: Path = BLAZEPOSE_FOLDER) -> tuple[Path, Path]:
    """Returns the paths of the detector and of the landmark model. Raises UserError if there are no weights of this name."""
    if weights not in LANDMARK_FILES:
        raise UserError(f"EXTRACT.weights: blazepose has no weights {weights!r}; set it to heavy or full")
    return folder / DETECTOR_FILE, folder / LANDMARK_FILES[weights]


def are_present(weights: str, folder: Path = BLAZEPOSE_FOLDER) -> bool:
    """Returns whether both files of these weights exist. Raises UserError if there are no weights of this name."""
    return all(path.is_file() for path in weight_paths(weights, folder))


def check_weights(weights: str, folder: Path = BLAZEPOSE_FOLDER) -> tuple[Path, Path]:
    """Returns the paths as `weight_paths`. Raises UserError if a file is missing or its SHA-256 is not the pinned one."""
    fetch = "run `python -m pre_models.fetch blazepose" + (" --weights full`" if weights == "full" else "`")
    paths = weight_paths(weights, folder)
    for path in paths:
        if not path.is_file():
            raise UserError(f"{path}: these weights are missing; {fetch}")
        if sha256_file(path) != BLAZEPOSE_SHA256[path.name]:
            raise UserError(
                f"{path}: these are not the pinned weights (their SHA-256 differs); {fetch} to replace them"
            )
    return paths
