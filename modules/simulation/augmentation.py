"""Augments training samples with exact geometry.

Every augmentation changes the scene or a camera, and all columns of the row with it, so that pixels, poses and labels stay
consistent. A mirrored sample is a mirrored world seen by mirrored cameras. A rotated, zoomed or shifted crop is another
virtual camera with the same centre.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from model.inputs import CROP_SIZE
from model.skeleton import MIRROR
from modules.cache.crop_joints import Columns, CropPose
from modules.pose_utils import cam2pixel, mirror_camera, pixel2cam
from modules.simulation.generators import Generator

Row = dict[str, np.ndarray]


@dataclass(frozen=True)
class Augmentation:
    """Ranges of the random changes of a sample; the defaults change nothing."""

    pose_jitter: float = 0.0  # crop px; uniform, per joint. In crop px it does not depend on the image's resolution
    depth_jitter: float = 0.0  # mm; uniform, per joint
    root_jitter: float = 0.0  # share of the root's depth; uniform, per image
    mirror: float = 0.0  # probability of a mirrored scene
    rotation: float = 0.0  # degrees about the crop's centre
    zoom: float = 0.0  # share of the crop's scale
    shift: float = 0.0  # share of the crop's side
    occlusion: float = 0.0  # probability of an occluding rectangle
    colour_jitter: float = 0.0  # share of brightness, contrast and each channel
    withheld_floors: bool = False  # some floors are wrong, others missing (see modules.simulation.scene.withhold_floor)


POSENET_AUGMENTATION = Augmentation(
    pose_jitter=4.5, depth_jitter=20.0, root_jitter=0.03, mirror=0.5, rotation=20.0, zoom=0.2, shift=0.1, occlusion=0.3,
    colour_jitter=0.2,
)  # fmt: skip
ORIGINAL_AUGMENTATION = Augmentation(pose_jitter=20.0, colour_jitter=0.2)  # image px, image px, mm; one draw per image


def mirror_rows(row: Columns, crop_size: int) -> Row:
    """Mirrors the world and its cameras (world x → -x) for B rows.

    Pixels u become W - 1 - u, left and right joints are swapped, and every R stays a rotation, so that the mirrored label,
    projected by the mirrored camera, fits the mirrored image. Columns that the rows do not have are left out.
    """
    flip = np.array([-1.0, 1.0, 1.0])
    width, order = row["image_size"][:, 0], list(MIRROR)

    def swap(values: np.ndarray) -> np.ndarray:
        return values[:, order]

    def mirror_px(pixels: np.ndarray) -> np.ndarray:
        return np.stack([width[:, None] - 1 - pixels[:, order, 0], pixels[:, order, 1]], -1)

    mirrors: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "R_cam2crop": lambda R_cam2crop: flip[:, None] * R_cam2crop * flip,
        "world_up": lambda up: up * flip,
        "root_cam_mm": lambda root: root * flip,
        "joints_world_mm": lambda joints: swap(joints) * flip,
        "joints_rel_mm": lambda joints: swap(joints) * flip,
        "joints_px": mirror_px,
        "true_joints_px": mirror_px,
        "confidence": swap,
        "label_sd_mm": swap,
        "depth_rel_mm": swap,
        "true_depth_rel_mm": swap,
        "box_xywh": lambda box: np.column_stack([width - 1 - box[:, 0] - box[:, 2], box[:, 1:]]),
        "joint_features": lambda features: features[:, ::-1],  # cached for the crop and for the mirrored crop
    }
    K, R, t = mirror_camera(row["K"], row["R"], row["t"], width)
    K_crop = mirror_camera(row["K_crop"], row["R"], row["t"], np.full(len(width), float(crop_size)))[0]
    mirrored = {name: mirror(row[name]) for name, mirror in mirrors.items() if name in row}
    return {**row, **mirrored, "K": K, "R": R, "t": t, "K_crop": K_crop}


def jitter_pose(pose: CropPose, row: Columns, how: Augmentation, rng: Generator) -> CropPose:
    """Moves every joint by up to `pose_jitter` and `depth_jitter`, and scales the root depth by up to `root_jitter`."""
    jitter = rng.uniform(-1, 1, pose.joints_mm.shape) * [how.pose_jitter, how.pose_jitter, how.depth_jitter]
    pixels = cam2pixel(pose.joints_mm, row["K_crop"]) + jitter[..., :2]
    root_mm = pose.root_mm * (1 + rng.uniform(-1, 1, len(pose.root_mm)) * how.root_jitter)
    depth_rel_mm = pose.joints_mm[..., 2] - pose.root_mm[:, None] + jitter[..., 2]
    return CropPose(pixel2cam(pixels, root_mm[:, None] + depth_rel_mm, row["K_crop"]), root_mm)


def turn_cameras(row: Columns, how: Augmentation, rng: Generator, size: int) -> Row:
    """Rotates, zooms and shifts the crop cameras of B rows (crops of `size` px) by random amounts."""
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


def mirror_some(row: Columns, which: np.ndarray, crop_size: int) -> Row:
    """Mirrors those of B rows whose entry of `which` (B,) is true."""
    if not which.any():
        return dict(row)
    mirrored = mirror_rows({name: values[which] for name, values in row.items()}, crop_size)
    result = {}
    for name, values in row.items():
        result[name] = values.copy()
        result[name][which] = mirrored[name]
    return result


def turn_crop(image: np.ndarray, turn: np.ndarray, mirrored: bool) -> np.ndarray:
    """Returns a crop (S, S, 3), mirrored or not, then moved by an affine map (3, 3) of its px; the outside is black."""
    size = len(image)
    flip = np.array([[-1.0, 0, size - 1], [0, 1, 0], [0, 0, 1]]) if mirrored else np.eye(3)
    return cv2.warpAffine(image, (turn @ flip)[:2], (size, size), flags=cv2.INTER_LINEAR)


def turns_between(old: Columns, new: Columns, size: int) -> np.ndarray:
    """Returns the affine maps (B, 3, 3) of the px of B rows' crops, decoded with `size` px, from their old cameras to the new.

    The cameras are those of crops of CROP_SIZE px, and have the same centre and, but for the turn about it, the same axis.
    """
    before, after = (columns["K_crop"] @ columns["R_cam2crop"] for columns in (old, new))
    scale = size / CROP_SIZE
    shift = (scale - 1) / 2  # pixel centres are at integers
    resize = np.array([[scale, 0, shift], [0, scale, shift], [0, 0, 1]])
    turns: np.ndarray = resize @ after @ np.linalg.inv(before) @ np.linalg.inv(resize)
    return turns


def occlude(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Covers a random rectangle, of up to half the crop's side, with one random colour."""
    size = image.shape[0]
    width, height = rng.integers(size // 8, size // 2, 2)
    left, top = rng.integers(0, size - width), rng.integers(0, size - height)
    hidden = image.copy()
    hidden[top : top + height, left : left + width] = rng.integers(0, 256, 3)
    return hidden


def jitter_colour(image: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Varies brightness, contrast and white balance, each by up to `share`."""
    brightness, contrast = 1 + rng.uniform(-share, share, 2)
    channels = 1 + rng.uniform(-share, share, 3) / 2
    mean = np.mean(cv2.mean(image)[:3])
    varied = ((np.arange(256.0)[:, None] - mean) * contrast + mean) * (brightness * channels)
    return cv2.LUT(image, np.clip(varied, 0, 255).astype(np.uint8)[None])
