"""Records which commit and which machine made a benchmark's result."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

from modules.config.paths import PROJECT_ROOT

PACKAGES = (
    "torch",
    "torchvision",
    "numpy",
    "opencv-python-headless",
    "ai-edge-litert",
    "openvino",
    "lightning-fabric",
    "pyarrow",
)
OUTPUTS = ("README*.md", "docs/*.md", "docs/images", "docs/results")  # written by the benchmarks themselves
VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENBLAS_CORETYPE", "MKL_NUM_THREADS")  # that change times


def git(*arguments: str) -> str:
    """Returns the output of a git command in this checkout."""
    done = subprocess.run(["git", *arguments], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def made_by() -> dict[str, Any]:
    """Returns the commit of this checkout, and whether nothing but results and pages is changed; None outside a checkout."""
    try:
        changed = git("status", "--porcelain", "--", ".", *(f":!{pattern}" for pattern in OUTPUTS))
        return {"commit": git("rev-parse", "HEAD"), "clean": changed == ""}
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "clean": False}


def machine() -> dict[str, Any]:
    """Returns what times depend on: processor, memory, versions, load before the benchmark, environment variables."""
    return {
        "processor": processor(), "cores": len(os.sched_getaffinity(0)), "memory_gib": memory_gib(),
        "system": f"{platform.system()} {platform.machine()}", "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES}, "load_before": round(os.getloadavg()[0], 2),
        "environment": {name: os.environ[name] for name in VARIABLES if name in os.environ},
    }  # fmt: skip


def processor() -> str:
    """Returns the processor's name as the system reports it, with family and model."""
    fields: dict[str, str] = {}
    path = Path("/proc/cpuinfo")
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    if "model name" not in fields:
        return platform.processor() or platform.machine()
    return f"{fields['model name']} (family {fields.get('cpu family', '?')}, model {fields.get('model', '?')})"


def memory_gib() -> float:
    """Returns the machine's memory in GiB."""
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
