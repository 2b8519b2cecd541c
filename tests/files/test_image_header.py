"""Image headers: the same message as for the whole image, without decoding."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from modules.files import image_header
from modules.files.image_header import header_problem
from modules.files.images import read_image
from modules.utils import UserError
from tests.files.exif_images import jpeg

OTHERS = (".png", ".bmp", ".tif", ".webp")


@pytest.mark.parametrize("orientation", [1, 3, 6])
@pytest.mark.parametrize("image_size", [None, (60, 40), (40, 60), (64, 48)])
@pytest.mark.parametrize("kind", ["jpg", "progressive", "png", "cut", "text", "empty", "none"])
def test_a_header_gives_the_same_message_as_the_whole_image(
    tmp_path: Path, kind: str, image_size: tuple[int, int] | None, orientation: int
) -> None:
    path = tmp_path / "x.jpg"
    pixels = np.zeros((40, 60, 3), np.uint8)
    progressive = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    data = {
        "jpg": jpeg(60, 40, orientation), "progressive": progressive, "png": cv2.imencode(".png", pixels)[1].tobytes(),
        "cut": jpeg(60, 40, orientation)[:-2], "text": b"no picture", "empty": b"",
    }  # fmt: skip
    if kind in data:
        path.write_bytes(data[kind])
    try:
        read_image(path, image_size)
        message = None
    except UserError as error:
        message = str(error)
    assert header_problem(path, image_size) == message


def test_a_header_is_read_without_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_header, "decode_image", lambda *_: pytest.fail("decoded"))
    pixels = np.zeros((40, 60, 3), np.uint8)
    data = {"x.jpg": jpeg(60, 40, 1)} | {f"x{ending}": cv2.imencode(ending, pixels)[1].tobytes() for ending in OTHERS}
    for name, content in data.items():
        (tmp_path / name).write_bytes(content)
        assert header_problem(tmp_path / name, (60, 40)) is None
        assert "the image is 60x40 px" in str(header_problem(tmp_path / name, (30, 20)))
