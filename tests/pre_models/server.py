"""A local HTTP server whose files have the faults that a test needs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Resource:
    """A file of the server. `cuts` are consumed one a request: so many bytes are sent, then the connection is closed."""

    content: bytes
    etag: str | None = '"one"'
    last_modified: str | None = None
    ranges: bool = True
    minds_if_range: bool = True
    sends_length: bool = True
    status: int = 200
    location: str | None = None
    cuts: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)  # consumed one a request, before `status`
    answers_from: int | None = None  # every range starts here, whatever was requested
    stalls: bool = False  # a cut connection stays open without a byte, until the server ends


class Site:
    """The served files, and the requests received: path with query, and the Range header."""

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self.files: dict[str, Resource] = {}
        self.requests: list[tuple[str, str | None]] = []
        self.ended = threading.Event()

    def put(self, path: str, resource: Resource) -> str:
        self.files[path] = resource
        return self.address + path

    @property
    def ranges(self) -> list[str | None]:
        return [range_header for _, range_header in self.requests]


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.requests.append((self.path, self.headers["Range"]))
            resource = site.files.get(self.path)
            if resource is None:
                return self.send_error(404)
            status = resource.statuses.pop(0) if resource.statuses else resource.status
            if resource.location is not None or status != 200:
                return self._send_head(status, resource, {"Location": resource.location, "Content-Length": "0"})
            self._send_file(resource)

        def _send_file(self, resource: Resource) -> None:
            size, start = len(resource.content), self._start(resource)
            if start is not None and start >= size:
                return self._send_head(416, resource, {"Content-Range": f"bytes */{size}", "Content-Length": "0"})
            body = resource.content[start or 0 :]
            headers = {"Content-Length": str(len(body)) if resource.sends_length else None}
            if start is not None:
                headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
            self._send_head(200 if start is None else 206, resource, headers)
            cut = resource.cuts.pop(0) if resource.cuts else None
            self.wfile.write(body[:cut])
            if cut is not None and resource.stalls:
                site.ended.wait(20)

        def _start(self, resource: Resource) -> int | None:
            wanted, mark = self.headers["Range"], self.headers["If-Range"]
            changed = mark is not None and mark not in (resource.etag, resource.last_modified)
            if not wanted or not resource.ranges or (changed and resource.minds_if_range):
                return None
            asked = int(wanted.removeprefix("bytes=").removesuffix("-"))
            return asked if resource.answers_from is None else resource.answers_from

        def _send_head(self, status: int, resource: Resource, headers: dict[str, str | None]) -> None:
            self.send_response(status)
            marks = {"ETag": resource.etag, "Last-Modified": resource.last_modified}
            for name, value in {**marks, **headers}.items():
                if value is not None:
                    self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    return Handler


@contextmanager
def serving() -> Iterator[Site]:
    """Context manager: a running site."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        site = Site(server.server_port)
        server.RequestHandlerClass = _handler(site)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield site
        finally:
            site.ended.set()
            server.shutdown()
            thread.join(10)
