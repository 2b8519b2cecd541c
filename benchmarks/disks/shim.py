"""Compiles full_disk.c and preloads it into the processes that are started from now on."""

from __future__ import annotations

import mmap
import os
import re
import shutil
import struct
import subprocess
from pathlib import Path

from modules.utils import UserError

SOURCE = Path(__file__).with_name("full_disk.c")
HEAD = struct.Struct("lll")  # the write that fails first, the writes so far, whether to list them; the folder follows
RANDOM = re.compile(r"\.\d+-[0-9a-f]{8}\.tmp|tmp[a-z0-9_]{8}")  # in the names of temporary files
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
        self._list = build / "full_disk.state.list"
        command = [compiler, "-shared", "-fPIC", "-O1", "-w", "-o", str(library), str(SOURCE), "-ldl"]
        subprocess.run(command, check=True)
        shared.write_bytes(bytes(SIZE))
        with open(shared, "r+b") as handle:
            self._state = mmap.mmap(handle.fileno(), SIZE)
        os.environ.update(LD_PRELOAD=str(library.resolve()), GROUNDPOSE_FULL_DISK=str(shared.resolve()))

    def fill_from(self, write: int, folder: Path, lists: bool = False) -> None:
        """Lets this write, counted from 1, and all later ones fail; 0 ends it. They are listed anew on demand."""
        self._list.unlink(missing_ok=True)
        name = str(folder.resolve()).encode()
        self._state[:] = HEAD.pack(write, 0, lists) + name.ljust(SIZE - HEAD.size, b"\0")

    def listed(self, folder: Path) -> list[tuple[int, str]]:
        """Returns the number and the kind of every listed write: operation, folder and suffix, without numbers in names."""
        found = []
        for line in self._list.read_text(encoding="utf-8").splitlines():
            number, operation, path = line.split(" ", 2)
            below = Path(re.sub(r"\d+", "#", RANDOM.sub("", path.removeprefix(str(folder.resolve())))))
            found.append((int(number), f"{operation} {below.parent}/*{below.suffix}"))
        return sorted(found)
