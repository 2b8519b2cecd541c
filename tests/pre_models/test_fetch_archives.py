"""Unpacking gives one complete model or one message; never a file elsewhere, never a link."""

from __future__ import annotations

import gzip
import io
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modules.utils import UserError
from pre_models import archive_entries
from pre_models.archive_entries import archive_kind
from pre_models.archives import DamagedArchiveError, unpack_model
from tests.pre_models.models import KINDS, MODEL, Content, in_folder, make_archive, read_folder, tar_bytes, zip_bytes

FEW = settings(max_examples=100, deadline=None)


def unpack(folder: Path, archive: Path) -> dict[str, bytes]:
    """The unpacked files, in a new folder; fails if anything else in `folder` changes."""
    target = folder / "outer" / "target"
    target.mkdir(parents=True)
    before = {path: path.lstat().st_size for path in folder.rglob("*") if path != target}
    try:
        unpack_model(archive, target)
    finally:
        after = {path for path in folder.rglob("*") if target not in (path, *path.parents)}
        assert after == set(before) and not any(path.is_symlink() for path in folder.rglob("*"))
    return read_folder(target)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("top", ["", "./", "metrabs/", "a/b c/ü/"])
def test_the_model_comes_out(tmp_path: Path, kind: str, top: str) -> None:
    members = [("README", b"read me"), *in_folder(top), *([(top, None)] if top else [])]
    archive = make_archive(tmp_path / "archive", members, kind)
    beside = {} if top in ("a/b c/ü/", "metrabs/") else {"README": b"read me"}
    assert archive_kind(archive) == kind and unpack(tmp_path, archive) == {**MODEL, **beside}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("../evil", b"x", "leads out"),
        ("m/../../evil", b"x", "leads out"),
        ("m/..", None, "leads out"),
        ("/tmp/evil", b"x", "leads out"),
        ("..\\evil", b"x", "leads out"),
        ("m/variables/link", "/etc/passwd", "link or a device"),
        ("m/link", "../../evil", "link or a device"),
        ("m/saved_model.pb", b"again", "twice"),
        ("m/variables", b"a file where a folder is", "twice"),
        ("m/saved_model.pb/below", b"x", "twice"),
        ("m/" + 300 * "x", b"x", "damaged or truncated .File name too long."),
        ("other/saved_model.pb", b"x", "holds 2 files saved_model.pb"),
        ("saved_model.pb", b"x", "holds 2 files saved_model.pb"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_one_bad_member_refuses_the_archive(tmp_path: Path, kind: str, name: str, content: Content, says: str) -> None:
    for at in (0, len(MODEL)):  # before and behind the good ones
        members = in_folder("m/")
        members.insert(at, (name, content))
        archive = make_archive(tmp_path / f"{at}" / "archive", members, kind)
        with pytest.raises(UserError, match=says) as caught:
            unpack(tmp_path / f"{at}", archive)
        assert "\n" not in str(caught.value) and str(archive) in str(caught.value)


@pytest.mark.parametrize("content", ["<hard link>", "<device>", "<disk>", "<fifo>"])
def test_special_members_of_a_tar(tmp_path: Path, content: str) -> None:
    archive = make_archive(tmp_path / "archive", [*in_folder(""), ("special", content)], "tar.gz")
    with pytest.raises(UserError, match="'special', which is a link or a device"):
        unpack(tmp_path, archive)


@pytest.mark.parametrize("kind", KINDS)
def test_no_model_in_it(tmp_path: Path, kind: str) -> None:
    members: list[tuple[str, Content]] = [
        ("m/variables", b"x"),
        ("m/not_saved_model.pb", b"x"),
        ("saved_model.pb/", None),
    ]
    with pytest.raises(UserError, match=r"holds no saved_model\.pb"):
        unpack(tmp_path, make_archive(tmp_path / "archive", members, kind))


@pytest.mark.parametrize(
    "content", [b"", b"<html>", b"PK", b"\x1f\x8b", b"PK\3\4" + bytes(100), b"Rar!" * 200, b"BZh9"]
)
def test_no_archive_at_all(tmp_path: Path, content: bytes) -> None:
    archive = tmp_path / "archive"
    archive.write_bytes(content)
    with pytest.raises(UserError, match="is no .zip, .tar or .tar.gz|damaged or truncated"):
        unpack(tmp_path, archive)


@pytest.mark.parametrize("kind", KINDS)
def test_a_bomb_is_refused_before_a_byte_is_written(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what it declares in sum, and by the number of its files."""
    archive = make_archive(tmp_path / "archive", in_folder("m/"), kind)
    size = sum(map(len, MODEL.values()))
    for name, limit, says in (("MAX_BYTES", size - 1, "more than"), ("MAX_FILES", len(MODEL) - 1, "3 files")):
        with monkeypatch.context() as patch:
            patch.setattr(archive_entries, name, limit)
            with pytest.raises(UserError, match=says):
                unpack(tmp_path / name, archive)
        assert read_folder(tmp_path / name) == {}
    monkeypatch.setattr(archive_entries, "MAX_BYTES", size)
    monkeypatch.setattr(archive_entries, "MAX_FILES", len(MODEL))
    assert unpack(tmp_path / "just", archive) == MODEL


def test_a_real_bomb_of_thirty_gigabytes(tmp_path: Path) -> None:
    """Its header declares 30 GB; it is refused before its content, which is missing, is read."""
    info = tarfile.TarInfo("saved_model.pb")
    info.size = 30 * 10**9
    archive = tmp_path / "archive"
    archive.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    with pytest.raises(UserError, match="would unpack to more than 20 GB"):
        unpack(tmp_path, archive)


def test_a_zip_that_declares_less_than_it_holds(tmp_path: Path) -> None:
    data = zip_bytes([("saved_model.pb", bytes(100_000))])
    lie = data.replace((100_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    archive = tmp_path / "archive"
    archive.write_bytes(lie)
    assert zipfile.ZipFile(archive).getinfo("saved_model.pb").file_size == 10
    with pytest.raises(DamagedArchiveError):
        unpack(tmp_path, archive)
    assert all(len(content) <= 10 for content in read_folder(tmp_path / "outer").values())


def test_a_header_that_would_fill_the_memory(tmp_path: Path) -> None:
    """`tarfile` reads an extended header at once: here 200 MB of it, in a few kilobytes of gzip."""
    info = tarfile.TarInfo("././@PaxHeader")
    info.type, info.size = tarfile.XHDTYPE, 200_000_000
    archive = tmp_path / "archive"
    with gzip.open(archive, "wb") as file:
        file.write(info.tobuf(tarfile.USTAR_FORMAT) + bytes(10_000_000))
    with pytest.raises(DamagedArchiveError, match="header of it is too long"):
        unpack(tmp_path, archive)


def test_negative_sizes(tmp_path: Path) -> None:
    """`tarfile` would read the same header for ever."""
    info = tarfile.TarInfo("saved_model.pb")
    info.size = -512
    archive = tmp_path / "archive"
    archive.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    with pytest.raises(DamagedArchiveError, match="negative size"):
        unpack(tmp_path, archive)


def test_an_encrypted_zip(tmp_path: Path) -> None:
    data = bytearray(zip_bytes([("saved_model.pb", b"x")]))
    for mark, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(mark) + at] |= 1
    archive = tmp_path / "archive"
    archive.write_bytes(data)
    with pytest.raises(UserError, match="this archive is encrypted"):
        unpack(tmp_path, archive)


@pytest.mark.parametrize("kind", KINDS)
def test_cut_off_anywhere(tmp_path: Path, kind: str) -> None:
    """Only padding may be missing. `tarfile` alone takes a tar cut between two members for a whole one."""
    whole = make_archive(tmp_path / "archive", in_folder("m/"), kind).read_bytes()
    refused = 0
    for number, length in enumerate([*range(0, len(whole), len(whole) // 40), len(whole) - 9]):
        (tmp_path / "cut").write_bytes(whole[:length])
        try:
            assert unpack(tmp_path / f"{number}", tmp_path / "cut") == MODEL
        except UserError:
            refused += 1
            assert length < len(whole.rstrip(b"\0")) + 512 or kind != "tar"
    assert refused > 20 and (kind == "tar" or refused == number + 1)


def test_garbage_between_members(tmp_path: Path) -> None:
    """`tarfile` alone takes it for the end, and would skip the rest."""
    data = bytearray(tar_bytes([*in_folder(""), ("more", b"x")], "w:"))
    data[data.index(b"more")] = 0xFF
    (tmp_path / "archive").write_bytes(data)
    with pytest.raises(DamagedArchiveError):
        unpack(tmp_path, tmp_path / "archive")


names = st.lists(st.sampled_from(["..", ".", "", "a", "saved_model.pb", "\\", "~", "C:", "\0", " "]), max_size=5).map(
    "/".join
)


@FEW
@given(st.lists(names | st.text(max_size=12), max_size=4), st.sampled_from(KINDS))
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_no_name_lands_outside(found: list[str], kind: str) -> None:
    """`unpack` asserts it. Any name must give either files or a message."""
    members = [(name, b"evil") for name in found] + [("saved_model.pb", b"x")]
    with tempfile.TemporaryDirectory() as folder:
        try:
            archive = make_archive(Path(folder, "archive"), members, kind)
        except (ValueError, UnicodeError):
            return  # the writer refuses the name too
        try:
            assert unpack(Path(folder), archive)["saved_model.pb"] in (b"x", b"evil")
        except UserError as error:
            assert "\n" not in str(error)


WHOLE = {"zip": zip_bytes(in_folder("m/")), "tar": tar_bytes(in_folder("m/"), "w:")}


@FEW
@given(
    st.sampled_from(sorted(WHOLE)), st.lists(st.tuples(st.integers(0), st.binary(min_size=1, max_size=12)), max_size=3)
)
@example("zip", [(1084, b"\1")])  # a member that begins before the file does
def test_no_damage_is_a_traceback(kind: str, edits: list[tuple[int, bytes]]) -> None:
    data = bytearray(WHOLE[kind])
    for at, piece in edits:
        data[at % len(data) : at % len(data) + len(piece)] = piece
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "archive").write_bytes(data)
        try:
            unpack(Path(folder), Path(folder, "archive"))
        except UserError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize("at", [30, 200, 600, -6])
def test_a_flipped_byte_in_a_gzip(tmp_path: Path, at: int) -> None:
    data = bytearray(make_archive(tmp_path / "archive", in_folder("m/"), "tar.gz").read_bytes())
    data[at] ^= 0x10
    (tmp_path / "archive").write_bytes(data)
    with pytest.raises(DamagedArchiveError):
        unpack(tmp_path, tmp_path / "archive")


def test_padding_behind_a_gzipped_tar_is_no_damage(tmp_path: Path) -> None:
    data = io.BytesIO(tar_bytes(in_folder("m/"), "w:") + bytes(100 * 512))
    (tmp_path / "archive").write_bytes(gzip.compress(data.getvalue()))
    assert unpack(tmp_path, tmp_path / "archive") == MODEL
