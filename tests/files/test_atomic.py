"""Atomic writes, safe names and digests."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from modules.config.paths import PROJECT_ROOT
from modules.files import atomic, hashing, layout
from modules.files.video import VideoWriter
from modules.utils import os_error_sentence


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    atomic.write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="JSON compliant"):
        atomic.write_json(path, {"a": float("nan")})
    with pytest.raises(RuntimeError), atomic.atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert json.loads(path.read_text()) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


def test_a_video_on_a_full_disk_is_named(tmp_path: Path) -> None:
    """FFmpeg's errors are errors of the operating system, whose file's name cannot be set."""
    with pytest.raises(OSError, match="No space left") as full, atomic.atomic_path(tmp_path / "x.mp4") as temporary:
        temporary.symlink_to("/dev/full")
        with VideoWriter(temporary, (64, 48), 10) as writer:
            writer.write(np.zeros((48, 64, 3), np.uint8), 0)
    assert os_error_sentence(full.value).startswith(f"{tmp_path / 'x.mp4'}: No space left on device; free some space")
    assert not list(tmp_path.iterdir())


def test_a_folder_is_on_the_disk_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a power failure leaves files of zeros under the final names."""
    synced = []
    fsync = os.fsync

    def record(handle: int) -> None:
        fsync(handle)
        assert not (tmp_path / "x").exists()
        synced.append(os.readlink(f"/proc/self/fd/{handle}").rpartition("/")[2])

    monkeypatch.setattr(os, "fsync", record)
    with atomic.atomic_folder(tmp_path / "x") as new:
        (new / "below").mkdir()
        (new / "a.npy").write_bytes(b"a")
        (new / "below" / "b.npy").write_bytes(b"b")
    assert sorted(synced) == ["a.npy", "b.npy"]


def test_a_killed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    atomic.write_json(path, {"a": 1})
    program = (
        "import os, signal, sys; from pathlib import Path; from modules.files import atomic\n"
        f"with atomic.atomic_path(Path({str(path)!r})) as t:\n"
        "    t.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    result = subprocess.run([sys.executable, "-c", program], cwd=PROJECT_ROOT, check=False)
    assert result.returncode == -signal.SIGKILL
    assert json.loads(path.read_text()) == {"a": 1}
    (leftover,) = (p for p in tmp_path.iterdir() if p != path)
    alive = leftover.with_name(f".x.{os.getpid()}-00000000.tmp.json")  # another writer's, at work now
    alive.touch()
    atomic.write_json(path, {"a": 2})
    assert {p.name for p in tmp_path.iterdir()} == {path.name, alive.name}


def test_a_killed_writer_that_nobody_has_waited_for_is_not_at_work(tmp_path: Path) -> None:
    """In a container without an init process, a killed process stays in the process table for ever."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as killed:
        leftover = tmp_path / f".x.{killed.pid}-00000000.tmp.json"
        leftover.touch()
        atomic.write_json(tmp_path / "x.json", {})
        assert leftover.exists()  # still at work
        killed.kill()
        os.waitid(os.P_PID, killed.pid, os.WEXITED | os.WNOWAIT)
        atomic.write_json(tmp_path / "x.json", {})
        assert not leftover.exists()


@pytest.mark.parametrize("name", ["", ".", "..", "../a.jpg", "a/b.jpg", "a\\b.jpg", "c:x.jpg", "a\0.jpg", "a\n.jpg"])
def test_unsafe_names(name: str) -> None:
    assert not layout.is_safe_name(name)


def test_safe_name_and_digest() -> None:
    assert layout.is_safe_name("30_F160A_1_4.jpg")
    assert (
        hashing.digest({"a": 1, "b": [2]}) == hashing.digest({"b": [2], "a": 1}) != hashing.digest({"a": 2, "b": [2]})
    )
