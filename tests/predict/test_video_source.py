"""A video as the source of a prediction: square pixels or a camera of the stored ones, and any change of it is noticed."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from modules.files.video import VideoWriter, open_video
from modules.pose_utils import Camera
from modules.predict.source import Selection, open_source
from modules.predict.view import View
from modules.utils import UserError
from tests.files.test_video import picture

K = np.array([[60.0, 0, 31.5], [0, 60, 23.5], [0, 0, 1]])
UNKNOWN = View(Path("camera.json"), Camera(K, np.eye(3), np.zeros(3)), scales=False)


def test_pixels_that_are_not_square_need_a_camera_of_the_stored_ones(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        for index in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(index), format="rgb24")))
        container.mux(stream.encode(None))
    assert open_video(path).pixel_aspect == Fraction(4, 3)
    for size in (None, (86, 48)):
        view = replace(UNKNOWN, camera=replace(UNKNOWN.camera, image_size=size))
        with pytest.raises(
            UserError, match=r"not square \(4/3\), and camera\.json .* the stored 64x48 px; add image_size"
        ):
            open_source([str(path)], Selection(), view)
    view = replace(UNKNOWN, camera=replace(UNKNOWN.camera, image_size=(64, 48)))
    assert len(open_source([str(path)], Selection(), view).names) == 3


def test_a_change_at_the_start_of_a_long_video_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with VideoWriter(path, (64, 48), 25) as writer:
        for index in range(3):
            writer.write(picture(index), index / 25)
    data = bytearray(path.read_bytes())
    data += (len(data).to_bytes(4) + b"free").ljust(len(data), b"\0") + (2**21).to_bytes(4) + b"free" + bytes(2**21 - 8)
    marks = []
    for changed in (0, 1):
        data[data.index(b"x264")] ^= changed  # the encoder's name, within the pixels' bytes
        path.write_bytes(data)
        marks.append(open_source([str(path)], Selection(), UNKNOWN).marks(0, 1))
    assert marks[0] != marks[1]
