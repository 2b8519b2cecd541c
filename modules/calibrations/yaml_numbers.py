"""Reads the YAML of OpenCV and ROS, whose first line and tags other readers refuse, and the matrices in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from modules.config.yaml_text import is_nested_deeply
from modules.files.numbers import read_numbers
from modules.utils import UserError, brief

_LARGEST = 2**20  # characters; PyYAML reads a few MB a minute


class _TextLoader(yaml.BaseLoader):
    """Reads every scalar as text, so that the camera 01 stays 01, and refuses aliases."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it has aliases")
        return super().compose_node(parent, index)


def parse_texts(text: str) -> dict[str, Any]:
    """Returns a YAML mapping whose scalars are texts. Raises ValueError, whose message says why, if the text is none."""
    first, _, rest = text.partition("\n")
    if len(text) > _LARGEST:
        raise ValueError("it is larger than any calibration in this notation")
    if is_nested_deeply(text):
        raise ValueError("its values are nested too deeply")
    try:
        value = yaml.load(rest if first.startswith("%YAML") else text, _TextLoader)  # constructs text alone
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ValueError(" ".join(str(error).split())[:200]) from None
    if not isinstance(value, dict):
        raise ValueError("it holds no keys")
    return {str(key): part for key, part in value.items()}


def is_matrix(value: Any) -> bool:
    """Whether a value is a matrix as OpenCV and ROS write it."""
    return isinstance(value, dict) and {"rows", "cols", "data"} <= set(value)


def matrix(path: Path, field: str, value: Any) -> list[list[float]]:
    """Returns the rows of a matrix. Raises UserError if its numbers are not rows times cols."""
    if not is_matrix(value) or not isinstance(value["data"], list):
        raise UserError(f"{path}: {field} is {brief(value)}, not a matrix of rows, cols and data; write it again")
    rows, columns = (int(number(path, f"{field}.{key}", value[key])) for key in ("rows", "cols"))
    numbers = [number(path, f"{field}.data[{index}]", text) for index, text in enumerate(value["data"])]
    if rows < 1 or columns < 1 or len(numbers) != rows * columns:
        raise UserError(f"{path}: {field} has {len(numbers)} numbers, not {rows} x {columns}; write it again")
    return [numbers[row * columns : (row + 1) * columns] for row in range(rows)]


def number(path: Path, field: str, text: Any) -> float:
    """Returns a number that YAML holds as text. Raises UserError if it is none."""
    try:
        value = float(text)
    except (TypeError, ValueError):
        raise UserError(f"{path}: {field} is {brief(text)}, which is not a number; write it again") from None
    return float(read_numbers(path, field, value, ()))
