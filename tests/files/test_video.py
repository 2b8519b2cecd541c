"""Videos: the right frame at the right time, upright, and files that play everywhere."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from modules.files.video import SUFFIXES, VideoWriter, open_video, read_frames
from modules.utils import UserError

TIMES = (0.0, 0.04, 0.1, 0.11, 0.3, 0.5, 1.0, 1.2)  # of a phone: the rate varies


def picture(index: int) -> np.ndarray:
    """An image whose left half tells the frame's number, and whose top right quarter is green."""
    image = np.zeros((48, 64, 3), np.uint8)
    image[:, :32], image[:24, 32:] = 20 + 25 * index, (0, 200, 0)
    return image


def number(image: np.ndarray) -> int:
    return round((int(image[40, 10, 0]) - 20) / 25)


@pytest.fixture
def varying(tmp_path: Path) -> Path:
    path = tmp_path / "느린 video.mp4"
    with VideoWriter(path, (64, 48), 25) as writer:
        for index, time in enumerate(TIMES):
            writer.write(picture(index), time)
    return path


def test_variable_times_and_exact_frames(varying: Path) -> None:
    video = open_video(varying)
    np.testing.assert_allclose(video.times_s, TIMES, atol=1e-4)
    assert video.size == (64, 48) and video.frames_per_second == pytest.approx(7 / 1.2)
    for wanted in (range(8), [5], [3, 4, 7], [7], []):
        assert [number(image) for image in read_frames(video, wanted)] == list(wanted)


def test_what_is_written_plays_everywhere(varying: Path) -> None:
    with av.open(str(varying)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
    data = varying.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # a browser starts before it has the whole file
    with pytest.raises(ValueError, match="even sides"):
        VideoWriter(varying, (63, 48), 25)


CODECS = {".avi": "mpeg4", ".webm": "libvpx", ".wmv": "msmpeg4v3", ".mpg": "mpeg1video", ".mpeg": "mpeg2video"}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_suffix_is_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    options = {"mpegts_m2ts_mode": "1"} if suffix == ".mts" else {}  # as camcorders write
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(CODECS.get(suffix, "libx264"), rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(index), format="rgb24")))
        container.mux(stream.encode(None))
    video = open_video(path)
    np.testing.assert_allclose(video.times_s, [0, 0.04, 0.08], atol=2e-3)
    assert [number(image) for image in read_frames(video, range(3))] == [0, 1, 2]


@pytest.mark.parametrize("rate", [1e-5, 200_000])
def test_a_rate_that_no_player_knows_is_written_with_the_times(tmp_path: Path, rate: float) -> None:
    with VideoWriter(tmp_path / "a.mp4", (64, 48), rate) as writer:
        for index in range(3):
            writer.write(picture(index), index / 25)
    np.testing.assert_allclose(open_video(tmp_path / "a.mp4").times_s, [0, 0.04, 0.08], atol=1e-3)


def turned(path: Path, degrees: int) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.set_display_rotation(degrees)
        for index in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(index), format="rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("degrees", "size", "green"),
    [
        (0, (64, 48), lambda image: image[5, 60]),
        (90, (48, 64), lambda image: image[5, 5]),  # counter-clockwise: top right becomes top left
        (-90, (48, 64), lambda image: image[60, 40]),  # an upright phone: clockwise, top right becomes bottom right
        (180, (64, 48), lambda image: image[40, 5]),
    ],
)
def test_rotation_metadata_is_honoured(
    tmp_path: Path, degrees: int, size: tuple[int, int], green: Callable[[np.ndarray], np.ndarray]
) -> None:
    video = open_video(turned(tmp_path / "a.mp4", degrees))
    image = next(read_frames(video, [1]))
    assert video.size == size == image.shape[1::-1]
    np.testing.assert_allclose(green(image), [0, 200, 0], atol=12)


def test_broken_videos_are_named(tmp_path: Path, varying: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(UserError, match="not a readable video"):
        open_video(tmp_path / "text.mp4")
    with pytest.raises(UserError, match="this video is missing"):
        open_video(tmp_path / "gone.mp4")
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        silence.sample_rate = 8000
        container.mux(stream.encode(silence))
        container.mux(stream.encode(None))
    with pytest.raises(UserError, match="there is no video in this file"):
        open_video(tmp_path / "sound.mp4")
    whole = open_video(varying)
    data = bytearray(varying.read_bytes())
    start = data.index(b"mdat") + 8
    data[start + (len(data) - start) // 2 :] = bytes(len(data) - start - (len(data) - start) // 2)
    varying.write_bytes(data)
    with pytest.raises(UserError, match="cannot be decoded; use the part before it|not a readable video"):
        list(read_frames(whole, range(8)))
