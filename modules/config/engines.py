"""The engines that run BlazePose's networks on the processor, and which of them this machine is best at.

OpenVINO in float32 gives the numbers of LiteRT (benchmarks.engines), so that both share a cache; in bfloat16, others.
"""

from __future__ import annotations

import functools
import platform
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from modules.utils import UserError

Engine = Literal["openvino", "openvino-bf16", "litert"]
EngineChoice = Literal["auto", "openvino", "openvino-bf16", "litert"]
CPU_FLAGS = Path("/proc/cpuinfo")
FEW_IMAGES = 128  # with fewer, the two seconds that OpenVINO takes longer to start are more than it saves
BFLOAT16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})  # instructions, by Linux's names


def chosen_engine(choice: EngineChoice) -> Engine:
    """Returns the engine of EXTRACT.engine; auto is the best one in float32, which gives the same numbers everywhere."""
    return float32_engine() if choice == "auto" else choice


def float32_engine(images: int = FEW_IMAGES) -> Engine:
    """Returns the best engine in float32 for so many images.

    It is OpenVINO where it is installed and was measured to be faster, else LiteRT.
    """
    faster = images >= FEW_IMAGES and platform.machine() in ("x86_64", "AMD64")
    return "openvino" if faster and find_spec("openvino") is not None else "litert"


def check_engine(engine: Engine) -> None:
    """Raises UserError if this machine cannot run an engine."""
    if engine != "litert" and find_spec("openvino") is None:
        raise UserError(
            f"EXTRACT.engine={engine}: OpenVINO is not installed; run python -m pip install -r requirements.txt, or set it to "
            "litert"
        )
    if engine == "openvino-bf16" and not computes_bfloat16():
        raise UserError(
            "EXTRACT.engine=openvino-bf16: this processor has no bfloat16 (AVX-512 BF16 or AMX, which only Linux reports); set "
            "it to auto or openvino"
        )


@functools.cache
def computes_bfloat16() -> bool:
    """Whether the processor has instructions for bfloat16; False where the system does not say."""
    try:
        text = CPU_FLAGS.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    flags = next((line for line in text.splitlines() if line.startswith("flags")), "")
    return bool(BFLOAT16_FLAGS & set(flags.split()))
