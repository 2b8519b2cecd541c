"""Full disks under predict.py and export.py, at one size after the other, and data sets in which nothing may be written.

Those under the three stages are in tests/scripts/test_bad_input.py.
"""

import json
import os
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
import pytest

from modules.cache.extraction import extract_split
from modules.cache.store import open_cache
from modules.config.schema import Config
from modules.config.sections import Data
from modules.files.layout import list_frames
from tests.cache.conftest import MadeUpExtractor, made  # noqa: F401  (a fixture)
from tests.conftest import RunScript
from tests.predict.conftest import camera_file, people_images, untrained  # noqa: F401  (fixtures)

SIZES = (1, 3_000, 40_000)  # bytes at which a write fails: every file of the output is above one of them
FORMATS = ("csv", "npz", "json")


def contents(folder: Path) -> dict[str, str]:
    """Returns the hash of every file below a folder."""
    return {str(p.relative_to(folder)): sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()}


def assert_full(output: str, errors: str, code: int) -> None:
    """Asserts that a script ended with one sentence that names a file of the full disk."""
    assert code == 2 and "Traceback" not in output + errors, output + errors
    lines = [line for line in errors.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and "File too large" in lines[0] and "free some space" in lines[0], errors


@pytest.mark.slow
def test_predict_and_export_on_a_full_disk_of_any_size(
    run_script: RunScript, tmp_path: Path, camera_file: Path, people_images: list[np.ndarray], untrained: Path  # noqa: F811
) -> None:  # fmt: skip
    """Nothing is half written, and with space the same command leaves what it leaves at once."""
    (tmp_path / "a.png").write_bytes(cv2.imencode(".png", people_images[1][..., ::-1])[1].tobytes())
    output, exported = tmp_path / "out", tmp_path / "exported"
    arguments = [
        str(tmp_path / "a.png"),
        "--camera",
        str(camera_file),
        "--run",
        str(untrained),
        "--output",
        str(output),
    ]
    arguments += ["--save", *FORMATS]
    for size in SIZES:
        ended = run_script("predict.py", *arguments, most_bytes=size, check=False)
        if ended.returncode != 0:
            assert_full(ended.stdout, ended.stderr, ended.returncode)
            assert not list(output.rglob("*.tmp*"))
            record = output / "predict.json"  # a later prediction replaces what it names
            named = json.loads(record.read_text())["files"] if record.exists() else []
            assert {path.name.removesuffix(".json") for path in output.glob("poses.[cn]*")} <= {*named}
    assert run_script("predict.py", *arguments).returncode == 0
    resumed = contents(output)
    run_script("predict.py", *arguments[: -len(FORMATS) - 3], "--output", str(tmp_path / "whole"), "--save", *FORMATS)
    assert resumed == contents(tmp_path / "whole") and {f"poses.{kind}" for kind in FORMATS} <= resumed.keys()
    command = [str(output), "--save", "csv,npz,json", "--output", str(exported)]
    refused = 0
    for size in SIZES:
        ended = run_script("export.py", *command, most_bytes=size, check=False)
        refused += ended.returncode != 0
        if ended.returncode != 0:
            assert_full(ended.stdout, ended.stderr, ended.returncode)
            assert not list(exported.rglob("*.tmp*"))
    run_script("export.py", *command)
    assert refused and json.loads((exported / "poses.json").read_text())


def test_nothing_is_written_into_a_data_set_whose_cache_is_elsewhere(
    made: tuple[Config, MadeUpExtractor], tmp_path_factory: pytest.TempPathFactory  # noqa: F811
) -> None:  # fmt: skip
    """So that it may be on a disk that cannot be written: neither a file nor a folder of it changes, even for a moment."""
    config, _ = made
    elsewhere = config.model_copy(
        update={"DATA": Data(root=config.DATA.root, cache=str(tmp_path_factory.mktemp("cache")))}
    )
    for path in (config.data_root, *config.data_root.rglob("*")):
        os.utime(path, ns=(0, 0))
    before = contents(config.data_root)
    assert extract_split(elsewhere, "train").extracted == 6
    open_cache(elsewhere, "train", list_frames(config.data_root, "train"))
    assert contents(config.data_root) == before
    assert {path.stat().st_mtime_ns for path in (config.data_root, *config.data_root.rglob("*"))} == {0}
