"""Places people in the world without learning: the baselines in every table of results.

Shapes: B images, 24 joints. No function reads a label, except `true_depth_bound`.
"""

from __future__ import annotations

import numpy as np

from model.skeleton import FEET, ROOT
from modules.cache.crop_joints import Columns
from modules.cache.floor import camera_heights
from modules.inference.place import Place, fuse_depth
from modules.pose_utils import cam2world, least_squares_root, pixel2cam, pixel2ray, world2cam

PLAUSIBLE_SCALE = (0.7, 1.4)  # of the distance from the camera, relative to least squares


def place_extractor(rows: Columns) -> np.ndarray:
    """Places the extractor's own 3D at its own root, or by least squares if it estimates none: (B, 24, 3) world mm."""
    return np.asarray(cam2world(rows["root_cam_mm"][:, None] + rows["joints_rel_mm"], rows["R"], rows["t"]))


def place_least_squares(rows: Columns) -> np.ndarray:
    """Places the extractor's own 3D on its own 2D rays by weighted least squares: (B, 24, 3) world mm."""
    weights = np.maximum(rows["confidence"], 1e-3)
    root = least_squares_root(rows["joints_rel_mm"], pixel2ray(rows["joints_px"], rows["K"]), weights)
    return np.asarray(cam2world(rows["joints_rel_mm"] + root[:, None], rows["R"], rows["t"]))


def place_at_height(rows: Columns, pelvis_height_mm: float) -> np.ndarray:
    """Places the extractor's own 3D with its pelvis where the pelvis's ray reaches this height: (B, 24, 3) world mm.

    The height is along world_up, over the floor, or over the world's origin if no row has a floor. A row without up or
    floor, or whose ray reaches the height at an implausible depth or never, is placed by least squares.
    """
    placed = place_least_squares(rows)
    up, centre = rows["world_up"], -np.einsum("bji,bj->bi", rows["R"], rows["t"])
    ray_world = pixel2ray(rows["joints_px"][:, ROOT : ROOT + 1], rows["K"])[:, 0]
    ray_world = np.einsum("bji,bj->bi", rows["R"], ray_world)
    with np.errstate(divide="ignore", invalid="ignore"):
        height = pelvis_height_mm + floor_or_origin(rows)
        depth = (height - (up * centre).sum(-1)) / (up * ray_world).sum(-1)
    scale = depth / world2cam(placed[:, ROOT : ROOT + 1], rows["R"], rows["t"])[:, 0, 2]
    at_height = (centre + depth[:, None] * ray_world)[:, None] + rows["joints_rel_mm"] @ rows["R"]
    return np.where(is_plausible(scale)[:, None, None], at_height, placed)


def place_at_place(rows: Columns, place: Place, root_log_sd: float) -> np.ndarray:
    """Places the extractor's own 3D where its pelvis's ray meets the training people's place: (B, 24, 3) world mm.

    The root depth is that of least squares, whose log has the standard deviation `root_log_sd`, fused with the place's.
    """
    rays_world = pixel2ray(rows["joints_px"][:, ROOT : ROOT + 1], rows["K"]) @ rows["R"]
    depth = world2cam(place_least_squares(rows)[:, ROOT : ROOT + 1], rows["R"], rows["t"])[:, 0, 2]
    depth = fuse_depth(place, depth, root_log_sd, rays_world[:, 0], rows)
    centre = -np.einsum("bji,bj->bi", rows["R"], rows["t"])
    return np.asarray((centre + depth[:, None] * rays_world[:, 0])[:, None] + rows["joints_rel_mm"] @ rows["R"])


def floor_or_origin(rows: Columns) -> np.ndarray:
    """Returns the floor's height along world_up: (B,) mm, NaN where it is unknown; 0 for all rows if none has a floor."""
    floor = rows["floor_height_mm"]
    return np.asarray(floor if np.isfinite(floor).any() else np.zeros_like(floor))


def place_on_floor(rows: Columns) -> np.ndarray:
    """Places by least squares, then scales from the camera's centre until the lowest foot meets the floor: (B, 24, 3) mm.

    A row without a floor, or with an implausible scale (a foot nearly as high as the camera), is not scaled.
    """
    world = place_least_squares(rows)
    centre = -np.einsum("bji,bj->bi", rows["R"], rows["t"])
    drop = np.einsum("bni,bi->bn", centre[:, None] - world[:, FEET], rows["world_up"]).max(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = camera_heights(rows) / drop
    scale = np.where(is_plausible(scale), scale, 1.0)
    return np.asarray(centre[:, None] + scale[:, None, None] * (world - centre[:, None]))


def is_plausible(scale: np.ndarray) -> np.ndarray:
    """Whether scales of a person's distance or size, relative to least squares, are plausible."""
    return (scale > PLAUSIBLE_SCALE[0]) & (scale < PLAUSIBLE_SCALE[1])


def true_depth_bound(rows: Columns, true_depth_mm: np.ndarray) -> np.ndarray:
    """Places the extractor's 2D at the true depth of every joint: (B, 24, 3) world mm. It is the bound of perfect depths."""
    return np.asarray(cam2world(pixel2cam(rows["joints_px"], true_depth_mm, rows["K"]), rows["R"], rows["t"]))
