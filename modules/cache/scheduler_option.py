"""The option --scheduler: what it accepts, and with which config it can be used."""

from __future__ import annotations

import importlib.util
import re

from modules.config.schema import Config
from modules.extractors import extractor_class
from modules.utils import UserError

LOCAL = "local"


def scheduler_address(text: str) -> str:
    """Returns the address of a scheduler of Dask, or LOCAL. Raises ValueError for anything else."""
    if text != LOCAL and re.fullmatch(r"(tcp|tls)://[^\s:/]+:\d{1,5}|(tcp|tls)://\[[\da-f:]+\]:\d{1,5}", text) is None:
        raise ValueError(text)
    return text


def check_scheduler(config: Config) -> None:
    """Raises UserError if an extraction with this config cannot be given to a scheduler of Dask."""
    if importlib.util.find_spec("distributed") is None:
        raise UserError(
            "--scheduler: the package distributed is not installed; run python -m pip install -r requirements-dask.txt, or "
            "leave --scheduler out"
        )
    if config.EXTRACT.workers > 1:
        raise UserError(
            f"--scheduler: the workers of the scheduler extract, but EXTRACT.workers asks for {config.EXTRACT.workers} "
            "processes here; leave one of the two out"
        )
    if not extractor_class(config).runs_in_workers:
        raise UserError(
            f"--scheduler: {config.EXTRACT.extractor} uses all processors, or the GPU, in one process; leave --scheduler "
            "out, or share the images by --part"
        )
