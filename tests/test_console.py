"""How the scripts speak: help at once, quiet where asked, one JSON line, Ctrl-C that says how to resume."""

import argparse
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import modules
import predict
from modules import console
from modules.config.load import add_config_arguments
from modules.config.paths import PROJECT_ROOT
from modules.console import command_again, interruptible, is_quiet, make_parser, progress, start_logging
from modules.runs import checkpoints, folders
from modules.utils import EXIT_BAD_INPUT, UserError, log
from tests.conftest import RunScript, options

SCRIPTS = (
    "extract_train_info.py", "train.py", "test.py", "predict.py", "export.py", "check_data.py",
    "data/prepare.py", "data/demo/prepare.py", "data/synthetic/generate.py", "pre_models/fetch.py",
)  # fmt: skip
HEAVY = {
    "torch",
    "torchvision",
    "cv2",
    "pandas",
    "pyarrow",
    "matplotlib",
    "scipy",
    "ai_edge_litert",
    "openvino",
    "tensorflow",
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_comes_before_anything_heavy(script: str) -> None:
    """What makes help slow is imports: none of the heavy ones happens. The exit codes stand below the options."""
    module = script.removesuffix(".py").replace("/", ".")
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", module, "--help"],
        capture_output=True, text=True, cwd=PROJECT_ROOT, check=True,
    )  # fmt: skip
    imported = {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert "argparse" in imported and not imported & HEAVY
    for word in ("--quiet", "--json", "exit codes: 0 done", "130 stopped by Ctrl-C"):
        assert word in " ".join(done.stdout.split())


@pytest.mark.parametrize("module", [script.removesuffix(".py").replace("/", ".") for script in SCRIPTS])
def test_without_the_environment_every_script_says_so(module: str) -> None:
    """-S leaves the environment's packages out, as a terminal does in which nobody has activated it."""
    bare = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-S", "-m", module], capture_output=True, text=True, cwd=PROJECT_ROOT, env=bare, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: {modules.missing_sentence(list(modules.PACKAGES))}\n"
    assert "run `. .venv/bin/activate` (./run.sh makes it)" in done.stderr


def test_the_packages_looked_for_are_those_of_the_requirements() -> None:
    lines = (PROJECT_ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    everywhere = [line for line in lines if not line.startswith("#") and "platform_machine" not in line]
    assert list(modules.PACKAGES) == [re.split(r"[<>=]", line)[0] for line in everywhere]
    assert modules.missing_sentence(["tqdm"]).startswith("packages are missing (tqdm); run `. .venv/bin/activate`")
    assert "(a, b, c and 2 more)" in modules.missing_sentence(list("abcde"))


@pytest.mark.slow
def test_quiet_and_json_leave_one_line(finished: tuple[Path, Path], small_root: Path, run_script: RunScript) -> None:
    results, run = finished
    said = {}
    for script, extra in (("extract_train_info.py", []), ("train.py", ["--reuse"]), ("test.py", ["--reuse"])):
        done = run_script(script, "--quiet", "--json", *extra, *options(small_root, results))
        assert done.stderr == "" and done.stdout.count("\n") == 1
        said[script] = json.loads(done.stdout)
    extracted, trained, tested = said.values()
    assert extracted["train"]["images"] == 15 and extracted["test"]["not_found"] == []
    assert Path(trained["run"]) == run and trained["best"] == "best_01.pt"
    scores = json.loads((results / "test" / f"{run.name}-{small_root.name}" / "metrics.json").read_text())["methods"]
    assert tested["methods"]["PoseNet"] == scores["PoseNet"]["overall"]


@pytest.mark.slow
def test_json_is_the_last_line_of_what_is_said(
    finished: tuple[Path, Path], small_root: Path, run_script: RunScript
) -> None:
    done = run_script("train.py", "--reuse", "--json", *options(small_root, finished[0]))
    lines = done.stdout.splitlines()
    assert "trained already" in lines[0] and json.loads(lines[-1])["stage"] == "train"


@pytest.mark.slow
def test_the_doctor_answers_in_json(small_root: Path, tmp_path: Path, run_script: RunScript) -> None:
    done = run_script("check_data.py", "--quiet", "--json", "--images", "1", *options(small_root, tmp_path))
    assert json.loads(done.stdout)["to_fix"] == []
    missing = options(tmp_path / "nowhere", tmp_path)
    done = run_script("check_data.py", "--quiet", "--json", *missing, check=False)
    assert done.returncode == 2 and done.stderr.count("error: ") == 1


# Presses Ctrl-C when the second epoch is logged, so that the third is interrupted.
PRESS_CTRL_C = """import os, signal
from modules.utils import log
log.addFilter(lambda record: record.getMessage().startswith("epoch   2") and os.kill(os.getpid(), signal.SIGINT) or True)
"""


@pytest.mark.slow
def test_ctrl_c_saves_and_says_how_to_resume(
    finished: tuple[Path, Path], small_root: Path, tmp_path: Path, run_script: RunScript
) -> None:
    """The command that it prints leads to the very weights of a training that nobody stopped."""
    arguments = {
        name: options(
            small_root, tmp_path / name, "TRAIN.num_epochs=4", "TRAIN.model_type=pose", "TRAIN.batch_size=4",
            "TRAIN.view_steps=24",
        )
        for name in ("whole", "stopped")
    }  # fmt: skip
    run_script("train.py", "--quiet", *arguments["whole"])
    stopped = run_script("train.py", *arguments["stopped"], setup=PRESS_CTRL_C, check=False)
    assert stopped.returncode == 130 and "Traceback" not in stopped.stderr
    run = next((tmp_path / "stopped" / "train").iterdir())
    assert f"stopped; {run / folders.LAST} is saved; to resume: " in stopped.stderr
    saved = checkpoints.load_checkpoint(run / folders.LAST)
    assert saved["epoch"] == 2 and saved["partial"] is not None  # in the middle of an epoch
    python, script, *advised = shlex.split(stopped.stderr.strip().splitlines()[-1].partition("to resume: ")[2])
    assert python == "python"
    run_script(script, *advised)
    whole = next((tmp_path / "whole" / "train").iterdir())
    weights = [checkpoints.load_checkpoint(folder / folders.LAST)["model"] for folder in (whole, run)]
    assert all(weights[0][name].equal(weights[1][name]) for name in weights[0])


@pytest.mark.slow
def test_ctrl_c_in_extraction_says_what_stays(small_root: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-u", "extract_train_info.py", *options(small_root, tmp_path, f"DATA.cache={tmp_path}")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=PROJECT_ROOT)
    assert process.stderr is not None
    process.stderr.readline()  # of progress: it has begun
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 130 and "Traceback" not in errors
    assert "keeps 0 of 15 images (128 are written at a time); start the same command again to resume" in errors


def test_progress_in_a_log_file_is_a_few_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert list(progress(range(2000), "walk", "step")) == list(range(2000))
    first, last = capsys.readouterr().err.splitlines()  # of a walk shorter than SECONDS_PER_LINE
    assert first.startswith("walk: 0/2000 [") and last.startswith("walk: 2000/2000 [") and "step/s]" in last
    monkeypatch.setattr(modules.console, "SECONDS_PER_LINE", 0.01)
    begun = time.monotonic()
    for _ in progress(range(50), "walk", "step"):
        time.sleep(0.002)
    most_lines = 2 + (time.monotonic() - begun) / 0.01  # the first, the last, and those between
    written = capsys.readouterr().err
    assert "\r" not in written and 3 < written.count("\n") <= most_lines


def test_progress_on_a_terminal_writes_over_itself(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    list(progress(range(10), "walk", "step"))
    written = capsys.readouterr().err
    assert written.count("\r") >= 2 and written.count("\n") == 1 and "walk: 100%" in written


def test_the_first_ctrl_c_raises_a_flag_and_the_second_stops() -> None:
    with interruptible() as requested:
        assert not requested()
        signal.raise_signal(signal.SIGINT)
        assert requested()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):  # outside, Ctrl-C is what it was
        signal.raise_signal(signal.SIGINT)


def test_the_command_to_go_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["train.py", "--resume", "old run", "--set", "TRAIN.num_epochs=3"]
    for resume in (["--resume", "old run"], ["--resume=old run"], []):
        monkeypatch.setattr(sys, "argv", ["train.py", *resume, "--set", "TRAIN.num_epochs=3"])
        command = command_again("--resume", "results/a run", without="--resume")
        assert shlex.split(command) == ["python", *arguments[:1], *arguments[3:], "--resume", "results/a run"]


def test_quiet_hides_what_is_not_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    arguments: argparse.Namespace = make_parser("a script").parse_args(["--quiet"])
    before = list(log.handlers), log.propagate
    try:
        start_logging(quiet=arguments.quiet)
        log.info("said")
        log.warning("warned")
        assert capsys.readouterr().out == "warned\n" and is_quiet()
        start_logging()
        assert not is_quiet()
    finally:
        log.handlers[:], log.propagate = before


def test_user_errors_are_one_sentence_with_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    def fails() -> None:
        raise UserError("x.json: the field K is missing; add it")

    with pytest.raises(SystemExit) as ended:
        console.run_script(fails)
    assert ended.value.code == EXIT_BAD_INPUT == 2
    assert capsys.readouterr().err == "error: x.json: the field K is missing; add it\n"


def test_interrupt_ends_with_130() -> None:
    def interrupted() -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(SystemExit) as ended:
        console.run_script(interrupted)
    assert ended.value.code == 130


def test_a_second_config_file_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """The first one would be passed over without a word."""
    parser = make_parser("Describes.")
    add_config_arguments(parser)
    assert parser.parse_args(["--config", "a.yml"]).config == "a.yml"
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(["--config", "a.yml", "--config", "b.yml"])
    assert ended.value.code == EXIT_BAD_INPUT
    assert "--config: one config file at a time, not b.yml too" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["200000", "1e-320", "0", "-25", "nan", "inf", "fast"])
def test_a_rate_that_no_recording_has_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    predict.add_arguments(parser)
    named = ["a.jpg", "--camera", "c.json"]
    assert parser.parse_args([*named, "--fps", "29.97"]).fps == 29.97
    with pytest.raises(SystemExit) as ended:
        parser.parse_args([*named, f"--fps={text}"])
    assert ended.value.code == EXIT_BAD_INPUT and "write a number from 0.001 to 1000" in capsys.readouterr().err
