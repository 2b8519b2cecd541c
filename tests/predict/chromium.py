"""A headless Chromium for the tests, which is driven through a pipe (the Chrome DevTools protocol)."""

from __future__ import annotations

import base64
import fcntl
import io
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import brotli
import cv2
import numpy as np

from modules.files.atomic import atomic_path
from pre_models.packages import Member, fetch_npm

FOLDER = Path(sys.prefix) / "chromium-153"
PACKAGE_SHA256 = "20e5656fcdcf4118ede85edfb9d6bb9cc1bbb7ffb8b75622fffbcf36a835c3c0"
FILES_SHA256 = {
    "chromium.br": "38e1e1649db20fa4ea644bf5987688ce81a4c9eb10e7eae8380b74fc0d699fea",
    "swiftshader.tar.br": "b680e40a33235ecc6ad4c6897a168b70ce5164f0d62d2a64d675320d51614631",
    "al2023.tar.br": "a166168dd3e3e9d8743689fff543c5cadb3025c1816c6a154c90dc68a59edd0a",
}
SOFTWARE_WEBGL = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
INSTALLED = ("chromium", "chromium-browser", "google-chrome", "chrome", "chrome-headless-shell")


def find_chromium() -> Path | None:
    """Returns an installed Chromium, or on x86-64 Linux that of the npm package @sparticuz/chromium (70 MB), else None."""
    installed = next((path for name in INSTALLED if (path := shutil.which(name))), None)
    if installed is not None:
        return Path(installed)
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        return None
    FOLDER.mkdir(exist_ok=True)
    with open(FOLDER / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (FOLDER / "chromium").exists():
            _unpack()
    return FOLDER / "chromium"


def _unpack() -> None:
    members = [Member(f"package/bin/{name}", FOLDER / name, digest) for name, digest in FILES_SHA256.items()]
    fetch_npm("@sparticuz/chromium", "153.0.0", PACKAGE_SHA256, members)
    for name in FILES_SHA256:
        content = brotli.decompress((FOLDER / name).read_bytes())
        if name.endswith(".tar.br"):
            with tarfile.open(fileobj=io.BytesIO(content)) as archive:
                archive.extractall(FOLDER, filter="data")
    with atomic_path(FOLDER / "chromium") as temporary:  # the last: it marks the folder as complete
        temporary.write_bytes(brotli.decompress((FOLDER / "chromium.br").read_bytes()))
        temporary.chmod(0o755)
    for name in FILES_SHA256:
        (FOLDER / name).unlink()


class Page:
    """A tab. `problems` are errors and warnings of its console, exceptions, and requests to a network."""

    def __init__(self, commands: Any, answers: Any) -> None:
        self._commands, self._answers, self._count, self._session = commands, answers, 0, {}
        self.problems: list[str] = []
        target = self.send("Target.createTarget", url="about:blank", width=1280, height=800)["targetId"]
        self._session = {"sessionId": self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]}
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Returns the result of a command. Raises RuntimeError for an error."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters, **self._session}
        self._commands.write(json.dumps(message).encode() + b"\0")
        self._commands.flush()
        while True:
            answer = self._read()
            if answer.get("id") == self._count:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self._note(answer.get("method", ""), answer.get("params", {}))

    def evaluate(self, script: str) -> Any:
        """Returns the value of an expression; waits if it is a promise. Raises RuntimeError for an exception."""
        done = self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in done:
            raise RuntimeError(str(done["exceptionDetails"]))
        return done["result"].get("value")

    def open(self, path: Path) -> None:
        """Opens a file and waits until it is ready."""
        self.send("Page.navigate", url=path.as_uri())
        self.evaluate(
            "new Promise(done => { const look = () => document.body?.dataset.ready === 'yes' ? done() "
            ": setTimeout(look, 20); look(); })"
        )

    def click(self, x: float, y: float) -> None:
        """Clicks at a place of the page."""
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def box(self, selector: str) -> tuple[float, float, float, float]:
        """Returns left, top, width, height of an element, px."""
        found = self.evaluate(f"JSON.stringify(document.querySelector({selector!r}).getBoundingClientRect())")
        return tuple(json.loads(found)[name] for name in ("x", "y", "width", "height"))

    def screenshot(self) -> np.ndarray:
        """Returns the visible part of the page: (H, W, 3) uint8."""
        self.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        png = base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"])
        return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)

    def _read(self) -> dict[str, Any]:
        text = bytearray()
        while (byte := self._answers.read(1)) not in (b"\0", b""):
            text += byte
        if not text:
            raise RuntimeError("Chromium has ended")
        return json.loads(text)

    def _note(self, event: str, values: dict[str, Any]) -> None:
        if event == "Runtime.exceptionThrown":
            self.problems.append(str(values["exceptionDetails"]))
        elif event == "Runtime.consoleAPICalled" and values["type"] in ("error", "warning", "assert"):
            self.problems.append(str(values["args"]))
        elif event == "Log.entryAdded" and values["entry"]["level"] in ("error", "warning"):
            self.problems.append(values["entry"]["text"])
        elif event == "Network.requestWillBeSent":
            url = values["request"]["url"]
            if not url.startswith(("file:", "data:", "blob:", "about:")):
                self.problems.append(f"a request to {url}")


@contextmanager
def opened_page(chromium: Path, profile: Path) -> Iterator[Page]:
    """Context manager: a tab of a new Chromium, which is ended afterwards."""
    commands, answers = os.pipe(), os.pipe()
    arguments = [
        str(chromium), "--headless", "--no-sandbox", "--remote-debugging-pipe", "--hide-scrollbars", "--no-first-run",
        "--disable-dev-shm-usage", f"--user-data-dir={profile}", *SOFTWARE_WEBGL,
    ]  # fmt: skip
    process = subprocess.Popen(
        ["bash", "-c", f'exec "$@" 3<&{commands[0]} 4>&{answers[1]}', "bash", *arguments],
        pass_fds=(commands[0], answers[1]), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "LD_LIBRARY_PATH": f"{FOLDER}/lib:{FOLDER}"},
    )  # fmt: skip
    os.close(commands[0])
    os.close(answers[1])
    try:
        with open(commands[1], "wb") as to_browser, open(answers[0], "rb") as from_browser:
            yield Page(to_browser, from_browser)
    finally:
        process.kill()
        process.wait()
