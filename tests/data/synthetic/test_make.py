"""The processes that make a set: they go when the one that started them goes, however it goes."""

import os
import signal
import subprocess
import sys

import pytest

from modules.config import PROJECT_ROOT

KILLED_WITH_A_WORKER = """
import os, signal
from concurrent.futures import ProcessPoolExecutor
from ctypes import c_long
from multiprocessing import get_context
from data.synthetic.make import _start_worker

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
