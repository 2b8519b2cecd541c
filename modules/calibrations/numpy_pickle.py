"""Reads pickles of numbers without running code: NumPy's arrays, and nothing else that is not built into the notation."""

from __future__ import annotations

import io
import pickle
import pickletools
from typing import Any

import numpy as np

# What NumPy's own pickles call, by the names of its first and second version.
_SCALAR = np.float64(0).__reduce__()[0]
_FROM_BUFFER = np.zeros(1).__reduce_ex__(5)[0]
FEW_VALUES, MOST_VALUES = 10**6, 10**7  # of any pickle; of one with as many bytes: references can stand for any number


def _reconstruct(kind: object, shape: object, code: object) -> np.ndarray:
    """Returns an empty array, which the next step of the pickle fills; NumPy's own would allocate any shape."""
    return np.empty(0)


def _encode(text: str, encoding: str) -> bytes:
    """Returns the bytes of an array, which Python 3 writes as text for protocols below 3."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"the encoding {encoding}")
    return text.encode("latin1")


_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): "ndarray",  # an argument of _reconstruct, which nothing else may call
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _encode,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _reconstruct for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _SCALAR for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _FROM_BUFFER for core in ("core", "_core")},
}


class _NumPyUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(
                f"it holds {module}.{name}, and only NumPy's arrays are read, since others run code"
            )
        return _ALLOWED[module, name]


def _require_small_memo(data: bytes) -> None:
    """Raises ValueError if a pickle numbers its objects beyond its own length, since memory is filled up to that number."""
    for operation, argument, _ in pickletools.genops(data):
        if operation.name in ("PUT", "BINPUT", "LONG_BINPUT") and int(argument or 0) > len(data):
            raise ValueError(f"object number {argument} in {len(data)} bytes")


def is_pickle(data: bytes) -> bool:
    """Whether bytes begin and end as a pickle does."""
    return data[:1] in (b"\x80", b"(") and data[-1:] == b"."


def load_numbers(data: bytes) -> Any:
    """Returns the value of a pickle, with arrays as lists and the texts of Python 2 as text.

    Raises ValueError, whose message says why, for a damaged pickle, and for one that holds anything but numbers, or
    far more of them than it has bytes.
    """
    most_values = min(MOST_VALUES, max(FEW_VALUES, len(data)))
    try:
        _require_small_memo(data)
        return _Plain(most_values).value(_NumPyUnpickler(io.BytesIO(data), encoding="latin1").load())
    except pickle.UnpicklingError as error:
        raise ValueError(str(error).partition("\n")[0]) from None
    except MemoryError:
        raise ValueError("it is damaged") from None
    except Exception:  # damaged pickles raise nearly every kind of error
        raise ValueError("it is damaged") from None


class _Plain:
    """Makes plain values, at most so many of them."""

    def __init__(self, most_values: int) -> None:
        self._left = most_values

    def value(self, value: Any, depth: int = 8) -> Any:
        """Returns nested containers with arrays as lists, bytes as text, and mappings by text."""
        self._left -= value.size if isinstance(value, np.ndarray) else 1
        if depth == 0 or self._left < 0:
            raise ValueError("nested too deeply" if depth == 0 else "it holds too many values")
        if isinstance(value, np.ndarray | np.generic):
            if value.dtype.kind not in "biuf":
                return (
                    None
                    if value.dtype.kind != "O"
                    else [self.value(part, depth - 1) for part in value.ravel().tolist()]
                )
            return value.tolist()
        if isinstance(value, dict):
            return {_key(key): self.value(part, depth - 1) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(part, depth - 1) for part in value]
        return value.decode("latin1") if isinstance(value, bytes) else value


def _key(key: Any) -> Any:
    if isinstance(key, tuple):
        return tuple(_key(part) for part in key)
    return key.decode("latin1") if isinstance(key, bytes) else key
