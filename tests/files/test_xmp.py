"""An orientation in XMP alone is read as EXIF's is, in every format; EXIF's counts where both are stated."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from modules.files.exif import exif_orientation
from modules.files.image_header import read_header
from modules.files.images import read_image
from modules.files.xmp import image_orientation
from modules.utils import UserError
from tests.files.exif_images import jpeg

ATTRIBUTE = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
ELEMENT = b"<rdf:Description><tiff:Orientation> 8 </tiff:Orientation></rdf:Description>"


def with_jpeg_xmp(data: bytes, packet: bytes) -> bytes:
    content = b"http://ns.adobe.com/xap/1.0/\0" + packet
    return data[:2] + b"\xff\xe1" + (len(content) + 2).to_bytes(2, "big") + content + data[2:]


def png_with_xmp(packet: bytes, compressed: bool) -> bytes:
    data = cv2.imencode(".png", np.zeros((40, 60, 3), np.uint8))[1].tobytes()
    text = zlib.compress(packet) if compressed else packet
    chunk = b"iTXtXML:com.adobe.xmp\0" + bytes([compressed, 0]) + b"\0\0" + text
    return data[:33] + struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) + data[33:]


@pytest.mark.parametrize(("packet", "orientation"), [(ATTRIBUTE, 6), (ELEMENT, 8), (b"<x/>", 1)])
def test_xmp_alone_is_read_in_every_format(tmp_path: Path, packet: bytes, orientation: int) -> None:
    plain = cv2.imencode(".jpg", np.zeros((40, 60, 3), np.uint8))[1].tobytes()
    files = [with_jpeg_xmp(plain, packet), png_with_xmp(packet, False), png_with_xmp(packet, True)]
    for suffix in ("webp", "tif"):
        path = tmp_path / f"x.{suffix}"
        extra = {"xmp": packet} if suffix == "webp" else {"tiffinfo": {700: packet}}
        Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(path, **extra)
        files.append(path.read_bytes())
    assert [image_orientation(data) for data in files] == [orientation] * 5
    assert [exif_orientation(data) for data in files] == [1] * 5


def test_exif_counts_where_it_is_stated() -> None:
    assert image_orientation(with_jpeg_xmp(jpeg(60, 40, 3), ATTRIBUTE)) == 3
    assert image_orientation(with_jpeg_xmp(jpeg(60, 40, 1), ATTRIBUTE)) == 1
    assert image_orientation(with_jpeg_xmp(jpeg(60, 40, 0), ATTRIBUTE)) == 6, "EXIF states no valid one"


@pytest.mark.parametrize("kind", ["jpg", "png", "tif"])
def test_the_rule_of_exif_holds_for_xmp(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"x.{kind}"
    if kind == "tif":
        Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(path, tiffinfo={700: ATTRIBUTE})
    else:
        path.write_bytes(png_with_xmp(ATTRIBUTE, True) if kind == "png" else with_jpeg_xmp(jpeg(60, 40, 0), ATTRIBUTE))
    assert read_image(path, (60, 40)).shape == (40, 60, 3)
    assert read_header(path).orientation == 6
    for size in ((40, 60), None):
        with pytest.raises(UserError, match="EXIF or XMP orientation 6 turns this image"):
            read_image(path, size)


@given(
    st.binary(max_size=60),
    st.sampled_from(
        [b"", b"\xff\xd8\xff\xe1\0\x30http", b"II*\0\x08\0\0\0\x01\0\xbc\x02", png_with_xmp(b"", True)[:60]]
    ),
)
@settings(max_examples=200)
def test_any_bytes_have_an_orientation(data: bytes, start: bytes) -> None:
    assert 1 <= image_orientation(start + data) <= 8
