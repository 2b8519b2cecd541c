"""The project's library; the first import of every script checks that the packages of requirements.txt are installed.

In: nothing but the standard library. Out: one sentence and exit code 2 if a package is missing.
"""

import sys
from importlib.util import find_spec

# Import name of each package of requirements.txt.
PACKAGES = {
    "numpy": "numpy", "torch": "torch", "torchvision": "torchvision", "lightning-fabric": "lightning_fabric",
    "pytorch-optimizer": "pytorch_optimizer", "pandas": "pandas", "pyarrow": "pyarrow", "scipy": "scipy",
    "opencv-python-headless": "cv2", "av": "av", "simplejpeg": "simplejpeg", "ai-edge-litert": "ai_edge_litert",
    "safetensors": "safetensors", "pydantic": "pydantic",
    "PyYAML": "yaml", "matplotlib": "matplotlib", "tqdm": "tqdm",
}  # fmt: skip


def missing_sentence(missing: list[str]) -> str:
    """Returns which packages are missing, and how to install them."""
    named = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
    return (
        f"packages are missing ({named}); run `. .venv/bin/activate` (./run.sh makes it), "
        "or python -m pip install -r requirements.txt"
    )


if _missing := [name for name, module in PACKAGES.items() if find_spec(module) is None]:
    print(f"error: {missing_sentence(_missing)}", file=sys.stderr)
    raise SystemExit(2)
