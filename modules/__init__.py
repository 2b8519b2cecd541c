"""What every script imports first: with the standard library alone, it looks whether requirements.txt is installed."""

import sys
from importlib.util import find_spec

# How each package of requirements.txt is imported, by the name it is installed by.
PACKAGES = {
    "numpy": "numpy", "torch": "torch", "torchvision": "torchvision", "lightning-fabric": "lightning_fabric",
    "pytorch-optimizer": "pytorch_optimizer", "pandas": "pandas", "pyarrow": "pyarrow", "scipy": "scipy",
    "opencv-python-headless": "cv2", "ai-edge-litert": "ai_edge_litert", "tflite": "tflite",
    "safetensors": "safetensors", "pydantic": "pydantic",
    "PyYAML": "yaml", "matplotlib": "matplotlib", "tqdm": "tqdm",
}  # fmt: skip


def missing_sentence(missing: list[str]) -> str:
    """That packages are missing, and how to have them."""
    named = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
    return (
        f"packages are missing ({named}); run `. .venv/bin/activate` (./run.sh makes it), "
        "or python -m pip install -r requirements.txt"
    )


if _missing := [name for name, module in PACKAGES.items() if find_spec(module) is None]:
    print(f"error: {missing_sentence(_missing)}", file=sys.stderr)
    raise SystemExit(2)
