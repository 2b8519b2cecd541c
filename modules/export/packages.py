"""Imports the packages of the formats that need some which are not in requirements.txt."""

from __future__ import annotations

import importlib
from types import ModuleType

from modules.utils import UserError

PACKAGES = {"rrd": ("rerun",), "nwb": ("pynwb", "ndx_pose")}
"""By the name in --save; requirements-formats.txt has them."""


def packages_of(file_format: str) -> list[ModuleType]:
    """Returns the imported packages that a format needs. Raises UserError if one is not installed."""
    try:
        return [importlib.import_module(name) for name in PACKAGES.get(file_format, ())]
    except ImportError as error:
        raise UserError(
            f"--save {file_format}: the package {error.name} is not installed; run python -m pip install -r "
            f"requirements-formats.txt, or leave {file_format} out"
        ) from None
