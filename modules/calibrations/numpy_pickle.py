"""Reads pickles of numbers: NumPy's arrays, and nothing else that is not built into the notation.

The notation is followed here, step by step, and nothing that it names is called: NumPy's own functions trust what a pickle
says of types and shapes, so that a damaged one ends the process. Arrays are made of their bytes once both are checked.
"""

from __future__ import annotations

import math
import pickletools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

FEW_VALUES, MOST_VALUES = 10**5, 10**7  # of any pickle; of one with as many bytes: references can stand for any number
# The steps of the notation: push the argument, which stands in the file; push a constant; write memory, and read it.
_VALUES = re.compile(
    "(SHORT_)?BINSTRING|(SHORT_)?BINUNICODE8?|(SHORT_)?BINBYTES8?|BYTEARRAY8|(BIN)?INT[12]?|LONG[14]?|(BIN)?FLOAT|STRING|UNICODE"
)
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_PUT, _GET = {"PUT", "BINPUT", "LONG_BINPUT"}, {"GET", "BINGET", "LONG_BINGET"}
_NOTHING = {"PROTO", "FRAME", "STOP"}
_CALLED = re.compile(
    r"numpy\.(_?core\.(multiarray\.(_reconstruct|scalar)|numeric\._frombuffer)|ndarray|dtype)"
    r"|_codecs\.encode|(__builtin__|builtins)\.bytes"
)
_NUMBERS, _OBJECTS, _OTHERS = (
    re.compile(f"[<>=|]{kinds}") for kinds in ("([biu][1248]|f[248])", "O[48]?", r"[SUVMmc]\d+")
)


class _RefusedError(Exception):
    """A pickle is refused for this reason."""


class _DType:
    """What a pickle says of the type of an array's values: the order of their bytes, and a name such as f8."""

    def __init__(self, name: str) -> None:
        self._order, self._name = "|", name

    def fill(self, state: tuple[Any, ...]) -> None:
        """Takes the order of bytes, which follows after the version."""
        self._order = {order: order for order in "<>=|"}[state[1]]

    @property
    def text(self) -> str:
        return self._order + self._name


@dataclass
class _Array:
    """What a pickle says of an array, which is made when its values are read: a pickle can hold it any number of times."""

    content: Any = None
    dtype: _DType = field(default_factory=lambda: _DType(""))
    shape: tuple[int, ...] = ()
    order: Any = "C"
    axes: Any = None

    def fill(self, state: tuple[Any, ...]) -> None:
        """Takes type, shape, order of axes and content, which follow after the version."""
        self.shape, self.dtype, is_fortran, self.content = state[-4:]
        self.order = "F" if is_fortran else "C"

    @property
    def count(self) -> int:
        """The number of values; rows without columns are values, too."""
        if not all(isinstance(size, int) and size >= 0 for size in self.shape):
            raise ValueError
        return math.prod(max(1, size) for size in self.shape)

    def values(self) -> np.ndarray | None:
        """Returns an array of numbers or of objects, None for one of texts, times and other types.

        Raises an error of any kind if type, shape and content do not fit.
        """
        if _OTHERS.fullmatch(self.dtype.text):
            return None
        if _OBJECTS.fullmatch(self.dtype.text) and isinstance(self.content, list):
            flat = np.fromiter(self.content, object, len(self.content))
        elif _NUMBERS.fullmatch(self.dtype.text):
            data = self.content.encode("latin1") if isinstance(self.content, str) else self.content
            flat = np.frombuffer(data, self.dtype.text, -1 if data else 0)
        else:
            raise ValueError
        array = flat.reshape(self.shape, order=self.order)
        return array if self.axes is None else array.transpose(self.axes)


@dataclass(frozen=True)
class _Name:
    """A function that a pickle names."""

    text: str


def _name(words: list[Any]) -> _Name:
    """Returns one of NumPy's functions by its module and name. Raises _RefusedError for any other."""
    module, name = words
    if not (isinstance(module, str) and isinstance(name, str)):
        raise ValueError
    if not _CALLED.fullmatch(f"{module}.{name}"):
        raise _RefusedError(f"it holds {module}.{name}, and only NumPy's arrays are read, since others run code")
    return _Name(name)


def _made(call: list[Any]) -> Any:
    """Returns what stands for the result of a call: of a function of NumPy's, and its arguments."""
    function, arguments = call
    match function.text, arguments:
        case "dtype", (str(name), *_):
            return _DType(name)
        case "_reconstruct", _:
            return _Array()  # it is filled by the next step
        case "_frombuffer", (content, dtype, shape, str(order), *axes):
            return _Array(content, dtype, shape, "C" if order == "K" else order, *axes)
        case "scalar", (dtype, content):
            value = _Array(content, dtype).values()
            return None if value is None else value.item()
        case "encode", (str(text), "latin1"):  # the bytes of an array, in the first protocols
            return text
        case "bytes", ():
            return ""
    raise ValueError


def _pairs(parts: list[Any]) -> dict[Any, Any]:
    """Returns a mapping of keys and values in turn. Keys are texts, numbers or tuples of them: others take any time to hash."""
    keys = parts[::2]
    for part in (part for key in keys for part in (key if isinstance(key, tuple) else (key,))):
        if not isinstance(part, str | bytes | int | float):
            raise ValueError
    return dict(zip(keys, parts[1::2], strict=True))


def _add(container: Any, values: list[Any]) -> None:
    """Adds values to a list or a mapping, or fills an array or its type."""
    if isinstance(container, list):
        container.extend(values)
    elif isinstance(container, dict):
        container.update(_pairs(values))
    else:
        container.fill(*values)


# What is made of so many values of the stack, or of all since the last mark.
_MADE: dict[str, tuple[int | None, Callable[[list[Any]], Any]]] = {
    "EMPTY_LIST": (0, list), "LIST": (None, list), "EMPTY_DICT": (0, _pairs), "DICT": (None, _pairs), "EMPTY_TUPLE": (0, tuple),
    "TUPLE1": (1, tuple), "TUPLE2": (2, tuple), "TUPLE3": (3, tuple), "TUPLE": (None, tuple),
    "STACK_GLOBAL": (2, _name), "REDUCE": (2, _made),
}  # fmt: skip
# What adds so many values to the one below them.
_ADDED = {"APPEND": 1, "APPENDS": None, "SETITEM": 2, "SETITEMS": None, "BUILD": 1}


class _Machine:
    """The stack and the memory of a pickle."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self._outer: list[list[Any]] = []  # the stacks below each mark
        self._memory: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        """Takes one step. Raises _RefusedError, or an error of any kind for a damaged pickle."""
        if _VALUES.fullmatch(name):
            self.stack.append(argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in _PUT or name == "MEMOIZE":
            self._memory[int(argument) if name in _PUT else len(self._memory)] = self.stack[-1]
        elif name in _GET:
            self.stack.append(self._memory[int(argument)])
        elif name not in _NOTHING:
            self._combine(name, argument)

    def _combine(self, name: str, argument: Any) -> None:
        if name == "MARK":
            self._outer.append(self.stack)
            self.stack = []
        elif name in _ADDED:  # to the container below
            parts = self._values(_ADDED[name])
            _add(self.stack[-1], parts)
        elif name in _MADE:
            count, make = _MADE[name]
            made = make(self._values(count))
            self.stack.append(made)
        elif name == "GLOBAL":
            self.stack.append(_name(argument.split(" ")))
        else:
            raise _RefusedError(f"it holds objects ({name}), and only NumPy's arrays are read, since others run code")

    def _values(self, count: int | None) -> list[Any]:
        """Takes so many values, or all since the last mark, from the stack."""
        if count is None:
            values, self.stack = self.stack, self._outer.pop()
            return values
        kept = len(self.stack) - count
        if kept < 0:
            raise ValueError
        values = self.stack[kept:]
        del self.stack[kept:]
        return values


def is_pickle(data: bytes) -> bool:
    """Whether bytes begin and end as a pickle does."""
    return data[:1] in (b"\x80", b"(") and data[-1:] == b"."


def load_numbers(data: bytes) -> Any:
    """Returns the value of a pickle, with arrays as lists and the texts of Python 2 as text.

    Raises ValueError, whose message says why, for a damaged pickle, and for one that holds anything but numbers, or
    far more of them than it has bytes.
    """
    machine = _Machine()
    try:
        for operation, argument, _ in pickletools.genops(data):
            machine.step(operation.name, argument)
        (value,) = machine.stack
        return _Plain(min(MOST_VALUES, max(FEW_VALUES, len(data)))).value(value)
    except _RefusedError as error:
        raise ValueError(str(error).partition("\n")[0]) from None
    except Exception:  # damaged pickles raise nearly every kind of error
        raise ValueError("it is damaged") from None


class _Plain:
    """Makes plain values, at most so many of them."""

    def __init__(self, most_values: int) -> None:
        self._left = most_values

    def value(self, value: Any, depth: int = 8) -> Any:
        """Returns nested containers with arrays as lists, bytes as text, and mappings by text."""
        self._left -= value.count if isinstance(value, _Array) else 1
        if depth == 0 or self._left < 0:
            raise _RefusedError("it is nested too deeply" if depth == 0 else "it holds too many values")
        if isinstance(value, _Array):
            return self._array(value.values(), depth)
        if isinstance(value, dict):
            return {_key(key): self.value(part, depth - 1) for key, part in value.items()}
        return self._list(value, depth) if isinstance(value, list | tuple) else _scalar(value)

    def _array(self, array: np.ndarray | None, depth: int) -> Any:
        if array is None or array.dtype != object:
            return None if array is None else array.tolist()
        return self._list(array.ravel().tolist(), depth)

    def _list(self, parts: Iterable[Any], depth: int) -> list[Any]:
        return [self.value(part, depth - 1) for part in parts]


def _key(key: Any) -> Any:
    return tuple(_scalar(part) for part in key) if isinstance(key, tuple) else _scalar(key)


def _scalar(value: Any) -> Any:
    """Returns a number or a text. Raises ValueError for anything else."""
    if isinstance(value, bytes | bytearray):
        return value.decode("latin1")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ValueError
