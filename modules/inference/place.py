"""Where people stand in the world, as a Gaussian of the training people's pelvis, and the root depth that it implies.

Where all people of a rig stand at one place, the ray of the pelvis meets that place at one depth. Where they stand anywhere
on a floor, the Gaussian is thin along up alone: that is their pelvis height. Where they are anywhere, it says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from modules.cache.crop_joints import Columns, denormalise_px
from modules.pose_utils import pixel2ray

FARTHEST = 25.0  # squared Mahalanobis distance, with 3 degrees of freedom, of somebody who stands at another place
MIN_SPREAD_MM = 20.0  # along every axis, since a few training people stand closer together than others will


@dataclass(frozen=True)
class Place:
    """A Gaussian of the pelvis in the world."""

    mean_mm: np.ndarray  # (3,)
    covariance_mm2: np.ndarray  # (3, 3)

    def as_dict(self) -> dict[str, Any]:
        """Returns plain numbers, for a checkpoint."""
        return {"mean_mm": self.mean_mm.tolist(), "covariance_mm2": self.covariance_mm2.tolist()}

    @classmethod
    def of(cls, numbers: dict[str, Any]) -> Place:
        """Inverts `as_dict`."""
        return cls(np.array(numbers["mean_mm"]), np.array(numbers["covariance_mm2"]))


def fit_place(pelvis_mm: np.ndarray, people: np.ndarray) -> Place:
    """Fits the Gaussian to pelvis positions (N, 3) world mm of people (N,), each person counting the same.

    With several people it is as wide as each of them, held out, needs: the covariance is scaled by their mean squared
    Mahalanobis distance from the Gaussian of the others, if that is larger than expected.
    """
    place = _gaussian(pelvis_mm, people)
    names = np.unique(people)
    if len(names) < 2:
        return place
    distances = []
    for name in names:
        of_others = _gaussian(pelvis_mm[people != name], people[people != name])
        offset = pelvis_mm[people == name] - of_others.mean_mm
        distances.append(np.einsum("ni,ij,nj->n", offset, np.linalg.inv(of_others.covariance_mm2), offset).mean())
    return Place(place.mean_mm, place.covariance_mm2 * max(1.0, float(np.mean(distances)) / 3))


def _gaussian(pelvis_mm: np.ndarray, people: np.ndarray) -> Place:
    _, which, count = np.unique(people, return_inverse=True, return_counts=True)
    weights = 1 / count[which]
    mean = np.average(pelvis_mm, axis=0, weights=weights)
    covariance = np.atleast_2d(np.cov(pelvis_mm, rowvar=False, aweights=weights, bias=True))
    return Place(mean, covariance + MIN_SPREAD_MM**2 * np.eye(3))


def depth_at_place(place: Place, centres: np.ndarray, rays_world: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the most likely depth (B,) mm on rays (B, 3) from camera centres (B, 3), and its standard deviation (B,).

    Depth is in units of the rays' length: a ray with z = 1 in a camera gives that camera's depth.
    """
    precision = np.linalg.inv(place.covariance_mm2)
    along = rays_world @ precision
    information = (along * rays_world).sum(1)
    return (along * (place.mean_mm - centres)).sum(1) / information, 1 / np.sqrt(information)


def root_at_place(place: Place, uv: np.ndarray, root_mm: np.ndarray, root_log_sd: float, rows: Columns) -> np.ndarray:
    """Returns root depths (B,) mm in the crop's camera, fused with the place where people may stand at it.

    `uv` (B, 2) is the pelvis over ±1 in the crop; `root_log_sd` is the standard deviation of the log of `root_mm`. Who is
    farther from the place than FARTHEST keeps the depth: in another room or another world, the place says nothing.
    """
    ray_crop = pixel2ray(denormalise_px(uv)[:, None], rows["K_crop"])
    ray_world = (ray_crop @ rows["R_cam2crop"] @ rows["R"])[:, 0]
    fused = fuse_depth(place, root_mm, root_log_sd, ray_world, rows)
    return np.where(_distance(place, root_mm, root_log_sd, ray_world, rows) < FARTHEST, fused, root_mm)


def _distance(place: Place, depth_mm: np.ndarray, log_sd: float, rays_world: np.ndarray, rows: Columns) -> np.ndarray:
    """Returns the squared Mahalanobis distance (B,) of points at uncertain depths on rays from the place."""
    offset = depth_mm[:, None] * rays_world - np.einsum("bji,bj->bi", rows["R"], rows["t"]) - place.mean_mm
    along = (log_sd * depth_mm)[:, None] * rays_world
    covariance = place.covariance_mm2 + along[:, :, None] * along[:, None, :]
    return np.asarray((offset * np.linalg.solve(covariance, offset[..., None])[..., 0]).sum(1))


def fuse_depth(place: Place, depth_mm: np.ndarray, log_sd: float, rays_world: np.ndarray, rows: Columns) -> np.ndarray:
    """Returns depths (B,) mm on rays (B, 3) from the rows' cameras, fused with the place by inverse variance.

    A place behind the camera, or nearer than a tenth of the depth, changes nothing.
    """
    centres = -np.einsum("bji,bj->bi", rows["R"], rows["t"])
    at_place, sd = depth_at_place(place, centres, rays_world)
    own = (log_sd * depth_mm) ** -2.0
    other = np.where(at_place > depth_mm / 10, sd**-2.0, 0.0)
    return np.asarray((own * depth_mm + other * at_place) / (own + other))
