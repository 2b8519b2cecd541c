"""Videos that are mirrored, trimmed, of several sizes, cut off or damaged: none is used silently as what it is not."""

import logging
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition

from modules.files.video import VideoWriter, open_video, read_frames
from modules.utils import UserError
from tests.files.test_video import number, picture

ONE = 1 << 16  # of a display matrix


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """Nine frames at 25 per second."""
    path = tmp_path / "plain.mp4"
    with VideoWriter(path, (64, 48), 25) as writer:
        for index in range(9):
            writer.write(picture(index), index / 25)
    return path


def patched(path: Path, box: bytes, offset: int, layout: str, *values: int) -> Path:
    """A copy with other values `offset` bytes behind the name of a box of its index."""
    data = bytearray(path.read_bytes())
    struct.pack_into(layout, data, data.index(box) + 4 + offset, *values)
    copy = path.with_name("patched.mp4")
    copy.write_bytes(data)
    return copy


@pytest.mark.parametrize("matrix", [(-ONE, 0, 0, ONE), (ONE, 0, 0, -ONE), (0, ONE, ONE, 0), (0, -ONE, -ONE, 0)])
def test_a_mirrored_video_is_refused(plain: Path, matrix: tuple[int, int, int, int]) -> None:
    a, b, c, d = matrix
    mirrored = patched(plain, b"tkhd", 40, ">5i", a, b, 0, c, d)
    with pytest.raises(UserError, match=r"this video is shown mirrored by its metadata; .*ffmpeg -i IN OUT\.mp4"):
        open_video(mirrored)
    assert open_video(patched(plain, b"tkhd", 40, ">5i", -ONE, 0, 0, 0, -ONE)).quarter_turns == 2


def test_a_trimmed_video_has_the_frames_that_are_shown(plain: Path) -> None:
    """An edit list hides the first three, which are stored, since others are decoded from them."""
    data = plain.read_bytes()
    begin = struct.unpack_from(">i", data, data.index(b"elst") + 16)[0]  # of the first frame, in 90,000ths of a second
    cut = patched(plain, b"elst", 8, ">2i", 240, begin + 3 * 3600)
    with av.open(str(cut)) as container:
        shown = [float(frame.time or 0) for frame in container.decode(video=0)]
    video = open_video(cut)
    np.testing.assert_allclose(video.times_s, np.array(shown) - shown[0], atol=1e-6)
    np.testing.assert_allclose(np.diff(video.times_s), 0.04, atol=1e-6)
    everything = [number(image) for image in read_frames(video, range(len(shown)))]
    assert everything == list(range(9 - len(shown), 9)) and len(shown) < 9
    assert [number(next(read_frames(video, [index]))) for index in range(len(shown))] == everything


def test_a_video_that_changes_its_size_is_refused_there(tmp_path: Path) -> None:
    path, unit = tmp_path / "a.m2ts", Fraction(1, 25)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for start, size in ((0, (64, 48)), (3, (48, 32))):
            codec = av.CodecContext.create("libx264", "w")
            codec.width, codec.height, codec.pix_fmt, codec.time_base = *size, "yuv420p", unit
            codec.options = {"bf": "0"}
            packets = []
            for index in range(start, start + 3):
                frame = av.VideoFrame.from_ndarray(picture(index), format="rgb24").reformat(*size)
                frame.pts, frame.time_base = index, unit
                packets += codec.encode(frame)
            for packet in packets + codec.encode(None):
                packet.stream, packet.time_base, packet.dts = stream, unit, packet.pts
                container.mux(packet)
    video = open_video(path)
    assert video.size == (64, 48) and len(list(read_frames(video, range(3)))) == 3
    says = r"the frame at 0\.120 s is 48x32 px, not 64x48 as the first one, .*; cut the video there \(--end 0\.119\)"
    with pytest.raises(UserError, match=says):
        list(read_frames(video, range(6)))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_a_video_that_was_not_copied_whole_is_named(
    tmp_path: Path, suffix: str, log_records: list[logging.LogRecord]
) -> None:
    path = tmp_path / f"a{suffix}"
    options = {"movflags": "faststart"} if suffix == ".mp4" else {}
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream("mpeg4", rate=25, options={"g": "1", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        noise = np.random.default_rng(0).integers(0, 255, (12, 48, 64, 3), np.uint8)
        for image in noise:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    data = path.read_bytes()
    assert len(open_video(path).pts) == 12 and not log_records
    path.write_bytes(data[: len(data) * 6 // 10])
    assert 1 < len(open_video(path).pts) < 9
    (said,) = [record.getMessage() for record in log_records]
    assert said.startswith(f"{path}: the frames of this video end at 0.") and "its file says 0." in said


@pytest.mark.parametrize("second", ["a cover", "a video"])
def test_a_cover_picture_is_not_the_video_and_two_videos_are_refused(tmp_path: Path, second: str) -> None:
    path = tmp_path / "two.mp4"
    with av.open(str(path), "w") as container:
        streams = [container.add_stream(codec, rate=25) for codec in ("mjpeg", "libx264")]
        for stream, kind in zip(streams, ("yuvj420p", "yuv420p"), strict=True):
            stream.width, stream.height, stream.pix_fmt = 64, 48, kind
        if second == "a cover":
            streams[0].disposition = Disposition.attached_pic
        for index in range(3):
            for stream in streams[index > 0 and second == "a cover" :]:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(index), format="rgb24")))
        for stream in streams:
            container.mux(stream.encode(None))
    if second == "a cover":
        assert len(open_video(path).pts) == 3
    else:
        with pytest.raises(UserError, match=r"there are 2 videos in this file; keep one"):
            open_video(path)


def test_a_damaged_frame_is_named_once(plain: Path, log_records: list[logging.LogRecord]) -> None:
    path = plain.with_name("damaged.mp4")
    with VideoWriter(path, (640, 480), 25) as writer:
        for index, image in enumerate(np.random.default_rng(0).integers(0, 255, (5, 480, 640, 3), np.uint8)):
            writer.write(image, index / 25)
    whole = open_video(path)
    assert len(list(read_frames(whole, range(5)))) == 5 and not log_records
    data = bytearray(path.read_bytes())
    middle = data.index(b"mdat") + (len(data) - data.index(b"mdat")) // 2
    data[middle : middle + 200] = bytes(range(200))
    path.write_bytes(data)
    for _ in range(2):
        list(read_frames(whole, range(5)))
    (said,) = [record.getMessage() for record in log_records]
    assert said.startswith(f"{path}: the frame at 0.") and "is damaged" in said
