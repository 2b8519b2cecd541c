"""What training varies, with the geometry kept exact.

Every change is one of the scene or of a camera, and the rows of the cache tell it: a mirrored sample is a mirrored
world seen by mirrored cameras, and a turned, zoomed or shifted crop is another virtual camera at the same place. So
pixels, poses and labels agree afterwards as they did before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import cv2
import numpy as np

from modules.config import Train
from modules.lifting import CropPose
from modules.pose_utils import mirror_camera
from modules.skeleton import MIRROR

Row = dict[str, np.ndarray]


@dataclass(frozen=True)
class Augmentation:
    """How far each sample is varied; the defaults vary nothing."""

    pose_jitter: float = 0.0  # image px, image px, mm; uniform, per joint
    root_jitter: float = 0.0  # share of the root's depth; uniform, per image
    mirror: float = 0.0  # how often a scene is mirrored
    rotation: float = 0.0  # degrees about the crop's centre
    zoom: float = 0.0  # share of the crop's scale
    shift: float = 0.0  # share of the crop's side
    occlusion: float = 0.0  # how often a rectangle of the crop is hidden
    colour_jitter: float = 0.0  # share of brightness, contrast and each channel

    @classmethod
    def of(cls, train: Train) -> Augmentation:
        """What the config says."""
        return cls(**{field.name: getattr(train, field.name) for field in fields(cls)})


def mirror_rows(row: Mapping[str, np.ndarray], crop_size: int) -> Row:
    """The columns of B rows as if the world, and the cameras in it, stood in a mirror (world x → -x).

    Pixels go u → W - 1 - u, left and right joints change places, and every R stays a rotation, so that the mirrored
    label seen by the mirrored camera is the mirrored picture.
    """
    flip = np.array([-1.0, 1.0, 1.0])
    width, order = row["image_size"][:, 0], list(MIRROR)
    K, R, t = mirror_camera(row["K"], row["R"], row["t"], width)
    K_crop = mirror_camera(row["K_crop"], row["R"], row["t"], np.full(len(width), float(crop_size)))[0]
    pixels = row["joints_px"][:, order].copy()
    pixels[..., 0] = width[:, None] - 1 - pixels[..., 0]
    looks = {"looks": row["looks"][:, ::-1]} if "looks" in row else {}  # of the mirrored crop they are cached, too
    return {
        **row, **looks, "K": K, "R": R, "t": t, "K_crop": K_crop, "joints_px": pixels,
        "R_cam2crop": flip[:, None] * row["R_cam2crop"] * flip,
        "world_up": row["world_up"] * flip, "joints_world_mm": row["joints_world_mm"][:, order] * flip,
        "confidence": row["confidence"][:, order], "depth_rel_mm": row["depth_rel_mm"][:, order],
    }  # fmt: skip


def jitter_pose(pose: CropPose, row: Mapping[str, np.ndarray], how: Augmentation, rng: np.random.Generator) -> CropPose:
    """The cached poses off by up to `pose_jitter` at every joint, their roots by up to `root_jitter`."""
    scale = row["K_crop"][:, 0, 0] / row["K"][:, 0, 0]  # crop px per image px
    jitter = rng.uniform(-1, 1, (*pose.depth_rel_mm.shape, 3)) * how.pose_jitter
    return CropPose(
        pose.joints_px + jitter[..., :2] * scale[:, None, None],
        pose.depth_root_mm * (1 + rng.uniform(-1, 1, len(scale)) * how.root_jitter),
        pose.depth_rel_mm + jitter[..., 2],
    )


def turn_cameras(row: Mapping[str, np.ndarray], how: Augmentation, rng: np.random.Generator, size: int) -> Row:
    """B rows in crops of `size` px whose cameras are turned about their axes, zoomed and shifted by random amounts."""
    count = len(row["K_crop"])
    angle = np.radians(rng.uniform(-how.rotation, how.rotation, count))
    turn = np.zeros((count, 3, 3))
    turn[:, 0, 0] = turn[:, 1, 1] = np.cos(angle)
    turn[:, 1, 0] = np.sin(angle)
    turn[:, 0, 1] = -turn[:, 1, 0]
    turn[:, 2, 2] = 1
    K_crop = row["K_crop"].copy()
    K_crop[:, [0, 1], [0, 1]] *= np.exp(rng.uniform(-how.zoom, how.zoom, (count, 1)))
    K_crop[:, :2, 2] += rng.uniform(-1, 1, (count, 2)) * how.shift * size
    return {**row, "K_crop": K_crop, "R_cam2crop": turn @ row["R_cam2crop"]}


def turn_crop(
    row: Mapping[str, np.ndarray], image: np.ndarray, how: Augmentation, rng: np.random.Generator
) -> tuple[Row, np.ndarray]:
    """One row's crop (S, S, 3) seen by a camera that is turned about its axis, zoomed and shifted by random amounts.

    What lies outside the cached crop is black, as what lies outside the image is.
    """
    size = image.shape[0]
    turned = turn_cameras(row, how, rng, size)
    old, new = (columns["K_crop"][0] @ columns["R_cam2crop"][0] for columns in (row, turned))
    return turned, cv2.warpPerspective(image, new @ np.linalg.inv(old), (size, size), flags=cv2.INTER_LINEAR)


def occlude(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The crop with one rectangle of up to half its sides under one colour."""
    size = image.shape[0]
    width, height = rng.integers(size // 8, size // 2, 2)
    left, top = rng.integers(0, size - width), rng.integers(0, size - height)
    hidden = image.copy()
    hidden[top : top + height, left : left + width] = rng.integers(0, 256, 3)
    return hidden


def jitter_colour(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Another brightness, contrast and white balance, each by up to `share`."""
    brightness, contrast = 1 + rng.uniform(-share, share, 2)
    channels = 1 + rng.uniform(-share, share, 3) / 2
    mean = image.mean()
    varied = ((image - mean) * contrast + mean) * (brightness * channels)
    return np.clip(varied, 0, 255).astype(np.uint8)
