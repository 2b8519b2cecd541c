"""Pixels are those of OpenCV, bit for bit; damage is named; what is appended to a picture, or its depth, changes nothing."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from modules.files.image_header import header_problem
from modules.files.image_structure import has_several_pictures, is_truncated, stored_size
from modules.files.images import MOST_PIXELS, read_image
from modules.files.pixels import decode_pixels
from modules.utils import UserError

SAMPLING = [
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
]  # fmt: skip
ENDINGS = (".jpg", ".png", ".bmp", ".tif", ".webp")


def picture(width: int = 300, height: int = 200, seed: int = 0) -> np.ndarray:
    """Smooth noise, BGR."""
    cells = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    return cv2.resize(cells, (width, height), interpolation=cv2.INTER_CUBIC)


def encoded(ending: str, image: np.ndarray, *parameters: int) -> bytes:
    return cv2.imencode(ending, image, parameters)[1].tobytes()


@given(
    st.integers(1, 90), st.integers(1, 90), st.sampled_from(SAMPLING), st.booleans(), st.integers(5, 100), st.booleans()
)
@settings(max_examples=60, deadline=None)
def test_a_jpeg_is_decoded_as_by_opencv(
    width: int, height: int, sampling: int, progressive: bool, quality: int, grey: bool
) -> None:
    """Caches of earlier versions, made with OpenCV's decoder, stay what a new extraction would write."""
    image = picture(width, height)
    parameters = [
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling, cv2.IMWRITE_JPEG_PROGRESSIVE, int(progressive), cv2.IMWRITE_JPEG_QUALITY,
        quality,
    ]  # fmt: skip
    data = encoded(".jpg", image[..., 0] if grey else image, *parameters)
    expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    np.testing.assert_array_equal(decode_pixels(data, 1), expected)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_every_format_and_its_size(ending: str, channels: int) -> None:
    image = picture()
    image = image[..., 0] if channels == 1 else np.dstack([image, image[..., 0]])[..., :channels]
    if ending in (".jpg", ".webp") and channels == 4:
        image = image[..., :3]  # the one has no transparency, the other drops the colour of what is transparent
    parameters = (cv2.IMWRITE_WEBP_QUALITY, 101) if ending == ".webp" else ()
    data = encoded(ending, image, *parameters)
    assert stored_size(data) == (300, 200) and not is_truncated(data)
    colours = image if image.ndim == 3 else np.dstack([image] * 3)
    atol = 12 if ending == ".jpg" else 0
    np.testing.assert_allclose(decode_pixels(data, 1).astype(int), colours[..., 2::-1], atol=atol)


def test_lossy_and_extended_webp_have_a_size() -> None:
    image = Image.fromarray(picture())
    for options in ({"quality": 50}, {"quality": 50, "exif": Image.Exif()}, {"lossless": True}):
        buffer = io.BytesIO()
        image.save(buffer, "WEBP", **options)
        assert stored_size(buffer.getvalue()) == (300, 200)


@pytest.mark.parametrize("tail", [b"\0" * 10_000, b"\0\0\0\x18ftypmp42" + np.random.default_rng(0).bytes(50_000)])
@pytest.mark.parametrize("ending", [".jpg", ".png"])
def test_what_follows_the_end_of_a_picture_does_not_matter(tmp_path: Path, ending: str, tail: bytes) -> None:
    """Motion photos: a telephone appends a film to the JPEG."""
    data = encoded(ending, picture())
    path = tmp_path / f"x{ending}"
    path.write_bytes(data + tail)
    assert header_problem(path, (300, 200)) is None
    np.testing.assert_array_equal(read_image(path, (300, 200)), decode_pixels(data, 1))
    path.write_bytes(data[: len(data) // 2] + bytes(2000))
    with pytest.raises(UserError, match="this image is truncated; replace the file"):
        read_image(path)


@given(
    st.integers(4, 2000), st.sampled_from([{}, {cv2.IMWRITE_JPEG_RST_INTERVAL: 4}, {cv2.IMWRITE_JPEG_PROGRESSIVE: 1}])
)
@settings(max_examples=40, deadline=None)
def test_a_jpeg_has_its_end_only_when_it_is_whole(cut: int, parameters: dict[int, int]) -> None:
    """Wherever a picture is cut, and whatever follows: no bytes of its own or of its tables are taken for its end."""
    data = encoded(".jpg", picture(), *(part for pair in parameters.items() for part in pair))
    assert not is_truncated(data + bytes(5000))
    assert is_truncated(data[: max(4, len(data) - cut)] + bytes(5000))


@pytest.mark.parametrize("parameters", [(), (cv2.IMWRITE_JPEG_RST_INTERVAL, 5), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)])
@pytest.mark.parametrize("damage", ["zeros", "noise", "a hole"])
def test_damage_within_a_jpeg_is_named(tmp_path: Path, parameters: tuple[int, ...], damage: str) -> None:
    data = encoded(".jpg", picture(1200, 800), *parameters)
    half, size = len(data) // 2, 3000
    middle = {"zeros": bytes(size), "noise": np.random.default_rng(3).bytes(size), "a hole": b""}[damage]
    path = tmp_path / "x.jpg"
    path.write_bytes(data[:half] + middle + data[half + size :])
    with pytest.raises(UserError) as caught:
        read_image(path)
    assert str(caught.value).startswith(f"{path}: this image is ") and str(caught.value).endswith("; replace the file")


def test_a_few_bytes_of_padding_are_no_damage() -> None:
    data = encoded(".jpg", picture())
    for size in range(1, 5):
        padded = data[:-2] + b"\x11" * size + data[-2:]
        np.testing.assert_array_equal(decode_pixels(padded, 1), decode_pixels(data, 1))


@pytest.mark.parametrize("depth", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("ending", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_usual_depths_in_16_bits_give_the_same_picture(depth: int, ending: str, channels: int) -> None:
    image = picture()[..., :channels].copy()
    image[0, 0] = 255
    deep = image.astype(np.uint16) << (depth - 8)
    found = decode_pixels(encoded(ending, deep.squeeze()), 1)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, np.broadcast_to(image[..., ::-1], found.shape))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["TIFF", "WEBP", "PNG"])
def test_exif_is_not_applied_in_any_format(tmp_path: Path, kind: str, orientation: int) -> None:
    """Where sizes tell that the camera was calibrated for stored pixels, those are read; OpenCV itself turns a TIFF."""
    image = picture(60, 40)
    path, exif = tmp_path / f"x.{kind.lower()}", Image.Exif()
    exif[0x0112] = orientation
    options = {"tiffinfo": {0x0112: orientation}} if kind == "TIFF" else {"exif": exif}
    Image.fromarray(image).save(path, kind, **options, **({"lossless": True} if kind == "WEBP" else {}))
    if orientation in (2, 3, 4):
        with pytest.raises(UserError, match=f"EXIF or XMP orientation {orientation} turns"):
            read_image(path, (60, 40))
        np.testing.assert_array_equal(decode_pixels(path.read_bytes(), orientation), image)
    else:
        np.testing.assert_array_equal(read_image(path, (60, 40)), image)


def test_a_picture_too_large_is_named_by_its_size(tmp_path: Path) -> None:
    data = bytearray(encoded(".png", picture()))
    data[16:24] = (50_000).to_bytes(4, "big") * 2
    path = tmp_path / "x.png"
    path.write_bytes(data)
    sentence = f"{path}: the image is 50000x50000 px, more than the {MOST_PIXELS} that are read; scale it down"
    assert str(header_problem(path, None)).startswith(sentence)
    with pytest.raises(UserError) as caught:
        read_image(path, (50_000, 50_000))
    assert str(caught.value).startswith(sentence)


def pages(first: Image.Image, *others: Image.Image, kind: str = "TIFF", **options: object) -> bytes:
    buffer = io.BytesIO()
    first.save(buffer, kind, save_all=True, append_images=others, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["TIFF", "WEBP"])
def test_a_file_of_several_pictures_is_refused(tmp_path: Path, kind: str) -> None:
    one, two = (Image.fromarray(picture(seed=seed)) for seed in (0, 1))
    path = tmp_path / "stack"
    path.write_bytes(pages(one, two, kind=kind))
    sentence = (
        f"{path}: this file holds several pictures, of which only the first would be used; write each to its own file"
    )
    assert header_problem(path, (300, 200)) == sentence
    with pytest.raises(UserError) as caught:
        read_image(path)
    assert str(caught.value) == sentence
    path.write_bytes(pages(one, kind=kind))
    assert header_problem(path, (300, 200)) is None and read_image(path).shape == (200, 300, 3)


def test_a_tiff_may_hold_smaller_versions_of_its_picture(tmp_path: Path) -> None:
    """As Photoshop and scanners write them; the tag of the second directory says so."""
    whole, small = Image.fromarray(picture()), Image.fromarray(picture(30, 20))
    small.encoderinfo = {"tiffinfo": {254: 1}}
    path = tmp_path / "x.tif"
    path.write_bytes(pages(whole, small))
    assert Image.open(path).n_frames == 2
    assert header_problem(path, (300, 200)) is None and read_image(path).shape == (200, 300, 3)


@given(
    st.binary(max_size=40),
    st.sampled_from([b"BM", b"II*\0", b"MM\0*", b"RIFF\0\0\0\0WEBPVP8X", b"RIFF\0\0\0\0WEBPVP8L", b""]),
)
@settings(max_examples=200, deadline=None)
def test_any_bytes_have_a_size_or_none(data: bytes, start: bytes) -> None:
    sides = stored_size(start + data)
    assert sides is None or all(side > 0 for side in sides)
    assert isinstance(is_truncated(start + data), bool) and isinstance(has_several_pictures(start + data), bool)
