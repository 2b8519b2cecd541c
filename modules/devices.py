"""Where the network runs: the device, its precision, and one process per device where there are several."""

from __future__ import annotations

import ctypes
import logging
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from lightning_fabric import Fabric
from lightning_fabric.utilities.exceptions import MisconfigurationException
from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException

from modules.config import Train
from modules.utils import UserError

Result = TypeVar("Result")
MALLOC_TRIM_THRESHOLD, MALLOC_TOP_PAD, MALLOC_MMAP_MAX = -1, -2, -4  # as malloc.h of glibc numbers them
logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # the device is said once, by the trainer


def make_fabric(config: Train, devices: int = 1) -> Fabric:
    """Devices and precision. UserError where this machine has not got them."""
    if config.precision == "16-mixed" and config.accelerator == "cpu":
        raise UserError("TRAIN.precision=16-mixed needs a GPU; use bf16-mixed or 32-true on a CPU")
    use_threads(config.num_threads, devices)
    strategy = "ddp_spawn" if devices > 1 else "auto"
    try:
        fabric = Fabric(accelerator=config.accelerator, devices=devices, strategy=strategy, precision=config.precision)
    except (ValueError, RuntimeError, MisconfigurationException) as error:
        said = " ".join(str(error).split())
        raise UserError(
            f"TRAIN.accelerator={config.accelerator}, TRAIN.devices={devices}: this machine cannot do it ({said}); "
            "set TRAIN.accelerator to auto and TRAIN.devices to 1"
        ) from None
    if config.precision == "16-mixed" and fabric.device.type == "cpu":
        raise UserError("TRAIN.precision=16-mixed needs a GPU; use bf16-mixed or 32-true on a CPU")
    return fabric


def use_threads(num_threads: int, processes: int = 1) -> None:
    """Let the CPU's arithmetic of this process run in so many threads; 0: half of the processors, shared by the processes.

    Threads meet at a barrier thousands of times a second, and all wait for the one whose processor has other work. On two
    processors, two threads were 1.7 times as fast as one where nothing else ran, and 0.6 to 0.7 times beside busy
    processes (benchmarks.threads); a whole training beside several test suites fell from 14 to 2 images per second.
    What OMP_NUM_THREADS says stands.
    """
    if num_threads == 0 and "OMP_NUM_THREADS" in os.environ:
        return
    half = len(os.sched_getaffinity(0)) // 2 // processes
    torch.set_num_threads(num_threads or max(1, half))


def keep_freed_memory() -> None:
    """Let this process keep the memory that it frees, for the next step to use again.

    The C library of Linux gives every large block back to the system at once, and the next block's pages are mapped and
    zeroed anew: a quarter of a training step on a CPU. Other systems are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(MALLOC_MMAP_MAX, 0)
        mallopt(MALLOC_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(MALLOC_TOP_PAD, 2**28)


def run_on_devices(fabric: Fabric, function: Callable[..., Result], *arguments: Any) -> Result:
    """`function(fabric, *arguments)` in every process; answers what the first one returns.

    A UserError in a process of its own comes out as the same UserError here, once; the other processes are ended.
    """
    try:
        bound = partial(
            _call, function=function, arguments=arguments
        )  # Fabric would search plain arguments for weights
        result: Result = fabric.launch(bound)
    except ProcessRaisedException as error:
        kind, _, sentence = str(error).strip().splitlines()[-1].partition(": ")
        if kind.endswith(UserError.__name__):
            raise UserError(sentence) from None
        raise
    except ProcessExitedException as error:
        raise UserError(
            f"a process of the training was ended from outside ({error}); start again, with --resume to go on"
        ) from None
    return result


def _call(fabric: Fabric, function: Callable[..., Result], arguments: tuple[Any, ...]) -> Result:
    result = function(fabric, *arguments)
    if dist.is_available() and dist.is_initialized():
        # Together and before the process ends: the connections' own threads can abort a process that ends around them.
        dist.barrier()
        dist.destroy_process_group()
    return result
