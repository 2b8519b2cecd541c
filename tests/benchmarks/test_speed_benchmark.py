"""Tests of the speed benchmark: its stored table, measuring in turns, mediapipe's process, and every part."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import pages
from benchmarks.speed import __main__ as speed
from benchmarks.speed import extraction, run, stage_process, tables
from benchmarks.speed.setting import QUICK, Setting, Sizes, pair, ratios, repeat_root, take_turns
from modules.config.engines import computes_bfloat16
from modules.config.paths import DEFAULT_CONFIG, PROJECT_ROOT
from modules.config.schema import Config
from modules.files.atomic import read_json
from modules.files.layout import list_frames
from modules.utils import UserError
from pre_models.blazepose import fetch_blazepose

RESULT: dict[str, Any] = {
    "command": "python -m benchmarks.speed", "commit": "0123456789abcdef", "clean": True, "repeats": 3, "memory_repeats": 2,
    "machine": {
        "processor": "a processor", "cores": 2, "memory_gib": 8.0, "system": "Linux x86_64", "python": "3.11.7",
        "packages": {"torch": "2.6"}, "load_before": 0.1, "environment": {"OMP_NUM_THREADS": "1"},
    },
    "pairs": [pair("walking", "steps/s", ("upright", [20.0, 30.0, 10.0]), ("bent", [10.0, 10.0, 10.0]))],
    "memory": [
        {"stage": "extraction", "images": 10, "seconds": [2.0, 4.0], "peak_mib": [100, 90]},
        {"stage": "extraction", "images": 100, "seconds": [15.0, 15.0], "peak_mib": [100, 110]},
    ],
    "left_out": ["something was unavailable"],
}  # fmt: skip


def test_the_committed_table_is_that_of_the_committed_result() -> None:
    """Without a result there is no table."""
    begin, end = pages.marks(tables.MARKS)
    page = pages.SPEED_PAGE.read_text(encoding="utf-8")
    shown = page.split(begin)[1].split(end)[0].strip()
    made = tables.format_tables(read_json(tables.RESULT)) if tables.RESULT.exists() else ""
    assert shown == made


def test_the_table_shows_the_measurements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page, result = tmp_path / "speed.md", tmp_path / "speed.json"
    page.write_text("before\n{}\nold\n{}\nafter\n".format(*pages.marks("speed")))
    monkeypatch.setattr(run, "SPEED_PAGE", page)
    monkeypatch.setattr(run, "RESULT", result)
    run.store(RESULT, result)
    lines = page.read_text().splitlines()
    assert lines[0] == "before" and lines[-1] == "after" and "old" not in lines
    assert "| walking, steps/s | 20.0 (upright) | 10.0 (bent) | **2.00** (1.00 to 3.00) |" in lines
    assert "| extraction | 10 | 3.00 | 100 | x 1.00, x 1.00, x 1.00 |" in lines
    assert "| extraction | 100 | 15.0 | 110 | x 10.0, x 5.00, x 1.10 |" in lines
    assert "something was unavailable" in lines and "0123456789: 3 repeats" in lines[-3]
    assert read_json(result) == RESULT


def test_a_result_stored_elsewhere_leaves_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "speed.md"
    page.write_text("{}\n{}\n".format(*pages.marks("speed")))
    monkeypatch.setattr(run, "SPEED_PAGE", page)
    run.store(RESULT, tmp_path / "other.json")
    run.store(RESULT, None)
    assert len(page.read_text().splitlines()) == 2


def test_the_two_sides_take_turns() -> None:
    order: list[str] = []

    def contender(name: str) -> Any:
        def work() -> dict[str, float]:
            order.append(name)
            return {name: float(len(order))}

        return work

    found = take_turns({"a": contender("a"), "b": contender("b")}, Sizes(repeats=2, warm_ups=1))
    assert "".join(order) == "baabba" and found == {"a": [3.0, 6.0], "b": [4.0, 5.0]}


def test_ratios_are_of_each_repeat() -> None:
    row = pair("a", "1/s", ("ours", [10.0, 30.0, 20.0]), ("theirs", [10.0, 10.0, 10.0]))
    assert ratios(row) == (2.0, 1.0, 3.0)


def test_the_data_set_is_repeated_completely(small_root: Path, tmp_path: Path) -> None:
    once = list_frames(small_root, "train")
    repeat_root(small_root, tmp_path, 3)
    frames = list_frames(tmp_path, "train")
    assert len(frames) == 3 * len(once) and len({frame.file_name for frame in frames}) == len(frames)
    for frame in frames:
        assert frame.camera_path.is_file() and frame.label_path.is_file()
    same = [frame.image_path.resolve() for frame in frames if frame.pose == f"{once[0].pose}-2"]
    assert same == [frame.image_path.resolve() for frame in once]
    assert len(repeat_root(small_root, tmp_path / "few", 1, 4)) == 4


def test_peak_memory_is_the_processs_own() -> None:
    big = b"x" * 2**28  # 256 MiB in the process that starts the child
    program = "from benchmarks.speed.stage_process import peak_mib; print(peak_mib())"
    done = subprocess.run([sys.executable, "-c", program], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    assert 10 < float(done.stdout) < len(big) / 2**20 < stage_process.peak_mib()


def setting(folder: Path) -> Setting:
    return Setting(Config(), [], folder, QUICK)


def test_missing_mediapipe_is_reported_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extraction, "ENVIRONMENT", tmp_path / "none")
    one = setting(tmp_path)
    with extraction.mediapipe_runtime(one) as runtime:
        assert runtime is None
    assert "is not installed yet" in one.left_out[0] and len(one.left_out) == 1
    monkeypatch.setattr(extraction, "find_python", lambda: None)
    assert "needs Python 3.9 to 3.12" in str(extraction.make_environment(install=True))
    monkeypatch.setattr(extraction, "find_python", lambda: "false")
    assert "could not be installed into none" in str(extraction.make_environment(install=True))


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """Replaces mediapipe_runtime.py by a program, and mediapipe's environment by this Python."""
    python = folder / "bin" / "python"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    (folder / extraction.STAMP).write_text(extraction.MEDIAPIPE)
    (folder / "runtime.py").write_text(program)
    monkeypatch.setattr(extraction, "ENVIRONMENT", folder)
    monkeypatch.setattr(extraction, "RUNTIME", folder / "runtime.py")


def test_mediapipe_answers_line_by_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, monkeypatch, (
        "import json, sys\nprint(json.dumps({'version': '1'}), flush=True)\n"
        "for line in sys.stdin:\n"
        "    count = len(json.loads(line)['images'])\n"
        "    if count == 3: sys.exit('it broke')\n"
        "    print(json.dumps({'decoding': 1.0, 'finding': 2.0, 'found': count}), flush=True)\n"
    ))  # fmt: skip
    with extraction.mediapipe_runtime(setting(tmp_path)) as runtime:
        assert runtime is not None and runtime.version == "1"
        assert runtime.time_images([Path("a"), Path("b")]) == {"decoding": 1.0, "finding": 2.0, "found": 2}
        with pytest.raises(UserError, match="it broke"):
            runtime.time_images([Path("a")] * 3)
    assert runtime.process.returncode is not None


def test_mediapipe_that_does_not_start_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, monkeypatch, "import sys\nsys.exit('libGL.so.1 is missing')\n")
    one = setting(tmp_path)
    with extraction.mediapipe_runtime(one) as runtime:
        assert runtime is None
    assert one.left_out == ["mediapipe 0.10.21 is installed but does not start, so extraction is not compared with it"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--repeats", "0"], "--repeats is 0; write a number of at least 1"),
        (["--set", "DATA.root=nowhere"], "run python -m data.prepare first"),
        (
            ["--only", "extraction", "--set", "EXTRACT.weights=heavy"],
            "leave extractor, weights and test_time_augmentation",
        ),
        (["--only", "step", "--set", "TRAIN.model_type=pose"], "leave both unchanged"),
    ],
)
def test_impossible_measurements_are_refused(
    arguments: list[str], message: str, small_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed, "start_logging", lambda quiet: None)
    monkeypatch.setattr("sys.argv", ["speed", "--quick", "--set", f"DATA.root={small_root}", *arguments])
    with pytest.raises(UserError, match=message):
        speed.main()


@pytest.mark.slow
def test_every_part_runs(
    small_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fetch_blazepose("heavy")
    out = tmp_path / "speed.json"
    arguments = ["speed", "--quick", "--out", str(out), "--config", DEFAULT_CONFIG]
    arguments += ["--set", f"DATA.root={small_root}", "--set", "TRAIN.view_steps=20"]  # one pose step for an image step
    monkeypatch.setattr(speed, "start_logging", lambda quiet: None)
    monkeypatch.setattr("sys.argv", arguments)
    speed.main()
    result = read_json(out)
    assert capsys.readouterr().out.strip() == tables.format_tables(result)
    with_mediapipe = not any("mediapipe" in sentence for sentence in result["left_out"])
    assert len(result["pairs"]) == 8 + (5 if computes_bfloat16() else 3) + (4 if with_mediapipe else 0)
    assert all(rate > 0 for row in result["pairs"] for side in ("ours", "other") for rate in row[side]["rates"])
    assert [(row["stage"], row["images"]) for row in result["memory"]] == [
        ("extraction", 4), ("extraction", 8), ("prediction", 4), ("prediction", 8),
    ]  # fmt: skip
    assert all(peak > 50 for row in result["memory"] for peak in row["peak_mib"])
    assert not (small_root / "cache" / "speed").exists() and result["machine"]["cores"] >= 1
