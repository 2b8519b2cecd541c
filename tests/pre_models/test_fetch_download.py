"""Downloads from a local server: resumed after an interruption, never mixed from two files, never lost."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pre_models import download as downloads
from pre_models.download import DownloadError, download
from tests.pre_models.server import Resource, Site, serving

OLD, NEW = (bytes(seed * i % 251 for i in range(300_000)) for seed in (7, 11))
CUT = 100_000
REST = f"bytes={CUT}-"


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(downloads, "PAUSES_S", (0.0, 0.0, 0.0))
    with serving() as site:
        yield site


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "file.archive"


def part_of(path: Path) -> Path:
    return path.with_name(path.name + ".part")


def download_half(site: Site, path: Path, resource: Resource) -> str:
    """The address of a file of which the first CUT bytes have been downloaded."""
    url = site.put("/file", resource)
    resource.cuts = [CUT, 0, 0, 0, 0]
    with pytest.raises(DownloadError, match=f"closed after {CUT} of 300000 bytes"):
        download(url, path, "file")
    assert not path.exists() and part_of(path).read_bytes() == resource.content[:CUT]
    resource.cuts = []
    site.requests.clear()
    return url


def test_a_complete_file_is_not_requested_again(site: Site, path: Path) -> None:
    url = site.put("/file", Resource(OLD))
    download(url, path, "file")
    download(url, path, "file")
    assert path.read_bytes() == OLD and site.ranges == [None]
    assert list(path.parent.iterdir()) == [path]


def test_an_interruption_is_resumed_within_one_call(site: Site, path: Path) -> None:
    """More interruptions than retries: each attempt received bytes, so none counts as a failure."""
    url = site.put("/file", Resource(OLD, cuts=[50_000] * 5))
    download(url, path, "file")
    assert path.read_bytes() == OLD
    assert site.ranges == [None, *(f"bytes={start}-" for start in range(50_000, 300_000, 50_000))]


@pytest.mark.parametrize(
    "marks",
    [
        {"etag": '"one"'},
        {"etag": 'W/"one"', "last_modified": "Mon, 04 Oct 2021 10:00:00 GMT"},
        {"etag": 'W/"one"'},
        {"etag": None},
    ],
    ids=str,
)
def test_only_the_rest_is_requested(site: Site, path: Path, marks: dict[str, str | None]) -> None:
    resource = Resource(OLD)
    resource.etag, resource.last_modified = marks["etag"], marks.get("last_modified")
    url = download_half(site, path, resource)
    download(url, path, "file")
    assert path.read_bytes() == OLD and site.ranges == [REST]
    assert list(path.parent.iterdir()) == [path]


def test_a_server_without_ranges_starts_over(site: Site, path: Path) -> None:
    url = download_half(site, path, Resource(OLD))
    site.files["/file"].ranges = False
    download(url, path, "file")
    assert path.read_bytes() == OLD and site.ranges == [REST]


@pytest.mark.parametrize("minds_if_range", [True, False])
@pytest.mark.parametrize("etag", ['"%s"', 'W/"%s"'])
def test_a_changed_file_starts_over(site: Site, path: Path, minds_if_range: bool, etag: str) -> None:
    """Whether the server honours If-Range or sends the rest of the other file."""
    url = download_half(site, path, Resource(OLD, etag=etag % "one"))
    site.put("/file", Resource(NEW, etag=etag % "two", minds_if_range=minds_if_range))
    download(url, path, "file")
    assert path.read_bytes() == NEW
    assert site.ranges == ([REST] if minds_if_range and "W/" not in etag else [REST, None])


@pytest.mark.parametrize("start", [0, CUT - 1, CUT + 1])
def test_another_range_starts_over(site: Site, path: Path, start: int) -> None:
    url = download_half(site, path, Resource(OLD))
    site.files["/file"].answers_from = start
    download(url, path, "file")
    assert path.read_bytes() == OLD and site.ranges == [REST, None]


@pytest.mark.parametrize("length", [CUT - 1, CUT, CUT + 1, 299_999])
def test_another_length_starts_over(site: Site, path: Path, length: int) -> None:
    """No validator but the length; a file of at most CUT bytes gives status 416."""
    url = download_half(site, path, Resource(OLD, etag=None))
    site.put("/file", Resource(NEW[:length], etag=None))
    download(url, path, "file")
    assert path.read_bytes() == NEW[:length] and site.ranges == [REST, None]


def test_a_complete_part_is_not_requested_again(site: Site, path: Path) -> None:
    """Killed between the last byte and the renaming."""
    url = download_half(site, path, Resource(OLD))
    part_of(path).write_bytes(OLD)
    download(url, path, "file")
    assert path.read_bytes() == OLD and site.requests == []


@pytest.mark.parametrize("marks", [None, "", "[]", '{"etag"', "{}"])
def test_a_part_of_unknown_origin_starts_over(site: Site, path: Path, marks: str | None) -> None:
    url = download_half(site, path, Resource(OLD))
    part_of(path).write_bytes(NEW[:CUT])
    written = path.with_name(path.name + ".part.json")
    assert written.is_file()
    written.unlink() if marks is None else written.write_text(marks)
    download(url, path, "file")
    assert path.read_bytes() == OLD and site.ranges == [None]


def test_a_file_of_unknown_length_is_read_to_the_end(site: Site, path: Path) -> None:
    download(site.put("/file", Resource(OLD, sends_length=False)), path, "file")
    assert path.read_bytes() == OLD


def test_a_404_is_final_and_a_503_is_not(site: Site, path: Path) -> None:
    with pytest.raises(DownloadError, match="HTTP 404, Not Found"):
        download(f"{site.address}/nowhere", path, "file")
    assert len(site.requests) == 1
    download(site.put("/file", Resource(OLD, statuses=[503, 503])), path, "file")
    assert path.read_bytes() == OLD and len(site.requests) == 4


def test_204_is_no_file(site: Site, path: Path) -> None:
    with pytest.raises(DownloadError, match="does not return a file"):
        download(site.put("/file", Resource(b"", status=204)), path, "file")
    assert not path.exists()


def test_redirects_stay_on_the_web(site: Site, path: Path) -> None:
    site.put("/file", Resource(OLD))
    download(site.put("/short", Resource(b"", status=301, location="/file")), path, "file")
    assert path.read_bytes() == OLD
    path.unlink()
    secret = path.parent / "secret"
    secret.write_bytes(b"local")
    for target in (f"file://{secret}", "ftp://127.0.0.1/file", "/loop"):
        with pytest.raises(DownloadError) as caught:
            download(site.put("/loop", Resource(b"", status=302, location=target)), path, "file")
        assert "\n" not in str(caught.value)
    assert not path.exists()


def test_a_refused_connection(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "PAUSES_S", (0.0,))
    with socket.socket() as taken:  # bound but not listening, so that no other process can take the port
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(DownloadError, match="Connection refused"):
            download(f"http://127.0.0.1:{taken.getsockname()[1]}/file", path, "file")


@pytest.mark.parametrize("url", ["http://", "http://[", "http://127.0.0.1:port/", "http://a b/", "http://ä\n/", "x"])
def test_an_invalid_address(path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "PAUSES_S", ())
    with pytest.raises(DownloadError):
        download(url, path, "file")


def test_a_stalled_server_is_requested_again(site: Site, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "TIMEOUT_S", 0.2)
    began = time.monotonic()
    download(site.put("/file", Resource(OLD, cuts=[CUT], stalls=True)), path, "file")
    assert path.read_bytes() == OLD and site.ranges == [None, REST]
    assert time.monotonic() - began < 10  # the server itself would have been silent for 20 s


@pytest.mark.parametrize("sends_length", [True, False])
def test_endless_bytes_do_not_fill_the_disk(
    site: Site, path: Path, monkeypatch: pytest.MonkeyPatch, sends_length: bool
) -> None:
    monkeypatch.setattr(downloads, "MAX_BYTES", 1000)
    with pytest.raises(DownloadError, match="larger|longer"):
        download(site.put("/file", Resource(OLD, sends_length=sends_length)), path, "file")
    assert not path.exists() and not part_of(path).exists()


def test_a_full_disk_is_no_network_error(site: Site, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not retried, and the part is kept."""
    url = download_half(site, path, Resource(OLD))

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(part_of(path)))

    monkeypatch.setattr(downloads, "open", full, raising=False)
    with pytest.raises(OSError, match="No space left"):
        download(url, path, "file")
    assert len(site.requests) == 1 and part_of(path).stat().st_size == CUT
