"""export.py, from its arguments to the files it names."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import export
from modules.export import WRITERS
from modules.utils import UserError
from tests.conftest import sets
from tests.export.examples import TWO_PEOPLE
from tests.export.tested_set import make_result, make_set


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["export.py", *map(str, arguments), "--quiet"])
    export.main()


def test_every_format_of_an_earlier_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "source"
    WRITERS["npz"](TWO_PEOPLE, source)
    run(monkeypatch, source, "--save", ",".join(WRITERS), "--output", tmp_path / "out", "--json", "--names", "halpe26")
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (summary["rows"], summary["found"], len(summary["files"])) == (39, 38, len(WRITERS))
    assert all(Path(path).is_file() and Path(path).parent == tmp_path / "out" for path in summary["files"])
    run(monkeypatch, source, "--save", "csv")
    assert (source / "poses.csv").is_file()  # beside the results


def test_a_test_result_with_its_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = make_set(tmp_path)
    folder, _ = make_result(config)
    keys = sets(
        [f"DATA.root={config.DATA.root}", f"RESULTS.root={config.RESULTS.root}", f"TEST.output={config.TEST.output}"]
    )
    run(monkeypatch, folder, "--save", "npz,trc", "--fps", "50", *keys)
    with np.load(folder / "poses.npz") as file:
        assert file["time_s"].tolist() == [0, 0.02, 0.04, 0.06]
    assert (folder / "poses_person3.trc").read_text().splitlines()[2].startswith("50\t50\t4\t24\tm")


def test_bad_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments in (["--save", "fbx"], ["--save", "csv"]):
        with pytest.raises(UserError):
            run(monkeypatch, tmp_path, *arguments)
    for fps in ("0", "nan", "-1"):
        with pytest.raises(SystemExit):
            run(monkeypatch, tmp_path, "--save", "csv", f"--fps={fps}")
