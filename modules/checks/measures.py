"""Measures what a camera's numbers imply about lens, camera and people, without any label.

Every measure has a usual value, a limit beyond which it is noted, and one beyond which no sound camera of people was found
(`python -m benchmarks.trust`). Measures that need up or a floor are NaN where the camera file declares none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model.skeleton import FEET, JOINT_NAMES
from modules.checks.views import View, placed

NECK, ANKLES = JOINT_NAMES.index("neck"), [JOINT_NAMES.index("left_ankle"), JOINT_NAMES.index("right_ankle")]
UPRIGHT = 0.8  # cosine of ankles→neck with up: people who lie, bend or jump say less about the floor
USUAL_RATIO = 1.085  # of people's distance by the floor over that by their size; the extractor's people are small
SAME_BOTH_WAYS = 0.03  # principal points of one maker's cameras differ from the middle by this share
FEWEST_UPRIGHT = 3  # images; with fewer, all images are used


@dataclass(frozen=True)
class Measures:
    """What one view's camera implies; medians over its images."""

    field_of_view_deg: float  # over the picture's longer side
    off_centre: float  # of the principal point, share of the longer side
    picture_size: float  # the picture at whose middle the principal point is, over this one; NaN if there is none
    aspect: float  # fy / fx
    t_mm: float  # length of t; NaN if it is 0, which a world at the camera has
    distance_mm: float  # of people, by their size
    height_mm: float  # of the camera over its floor
    floor_over_size: float  # people's distance by the floor over that by their size
    upright: float  # cosine of ankles→neck with up
    images: int = 0  # with a person


def picture_size(K: np.ndarray, image_size: tuple[int, int]) -> float:
    """Returns how many times as large a picture of these proportions is whose middle is the principal point.

    NaN if x and y differ, as in a crop.
    """
    times = K[:2, 2] / ((np.array(image_size) - 1) / 2)
    return float(times.mean()) if times.min() > 0 and np.ptp(times) < SAME_BOTH_WAYS * times.mean() else np.nan


def lens_measures(K: np.ndarray, image_size: tuple[int, int]) -> tuple[float, float, float]:
    """Returns field of view (degrees), distance of the principal point from the middle (share), and fy / fx."""
    longer = max(image_size)
    focal = np.sqrt(K[0, 0] * K[1, 1])
    off = np.linalg.norm(K[:2, 2] - (np.array(image_size) - 1) / 2) / longer
    return float(np.degrees(2 * np.arctan(longer / 2 / focal))), float(off), float(K[1, 1] / K[0, 0])


def fitting_floor(view: View, people_cam: np.ndarray | None = None) -> float:
    """Returns the floor (mm along up) under which people are as far away as by their size; NaN if up is unknown."""
    people = placed(view) if people_cam is None else people_cam
    people = people[np.isfinite(people).all((1, 2))]
    if view.world_up is None or not len(people):
        return np.nan
    drop = float(np.median(-(people[:, FEET] @ (view.R @ view.world_up)).min(1)))
    return float(view.centre_world @ view.world_up - USUAL_RATIO * drop)


def measure(view: View, people_cam: np.ndarray | None = None) -> Measures:
    """Returns the measures of a view; `people_cam` (N, 24, 3) mm are its placed people, if they are known already."""
    people = placed(view) if people_cam is None else people_cam
    people = people[np.isfinite(people).all((1, 2))]
    length = float(np.linalg.norm(view.t))
    field, off, aspect = lens_measures(view.K, view.image_size)
    lens = (field, off, picture_size(view.K, view.image_size), aspect, length if length > 1e-6 else np.nan)
    distance = float(np.median(people[:, 0, 2])) if len(people) else np.nan
    if view.world_up is None:
        return Measures(*lens, distance, np.nan, np.nan, np.nan)
    up = view.R @ view.world_up
    height = np.nan
    if view.floor_height_mm is not None:
        height = float(-view.R.T @ view.t @ view.world_up) - view.floor_height_mm
    if not len(people):
        return Measures(*lens, np.nan, height, np.nan, np.nan)
    body = people[:, NECK] - people[:, ANKLES].mean(1)
    cosines = body @ up / np.maximum(np.linalg.norm(body, axis=-1), 1e-9)
    drop = -(people[:, FEET] @ up).min(1)  # of the lowest foot below the camera
    ratios = height / np.where(np.abs(drop) < 1.0, 1.0, drop)
    standing = cosines > UPRIGHT
    used = ratios[standing] if standing.sum() >= FEWEST_UPRIGHT else ratios
    return Measures(*lens, distance, height, float(np.median(used)), float(np.median(cosines)), len(people))
