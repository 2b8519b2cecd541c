"""Compiles full_disk.c and preloads it into the processes that are started from now on."""

from __future__ import annotations

import mmap
import os
import shutil
import struct
import subprocess
from pathlib import Path

from modules.utils import UserError

SOURCE = Path(__file__).with_name("full_disk.c")
HEAD = struct.Struct("ll")  # the write that fails first, and the writes so far; the folder follows
SIZE = HEAD.size + 4096


class FullDisk:
    """Decides from which write below a folder on the disk is full, and counts the writes."""

    def __init__(self, build: Path) -> None:
        """Raises UserError without a C compiler."""
        compiler = shutil.which("cc")
        if compiler is None:
            raise UserError("cc: there is no C compiler, which full_disk.c needs; install one, such as gcc")
        build.mkdir(parents=True, exist_ok=True)
        library, shared = build / "full_disk.so", build / "full_disk.state"
        command = [compiler, "-shared", "-fPIC", "-O1", "-w", "-o", str(library), str(SOURCE), "-ldl"]
        subprocess.run(command, check=True)
        shared.write_bytes(bytes(SIZE))
        with open(shared, "r+b") as handle:
            self._state = mmap.mmap(handle.fileno(), SIZE)
        os.environ.update(LD_PRELOAD=str(library.resolve()), GROUNDPOSE_FULL_DISK=str(shared.resolve()))

    def fill_from(self, write: int, folder: Path) -> None:
        """Lets this write, counted from 1, and all later ones fail; 0 ends it."""
        name = str(folder.resolve()).encode()
        self._state[:] = HEAD.pack(write, 0) + name.ljust(SIZE - HEAD.size, b"\0")

    @property
    def writes(self) -> int:
        """How many writes there have been since `fill_from`."""
        return int(HEAD.unpack(self._state[: HEAD.size])[1])
