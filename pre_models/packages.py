"""Takes single files out of packages of a package index, which are downloaded and unpacked but never installed.

The package index is the one that the user's pip and npm are set to. Every file is checked against a pinned SHA-256.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from modules.files.atomic import write_bytes
from modules.files.hashing import sha256_file
from modules.utils import UserError


@dataclass(frozen=True)
class Member:
    """One file of a package: its name inside, its target path, and its pinned SHA-256."""

    name: str
    path: Path
    sha256: str

    def is_present(self) -> bool:
        """Returns whether the target exists with the pinned SHA-256."""
        return self.path.is_file() and sha256_file(self.path) == self.sha256


def fetch_wheel(
    name: str, version: str, sha256: str, members: Sequence[Member], pip_options: Sequence[str] = ()
) -> list[Path]:
    """Takes `members` out of a wheel that pip downloads; returns the files it wrote. Present members are not fetched.

    `sha256` is the wheel's own; `pip_options` select another platform's wheel. Raises UserError if pip fails or a hash
    differs; no unverified file is then written to a member's path.
    """
    download = [sys.executable, "-m", "pip", "download", f"{name}=={version}"]
    download += ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", *pip_options]
    return _fetch(f"{name} {version}", lambda folder: [*download, f"--dest={folder}"], sha256, members)


def fetch_npm(name: str, version: str, sha256: str, members: Sequence[Member]) -> list[Path]:
    """Takes `members` out of an npm package that `npm pack` downloads; otherwise as `fetch_wheel`."""
    pack = ["npm", "pack", f"{name}@{version}", "--silent"]
    return _fetch(f"{name} {version}", lambda folder: [*pack, f"--pack-destination={folder}"], sha256, members)


def _fetch(package: str, command: Callable[[str], list[str]], sha256: str, members: Sequence[Member]) -> list[Path]:
    missing = [member for member in members if not member.is_present()]
    if not missing:
        return []
    with tempfile.TemporaryDirectory(prefix="groundpose-fetch-") as folder:
        archive = _download(package, command(folder), Path(folder), missing[0])
        if sha256_file(archive) != sha256:
            raise UserError(f"{archive.name}: this download is not the pinned one (its SHA-256 differs); try again")
        contents = _read(archive, [member.name for member in missing])
    for member, content in zip(missing, contents, strict=True):
        if hashlib.sha256(content).hexdigest() != member.sha256:
            raise UserError(
                f"{member.path}: {member.name} of {package} is not the pinned file (its SHA-256 differs); try again, or "
                "put the right file there by hand"
            )
        write_bytes(member.path, content)
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
        reason = f"{tool} succeeded but wrote no package"
    raise UserError(
        f"{wanted.path}: {tool} could not fetch {package} ({reason}); try again with a network connection, "
        f"or put the file there by hand: it is {wanted.name} inside that package"
    )


def _read(archive: Path, names: Sequence[str]) -> list[bytes]:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as package:
            return [package.read(name) for name in names]
    with tarfile.open(archive) as package:
        files = [package.extractfile(name) for name in names]
        return [file.read() for file in files if file is not None]
