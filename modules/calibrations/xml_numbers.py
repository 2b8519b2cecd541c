"""Reads numbers out of the attributes and texts of XML elements, with errors that name file, element and fix."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from modules.files.numbers import LARGEST
from modules.utils import UserError, brief


def attributes(path: Path, owner: str, element: Element, names: str) -> np.ndarray:
    """Returns the attributes `names` (separated by spaces) of an element of the camera `owner` as numbers."""
    numbers = []
    for name in names.split():
        text = element.get(name)
        if text is None:
            raise UserError(f"{path}: <{element.tag}> of camera {owner} has no attribute {name}; export the file again")
        numbers += parsed(path, f"{name} of camera {owner}", text, 1).tolist()
    return np.array(numbers)


def parsed(path: Path, field: str, text: str, count: int) -> np.ndarray:
    """Returns the numbers (count,) of a text that separates them by blanks. Raises UserError for anything else."""
    parts = text.split()
    try:
        numbers = np.array([float(part) for part in parts])
    except ValueError:
        raise UserError(f"{path}: {field} is {brief(text)}, which is not a number; export the file again") from None
    if len(numbers) != count:
        raise UserError(f"{path}: {field} holds {len(numbers)} numbers, not {count}; export the file again")
    if not (np.abs(numbers) <= LARGEST).all():
        raise UserError(f"{path}: {field} holds NaN, infinity or a number beyond {LARGEST:.0e}; export the file again")
    return numbers


def child(path: Path, owner: str, element: Element, tag: str) -> Element:
    """Returns an element's child. Raises UserError if it is missing."""
    found = element.find(tag)
    if found is None:
        raise UserError(f"{path}: camera {owner} has no <{tag}>; export the file again")
    return found
