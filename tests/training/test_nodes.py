"""Several machines, which are processes on loopback here, train as one; the end of one ends all with one sentence."""

import argparse
import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import train
from modules.config.load import load_config
from modules.config.paths import DEFAULT_CONFIG, PROJECT_ROOT
from modules.config.train import Train
from modules.runs import checkpoints, folders
from modules.training.nodes import joined_nodes
from modules.utils import UserError, log
from tests.conftest import sets
from tests.training.train_on_nodes import RESULTS, use_rows

PROGRAM = "tests/training/train_on_nodes.py"
# SGD, because Adam divides rounding errors of tiny gradients by their own size.
COMMON = (
    "DATA.validation=person", "TRAIN.model_type=pose", "TRAIN.view_steps=0", "TRAIN.batch_size=8", "TRAIN.num_epochs=2",
    "TRAIN.optimizer=sgd", "TRAIN.learning_rate=0.05", "TRAIN.precision=32-true", "TRAIN.accelerator=cpu",
)  # fmt: skip
AGREEING = """
import os, sys, time
from modules.config.train import Train
from modules.console import run_script
from modules.training.nodes import joined_nodes
from modules.utils import UserError

rank = os.environ["RANK"]

def fail():
    if rank == "1":
        raise UserError("crops: damaged")

def main():
    with joined_nodes(Train(num_nodes=2)) as nodes:
        print("chosen", nodes.chosen(lambda: rank))
        for agree in (lambda: nodes.in_turn(fail), lambda: nodes.require_same(rank, "config or cache")):
            try:
                agree()
            except UserError as error:
                print(error)
        nodes.in_turn(sys.stdout.flush)  # of both, before one ends both
        if rank == "1":
            raise KeyboardInterrupt
        time.sleep(60)

run_script(main)
"""


def free_port() -> str:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return str(found.getsockname()[1])


def run_all(commands: list[list[str]], environments: list[dict[str, str]]) -> list[subprocess.CompletedProcess[str]]:
    """Runs one command per node, all at once."""
    started = [
        subprocess.Popen(
            command, cwd=PROJECT_ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT), **environment},
        )
        for command, environment in zip(commands, environments, strict=True)
    ]  # fmt: skip
    ended = [(process, *process.communicate()) for process in started]
    return [subprocess.CompletedProcess(process.args, process.returncode, out, err) for process, out, err in ended]


def by_torchrun(words: list[str], environment: dict[str, str]) -> list[subprocess.CompletedProcess[str]]:
    """Runs a script with its arguments by torchrun on two nodes."""
    port = free_port()
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--master-addr", "127.0.0.1"]
    commands = [[*torchrun, "--master-port", port, "--node-rank", node, *words] for node in ("0", "1")]
    return run_all(commands, [environment, environment])


def as_torchrun(words: list[str], environment: dict[str, str]) -> list[subprocess.CompletedProcess[str]]:
    """Runs a script, or code, in two processes with the variables of torchrun, whose own start takes seconds."""
    shared = {
        **environment, "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "1", "LOCAL_RANK": "0", "TORCHELASTIC_RUN_ID": "test",
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port(),
    }  # fmt: skip
    return run_all([[sys.executable, *words]] * 2, [{**shared, "RANK": rank} for rank in ("0", "1")])


def config_of(root: Path, results: Path, *more: str) -> list[str]:
    return [*COMMON, f"DATA.root={root}", f"RESULTS.root={results}", *more]


def train_alone(root: Path, results: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Trains in this process; returns the run folder."""
    use_rows(root / "rows" / "alone", monkeypatch.setattr)
    monkeypatch.setattr(log, "handlers", [])
    monkeypatch.setattr(log, "propagate", True)  # restored after the test, whatever the console changes
    config = load_config(PROJECT_ROOT / DEFAULT_CONFIG, config_of(root, results))
    return train.train(config, argparse.Namespace(resume=None, reuse=False, quiet=True))[0]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*:UserWarning")
def test_two_nodes_of_which_one_is_killed_resume_and_learn_what_one_process_learns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "task04_train").mkdir()
    environment = {"MADE_UP_ROWS": str(tmp_path / "rows")}
    options = sets(config_of(tmp_path, tmp_path / RESULTS, "TRAIN.num_nodes=2"))
    killed = by_torchrun([PROGRAM, *options], {**environment, "KILL": "1:2"})
    said = "".join(node.stderr for node in killed)
    sentences = re.findall(r"^error: (.*)$", said, re.MULTILINE)
    assert len(sentences) == 1 and all(node.returncode == 1 for node in killed), said  # torchrun's own code
    assert re.match(
        r"rank 1 of 2 \(host .*\) has ended, .* with: tests/training/train_on_nodes.py .*--resume", sentences[0]
    )
    (run,) = (tmp_path / RESULTS / "train").iterdir()
    resumed = as_torchrun(shlex.split(sentences[0].split(" with: ")[1]), environment)
    assert [node.returncode for node in resumed] == [0, 0], resumed[0].stderr + resumed[1].stderr
    assert "resuming after epoch 0 and " in resumed[0].stdout and resumed[1].stdout == ""

    alone = train_alone(tmp_path, tmp_path / "alone", monkeypatch)
    a, b = (checkpoints.load_checkpoint(one / folders.LAST) for one in (alone, run))
    assert a["key"] == b["key"]  # so that test.py finds the run, however many machines have trained it
    for name, value in a["model"].items():
        torch.testing.assert_close(b["model"][name], value, rtol=2e-3, atol=2e-5, msg=lambda m, n=name: f"{n}: {m}")
    for one, other in zip(a["record"], b["record"], strict=True):
        assert one["train_loss"] == pytest.approx(other["train_loss"], rel=1e-3)
        assert one["validation_score"] == pytest.approx(other["validation_score"], rel=1e-3)
    assert {path.name for path in run.iterdir()} == {path.name for path in alone.iterdir()}


def test_nodes_agree_and_stop_together() -> None:
    """Errors of one are raised in both, and Ctrl-C in one stops both."""
    first, second = as_torchrun(["-c", AGREEING], {})
    host = socket.gethostname()
    expected = [
        "chosen 0", f"crops: damaged (on rank 1 of 2 (host {host}))",
        f"rank 1 of 2 (host {host}) has another config or cache than the first process; start every node with the same "
        "command, and set DATA.root and DATA.cache to folders that all of them share",
    ]  # fmt: skip
    assert first.stdout.splitlines() == second.stdout.splitlines() == expected, first.stderr + second.stderr
    assert first.stderr.splitlines()[-1] == "stopped; to resume, start the same command on every node again"
    assert (first.returncode, second.returncode) == (130, 130) and "resume" not in second.stderr


def test_nodes_without_torchrun_are_refused_with_the_command_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", "--set", "TRAIN.num_nodes=2"])
    says = (
        r"^TRAIN.num_nodes=2: torchrun has not started this process; .*: torchrun --nnodes 2 --nproc-per-node 3 --node-rank I "
        r"--master-addr FIRST_NODE --master-port 29500 train.py --set TRAIN.num_nodes=2$"
    )
    with pytest.raises(UserError, match=says), joined_nodes(Train(num_nodes=2, devices=3)):
        pass


def test_torchrun_must_start_the_configured_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TORCHELASTIC_RUN_ID": "test", "WORLD_SIZE": "6", "LOCAL_WORLD_SIZE": "3"}.items():
        monkeypatch.setenv(name, value)
    says = "has started 6 processes, 3 on this node; set TRAIN.num_nodes to 2 and TRAIN.devices to 3"
    with pytest.raises(UserError, match=says), joined_nodes(Train(num_nodes=6)):
        pass
