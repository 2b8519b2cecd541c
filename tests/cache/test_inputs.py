"""The digest of the inputs: equal with and without remembered hashes, and changed by every change of a file."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from modules.cache import inputs
from modules.config.paths import PROJECT_ROOT
from modules.files.hashing import digest, sha256_file
from modules.files.layout import list_frames
from modules.utils import UserError
from tests.files.exif_images import jpeg

CAMERAS = [f"task04_train/camera/1_F_{camera}.json" for camera in (1, 2)]
LABELS = [f"task04_train/labels/1_F/3D_1_F_{moment}.json" for moment in (1, 2, 3)]
IMAGES = [f"task04_train/images/1_F_{c}/1_F_{c}_{moment}.jpg" for c in (1, 2) for moment in (1, 2, 3)]
NAMES = [*CAMERAS, *LABELS, *(Path(image).name for image in IMAGES)]  # in the table
SHORTER, LONGER = 100, 40_000  # bytes of the images, shorter and longer than the hashed tail


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three moments of two cameras; only files' bytes matter here."""
    root = tmp_path / "set"
    for index, name in enumerate([*CAMERAS, *LABELS, *IMAGES]):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(bytes([index]) * (LONGER if index % 2 else SHORTER))
    return root


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files count as settled at once, so that no test has to wait."""
    monkeypatch.setattr(inputs, "SETTLED_NS", 0)


def digest_of(root: Path, folder: Path | None = None) -> str:
    return inputs.inputs_digest(list_frames(root, "train"), folder)


def remembered(folder: Path) -> dict[str, inputs.Remembered]:
    return inputs.read_remembered(inputs.remembered_path(folder))


def claim_other_hashes(folder: Path) -> None:
    """Replaces every remembered hash, so that a digest shows whether a file was read."""
    found = {name: fields._replace(hash="claimed") for name, fields in remembered(folder).items()}
    inputs._write_remembered(inputs.remembered_path(folder), found)


def test_the_digest_is_that_of_existing_caches(root: Path) -> None:
    """Whole cameras and labels, null for a missing label, and the size and last 16384 bytes of images in natural order."""
    (root / LABELS[1]).unlink()
    contents = {name: sha256_file(root / name) for name in CAMERAS + LABELS if name != LABELS[1]} | {LABELS[1]: None}
    images = [f"1_F_{camera}_{moment}.jpg" for camera in (1, 2) for moment in (1, 2, 3)]
    marks = []
    for name, path in zip(images, IMAGES, strict=True):
        content = (root / path).read_bytes()
        marks.append([name, len(content), hashlib.sha256(content[-16384:]).hexdigest()])
    assert digest_of(root) == digest([contents, marks])


@pytest.mark.parametrize("suffix", [".bmp", ".TIF", ".tiff"])
def test_formats_without_a_chain_of_codes_are_hashed_whole(root: Path, tmp_path: Path, suffix: str) -> None:
    """A picture whose pixels are stored one by one may change far from its last bytes."""
    image = (root / IMAGES[0]).rename((root / IMAGES[0]).with_suffix(suffix))
    content = bytearray(LONGER)
    image.write_bytes(content)
    before = digest_of(root, tmp_path / "cache")
    content[100] = 1
    image.write_bytes(content)
    assert digest_of(root, tmp_path / "cache") != before


def test_an_orientation_that_is_changed_in_place_is_noticed(root: Path, tmp_path: Path) -> None:
    """Programs that turn photographs change one number near the beginning of the file."""
    image, digests = root / IMAGES[0], []
    for orientation in (1, 6, 8):
        turned, plain = jpeg(600, 400, orientation), jpeg(600, 400, 1)
        assert len(turned) == len(plain) and turned[-4096:] == plain[-4096:]
        image.write_bytes(turned + bytes(LONGER))
        digests.append(digest_of(root, tmp_path / "cache"))
    assert len(set(digests)) == 3


@pytest.mark.usefixtures("settled")
def test_remembered_hashes_give_the_same_digest(root: Path, tmp_path: Path) -> None:
    plain, folder = digest_of(root), tmp_path / "cache"
    assert digest_of(root, folder) == plain
    assert sorted(remembered(folder)) == sorted(NAMES)
    written = inputs.remembered_path(folder).stat()
    assert digest_of(root, folder) == plain
    assert inputs.remembered_path(folder).stat() == written  # nothing new, so not written again


@pytest.mark.usefixtures("settled")
def test_unchanged_files_are_not_read_and_touched_files_are(root: Path, tmp_path: Path) -> None:
    plain, folder = digest_of(root, tmp_path), tmp_path
    claim_other_hashes(folder)
    assert digest_of(root, folder) != plain  # no file was read
    for name in [*CAMERAS, *LABELS, *IMAGES]:
        (root / name).touch()
    assert digest_of(root, folder) == plain
    assert "claimed" not in {fields.hash for fields in remembered(folder).values()}


def await_tick(clock: Path, path: Path) -> None:
    """Writes to `clock` until its change time is later than that of `path`: the kernel's clock has coarse ticks."""
    clock.touch()
    while clock.stat().st_ctime_ns <= path.stat().st_ctime_ns:
        clock.touch()


def rewrite(path: Path) -> None:
    """Other bytes of the same number."""
    path.write_bytes(bytes(255 - byte for byte in path.read_bytes()))


def rewrite_and_restore_time(path: Path) -> None:
    """Size, modification time and inode stay; the change time alone tells."""
    before = path.stat()
    rewrite(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns, after.st_ino) == (before.st_size, before.st_mtime_ns, before.st_ino)


def replace(path: Path) -> None:
    """Another file of the same size and modification time is renamed to this one."""
    other, before = path.with_name("other"), path.stat()
    other.write_bytes(bytes(255 - byte for byte in path.read_bytes()))
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("change", [rewrite, rewrite_and_restore_time, replace, lambda path: path.write_bytes(b"")])
@pytest.mark.parametrize("name", [CAMERAS[1], LABELS[0], IMAGES[4], IMAGES[5]])
def test_every_change_of_a_remembered_file_is_noticed(
    root: Path, tmp_path: Path, name: str, change: Callable[[Path], None]
) -> None:
    before = digest_of(root, tmp_path)
    await_tick(tmp_path / "clock", root / name)
    change(root / name)
    assert digest_of(root, tmp_path) == digest_of(root) != before


@pytest.mark.usefixtures("settled")
def test_added_and_removed_files_are_noticed_and_forgotten(root: Path, tmp_path: Path) -> None:
    before = digest_of(root, tmp_path)
    label, image = root / LABELS[2], root / IMAGES[0]
    for path in (label, image):
        path.rename(tmp_path / path.name)
        assert digest_of(root, tmp_path) == digest_of(root) != before
    assert sorted(remembered(tmp_path)) == sorted({*NAMES} - {LABELS[2], image.name})
    for path in (label, image):
        (tmp_path / path.name).rename(path)
    assert digest_of(root, tmp_path) == before


def test_a_file_changed_just_now_is_not_remembered(root: Path, tmp_path: Path) -> None:
    """Its next change could fall into the same tick of the clock, and leave its stat as it is."""
    in_an_hour = time.time() + 3600
    for name in IMAGES[:2]:
        os.utime(root / name, (in_an_hour, in_an_hour))
    digest_of(root, tmp_path)
    assert not set(remembered(tmp_path)) & {Path(name).name for name in IMAGES[:2]}
    rewrite(root / IMAGES[0])
    assert digest_of(root, tmp_path) == digest_of(root)


def test_recent_files_are_read_every_time(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "SETTLED_NS", 3600 * 10**9)
    assert digest_of(root, tmp_path) == digest_of(root) and not remembered(tmp_path)
    monkeypatch.setattr(inputs, "SETTLED_NS", 0)
    digest_of(root, tmp_path)
    assert len(remembered(tmp_path)) == len(NAMES)


@pytest.mark.usefixtures("settled")
def test_in_a_read_only_folder_nothing_is_remembered(root: Path) -> None:
    assert digest_of(root, Path("/sys/groundpose")) == digest_of(root)  # not even root can write below /sys
    assert not Path("/sys/groundpose").exists()


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("spoil", ["truncated", "empty", "another length of the tail", "other columns"])
def test_a_damaged_or_foreign_file_counts_as_nothing_remembered(root: Path, tmp_path: Path, spoil: str) -> None:
    plain, path = digest_of(root, tmp_path), inputs.remembered_path(tmp_path)
    claim_other_hashes(tmp_path)
    table = pq.read_table(path)
    if spoil in ("truncated", "empty"):
        path.write_bytes(path.read_bytes()[:-20] if spoil == "truncated" else b"")
    elif spoil == "other columns":
        pq.write_table(table.drop_columns(["inode"]), path)
    else:
        pq.write_table(table.replace_schema_metadata({"image_tail": "4096"}), path)
    assert digest_of(root, tmp_path) == plain
    assert len(remembered(tmp_path)) == len(NAMES)  # it is made again


@pytest.mark.usefixtures("settled")
def test_a_kill_in_the_middle_leaves_the_old_file(root: Path, tmp_path: Path) -> None:
    before = digest_of(root, tmp_path)
    kept = inputs.remembered_path(tmp_path).read_bytes()
    (root / IMAGES[0]).touch()
    program = (
        "import os, signal; from pathlib import Path; from modules.cache import inputs; from modules.files import layout\n"
        "def half(table, path, **_): path.write_bytes(b'PAR1'); os.kill(os.getpid(), signal.SIGKILL)\n"
        "inputs.write_table, inputs.SETTLED_NS = half, 0\n"
        f"inputs.inputs_digest(layout.list_frames(Path({str(root)!r}), 'train'), Path({str(tmp_path)!r}))\n"
    )
    died = subprocess.run([sys.executable, "-c", program], cwd=PROJECT_ROOT, check=False)
    assert died.returncode == -signal.SIGKILL
    assert inputs.remembered_path(tmp_path).read_bytes() == kept and len(list(tmp_path.glob(".inputs*"))) == 1
    assert digest_of(root, tmp_path) == before
    assert not list(tmp_path.glob(".inputs*"))


@pytest.mark.usefixtures("settled")
def test_a_missing_image_is_an_error_though_it_is_remembered(root: Path, tmp_path: Path) -> None:
    frames = list_frames(root, "train")
    inputs.inputs_digest(frames, tmp_path)
    (root / IMAGES[0]).unlink()
    with pytest.raises(UserError, match="1_F_1_1.jpg: this image is missing or cannot be read"):
        inputs.inputs_digest(frames, tmp_path)
