"""Reads videos frame by frame with PyAV, upright and with exact times, and writes H.264 videos that play everywhere.

A frame is named by its number in the order of display. Times come from the file, so that variable frame rates are kept.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from av.sidedata.sidedata import SideData
from av.stream import Disposition
from av.video.stream import VideoStream

from modules.utils import UserError, log, reason

SUFFIXES = (".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".mts", ".m2ts", ".wmv")
MOST_LOST = 3  # frames by which a file may end before what it says without a warning
DEMUXERS = "mov,avi,matroska,mpeg,mpegts,asf"  # of SUFFIXES; FFmpeg has others, which open further files


@dataclass(frozen=True)
class Video:
    """A video's frames, without their pixels."""

    path: Path
    times_s: np.ndarray  # (F,) ascending, of every frame, from the first one's
    pts: tuple[int, ...]  # (F,) the same in the file's own units
    size: tuple[int, int]  # (width, height) px as shown: turned by the file's rotation
    quarter_turns: int  # counter-clockwise, from stored pixels to shown ones
    pixel_aspect: Fraction = Fraction(1)  # width over height of a pixel as shown; 1: square
    damaged_s: list[float] = field(default_factory=list, compare=False)  # times of damaged frames that were decoded

    @property
    def frames_per_second(self) -> float:
        """The mean frame rate; 0 for a single frame."""
        return (len(self.times_s) - 1) / float(self.times_s[-1]) if len(self.times_s) > 1 else 0.0


def open_video(path: Path) -> Video:
    """Reads the times of all frames, without decoding more than the first. Raises UserError if it is no readable video."""
    with _opened(path) as container:
        stream = _stream(container)
        packets = (packet for packet in container.demux(stream) if packet.size and not packet.is_discard)
        shown = sorted((packet.pts, packet.duration or 0) for packet in packets if packet.pts is not None)
        pts = [start for start, _ in shown]
        if not pts or len(set(pts)) < len(pts) or stream.time_base is None:
            raise UserError(f"{path}: the frames of this video have no times; convert it (ffmpeg -i IN OUT.mp4)")
        times = np.array([float((number - pts[0]) * stream.time_base) for number in pts])
        longest = max(duration for _, duration in shown)
        _warn_of_lost_end(path, container, times, longest * float(stream.time_base))
    with _opened(path) as container:
        frame = next(container.decode(_stream(container)), None)
        if frame is None:
            raise UserError(f"{path}: no frame of this video can be decoded; convert it (ffmpeg -i IN OUT.mp4)")
        if _is_mirrored(frame):
            raise UserError(
                f"{path}: this video is shown mirrored by its metadata; bake that into its pixels (ffmpeg -i IN OUT.mp4), or "
                "remove it if the stored pixels are right, and calibrate for what the pixels show"
            )
        if frame.rotation % 90:
            raise UserError(f"{path}: this video is rotated by {frame.rotation} degrees; bake the turn into its pixels")
        turns = frame.rotation // 90 % 4
        size = (frame.height, frame.width) if turns % 2 else (frame.width, frame.height)
        aspect = _stream(container).sample_aspect_ratio or Fraction(1)
    return Video(path, times, tuple(pts), size, turns, 1 / aspect if turns % 2 else aspect)


def _warn_of_lost_end(path: Path, container: InputContainer, times_s: np.ndarray, longest_s: float) -> None:
    """Logs a warning if a video's frames end before what its file says; `longest_s` is how long one is shown at most."""
    stream = _stream(container)
    declared_s = 0.0
    if stream.duration is not None and stream.time_base is not None:
        declared_s = float(stream.duration * stream.time_base)
    elif container.duration is not None:
        declared_s = container.duration / av.time_base
    step_s = float(times_s[-1]) / (len(times_s) - 1) if len(times_s) > 1 else 0.0
    end_s = float(times_s[-1]) + max(step_s, longest_s)
    if declared_s > end_s + MOST_LOST * max(step_s, 0.001):
        log.warning(
            "%s: the frames of this video end at %.2f s, but its file says %.2f s; if it was not copied whole, copy it again",
            path, end_s, declared_s,
        )  # fmt: skip


def _warn_of_damage(video: Video, time_s: float) -> None:
    """Logs, once per opened video, that a frame was decoded from damaged bytes."""
    video.damaged_s.append(time_s)
    if len(video.damaged_s) == 1:
        log.warning(
            "%s: the frame at %.3f s is damaged, so that parts of it, and maybe of others after it, are not what was recorded; "
            "copy the video again, or leave this part out (--start, --end)", video.path, time_s,
        )  # fmt: skip


def _is_mirrored(frame: av.VideoFrame) -> bool:
    """Returns whether the display matrix of a frame, of rows (a, b, u), (c, d, v), (x, y, w), mirrors it."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if not isinstance(matrix, SideData):
        return False
    a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32, 5).tolist()
    return bool(a * d - b * c < 0)


def read_frames(video: Video, wanted: Sequence[int]) -> Iterator[np.ndarray]:
    """Yields frames by their ascending numbers: RGB (H, W, 3) uint8, as shown.

    The file is searched for the first one, and decoded from the key frame before it. Raises UserError if a frame cannot be
    decoded.
    """
    if not len(wanted):
        return
    pending = iter(wanted)
    number = next(pending)
    first = video.pts[number]
    for frame in _decoded_from(video, number):
        if frame.is_corrupt and frame.pts is not None and frame.pts >= first:
            _warn_of_damage(video, float((frame.pts - video.pts[0]) * (frame.time_base or 0)))
        if frame.pts is None or frame.pts < video.pts[number]:
            continue
        if frame.pts > video.pts[number]:
            break
        image = np.rot90(frame.to_ndarray(format="rgb24"), video.quarter_turns)
        if image.shape[1::-1] != video.size:
            raise UserError(_other_size(video, number, image.shape[1::-1]))
        yield np.ascontiguousarray(image)
        number = next(pending, -1)
        if number < 0:
            return
    raise UserError(
        f"{video.path}: the frame at {video.times_s[number]:.3f} s cannot be decoded; use the part before it "
        f"(--end {max(video.times_s[number] - 0.001, 0):.3f}), or convert the video"
    )


def _other_size(video: Video, number: int, size: tuple[int, ...]) -> str:
    """Returns the sentence on a frame that is not of its video's size."""
    (width, height), time_s = video.size, video.times_s[number]
    return (
        f"{video.path}: the frame at {time_s:.3f} s is {size[0]}x{size[1]} px, not {width}x{height} as the first one, and K is "
        f"of one size; cut the video there (--end {max(time_s - 0.001, 0):.3f})"
    )


def _decoded_from(video: Video, number: int) -> Iterator[av.VideoFrame]:
    """Yields the frames of a video from this one or from earlier ones on.

    Streams without an index are searched by the order of decoding, which may end behind the frame: then again from earlier.
    """
    for margin_s in (0, 2, 20, None):
        with _opened(video.path) as container:
            stream = _stream(container)
            stream.thread_type = "AUTO"
            if margin_s is not None and stream.time_base is not None:
                container.seek(video.pts[number] - int(margin_s / stream.time_base), stream=stream)
            frames = container.decode(stream)
            first = next(frames, None)
            if first is not None and first.pts is not None and first.pts <= video.pts[number]:
                yield first
                yield from frames
                return


def _stream(container: InputContainer) -> VideoStream:
    """Returns the video of a file, beside which there may be a cover picture."""
    return (_moving(container) or container.streams.video)[0]


def _moving(container: InputContainer) -> Sequence[VideoStream]:
    return [one for one in container.streams.video if Disposition.attached_pic not in one.disposition]


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[InputContainer]:
    """Context manager: an opened video file. Raises UserError if it is missing, damaged, or holds no video."""
    try:
        # FFmpeg chooses by content: a text that ends in .mp4 could name other files, addresses, or a film of hours.
        options = {"format_whitelist": DEMUXERS, "protocol_whitelist": "file"}
        with av.open(f"file:{path}", options=options) as container:
            if not container.streams.video:
                raise UserError(f"{path}: there is no video in this file; name a video, images or a folder")
            videos = len(_moving(container))
            if videos > 1:
                raise UserError(
                    f"{path}: there are {videos} videos in this file; keep one (ffmpeg -i IN -map 0:v:0 OUT.mp4)"
                )
            yield container
    except FileNotFoundError:
        raise UserError(f"{path}: this video is missing; name an existing file") from None
    except av.FFmpegError as error:
        raise UserError(
            f"{path}: this is not a readable video ({reason(error)}); convert it (ffmpeg -i IN OUT.mp4)"
        ) from None


class VideoWriter:
    """Context manager: writes RGB frames as H.264 (yuv420p, even sizes, index first), which browsers and slides play."""

    def __init__(self, path: Path, size: tuple[int, int], frames_per_second: float) -> None:
        if size[0] % 2 or size[1] % 2:
            raise ValueError(f"H.264 in yuv420p needs even sides, not {size}")
        self._container: OutputContainer = av.open(str(path), "w", format="mp4", options={"movflags": "faststart"})
        rate = Fraction(min(max(frames_per_second, 0.001), 1000)).limit_denominator(1001)  # players take the times
        self._stream = self._container.add_stream("libx264", rate=rate, options={"crf": "20", "preset": "fast"})
        self._stream.width, self._stream.height = size
        self._stream.pix_fmt = "yuv420p"
        self._unit = Fraction(1, 90_000)
        self._stream.codec_context.time_base = self._unit

    def write(self, image_rgb: np.ndarray, time_s: float) -> None:
        """Appends a frame (H, W, 3) uint8, which is shown from `time_s` on."""
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image_rgb), format="rgb24")
        frame.pts, frame.time_base = round(time_s / self._unit), self._unit
        self._container.mux(self._stream.encode(frame))

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is None:
            self._container.mux(self._stream.encode(None))
        self._container.close()
