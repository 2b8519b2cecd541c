"""Lists the calibration formats, in the order in which they are recognised."""

from __future__ import annotations

from modules.calibrations import qualisys, theia, toml_family
from modules.calibrations.base import Format

FORMATS: dict[str, Format] = {format_.NAME: format_ for format_ in (toml_family, qualisys, theia)}
