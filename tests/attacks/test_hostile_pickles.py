"""Calibrations that are pickles: only numbers are read, nothing is called, and no small file fills the memory."""

import pickle
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modules.calibrations.numpy_pickle import load_numbers
from tests.attacks.program import Program


class Call:
    """Is a call of a function when it is unpickled."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def nested(depth: int) -> list[Any]:
    """A list that stands for 10 ** depth numbers, in a few hundred bytes."""
    value: list[Any] = [1.0] * 10
    for _ in range(depth - 1):
        value = [value] * 10
    return value


def test_a_calibration_that_is_a_program_does_not_run(tmp_path: Path) -> None:
    for value in (
        Program(tmp_path / "ran"),
        [1.0, Program(tmp_path / "ran")],
        np.array([Program(tmp_path / "ran")], object),
    ):
        with pytest.raises(ValueError, match="only NumPy's arrays are read"):
            load_numbers(pickle.dumps(value))
    assert not (tmp_path / "ran").exists()


HOSTILE = {
    "an array of any shape": Call(np.ndarray, (10**9,)),
    "another of any shape": Call(np.empty(0).__reduce__()[0], np.ndarray, (10**9,), b"d"),
    "references": nested(7),
    "one array a thousand times": [np.zeros(10_000)] * 1000,
    "an allowed module's other function": Call(np.load, "x"),
    "a built-in": Call(eval, "1"),
    "a getter": Call(getattr, 1, "real"),
    "a number of an object": b"\x80\x02Nr\xff\xff\xff\x01.",  # a table of 2 ** 26 objects, in 9 bytes
    "a number of an object in text": b"\x80\x02Np33554431\n.",
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_no_small_pickle_fills_the_memory_or_calls_anything(case: str) -> None:
    hostile = HOSTILE[case]
    data = hostile if isinstance(hostile, bytes) else pickle.dumps(hostile)
    assert len(data) < 200_000
    tracemalloc.start()
    try:
        found = load_numbers(data)
        assert case == "another of any shape" and found == []
    except ValueError:
        pass
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 100 * 2**20


def test_what_numpy_writes_is_read() -> None:
    value = {
        "K": np.eye(3),
        "t": np.arange(3.0)[:, None],
        "size": np.int64(7),
        "name": "a",
        "f": np.asfortranarray(np.ones((2, 3))),
    }
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        found = load_numbers(pickle.dumps(value, protocol))
        assert found["K"] == np.eye(3).tolist() and found["t"] == [[0], [1], [2]] and found["size"] == 7
        assert found["f"] == [[1, 1, 1], [1, 1, 1]]
