"""Texts with a video's suffix: none opens another file or an address, and none plays for hours."""

import socket
from pathlib import Path

import pytest

from modules.files.video import SUFFIXES, VideoWriter, open_video
from tests.attacks.program import refused
from tests.files.test_video import picture

TEXTS = {
    "concat, another file": "ffconcat version 1.0\nfile other.mp4\n",
    "concat, hours": "ffconcat version 1.0\n" + "file other.mp4\nduration 36000\n" * 99,
    "a playlist, another file": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nother.mp4\n#EXT-X-ENDLIST\n",
    "a playlist, an address": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:%PORT%/a.ts\n#EXT-X-ENDLIST\n",
    "DASH, an address": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    'mediaPresentationDuration="PT9H"><Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="9">'
    "<BaseURL>http://127.0.0.1:%PORT%/a.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>",
    "SDP, a stream": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video %PORT% RTP/AVP 96\n"
    "a=rtpmap:96 H264/90000\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with VideoWriter(tmp_path / "other.mp4", (64, 48), 25) as writer:
        for index in range(2):
            writer.write(picture(index), index / 25)
    assert len(open_video(tmp_path / "other.mp4").pts) == 2
    return tmp_path


@pytest.mark.parametrize("case", TEXTS)
def test_a_text_is_no_video(folder: Path, case: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        text = TEXTS[case].replace("%PORT%", str(server.getsockname()[1]))
        for suffix in SUFFIXES:
            (folder / f"text{suffix}").write_text(text)
            with refused(folder / f"text{suffix}", "not a readable video"):
                open_video(folder / f"text{suffix}")
        with pytest.raises(BlockingIOError):
            server.accept()


def test_a_name_is_no_address(folder: Path) -> None:
    """FFmpeg takes what is before a colon for a protocol."""
    named = (folder / "other.mp4").rename(folder / "concat:a|b.mp4")
    assert len(open_video(named).pts) == 2
