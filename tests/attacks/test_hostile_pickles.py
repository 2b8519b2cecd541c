"""Calibrations that are pickles: only numbers are read, nothing is called, and no small file fills the memory."""

import codecs
import pickle
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis.extra.numpy
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.calibrations.numpy_pickle import load_numbers
from tests.attacks.program import Program


class Call:
    """Is a call of a function when it is unpickled."""

    def __init__(self, function: Any, *arguments: Any, state: Any = None) -> None:
        self.call = function, arguments, state

    def __reduce__(self) -> Any:
        return self.call


F8 = np.dtype("f8")


def array(shape: Any, dtype: Any = F8, content: Any = b"") -> Call:
    """Is what a pickle says of an array, true or not."""
    return Call(np.empty(0).__reduce__()[0], np.ndarray, (0,), b"b", state=(1, shape, dtype, False, content))


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
    "rows without columns": array((10**9, 0)),
    "a negative size": array((-1,), content=b"12345678"),
    "sizes that are no numbers": array((2.0, (1,))),
    "more than its bytes": array((3,), content=b"12345678"),
    "a type of any text": array((1,), Call(np.dtype, nested(7)), b"12345678"),
    "an order of bytes of any text": array((1,), Call(np.dtype, "f8", state=(3, nested(7))), b"12345678"),
    "one text as a thousand arrays": [array((10**5,), np.dtype("u1"), text) for text in ["a" * 10**5] for _ in range(1000)],
    "one text encoded a thousand times": [Call(codecs.encode, text, "latin1") for text in ["a" * 10**5] for _ in range(3000)],
    "another encoding": Call(codecs.encode, "a", nested(7)),
    "a set": {1.0},
    "references": nested(7),
    "one array a thousand times": [np.zeros(10_000)] * 1000,
    "an allowed module's other function": Call(np.load, "x"),
    "a built-in": Call(eval, "1"),
    "a getter": Call(getattr, 1, "real"),
    "a number of an object": b"\x80\x02Nr\xff\xff\xff\x01.",  # a table of 2 ** 26 objects, in 9 bytes
    "a number of an object in text": b"\x80\x02Np33554431\n.",
}  # fmt: skip


HARMLESS = ("a number of an object", "a number of an object in text", "one text encoded a thousand times")


@pytest.mark.parametrize("case", HOSTILE)
def test_no_small_pickle_fills_the_memory_or_calls_anything(case: str) -> None:
    hostile = HOSTILE[case]
    data = hostile if isinstance(hostile, bytes) else pickle.dumps(hostile)
    assert len(data) < 200_000
    tracemalloc.start()
    try:
        load_numbers(data)
        assert case in HARMLESS
    except ValueError:
        pass
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 100 * 2**20


def test_numbers_that_a_pickle_calls_objects_are_no_addresses() -> None:
    """NumPy's own reader takes the bytes of such an array for addresses, and ends the process."""
    state = (3, "<", None, None, None, -1, -1, 63)
    data = pickle.dumps(array((1,), Call(np.dtype, "f8", state=state), np.float64(1.5).tobytes()), 2)
    assert load_numbers(data) == [1.5]


def test_a_key_of_nested_tuples_is_refused_before_it_is_hashed() -> None:
    """Each of 40 tuples holds the one before twice, so that its hash takes 2 ** 40 steps."""
    key = b")" + b"".join(b"q%c%b" % (i, b"h%c\x86" % i) for i in range(40))
    with pytest.raises(ValueError, match="it is damaged"):
        load_numbers(b"\x80\x02}" + key + b"K\x01s.")


@given(
    hypothesis.extra.numpy.arrays(
        st.sampled_from(["?", "i1", "<i2", ">i4", "i8", "u1", ">u8", "<f2", ">f4", "f8"]),
        hypothesis.extra.numpy.array_shapes(min_dims=0, min_side=0, max_side=4),
    ),
    st.sampled_from(["as it is", "transposed", "Fortran", "every second"]),
    st.integers(0, pickle.HIGHEST_PROTOCOL),
)
def test_any_array_is_read_as_numpy_reads_it(values: np.ndarray, how: str, protocol: int) -> None:
    change: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "transposed": np.transpose, "Fortran": np.asfortranarray, "every second": lambda a: a[..., ::2] if a.ndim else a,
    }  # fmt: skip
    written = change.get(how, np.asarray)(values)
    data = pickle.dumps({"array": written, "again": [written, written]}, protocol)
    found, expected = load_numbers(data), written.tolist()
    for one in (found["array"], *found["again"]):
        np.testing.assert_array_equal(one, expected)
        assert type(one) is type(expected)


def test_what_numpy_writes_is_read() -> None:
    value = {
        "K": np.eye(3),
        "t": np.arange(3.0)[:, None],
        "size": np.int64(7),
        "name": "a",
        "f": np.asfortranarray(np.ones((2, 3))),
        ("S1", 5): [np.array([np.eye(2), None], object), np.array(["a"]), b"c"],
    }
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        found = load_numbers(pickle.dumps(value, protocol))
        assert found["K"] == np.eye(3).tolist() and found["t"] == [[0], [1], [2]] and found["size"] == 7
        assert found["f"] == [[1, 1, 1], [1, 1, 1]] and found["name"] == "a"
        assert found["S1", 5] == [[[[1, 0], [0, 1]], None], None, "c"]
