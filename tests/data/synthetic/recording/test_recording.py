"""The worker processes end with their parent, and the lists report what prevents them from being written."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from data.synthetic.recording.lists import write_lists
from modules.config.paths import PROJECT_ROOT
from modules.utils import UserError
from tests.data.synthetic.test_plan import OPTIONS, write_set

KILLED_WITH_A_WORKER = """
import os, signal
from concurrent.futures import ProcessPoolExecutor
from ctypes import c_long
from multiprocessing import get_context
from data.synthetic.recording.processes import _start_worker

context = get_context("spawn")
counters = context.Value(c_long, 0), context.Value(c_long, 0)
pool = ProcessPoolExecutor(1, context, _start_worker, counters)
print(pool.submit(os.getpid).result(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_no_process_outlives_a_parent_that_is_killed() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED_WITH_A_WORKER], cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    worker = int(process.stdout.readline())
    try:
        process.communicate(timeout=30)  # ends when nobody holds the pipe any more
    except subprocess.TimeoutExpired:
        os.kill(worker, signal.SIGKILL)
        pytest.fail("the worker waits for a parent that is no more")
    assert process.returncode == -signal.SIGKILL


def test_a_label_that_is_broken_is_reported_with_its_fix(tmp_path: Path) -> None:
    write_set(tmp_path)  # whose labels are not JSON
    with pytest.raises(UserError, match="_0.json: this is not readable JSON: line 1, column 1"):
        write_lists(tmp_path, OPTIONS)
