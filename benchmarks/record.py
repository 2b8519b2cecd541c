"""What benchmarks leave behind: which commit made a result, on what machine, and its table on a page between two marks."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

from modules.config import PROJECT_ROOT
from modules.utils import write_text

PACKAGES = ("torch", "torchvision", "numpy", "opencv-python-headless", "ai-edge-litert", "lightning-fabric", "pyarrow")
WRITTEN = ("README*.md", "docs/*.md", "docs/images", "docs/results")  # what benchmarks themselves write
SWAYING = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENBLAS_CORETYPE", "MKL_NUM_THREADS")  # of the environment


def git(*arguments: str) -> str:
    """What git says of this checkout."""
    done = subprocess.run(["git", *arguments], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def made_by() -> dict[str, Any]:
    """The commit of this checkout, and whether nothing but results and pages was changed; no commit where it is none."""
    try:
        changed = git("status", "--porcelain", "--", ".", *(f":!{pattern}" for pattern in WRITTEN))
        return {"commit": git("rev-parse", "HEAD"), "clean": changed == ""}
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "clean": False}


def machine() -> dict[str, Any]:
    """What times depend on: processor, memory, versions, the load before the benchmark began, what the environment sets."""
    return {
        "processor": processor(), "cores": len(os.sched_getaffinity(0)), "memory_gib": memory_gib(),
        "system": f"{platform.system()} {platform.machine()}", "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES}, "load_before": round(os.getloadavg()[0], 2),
        "environment": {name: os.environ[name] for name in SWAYING if name in os.environ},
    }  # fmt: skip


def processor() -> str:
    """The processor's name as the system gives it, with family and model where the name alone says little."""
    fields: dict[str, str] = {}
    path = Path("/proc/cpuinfo")
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    if "model name" not in fields:
        return platform.processor() or platform.machine()
    return f"{fields['model name']} (family {fields.get('cpu family', '?')}, model {fields.get('model', '?')})"


def memory_gib() -> float:
    """The machine's memory in GiB."""
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)


def marks(name: str) -> tuple[str, str]:
    """The two lines between which a page holds a generated table."""
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"


def insert_between(page: Path, name: str, table: str) -> None:
    """Replace what stands between the two marks of a page; a page without them stays as it is."""
    begin, end = marks(name)
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    if begin in text and end in text:
        head, tail = text.split(begin)[0], text.split(end)[1]
        write_text(page, f"{head}{begin}\n{table}\n{end}{tail}")
