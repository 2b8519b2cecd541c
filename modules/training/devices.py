"""Sets up devices, precision and CPU threads, and runs one process per device."""

from __future__ import annotations

import ctypes
import logging
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException

from modules.config.train import Train
from modules.utils import UserError

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Result = TypeVar("Result")
NATIVE_BFLOAT16 = ("avx512_bf16", "amx_bf16")  # instructions of a CPU, by torch's names
MALLOC_TRIM_THRESHOLD, MALLOC_TOP_PAD, MALLOC_MMAP_MAX = -1, -2, -4  # M_* of glibc's malloc.h
logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # the trainer logs the device


def make_fabric(config: Train, devices: int = 1) -> Fabric:
    """Returns the Fabric of the configured devices and precision. Raises UserError if this machine lacks them.

    If this process has been joined with others (modules.training.nodes), the Fabric is that of all of them.
    """
    from lightning_fabric import Fabric  # noqa: PLC0415  (its import takes as long as torch's; only training needs it)
    from lightning_fabric.utilities.exceptions import MisconfigurationException  # noqa: PLC0415

    found = [*_device_types(config), "cpu"][0]
    use_threads(devices)
    strategy, nodes = "ddp_spawn" if devices > 1 else "auto", 1
    if is_joined():
        strategy, nodes = "ddp", config.num_nodes
    try:
        fabric = Fabric(
            accelerator=config.accelerator,
            devices=devices,
            num_nodes=nodes,
            strategy=strategy,
            precision=precision_on(config, found),  # type: ignore[arg-type]  # one of Fabric's literals
        )
    except (ValueError, RuntimeError, MisconfigurationException) as error:
        raise UserError(_unsupported(config, devices, " ".join(str(error).split()))) from None
    return fabric


@dataclass(frozen=True)
class PredictionDevice:
    """The device and the precision of a prediction: those of Lightning Fabric, without the time that it takes to import."""

    device: torch.device
    precision: str

    def autocast(self) -> AbstractContextManager[Any]:
        """Context manager: the precision of TRAIN.precision."""
        if self.precision == "32-true":
            return nullcontext()
        dtype = torch.bfloat16 if self.precision == "bf16-mixed" else torch.half
        return torch.autocast(self.device.type, dtype=dtype)


def prediction_device(config: Train) -> PredictionDevice:
    """Returns the configured device and precision. Raises UserError if this machine lacks them."""
    use_threads()
    found = _device_types(config)
    if not found:
        raise UserError(_unsupported(config, 1, "it is not present"))
    return PredictionDevice(torch.device(found[0]), precision_on(config, found[0]))


def _device_types(config: Train) -> list[str]:
    """Returns the types of device that TRAIN.accelerator allows and this machine has, the best first."""
    has_mps = torch.backends.mps.is_available()
    present = ["cuda"] * torch.cuda.is_available() + ["mps"] * has_mps
    return {"auto": [*present, "cpu"], "gpu": present, "mps": ["mps"] * has_mps, "cpu": ["cpu"]}[config.accelerator]


def precision_on(config: Train, device: str) -> str:
    """Returns the precision of TRAIN.precision on a type of device; auto is bfloat16 where the device has it.

    Elsewhere it is emulated: on a CPU with AVX2 alone, a step of the image branch takes ten times as long as in float32.
    Raises UserError for a precision that the device lacks.
    """
    if config.precision == "16-mixed" and device == "cpu":
        raise UserError("TRAIN.precision=16-mixed needs a GPU; use auto or 32-true on a CPU")
    if config.precision != "auto":
        return config.precision
    if device == "cuda":
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "32-true"
    cpu = torch.cpu.get_capabilities() if device == "cpu" else {}
    return "bf16-mixed" if any(cpu.get(name) for name in NATIVE_BFLOAT16) else "32-true"


def _unsupported(config: Train, devices: int, reason: str) -> str:
    return (
        f"TRAIN.accelerator={config.accelerator}, TRAIN.devices={devices}: this machine does not support it ({reason}); "
        "set TRAIN.accelerator to auto and TRAIN.devices to 1"
    )


def use_threads(processes: int = 1) -> None:
    """Sets torch's CPU threads to half of the cores, shared by the processes, unless OMP_NUM_THREADS is set.

    Threads synchronise thousands of times a second, and all wait for the slowest. On two cores, two threads were 1.7 times
    as fast as one on an idle machine, and 0.6 to 0.7 times as fast on a busy one.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) // 2 // processes))


def is_joined() -> bool:
    """Returns whether this process is one of several that share each batch."""
    return dist.is_available() and dist.is_initialized()


def check_shards(config: Train, images: int) -> None:
    """Raises UserError if there are fewer training images than devices, which each need one."""
    if images < config.devices * config.num_nodes:
        raise UserError(
            f"TRAIN.devices={config.devices}, TRAIN.num_nodes={config.num_nodes}: there are only {images} training images, and "
            f"each device needs at least one; set TRAIN.num_nodes to 1 and TRAIN.devices to {images} or less"
        )


def keep_freed_memory() -> None:
    """Makes this process keep freed memory for the next step (glibc only).

    By default glibc returns every large block to the system at once. Mapping and zeroing the pages of the next block takes
    a quarter of a training step on a CPU.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(MALLOC_MMAP_MAX, 0)
        mallopt(MALLOC_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(MALLOC_TOP_PAD, 2**28)


def run_on_devices(fabric: Fabric, function: Callable[..., Result], *arguments: Any) -> Result:
    """Runs `function(fabric, *arguments)` in every process; returns the first one's result.

    A UserError of a child process is raised again here; the other processes are ended. In a process that has been joined
    with others, it runs the function in this one and returns its result.
    """
    if is_joined():
        threads = torch.get_num_threads()
        fabric.launch()
        torch.set_num_threads(threads)  # Fabric sets them to all processors
        return function(fabric, *arguments)
    try:
        # Bound, since Fabric would search plain arguments, and the dataclasses among them, for modules.
        bound = partial(_call, function=function, arguments=arguments)
        result: Result = fabric.launch(bound)
    except ProcessRaisedException as error:
        kind, _, sentence = str(error).strip().splitlines()[-1].partition(": ")
        if kind.endswith(UserError.__name__):
            raise UserError(sentence) from None
        raise
    except ProcessExitedException as error:
        raise UserError(f"a process of the training was killed ({error}); resume it with --resume") from None
    return result


def _call(fabric: Fabric, function: Callable[..., Result], arguments: tuple[Any, ...]) -> Result:
    result = function(fabric, *arguments)
    if is_joined():
        # All processes close their connections together, since an open connection can abort a process at its exit.
        dist.barrier()
        dist.destroy_process_group()
    return result
