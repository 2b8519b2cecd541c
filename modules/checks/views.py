"""Gathers rows by camera file: one view is what one camera has seen in one recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from model.skeleton import NUM_JOINTS
from modules.cache.table import lens_of
from modules.checks.mistakes import Evidence, Scene
from modules.pose_utils import distort, least_squares_root, pixel2ray, undistort

FEWEST_SEEN = 12  # joints with a ray; with fewer, a person cannot be placed
MOST_IMAGES = 40  # of one view, evenly spread: the medians of more are the same


@dataclass(frozen=True)
class View:
    """One camera file, and the people that the extractor finds in its images. World, up and floor are as declared."""

    name: str  # <POSE>_<PERSON>_<CAM>
    camera: str
    image_size: tuple[int, int]  # (width, height) px
    K: np.ndarray  # (3, 3)
    R: np.ndarray  # (3, 3)
    t: np.ndarray  # (3,)
    distortion: np.ndarray | None  # (5,)
    world_up: np.ndarray | None  # (3,)
    floor_height_mm: float | None
    sequences: tuple[str, ...]  # of the N images with a person
    joints_px: np.ndarray  # (N, 24, 2) undistorted px; NaN where no ray of the lens maps to a joint
    confidence: np.ndarray  # (N, 24)
    joints_rel_mm: np.ndarray  # (N, 24, 3) relative to the pelvis, camera axes

    @property
    def recording(self) -> str:
        """`<POSE>_<PERSON>`."""
        return self.name.rpartition("_")[0]

    @property
    def file(self) -> str:
        """The camera file, from the folder of the split."""
        return f"camera/{self.name}.json"

    @property
    def evidence(self) -> Evidence:
        """The camera's numbers in the form that mistakes are corrected in, without a label."""
        nobody = np.zeros((NUM_JOINTS, 3))
        return Evidence(
            self.file, self.camera, self.image_size, nobody[:, :2], self.K / [[1920.0], [1920.0], [1.0]], 1920.0,
            np.column_stack([self.R, self.t]), self.distortion, nobody,
        )  # fmt: skip

    @property
    def centre_world(self) -> np.ndarray:
        """The camera centre: (3,) world mm."""
        return np.asarray(-self.R.T @ self.t)

    def under(self, scene: Scene) -> View:
        """Returns the view with the camera of a scene, whose lens is removed from the same raw px."""
        px = self.joints_px
        if self.distortion is not None and not np.array_equal(scene.K, self.K):
            px = undistort(distort(px, self.K, self.distortion), scene.K, self.distortion)
        return replace(self, K=scene.K, R=scene.R, t=scene.t, joints_px=px)

    def take(self, which: np.ndarray) -> View:
        """Returns the view with these images."""
        return replace(
            self, sequences=tuple(np.array(self.sequences)[which]), joints_px=self.joints_px[which],
            confidence=self.confidence[which], joints_rel_mm=self.joints_rel_mm[which],
        )  # fmt: skip


def placed(view: View) -> np.ndarray:
    """Places people by their size: (N, 24, 3) camera mm; NaN for those whose joints have no rays or a single one."""
    rays = pixel2ray(view.joints_px, view.K)
    seen = np.isfinite(rays).all(-1)
    weights = np.where(seen, np.maximum(view.confidence, 1e-3), 0.0)
    rays = np.where(seen[..., None], rays, 0.0)
    out = np.full_like(view.joints_rel_mm, np.nan)
    centred = (rays - rays.mean(1, keepdims=True))[..., :2]
    usable = (seen.sum(-1) >= FEWEST_SEEN) & ((centred**2).mean((1, 2)) > 1e-9)  # else all joints are on one ray
    if usable.any():
        root = least_squares_root(view.joints_rel_mm[usable], rays[usable], weights[usable])
        out[usable] = view.joints_rel_mm[usable] + root[:, None]
    return out


def views_of_rows(rows: Mapping[str, np.ndarray]) -> list[View]:
    """Returns the views of cache rows, in the order of their names. `rows` are columns; labels are not read."""
    names = np.array(
        [f"{p}_{q}_{c}" for p, q, c in zip(rows["pose"], rows["person"], rows["camera"], strict=True)], dtype=str
    )
    order = np.argsort(names, kind="stable")
    unique, starts = np.unique(names[order], return_index=True)
    return [_view(rows, str(n), own) for n, own in zip(unique, np.split(order, starts[1:]), strict=True)]


def _view(rows: Mapping[str, np.ndarray], name: str, own: np.ndarray) -> View:
    first = int(own[0])
    found = own[rows["found"][own].astype(bool)]
    found = found[np.unique(np.linspace(0, len(found) - 1, min(len(found), MOST_IMAGES)).astype(int))]
    up, floor = (_declared(rows[key][first]) for key in ("world_up", "floor_height_mm"))
    width, height = (int(side) for side in rows["image_size"][first])
    return View(
        name, str(rows["camera"][first]), (width, height), rows["K"][first], rows["R"][first], rows["t"][first],
        lens_of(rows, first), up, None if floor is None else float(floor), tuple(str(s) for s in rows["sequence"][found]),
        np.where(rows["confidence"][found][..., None] > 0, rows["joints_px"][found], np.nan), rows["confidence"][found],
        rows["joints_rel_mm"][found],
    )  # fmt: skip


def _declared(value: np.ndarray) -> np.ndarray | None:
    return None if np.isnan(value).any() else value


def by_recording(views: Sequence[View]) -> dict[str, list[View]]:
    """Groups views by recording."""
    found: dict[str, list[View]] = {}
    for view in views:
        found.setdefault(view.recording, []).append(view)
    return found
