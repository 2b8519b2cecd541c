"""The camera's processing: exposure, noise, tone and file size."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.synthetic.render.photograph import (
    ROWS,
    Sensor,
    at_scale,
    encode_jpeg,
    photograph,
    sample_sensor,
    tone_curve,
    vignette,
)
from data.synthetic.render.renderer import Picture

PLAIN = Sensor(0.0, (1.0, 1.0, 1.0), 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 95)


def picture(rgb: np.ndarray) -> Picture:
    shape = rgb.shape[:2]
    return Picture(rgb.astype(np.float32), np.ones(shape, np.float32), np.zeros(shape, np.int16))


def grey(level: float, shape: tuple[int, int] = (120, 160)) -> Picture:
    return picture(np.full((*shape, 3), level))


@given(st.floats(0.01, 20))
@settings(max_examples=20, deadline=None)
def test_an_even_grey_comes_out_middle_grey_in_any_light(level: float) -> None:
    image = photograph(grey(level), PLAIN, np.random.default_rng(0))
    assert np.abs(image.astype(int) - 118).max() <= 2  # 18 % in sRGB


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_a_sampled_camera_neither_drowns_nor_burns_an_ordinary_scene(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scene = picture(np.clip(cv2.GaussianBlur(rng.lognormal(-1.7, 1.2, (120, 160, 3)), (0, 0), 3), 0, 4))
    image = photograph(scene, sample_sensor(rng), rng)
    assert image.shape == (120, 160, 3) and image.dtype == np.uint8
    assert 55 < image.mean() < 185
    assert (image == 255).mean() < 0.1 and (image == 0).mean() < 0.1


def test_a_reduced_photograph_is_as_noisy_and_as_sharp_as_a_whole_one_that_is_reduced() -> None:
    sensor, edge = replace(PLAIN, iso=3200.0, blur_px=8.0), np.repeat([0.1, 0.4], ROWS // 2)
    whole = picture(np.broadcast_to(edge[None, :, None], (ROWS, ROWS, 3)))
    side = ROWS // 4
    photo = photograph(whole, sensor, np.random.default_rng(0)).astype(np.float32)
    reduced = cv2.resize(photo, (side, side), interpolation=cv2.INTER_AREA)
    small = photograph(
        picture(whole.rgb[2::4, 2::4]), at_scale(sensor, 0.25, (side, side)), np.random.default_rng(0)
    ).astype(np.float32)
    noise = [image[:, : side // 3].std() for image in (reduced, small)]
    assert noise[0] > 0.5 and noise[1] == pytest.approx(noise[0], rel=0.25)
    rise = [np.gradient(image.mean((0, 2))).max() for image in (reduced, small)]
    assert rise[1] == pytest.approx(rise[0], rel=0.15)


def test_a_photograph_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    sensor = replace(PLAIN, iso=800.0)
    first, same, other = (photograph(grey(0.2), sensor, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, same) and not np.array_equal(first, other)


def test_noise_grows_with_the_iso_and_is_small() -> None:
    spread = [
        photograph(grey(0.2), replace(PLAIN, iso=iso), np.random.default_rng(3)).std() for iso in (100.0, 800.0, 3200.0)
    ]
    assert 0.2 < spread[0] < spread[1] < spread[2] < 14


def test_a_stop_more_doubles_the_light() -> None:
    rng = np.random.default_rng(0)
    images = [photograph(grey(0.2), replace(PLAIN, exposure_stops=stops), rng) for stops in (0.0, 1.0)]
    light = [((image.mean() / 255 + 0.055) / 1.055) ** 2.4 for image in images]
    assert light[1] / light[0] == pytest.approx(2, rel=0.03)


def test_white_balance_tints_and_saturation_greys() -> None:
    rng = np.random.default_rng(0)
    warm = photograph(grey(0.2), replace(PLAIN, white_balance=(1.2, 1.0, 0.8)), rng)
    assert warm[..., 0].mean() > warm[..., 1].mean() + 5 > warm[..., 2].mean() + 10
    red = picture(np.broadcast_to([0.4, 0.1, 0.1], (60, 80, 3)))
    drained = photograph(red, replace(PLAIN, saturation=0.0), rng).astype(int)
    assert np.ptp(drained, axis=-1).max() <= 1


def test_the_corners_are_darker_by_what_is_said() -> None:
    shade = vignette(160, 120, 0.3)
    assert shade[0, 0] == pytest.approx(0.7) and shade[59:61, 79:81].min() > 0.999


@pytest.mark.parametrize("contrast", [0.0, 0.5, 1.0])
def test_tone_curves_rise_and_keep_middle_grey(contrast: float) -> None:
    curve = tone_curve(contrast).astype(int)
    assert (np.diff(curve) >= 0).all() and curve[0] == 0 and curve[-1] >= 245
    assert abs(curve[round(np.sqrt(0.18) / 2 * (len(curve) - 1))] - 118) <= 3


def test_a_blur_softens_an_edge_and_sharpening_steepens_it() -> None:
    edge = np.full((90, 120, 3), 0.1)
    edge[:, 60:] = 0.4
    steps = []
    for sensor in (
        replace(PLAIN, blur_px=20.0),
        replace(PLAIN, blur_px=12.0),
        replace(PLAIN, blur_px=12.0, sharpening=2.0),
    ):
        row = photograph(picture(edge), sensor, np.random.default_rng(0))[45, :, 0].astype(int)
        steps.append(np.diff(row).max())
    assert steps[0] < steps[1] < steps[2]


@given(st.integers(0, 2**32 - 1), st.integers(80_000, 300_000))
@settings(max_examples=10, deadline=None)
def test_a_file_is_never_larger_than_allowed(seed: int, most: int) -> None:
    rng = np.random.default_rng(seed)
    image = cv2.resize(rng.integers(0, 256, (90, 160, 3), dtype=np.uint8), (640, 360))
    data = encode_jpeg(image, 98, most)
    assert len(data) <= most
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape == image.shape


def test_red_stays_red_in_the_file() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    image[..., 0] = 200
    back = cv2.imdecode(np.frombuffer(encode_jpeg(image, 95), np.uint8), cv2.IMREAD_COLOR)
    assert back[..., 2].min() > 190 and back[..., 0].max() < 15


def test_noise_is_smoothed_until_it_fits_and_what_cannot_fit_is_refused() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (90, 160, 3), dtype=np.uint8)
    for most in (6000, 3000, 1500):
        data = encode_jpeg(noise, 90, most)
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert len(data) <= most and image.shape == noise.shape and abs(image.mean() - noise.mean()) < 4
    with pytest.raises(ValueError, match="allowed are 100"):
        encode_jpeg(noise, 90, 100)


def test_a_pixel_below_zero_is_one_dark_pixel_and_no_more() -> None:
    light = np.full((120, 160, 3), 0.2)
    light[40, 80] = -0.05  # as at an edge, where a colour is taken beyond its triangle
    image = photograph(picture(light), replace(PLAIN, iso=400.0), np.random.default_rng(0))
    assert image[40, 80].max() < 30
    assert np.abs(np.delete(image.reshape(-1, 3), 40 * 160 + 80, axis=0).mean() - 118) < 3
