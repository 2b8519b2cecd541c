"""Archives with a file that only looks like a SavedModel, and archives that nobody should unpack."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

Content = bytes | str | None  # a file, a symbolic link's target (tar: or a special type), a folder
MODEL: dict[str, bytes] = {
    "saved_model.pb": b"no program",
    "variables/variables.index": bytes(range(256)),
    "variables/variables.data-00000-of-00001": bytes(i * i % 253 for i in range(5000)),
    "assets/empty": b"",
}
SPECIAL = {
    "<hard link>": tarfile.LNKTYPE,
    "<device>": tarfile.CHRTYPE,
    "<disk>": tarfile.BLKTYPE,
    "<fifo>": tarfile.FIFOTYPE,
}
KINDS = ("zip", "tar", "tar.gz")


def make_archive(path: Path, members: Sequence[tuple[str, Content]], kind: str) -> Path:
    """An archive with these members in this order, whatever their names say."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(zip_bytes(members) if kind == "zip" else tar_bytes(members, "w:gz" if kind == "tar.gz" else "w:"))
    return path


def zip_bytes(members: Sequence[tuple[str, Content]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in members:
            info = zipfile.ZipInfo(name)
            mode = stat.S_IFLNK if isinstance(content, str) else stat.S_IFDIR if content is None else stat.S_IFREG
            info.external_attr = (mode | 0o644) << 16
            package.writestr(info, content or b"", zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def tar_bytes(members: Sequence[tuple[str, Content]], mode: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as package:  # type: ignore[call-overload]
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
            else:
                info.type = tarfile.DIRTYPE if content is None else SPECIAL.get(content, tarfile.SYMTYPE)
                info.linkname = content or ""
            package.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)
    return buffer.getvalue()


def in_folder(top: str, model: dict[str, bytes] = MODEL) -> list[tuple[str, Content]]:
    """A model's files below one top folder (which ends with a slash, or is nothing)."""
    return [(top + name, content) for name, content in model.items()]


def read_folder(folder: Path) -> dict[str, bytes]:
    """Every file of a folder by its relative name."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write_folder(folder: Path, model: dict[str, bytes] = MODEL) -> Path:
    for name, content in model.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder
