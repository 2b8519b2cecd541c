"""The project's root, and paths relative to it."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parent.parent.parent
DEFAULT_CONFIG, ORIGINAL_CONFIG = "config/train_config.yml", "config/original.yml"


def project_path(text: str) -> Path:
    """Returns a path of the config; a relative one is resolved against the project's root, not the working folder.

    `~` and environment variables are expanded; what names no variable stays as it is.
    """
    return PROJECT_ROOT / os.path.expandvars(os.path.expanduser(text))
