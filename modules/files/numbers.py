"""Reads numbers of fixed shape out of parsed JSON, with errors that name the file, the field and the fix."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from modules.utils import UserError, brief

LARGEST = 1e9  # mm or px: a larger number is a mistake in the file, and overflows in later computations


def read_numbers(path: Path, field: str, value: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Returns nested lists of numbers as a float64 array of this shape; `path` and `field` are for the message.

    Raises UserError if the shape differs, if an element is no number (null, true and "1" are none), or if one is not
    finite or larger than LARGEST.
    """
    problem = _problem(field, value, shape)
    if problem:
        raise UserError(f"{path}: {problem}")
    try:
        array = np.array(value, dtype=np.float64)
    except OverflowError:
        array = np.full(shape, np.inf)
    if not (np.abs(array) <= LARGEST).all():
        raise UserError(
            f"{path}: {field} holds NaN, infinity or a number beyond {LARGEST:.0e}; write the measured ones"
        )
    return array


def require_object(path: Path, value: Any) -> dict[str, Any]:
    """Returns a parsed JSON value that is an object. Raises UserError if it is anything else."""
    if not isinstance(value, dict):
        raise UserError(f"{path}: the file must hold a JSON object, but it holds {brief(value)}; write {{...}}")
    return value


def _problem(field: str, value: Any, shape: tuple[int, ...]) -> str | None:
    """Returns what is wrong with a field that should hold numbers of this shape, and the fix; None if it is valid."""
    problem = _first_wrong_part(field, value, shape)
    if problem is None:
        return None
    written = _shape(value)
    if field == "extrinsics" and written == (4, 4):
        if value[3] == [0, 0, 0, 1]:
            return "extrinsics is 4x4; leave out its last row"
        return "extrinsics is 4x4, and its last row is not 0, 0, 0, 1; write [R|t], 3x4, with t as the last column"
    if written and len(written) > 1 and written != shape:
        problem = f"{field} is {'x'.join(map(str, written))}"
    elif written != shape and len(shape) == 1:
        problem = f"{field} is {brief(value)}"
    wanted = f"lists of {'x'.join(map(str, shape))} numbers" if shape else "one number"
    return f"{problem}; write {wanted}, without text and null"


def _first_wrong_part(name: str, value: Any, shape: tuple[int, ...]) -> str | None:
    """Returns the first element that keeps `value` from being nested lists of numbers of this shape, or None."""
    if not shape and isinstance(value, int | float) and not isinstance(value, bool):
        return None
    if not shape or not isinstance(value, list):
        return f"{name} is {brief(value) if value not in (None, True, False) else json.dumps(value)}"
    if len(value) != shape[0]:
        return f"{name} is {len(value)} long, not {shape[0]}"
    problems = (_first_wrong_part(f"{name}[{index}]", part, shape[1:]) for index, part in enumerate(value))
    return next((problem for problem in problems if problem), None)


def _shape(value: Any, depth: int = 4) -> tuple[int, ...] | None:
    """Returns the shape of nested lists down to `depth`: () for anything else, None for ragged lists."""
    if not isinstance(value, list) or not depth:
        return ()
    inner = {_shape(part, depth - 1) for part in value} or {()}
    return None if len(inner) > 1 or None in inner else (len(value), *(inner.pop() or ()))
