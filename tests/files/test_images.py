"""Images: the crop shows what its camera says, and EXIF orientation is never applied."""

import zlib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.files.exif import exif_orientation
from modules.files.images import read_image, size_problem, warp_crop
from modules.pose_utils import cam2pixel, crop_camera, distort, pixel2ray
from modules.utils import UserError
from tests.conftest import looking_camera
from tests.files.exif_images import jpeg

CROP_SIZE, CROP_MARGIN = 256, 1.25


FISHEYE, RATIONAL = [0.03, 0.005, -0.0006, 0.0001], [0.5, 0.1, 1e-3, -5e-4, 0.01, 0.6, 0.2, 0.02]


@pytest.mark.parametrize("lens", [None, [-0.05, 0.13, 0.0006, 0.0007, 0.0], FISHEYE, RATIONAL])
def test_a_dot_in_the_image_stands_in_the_crop_where_the_geometry_says(
    rng: np.random.Generator, lens: list[float] | None
) -> None:
    """Known points through lens, crop and back: half a pixel of misalignment anywhere would show."""
    camera = replace(looking_camera(rng), distortion=None if lens is None else np.array(lens))
    box = np.array([300.0, 100, 500, 900])
    R_cam2crop, K_crop = crop_camera(box, camera.K, CROP_SIZE, CROP_MARGIN)
    for point in ([400.0, 300], [700, 800], [550, 550], [350, 900]):
        raw = distort(np.array([point]), camera.K, camera.distortion)[0]
        rows, columns = np.mgrid[:1080, :1920]
        dot = 255 * np.exp(-0.5 * ((columns - raw[0]) ** 2 + (rows - raw[1]) ** 2) / 8**2)
        image = np.repeat(dot[..., None], 3, 2).astype(np.uint8)
        crop = warp_crop(image, camera, R_cam2crop, K_crop, CROP_SIZE)[..., 0].astype(float)
        rows, columns = np.mgrid[:CROP_SIZE, :CROP_SIZE]
        seen = np.array([(crop * columns).sum(), (crop * rows).sum()]) / crop.sum()
        expected = cam2pixel(pixel2ray(np.array([point]), camera.K) @ R_cam2crop.T, K_crop)[0]
        np.testing.assert_allclose(seen, expected, atol=0.03)


@pytest.mark.parametrize("size", [(1080, 1920), (1079, 1919)])
@pytest.mark.parametrize("width", [300.0, 700, 1100, 1800])  # 1.5 to 9 image px per crop px: halved up to twice
def test_a_dot_keeps_its_place_however_often_the_image_is_halved(
    rng: np.random.Generator, width: float, size: tuple[int, int]
) -> None:
    camera = looking_camera(rng)
    box = np.append([960.0, 540.0] - np.full(2, width / 2), [width, width])
    R_cam2crop, K_crop = crop_camera(box, camera.K, CROP_SIZE, CROP_MARGIN)
    rows, columns = np.mgrid[: size[0], : size[1]]
    dot = 255 * np.exp(-0.5 * ((columns - 930) ** 2 + (rows - 560) ** 2) / 16**2)
    crop = warp_crop(np.repeat(dot[..., None], 3, 2).astype(np.uint8), camera, R_cam2crop, K_crop, CROP_SIZE)[..., 0]
    rows, columns = np.mgrid[:CROP_SIZE, :CROP_SIZE]
    seen = np.array([(crop * columns.astype(float)).sum(), (crop * rows.astype(float)).sum()]) / crop.sum(dtype=float)
    expected = cam2pixel(pixel2ray(np.array([[930.0, 560]]), camera.K) @ R_cam2crop.T, K_crop)[0]
    np.testing.assert_allclose(seen, expected, atol=0.05)


@pytest.mark.parametrize("width", [580.0, 700, 1100, 1800])
def test_stripes_finer_than_the_crop_become_grey(rng: np.random.Generator, width: float) -> None:
    """Without averaging they would leave stripes of other widths."""
    camera = looking_camera(rng)
    box = np.append([960.0, 540.0] - np.full(2, width / 2), [width, width])
    crop = warp_crop(
        np.tile(np.array([0, 240], np.uint8), (1080, 960))[..., None].repeat(3, 2),
        camera, *crop_camera(box, camera.K, CROP_SIZE, CROP_MARGIN), CROP_SIZE,
    )  # fmt: skip
    inside = crop[100:156, 100:156]
    assert abs(float(inside.mean()) - 120) < 1 and inside.std() < 30  # 68 if they are sampled once


def test_crop_is_black_outside_the_image(rng: np.random.Generator) -> None:
    camera = looking_camera(rng)
    R, K_crop = crop_camera(np.array([-300.0, 200, 600, 600]), camera.K, 256, 1.25)
    crop = warp_crop(np.full((1080, 1920, 3), 200, np.uint8), camera, R, K_crop, 256)
    assert crop.shape == (256, 256, 3) and crop.dtype == np.uint8
    assert (crop[:, :100] == 0).all() and (crop[100:150, 200:] == 200).all()


@pytest.mark.parametrize("order", ["II", "MM"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_is_never_applied_and_refused_where_a_size_cannot_tell(
    tmp_path: Path, orientation: int, order: str
) -> None:
    """The camera was calibrated on one of the two ways to read the pixels; turning them would break every ray."""
    path = tmp_path / "x.jpg"
    path.write_bytes(jpeg(60, 40, orientation, order))
    assert exif_orientation(path.read_bytes()) == orientation
    turned = (40, 60) if orientation >= 5 else (60, 40)
    read = {}
    for size in ((60, 40), turned, None):
        try:
            read[size] = read_image(path, size)
        except UserError as error:
            assert str(error).startswith(
                f"{path}: EXIF or XMP orientation {orientation} turns"
            ) and "bake the turn" in str(error)
    assert set(read) == ({(60, 40), None} if orientation == 1 else {(60, 40)} if orientation >= 5 else set())
    for image in read.values():
        assert image.shape == (40, 60, 3) and image[20, 5].min() > 200 and image[20, 55].max() < 50


def test_exif_of_a_square_and_of_a_png(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_bytes(jpeg(40, 40, 6))
    with pytest.raises(UserError, match="the same both ways"):
        read_image(tmp_path / "x.jpg", (40, 40))
    tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x08\0\0\0\0\0\0"
    data = cv2.imencode(".png", np.zeros((40, 60, 3), np.uint8))[1].tobytes()
    chunk = len(tiff).to_bytes(4, "big") + b"eXIf" + tiff
    assert exif_orientation(data) == 1
    assert exif_orientation(data[:33] + chunk + zlib.crc32(chunk[4:]).to_bytes(4, "big") + data[33:]) == 8


@given(
    st.binary(max_size=60),
    st.sampled_from([b"", b"\xff\xd8", b"\xff\xd8\xff\xe1\0\x30Exif\0\0II*\0", b"\x89PNG\r\n\x1a\n"]),
)
@settings(max_examples=300)
def test_any_bytes_have_an_orientation(data: bytes, start: bytes) -> None:
    assert 1 <= exif_orientation(start + data) <= 8


@pytest.mark.parametrize(
    ("size", "calibrated", "says"),
    [
        ((960, 540), (1920, 1080), "it was resized by 0.5; write"),
        ((640, 361), (1279, 720), "it was resized by 0.5004; write"),
        ((1080, 1920), (1088, 1920), "if it is a crop of that"),  # nearly the same shape, but not resized
    ],
)
def test_a_resized_picture_is_told_from_a_cropped_one(
    size: tuple[int, int], calibrated: tuple[int, int], says: str
) -> None:
    assert says in (size_problem(Path("a.jpg"), size, calibrated) or "")
    other_camera = size_problem(Path("a.jpg"), (1088, 1920), (1080, 1920)) or ""
    assert other_camera.endswith("; use the image size that was calibrated")
