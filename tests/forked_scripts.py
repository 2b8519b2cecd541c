"""Runs the project's scripts in processes that are forked from one that has imported their libraries.

Importing torch and Fabric takes longer than most of what a test asks of a script. The script itself runs as `__main__` in a
process of its own, with its own arguments, streams, limits and exit code. The real start, imports included, is the business
of `first_start` (tests/conftest.py) and of the tests that say so.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import os
import resource
import runpy
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

from modules.config.paths import PROJECT_ROOT

# Extraction and the doctor run without torch, and MeTRAbs with TensorFlow, each in a process of their own.
WITHOUT_TORCH = (
    "modules.config.load", "modules.config.yaml_text", "modules.extractors.blazepose.extractor", "pandas", "pyarrow.parquet",
    "modules.cache.extraction", "modules.cache.joint_features", "modules.doctor.check", "ai_edge_litert.interpreter",
    *(["openvino"] if find_spec("openvino") else []),
)  # fmt: skip
WITH_TORCH = (
    *WITHOUT_TORCH, "modules.trainer", "modules.evaluation.testing", "modules.runs.choice", "modules.training.devices",
    "modules.cache.splits", "modules.predict.job", "matplotlib.backends.backend_agg", "data.rig.data_set",
)  # fmt: skip
WITH_TENSORFLOW = (*WITHOUT_TORCH, "modules.extractors.metrabs.loading", "tensorflow")
NEED_TORCH = ("train.py", "test.py", "predict.py", "export.py", "release.py", "beside_extractor.py")
LIBRARIES = {
    **dict.fromkeys(NEED_TORCH, WITH_TORCH),
    "data/rig/prepare.py": WITH_TORCH,
    **dict.fromkeys(("metrabs_standins.py", "run_in_tensorflow.py"), WITH_TENSORFLOW),
}
MOST_BYTES_OF_A_REQUEST = 2**18
Kill = Callable[[int], object]  # kills processes of a process group, which is also the number of the script's process


class Forker:
    """A process that has imported `libraries` and forks itself for every script; scripts run one after the other."""

    def __init__(self, libraries: Sequence[str]) -> None:
        self._lock = threading.Lock()
        self._socket, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with other:
            command = [sys.executable, "-m", "tests.forked_scripts", str(other.fileno()), *libraries]
            self._process = subprocess.Popen(
                command, pass_fds=[other.fileno()], cwd=PROJECT_ROOT, stdin=subprocess.DEVNULL, start_new_session=True,
                env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},  # as modules/extractors/metrabs/loading.py sets it
            )  # fmt: skip

    def run(
        self, script: str, arguments: Sequence[str], setup: str, most_bytes: int | None, kill_after: float | None,
        kill: Kill,
    ) -> subprocess.CompletedProcess[str]:  # fmt: skip
        """Runs a script; `setup` is executed before it. See `run` below."""
        request = json.dumps({"script": script, "arguments": arguments, "setup": setup, "most_bytes": most_bytes})
        (out, out_end), (err, err_end) = os.pipe(), os.pipe()
        with self._lock, open(out, encoding="utf-8") as stdout, open(err, encoding="utf-8") as stderr:
            socket.send_fds(self._socket, [request.encode()], [out_end, err_end])
            os.close(out_end)
            os.close(err_end)
            with killed(int(self._socket.recv(64)), kill_after, kill):
                texts: dict[str, str] = {}
                reader = threading.Thread(target=lambda: texts.update(err=stderr.read()))
                reader.start()
                texts["out"] = stdout.read()
                reader.join()
                code = int(self._socket.recv(64))
        return subprocess.CompletedProcess([script, *arguments], code, texts["out"], texts["err"])

    def close(self) -> None:
        self._socket.close()
        self._process.wait()


def kill_group(group: int) -> None:
    """Kills all processes of a group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


@contextlib.contextmanager
def killed(group: int, after: float | None, kill: Kill = kill_group) -> Iterator[None]:
    """Context manager: kills a process group, or what `kill` kills of it, after so many seconds; all of it if interrupted."""
    timer = threading.Timer(after or 0, kill, [group])
    if after is not None:
        timer.start()
    try:
        yield
    except BaseException:
        kill_group(group)
        raise
    finally:
        timer.cancel()
        if timer.is_alive():
            timer.join()


class ForkedScripts:
    """The forking processes of a test session, each started when a script first needs it."""

    def __init__(self) -> None:
        self._forkers: dict[Sequence[str], Forker] = {}

    def run(
        self,
        script: str,
        *arguments: str,
        setup: str = "",
        most_bytes: int | None = None,
        kill_after: float | None = None,
        kill: Kill = kill_group,
    ) -> subprocess.CompletedProcess[str]:
        """Runs one of the project's scripts from the root, after the lines of Python in `setup`; returns both streams.

        Writing a file fails at `most_bytes`, as on a full disk. After `kill_after` seconds, the script and its children
        are killed, and the code is -9; or `kill` is called with its process group.
        """
        libraries = LIBRARIES.get(script, LIBRARIES.get(Path(script).name, WITHOUT_TORCH))
        if libraries is WITHOUT_TORCH and "EXTRACT.extractor=metrabs" in arguments:
            libraries = WITH_TENSORFLOW
        if libraries not in self._forkers:
            self._forkers[libraries] = Forker(libraries)
        return self._forkers[libraries].run(script, arguments, setup, most_bytes, kill_after, kill)

    def close(self) -> None:
        for forker in self._forkers.values():
            forker.close()


def next_script(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Returns in every forked process, with its request and the ends of its streams; the first process never returns."""
    while True:
        request, streams, _, _ = socket.recv_fds(connection, MOST_BYTES_OF_A_REQUEST, 2)
        if not request:
            sys.exit(0)
        process = os.fork()
        os.setpgid(process, process)  # in both processes, whichever comes first
        if process == 0:
            connection.close()
            return json.loads(request), streams
        for stream in streams:
            os.close(stream)
        connection.send(str(process).encode())
        _, status = os.waitpid(process, 0)
        connection.send(str(os.waitstatus_to_exitcode(status)).encode())


def run_and_end(path: str) -> NoReturn:
    """Runs a script and what it has registered for its end, without taking all imported modules apart."""
    code: Any = 0
    try:
        runpy.run_path(path, run_name="__main__")
    except SystemExit as ended:
        code = ended.code or 0
    except BaseException:
        traceback.print_exc()
        code = 1
    gc.collect()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    for library in sys.argv[2:]:
        import_module(library)
    gc.freeze()  # these objects are never collected, so that the processes share their memory
    wanted, ends = next_script(socket.socket(fileno=int(sys.argv[1])))
    for number, end in enumerate(ends, start=1):
        os.dup2(end, number)
        os.close(end)
    if wanted["most_bytes"] is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (wanted["most_bytes"], wanted["most_bytes"]))
    path = str(PROJECT_ROOT / wanted["script"])
    sys.argv = [path, *wanted["arguments"]]
    exec(wanted["setup"])  # noqa: S102  (a line or two of a test)
    if wanted["most_bytes"] is None:
        run_and_end(path)
    runpy.run_path(path, run_name="__main__")  # files that cannot be written may complain when the interpreter ends
