"""Fetches BlazePose's weights from public packages."""

from __future__ import annotations

from pathlib import Path

from modules.extractors.blazepose.weights import (
    BLAZEPOSE,
    BLAZEPOSE_FOLDER,
    BLAZEPOSE_SHA256,
    DETECTOR_FILE,
    LANDMARK_FILES,
)
from modules.extractors.weights import KnownWeights
from modules.files.hashing import sha256_file
from modules.utils import UserError
from pre_models.download import DownloadError, download
from pre_models.packages import Member, fetch_npm, fetch_wheel

HEAVY = LANDMARK_FILES["heavy"]
HEAVY_ADDRESS = f"https://storage.googleapis.com/mediapipe-assets/{HEAVY}"  # where MediaPipe itself downloads it
MEDIAPIPE_SHA256 = "05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3"
MEDIAPIPE_POSE_SHA256 = "8bb349a7b3a3ba699df23be804ddd3b3eab810b50b15406894be257859388a84"
# The same wheel for every Python and machine: it is only unzipped.
CP311_LINUX_X86_64 = (
    "--platform=manylinux_2_28_x86_64", "--python-version=3.11", "--implementation=cp", "--abi=cp311",
)  # fmt: skip


def fetch_blazepose(weights: str = "full", folder: Path = BLAZEPOSE_FOLDER) -> list[Path]:
    """Puts BlazePose's detector and its `full` or `heavy` landmark model into `folder`; returns the files it wrote.

    All are Apache-2.0. The detector and `full` are in MediaPipe's wheel; `heavy` is in its npm package and at the address
    from which MediaPipe itself downloads it. Raises UserError if a file cannot be fetched.
    """

    def member(inside: str, file_name: str) -> Member:
        return Member(f"{inside}/{file_name}", folder / file_name, BLAZEPOSE_SHA256[file_name])

    detector = member("mediapipe/modules/pose_detection", DETECTOR_FILE)
    full = member("mediapipe/modules/pose_landmark", LANDMARK_FILES["full"])
    written = fetch_wheel("mediapipe", "0.10.21", MEDIAPIPE_SHA256, [detector, full], CP311_LINUX_X86_64)
    if weights == "heavy":
        written += _fetch_heavy(member("package", HEAVY))
    return written


def list_blazepose(folder: Path = BLAZEPOSE_FOLDER) -> list[tuple[KnownWeights, bool]]:
    """Returns BlazePose's known weights, and whether the files that each of them adds exist."""
    files = {"full": (DETECTOR_FILE, LANDMARK_FILES["full"]), "heavy": (HEAVY,)}
    return [(known, all((folder / file).is_file() for file in files[name])) for name, known in BLAZEPOSE.items()]


def _fetch_heavy(heavy: Member) -> list[Path]:
    """Fetches the heavy model from npm, else from its address. Raises UserError if neither source has it."""
    try:
        return fetch_npm("@mediapipe/pose", "0.5.1675469404", MEDIAPIPE_POSE_SHA256, [heavy])
    except UserError as error:
        npm_error = str(error)
    try:
        return _fetch_address(HEAVY_ADDRESS, heavy)
    except DownloadError as error:
        raise UserError(
            f"{npm_error}; {HEAVY_ADDRESS} failed too ({error}); EXTRACT.weights: full is the smaller model, which "
            "needs pip alone"
        ) from None


def _fetch_address(address: str, member: Member) -> list[Path]:
    """Downloads a file to its member's path; returns the files it wrote. Raises DownloadError if it cannot be had."""
    if member.is_present():
        return []
    unverified = member.path.with_name(f"{member.path.name}.unverified")
    download(address, unverified, member.path.name)
    if sha256_file(unverified) != member.sha256:
        unverified.unlink()
        raise DownloadError("the downloaded file is not the pinned one (its SHA-256 differs)")
    unverified.replace(member.path)
    return [member.path]
