"""Serves an archive of a model on this machine, as its author's server does."""

from __future__ import annotations

import contextlib
import functools
import io
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

FETCHED = "metrabs_mine"
LARGEST = "variables/variables.data-00000-of-00001"
SIZES = {"saved_model.pb": 100_000, "variables/variables.index": 1000, LARGEST: 20_000_000}
CHUNK, BYTES_PER_SECOND = 2**18, 20e6


@functools.cache
def serve_model() -> str:
    """Returns the address of the archive, which a thread serves until this process ends; ranges are served, too."""
    content = _archive()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers["Range"]
            start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
            self.send_response(206 if wanted else 200)
            self.send_header("ETag", '"one"')
            self.send_header("Content-Length", str(len(content) - start))
            if wanted:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.end_headers()
            for place in range(start, len(content), CHUNK):
                pause.wait(CHUNK / BYTES_PER_SECOND)
                self.wfile.write(content[place : place + CHUNK])

        def log_message(self, format: str, *arguments: object) -> None:
            pass

        def handle(self) -> None:
            with contextlib.suppress(ConnectionError):  # of a process that was killed
                super().handle()

    pause = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/model.tar"


def _archive() -> bytes:
    """Returns a tar of random bytes, always the same."""
    rng, buffer = np.random.default_rng(0), io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:") as package:
        for name, size in SIZES.items():
            info = tarfile.TarInfo(name)
            info.size = size
            package.addfile(info, io.BytesIO(rng.bytes(size)))
    return buffer.getvalue()
