"""Bombs by ratio and by number of names; the other archives that nobody should unpack are in tests/pre_models."""

import tarfile
import tracemalloc
from pathlib import Path

import pytest

from modules.files.zip_files import is_stored
from pre_models import archive_entries
from pre_models.archives import unpack_model
from tests.attacks.program import refused
from tests.pre_models.models import KINDS, in_folder, make_archive

MEMBERS = 1_000_000


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_a_bomb_by_its_ratio(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_entries, "SMALL_BYTES", 10**6)
    members = [*in_folder(""), ("variables/bomb", bytes(5_000_000))]
    archive = make_archive(tmp_path / "archive", members, kind)
    assert archive.stat().st_size < 20_000
    with refused(archive, "would unpack to more than 100 times its size"):
        unpack_model(archive, tmp_path / "target")
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_a_small_archive_of_zeros_is_no_bomb(tmp_path: Path, kind: str) -> None:
    archive = make_archive(tmp_path / "archive", [*in_folder(""), ("variables/zeros", bytes(5_000_000))], kind)
    unpack_model(archive, tmp_path / "target")
    assert (tmp_path / "target/variables/zeros").stat().st_size == 5_000_000


def million_names() -> bytes:
    """A zip whose directory has a million entries, in zip64's form."""
    entry = b"PK\1\2" + bytes(24) + (1).to_bytes(2, "little") + bytes(16) + b"a"
    directory = entry * MEMBERS
    start, size = 30, len(directory)
    end64 = b"PK\6\6" + (44).to_bytes(8, "little") + bytes(12) + MEMBERS.to_bytes(8, "little") * 2
    end64 += size.to_bytes(8, "little") + start.to_bytes(8, "little")
    locator = b"PK\6\7" + bytes(4) + (start + size).to_bytes(8, "little") + (1).to_bytes(4, "little")
    end = b"PK\5\6" + bytes(4) + b"\xff" * 12 + bytes(2)
    return b"PK\3\4" + bytes(26) + directory + end64 + locator + end


def test_a_zip_with_a_directory_of_a_million_names(tmp_path: Path) -> None:
    """`zipfile` would read it into a gigabyte of objects, although nothing of it is unpacked."""
    archive = tmp_path / "archive"
    archive.write_bytes(million_names())
    tracemalloc.start()
    with refused(archive, "holds more than 100000 files"):
        unpack_model(archive, tmp_path / "target")
    assert not is_stored(archive)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2**20


def test_a_tar_of_links_that_lead_through_each_other(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    with tarfile.open(archive, "w:gz") as package:
        for name, target in (("a", "."), ("a/b", ".."), ("a/b/evil", "/etc/passwd")):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            package.addfile(info)
    with refused(archive, "'a', which is a link or a device"):
        unpack_model(archive, tmp_path / "target")
