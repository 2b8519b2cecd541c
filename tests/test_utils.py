"""Atomic writes, safe names, digests, and errors without traceback."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from modules import utils
from modules.config import PROJECT_ROOT


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    utils.write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="JSON compliant"):
        utils.write_json(path, {"a": float("nan")})
    with pytest.raises(RuntimeError), utils.atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert json.loads(path.read_text()) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


def test_a_killed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    utils.write_json(path, {"a": 1})
    program = (
        "import os, signal, sys; from pathlib import Path; from modules import utils\n"
        f"with utils.atomic_path(Path({str(path)!r})) as t:\n"
        "    t.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    result = subprocess.run([sys.executable, "-c", program], cwd=PROJECT_ROOT, check=False)
    assert result.returncode == -signal.SIGKILL
    assert json.loads(path.read_text()) == {"a": 1}
    (leftover,) = (p for p in tmp_path.iterdir() if p != path)
    alive = leftover.with_name(f".x.{os.getpid()}-00000000.tmp.json")  # another writer's, at work now
    alive.touch()
    utils.write_json(path, {"a": 2})
    assert {p.name for p in tmp_path.iterdir()} == {path.name, alive.name}


@pytest.mark.parametrize("name", ["", ".", "..", "../a.jpg", "a/b.jpg", "a\\b.jpg", "c:x.jpg", "a\0.jpg", "a\n.jpg"])
def test_unsafe_names(name: str) -> None:
    assert not utils.is_safe_name(name)


def test_safe_name_and_digest() -> None:
    assert utils.is_safe_name("30_F160A_1_4.jpg")
    assert utils.digest({"a": 1, "b": [2]}) == utils.digest({"b": [2], "a": 1}) != utils.digest({"a": 2, "b": [2]})


def test_user_errors_are_one_sentence_with_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    def fails() -> None:
        raise utils.UserError("x.json: the field K is missing; add it")

    with pytest.raises(SystemExit) as ended:
        utils.run_script(fails)
    assert ended.value.code == utils.EXIT_BAD_INPUT == 2
    assert capsys.readouterr().err == "error: x.json: the field K is missing; add it\n"


def test_interrupt_ends_with_130() -> None:
    def interrupted() -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(SystemExit) as ended:
        utils.run_script(interrupted)
    assert ended.value.code == 130
