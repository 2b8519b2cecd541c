"""From linear light to a camera's JPEG: exposure, white balance, lens, noise, tone curve, sharpening.

The order is that of a camera: the lens blurs and darkens the corners, the sensor adds photon noise (Poisson) and read noise
(Gaussian), gains scale both; then follow white balance, tone curve, sharpening and compression.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np

from data.synthetic.render.renderer import Picture

MIDDLE_GREY = 0.18  # the mean reflectance that a light meter assumes
MAX_BYTES = 300_000
LOWEST_QUALITY = 30
ROWS = 1080
REDUCED_QUALITY = 95  # of a JPEG that replaces a reduced larger one


@dataclass(frozen=True)
class Sensor:
    """The settings of one photograph. The ranges in `sample_sensor` are typical of cameras and phones."""

    exposure_stops: float  # relative to the light meter
    white_balance: tuple[float, float, float]  # residual gains after the camera's own estimate
    contrast: float  # of the tone curve: 0 is plain sRGB, 1 filmic
    saturation: float
    blur_px: float  # Gaussian sigma of lens blur and defocus, at ROWS rows
    vignette: float  # share of light lost in the corners
    iso: float
    grain_px: float  # blur of the noise by the camera's denoising
    sharpening: float
    jpeg_quality: int


def sample_sensor(rng: np.random.Generator) -> Sensor:
    """Returns a random camera with its settings."""
    warm, green = rng.normal(0, 0.04), rng.normal(0, 0.01)
    return Sensor(
        exposure_stops=float(np.clip(rng.normal(0, 0.35), -0.9, 0.9)),
        white_balance=(float(np.exp(warm)), float(np.exp(green)), float(np.exp(-warm))),
        contrast=float(rng.uniform(0.15, 1.0)),
        saturation=float(rng.uniform(0.75, 1.08)),
        blur_px=float(rng.choice([rng.uniform(0.3, 0.7), rng.uniform(0.7, 1.5)], p=[0.75, 0.25])),
        vignette=float(rng.uniform(0.0, 0.35)),
        iso=float(100 * 2 ** rng.uniform(0, 5)),
        grain_px=float(rng.uniform(0.4, 0.9)),
        sharpening=float(rng.uniform(0.0, 0.7)),
        jpeg_quality=int(rng.integers(75, 96)),
    )


def at_scale(sensor: Sensor, scale: float, size_px: tuple[int, int]) -> Sensor:
    """Returns a sensor for a part, of `size_px`, of the same photograph reduced to `scale`.

    Reduction averages noise, ringing and JPEG's blocks, and the lens's blur covers fewer pixels.
    """
    return replace(
        sensor, blur_px=sensor.blur_px * scale * ROWS / min(size_px), iso=sensor.iso * scale**2,
        sharpening=sensor.sharpening * scale, jpeg_quality=REDUCED_QUALITY,
    )  # fmt: skip


def photograph(picture: Picture, sensor: Sensor, rng: np.random.Generator) -> np.ndarray:
    """Returns the image (H, W, 3) uint8 RGB before JPEG encoding."""
    rows = picture.rgb.shape[0]
    light: np.ndarray = picture.rgb * np.float32(metered_gain(picture) * 2**sensor.exposure_stops)
    light *= vignette(light.shape[1], rows, round(sensor.vignette, 3))[..., None]
    if sensor.blur_px > 0:
        light = np.asarray(cv2.GaussianBlur(light, (0, 0), sensor.blur_px * min(light.shape[:2]) / ROWS))
    light = add_noise(light, sensor, rng)
    light *= np.array(sensor.white_balance, dtype=np.float32)
    image = develop(light, sensor)
    return sharpen(image, sensor.sharpening)


def metered_gain(picture: Picture) -> float:
    """Returns the gain that brings the scene to middle grey, without the brightest pixels.

    Half of it is the log mean of the whole image, half that of its central part, where the subject tends to be.
    """
    light = np.maximum(picture.rgb[::8, ::8], 0)
    luminance = light @ np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)
    luminance = np.minimum(luminance, np.quantile(luminance, 0.95))
    rows, columns = luminance.shape
    middle = luminance[rows // 4 : rows - rows // 4, columns // 4 : columns - columns // 4]
    mean = 0.5 * np.log(luminance + 1e-4).mean() + 0.5 * np.log(middle + 1e-4).mean()
    return float(MIDDLE_GREY / np.exp(mean))


@lru_cache(maxsize=8)
def vignette(width: int, height: int, loss: float) -> np.ndarray:
    """Returns (H, W) float32: 1 in the centre, 1 - loss in the corners, quadratic in the distance."""
    y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return np.asarray(1 - loss * (x * x + y * y) / 2, dtype=np.float32)


def add_noise(light: np.ndarray, sensor: Sensor, rng: np.random.Generator) -> np.ndarray:
    """Adds photon noise, proportional to the root of the light, and constant read noise; both scale with the ISO."""
    shot, read = 2.2e-5 * sensor.iso / 100, 6e-4 * np.sqrt(sensor.iso / 100)
    noise: np.ndarray = np.empty(light.shape, dtype=np.float32)
    rng.standard_normal(out=noise, dtype=np.float32)
    if sensor.grain_px > 0:
        noise = np.asarray(cv2.GaussianBlur(noise, (5, 5), sensor.grain_px))
    noise *= np.sqrt(np.maximum(light, 0) * np.float32(shot) + np.float32(read**2))
    return np.asarray(light + noise)


def develop(light: np.ndarray, sensor: Sensor) -> np.ndarray:
    """Converts linear light (H, W, 3) to uint8 by one look-up in the tone curve, and scales the saturation."""
    if sensor.saturation != 1:
        s, grey = np.float32(sensor.saturation), np.array([[0.2126, 0.7152, 0.0722]], dtype=np.float32)
        light = cv2.transform(light, s * np.eye(3, dtype=np.float32) + (1 - s) * np.repeat(grey, 3, axis=0))
    steps = np.sqrt(np.clip(light, 0, 4)) * np.float32((LEVELS - 1) / 2)  # finer steps in the shadows
    return np.asarray(tone_curve(round(sensor.contrast, 3))[steps.astype(np.uint16)])


LEVELS = 4096


@lru_cache(maxsize=32)
def tone_curve(contrast: float) -> np.ndarray:
    """Returns (LEVELS,) uint8 over the root of the light, 0 to 4: sRGB (IEC 61966-2-1), blended with a filmic curve.

    The filmic curve is x (a x + b) / (x (c x + d) + e) with Narkowicz's 2015 coefficients for ACES, scaled so that middle grey
    is kept.
    """
    x = np.linspace(0, 2, LEVELS) ** 2
    aces = lambda v: v * (2.51 * v + 0.03) / (v * (2.43 * v + 0.59) + 0.14)  # noqa: E731
    gain = 0.128 / 0.18  # aces(0.128) = 0.18
    # The plain curve's highlights roll off too; otherwise every lamp would be a flat white patch with a hard border.
    plain = np.where(x < 0.6, x, 0.6 + 0.4 * (1 - np.exp(-(x - 0.6) / 0.4)))
    y = np.clip((1 - contrast) * plain + contrast * aces(gain * x), 0, 1)
    encoded = np.where(y <= 0.0031308, 12.92 * y, 1.055 * np.maximum(y, 0.0031308) ** (1 / 2.4) - 0.055)
    return np.asarray(np.round(encoded * 255), dtype=np.uint8)


def sharpen(image: np.ndarray, amount: float) -> np.ndarray:
    """Applies an unsharp mask of about a pixel."""
    if amount <= 0:
        return image
    return np.asarray(cv2.addWeighted(image, 1 + amount, cv2.GaussianBlur(image, (5, 5), 1.0), -amount, 0))


def encode_jpeg(image: np.ndarray, quality: int, max_bytes: int = MAX_BYTES) -> bytes:
    """Encodes RGB uint8 as a JPEG file of at most `max_bytes`, with lower quality and then smoothing if necessary.

    Smoothing, like a camera's denoising, handles fine noise such as grass. Raises ValueError if even an image without detail
    would be too large.
    """
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    smooth, sigma = bgr, 0.0
    while True:
        data = cv2.imencode(".jpg", smooth, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
        if len(data) <= max_bytes:
            return bytes(data)
        if quality > LOWEST_QUALITY:
            # File size is roughly proportional to a power of 100 - quality: estimate it rather than search step by step.
            quality = max(LOWEST_QUALITY, min(quality - 3, int(100 - (100 - quality) * (len(data) / max_bytes) ** 1.2)))
            continue
        if sigma > max(bgr.shape):
            raise ValueError(f"the image needs {len(data)} bytes at JPEG quality {quality}; allowed are {max_bytes}")
        sigma = max(0.5, 1.3 * sigma)
        smooth = np.asarray(cv2.GaussianBlur(bgr, (0, 0), sigma))
