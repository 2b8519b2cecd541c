"""Two processes that write one folder: one works, the other says so, and a killed one holds nothing up."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest

from modules.cache import store
from modules.cache.extraction import extract_split
from modules.config.paths import PROJECT_ROOT
from modules.config.schema import Config
from modules.files.atomic import atomic_folder
from modules.files.locking import only_writer
from modules.predict import job
from modules.utils import UserError
from tests.cache.conftest import MadeUpExtractor, made  # noqa: F401  (a fixture)
from tests.predict.conftest import camera_file, people_images, untrained  # noqa: F401  (fixtures)

HOLD = """import sys, time; from pathlib import Path; from modules.files.atomic import atomic_folder
with atomic_folder(Path(sys.argv[1])) as folder:
    (folder / "half").touch()
    print("writing", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other(tmp_path: Path) -> Callable[[], subprocess.Popen[str]]:
    """Returns a function that starts a process which is writing the folder `results`."""

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", HOLD, str(tmp_path / "results")]
        process = subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None and process.stdout.readline() == "writing\n"
        return process

    return start


def test_results_that_another_process_writes_are_left_to_it_until_it_is_killed(
    tmp_path: Path, other: Callable[[], subprocess.Popen[str]]
) -> None:
    with other() as process:
        with (
            pytest.raises(UserError, match="another process writes this folder; wait until it ends, or stop it"),
            atomic_folder(tmp_path / "results") as folder,
        ):
            (folder / "x").touch()
        assert (tmp_path / ".results.tmp" / "half").exists()
        process.send_signal(signal.SIGKILL)
    with atomic_folder(tmp_path / "results") as folder:
        (folder / "whole").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["results", "whole"]


def test_one_cache(made: tuple[Config, MadeUpExtractor]) -> None:  # noqa: F811
    config, extractor = made
    folder = store.cache_folder(config, "train")
    folder.mkdir(parents=True)
    with only_writer(folder, "extracts into"):
        with pytest.raises(UserError, match="another process extracts into this folder; wait until it ends"):
            extract_split(config, "train")
        assert extractor.calls == 0 and list(folder.iterdir()) in ([], [folder / "inputs.parquet"])
    assert extract_split(config, "train").extracted == 6
    with only_writer(folder, "extracts into"):  # a complete cache is read by as many as like
        assert extract_split(config, "train").extracted == 0


def test_one_output(tmp_path: Path, camera_file: Path, people_images: list[Any], untrained: Path) -> None:  # noqa: F811
    (tmp_path / "a.png").write_bytes(cv2.imencode(".png", people_images[2])[1].tobytes())
    output = tmp_path / "out"
    output.mkdir()
    request = job.Request([str(tmp_path / "a.png")], camera_file, run=untrained, output=output)
    with only_writer(output, "predicts into"):
        with pytest.raises(UserError, match="another process predicts into this folder; wait until it ends"):
            job.predict(request)
        assert [path.name for path in output.rglob("*")] == ["cache"]
    assert job.predict(request).poses.found.tolist() == [False]


def test_jobs_of_an_array_write_together_and_keep_others_out(tmp_path: Path) -> None:
    with only_writer(tmp_path, "extracts into", with_others=True):
        with only_writer(tmp_path, "extracts into", with_others=True):
            pass
        with (
            pytest.raises(UserError, match="another process extracts into this folder"),
            only_writer(tmp_path, "extracts into"),
        ):
            pass
    with only_writer(tmp_path, "extracts into"):
        pass
