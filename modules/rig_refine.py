"""Refine how calibrated cameras stand: bundle adjustment of rotations and centres, with a prior on the given ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from modules.pose_utils import Camera
from modules.rig import KERNEL_PX, project, triangulate

PRIOR_MM = 10.0  # how far (1 sigma) a camera's centre may be from where the calibration says
PRIOR_DEGREES = 0.5  # the same of its rotation
LANDMARK_PX = 10.0  # how far (1 sigma) a 2D landmark may be from its point, mostly the same way in every frame

Linearised = tuple[np.ndarray, np.ndarray]  # residuals (R,) and their derivative (R, D)


def move_camera(camera: Camera, step: np.ndarray) -> Camera:
    """The camera turned by step[:3] and shifted by step[3:], both in units of the prior; 0 leaves it as it is."""
    R = Rotation.from_rotvec(step[:3] * np.radians(PRIOR_DEGREES)).as_matrix() @ camera.R
    centre = camera.centre_world + step[3:] * PRIOR_MM
    return replace(camera, R=R, t=-R @ centre)


def movement(before: Camera, after: Camera) -> tuple[float, float]:
    """How far a camera was moved: (mm between the centres, degrees between the rotations)."""
    turn = Rotation.from_matrix(after.R @ before.R.T).magnitude()
    return float(np.linalg.norm(after.centre_world - before.centre_world)), float(np.degrees(turn))


def _cross_matrix(v: np.ndarray) -> np.ndarray:
    x, y, z = v[..., 0], v[..., 1], v[..., 2]
    zero = np.zeros_like(x)
    return np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*v.shape[:-1], 3, 3)


def _camera_jacobian(points: np.ndarray, J: np.ndarray, camera: Camera, step: np.ndarray) -> np.ndarray:
    """d px / d step (M, 2, 6) of a moved camera, from the points (M, 3) and d px / d world J (M, 2, 3)."""
    points_turned = (points - camera.centre_world) @ camera.R.T
    rotvec = step[:3] * np.radians(PRIOR_DEGREES)
    left = np.eye(3) + _cross_matrix(rotvec) / 2  # how a change of a rotation vector turns, to second order
    turn = -J @ camera.R.T @ _cross_matrix(points_turned) @ left * np.radians(PRIOR_DEGREES)
    return np.concatenate([turn, -J * PRIOR_MM], -1)


def _softened(error: np.ndarray, weights: np.ndarray, J: np.ndarray, kernel_px: float) -> Linearised:
    """Residuals whose square is the Geman-McClure cost, and their derivative, from error (..., 2) and J (..., 2, D)."""
    inverse = 1 / (1 + (error**2).sum(-1) / kernel_px**2)
    scale = np.sqrt(weights * inverse) / LANDMARK_PX
    along = (error[..., None, :] @ J)[..., 0, :]
    softened_J = J - error[..., None] * along[..., None, :] * (inverse / kernel_px**2)[..., None, None]
    return scale[..., None] * error, scale[..., None, None] * softened_J


@dataclass(frozen=True)
class _Bundle:
    """The cost of camera steps x (C * 6,): softened reprojection errors and the prior, which is x itself."""

    points_px: np.ndarray  # (C, F, N, 2)
    weights: np.ndarray  # (C, F, N)
    cameras: Sequence[Camera]
    kernel_px: float

    @property
    def shares(self) -> np.ndarray:
        """The weights, so that all frames together weigh as much as one: their errors are the same ones again."""
        return self.weights / self.weights.shape[1]

    def moved(self, x: np.ndarray) -> list[Camera]:
        return [move_camera(camera, step) for camera, step in zip(self.cameras, x.reshape(-1, 6), strict=True)]

    def linearise(self, x: np.ndarray, points: np.ndarray, points_follow: bool) -> Linearised:
        """Residuals and derivative by x for points (F, N, 3); where they follow the cameras, their share is out."""
        cameras = self.moved(x)
        keep = np.isfinite(points).all(-1) & (self.weights > 0).any(0)
        projected, J = project(points[keep], cameras)  # (C, M, 2), (C, M, 2, 3)
        seen = self.shares[:, keep] * np.isfinite(projected).all(-1)
        error, J = np.nan_to_num(projected - self.points_px[:, keep]), np.nan_to_num(J)
        by_camera = np.zeros((*error.shape, x.size))
        for c, camera in enumerate(cameras):
            own = slice(6 * c, 6 * c + 6)
            by_camera[c, ..., own] = _camera_jacobian(points[keep], J[c], camera, x[own])
        soft, soft_J = _softened(error, seen, np.concatenate([J, by_camera], -1), self.kernel_px)
        soft_J = np.moveaxis(soft_J, 0, 1).reshape(error.shape[1], -1, 3 + x.size)  # (M, 2C, 3 + 6C)
        by_point, by_step = soft_J[..., :3], soft_J[..., 3:]
        if (
            points_follow
        ):  # variable projection: each point at its best for every x (Golub & Pereyra 1973, Kaufman 1975)
            by_step = by_step - by_point @ (np.linalg.pinv(by_point) @ by_step)
        residuals = np.concatenate([np.moveaxis(soft, 0, 1).ravel(), x])
        return residuals, np.concatenate([by_step.reshape(-1, x.size), np.eye(x.size)])


def _minimise(linearise: Callable[[np.ndarray], Linearised], size: int) -> np.ndarray:
    """The x (size,) with the least squares; residuals and derivative come from one call."""
    last: list[tuple[np.ndarray, Linearised]] = []

    def at(x: np.ndarray) -> Linearised:
        if not last or not np.array_equal(last[0][0], x):
            residuals, J = linearise(x)
            # The triangle of a QR has the same sums of squares in size + 1 rows.
            small = np.asarray(np.linalg.qr(np.column_stack([J, residuals]), mode="r"))
            last[:] = [(x.copy(), (small[:, -1], small[:, :-1]))]
        return last[0][1]

    def residuals(x: np.ndarray) -> np.ndarray:
        return at(x)[0]

    def jacobian(x: np.ndarray) -> np.ndarray:
        return at(x)[1]

    return np.asarray(least_squares(residuals, np.zeros(size), jacobian, xtol=1e-6, ftol=1e-8, max_nfev=50).x)


def refine_extrinsics(
    points_px: np.ndarray, weights: np.ndarray, cameras: Sequence[Camera], kernel_px: float = KERNEL_PX
) -> list[Camera]:
    """The cameras, moved so that all rays to a point meet best: robust, with the prior around the given extrinsics.

    Undistorted px (C, F, N, 2), weights (C, F, N). Where the world stands is not visible in the points; the prior
    keeps the rig as a whole where it was given.
    """
    bundle = _Bundle(points_px, weights, cameras, kernel_px)
    start = triangulate(points_px, weights, cameras, kernel_px).points_world

    def linearise(x: np.ndarray) -> Linearised:
        points = triangulate(points_px, weights, bundle.moved(x), kernel_px, start=start).points_world
        return bundle.linearise(x, points, points_follow=True)

    return bundle.moved(_minimise(linearise, 6 * len(cameras)))


def resect(
    points_world: np.ndarray, points_px: np.ndarray, weights: np.ndarray, camera: Camera, kernel_px: float = KERNEL_PX
) -> Camera:
    """One camera, moved to see the known points (F, N, 3) mm where it does, (F, N, 2) px; the same prior and kernel."""
    bundle = _Bundle(points_px[None], weights[None], [camera], kernel_px)
    return bundle.moved(_minimise(lambda x: bundle.linearise(x, points_world, points_follow=False), 6))[0]
