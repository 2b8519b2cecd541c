"""Files that nobody would write: any JSON, and valid files with something dropped, replaced or cut off."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from modules.utils import UserError

scalars = (
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8)
    | st.sampled_from([10**400, -(10**400), 1e308, 5e-324, "\n", "\ud800", "1", [], {}])
)  # fmt: skip
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)
# What Python's JSON takes and no float or recursion does; and what it does not take.
tokens = st.sampled_from([b"NaN", b"-Infinity", b"1e999", b"7" * 5000, b"[" * 5000, b'"\\ud800"', b"\xff", b"", b"nul"])


def _mutate(draw: st.DrawFn, value: Any) -> Any:
    if isinstance(value, dict | list) and value and draw(st.integers(0, 5)):
        places = list(value) if isinstance(value, dict) else list(range(len(value)))
        place = draw(st.sampled_from(places))
        if draw(st.integers(0, 4)):
            value[place] = _mutate(draw, value[place])
        else:
            del value[place]
        return value
    return draw(json_values)


@st.composite
def mutations(draw: st.DrawFn, valid: Any) -> Any:
    """A valid value with up to two places dropped or replaced by anything."""
    value = copy.deepcopy(valid)
    for _ in range(draw(st.integers(0, 2))):
        value = _mutate(draw, value)
    return value


@st.composite
def broken_bytes(draw: st.DrawFn, valid: Any) -> bytes:
    """A valid file with some of its bytes replaced by a strange token."""
    data = json.dumps(valid).encode()
    start = draw(st.integers(0, len(data)))
    stop = draw(st.integers(start, min(len(data), start + 30)) | st.just(len(data)))
    return data[:start] + draw(tokens) + data[stop:]


def json_files(valid: Any) -> st.SearchStrategy[bytes]:
    """What may stand in a JSON file that should hold something like `valid`."""
    return (
        mutations(valid).map(lambda value: json.dumps(value).encode())
        | broken_bytes(valid)
        | json_values.map(lambda value: json.dumps(value).encode())
        | st.binary(max_size=20)
    )


def read_or_refused(read: Callable[[Path], Any], path: Path, data: bytes) -> Any:
    """What `read` makes of the file, or None where it refuses it in one sentence that names the file."""
    path.write_bytes(data)
    try:
        return read(path)
    except UserError as error:
        sentence = str(error)
        assert sentence.startswith(f"{path}: ") and "\n" not in sentence and ";" in sentence, sentence
        return None
