"""Refines the extrinsics of calibrated cameras: bundle adjustment with a prior on the given rotations and centres."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from modules.pose_utils import Camera
from modules.rig.triangulation import KERNEL_PX, project, triangulate

PRIOR_MM = 10.0  # standard deviation of a camera's centre around the calibrated one
PRIOR_DEGREES = 0.5  # standard deviation of its rotation
LANDMARK_PX = (
    10.0  # standard deviation of a 2D landmark around its point; mostly a bias that is the same in every frame
)

Linearised = tuple[np.ndarray, np.ndarray]  # residuals (R,) and their Jacobian (R, D)


def move_camera(camera: Camera, step: np.ndarray) -> Camera:
    """Returns the camera rotated by step[:3] and shifted by step[3:], both in units of the prior's standard deviation."""
    R = Rotation.from_rotvec(step[:3] * np.radians(PRIOR_DEGREES)).as_matrix() @ camera.R
    centre = camera.centre_world + step[3:] * PRIOR_MM
    return replace(camera, R=R, t=-R @ centre)


def movement(before: Camera, after: Camera) -> tuple[float, float]:
    """Returns how far a camera was moved: mm between the centres, and degrees between the rotations."""
    turn = Rotation.from_matrix(after.R @ before.R.T).magnitude()
    return float(np.linalg.norm(after.centre_world - before.centre_world)), float(np.degrees(turn))


def _cross_matrix(v: np.ndarray) -> np.ndarray:
    """Returns the matrices (..., 3, 3) of the cross product with vectors (..., 3)."""
    x, y, z = v[..., 0], v[..., 1], v[..., 2]
    zero = np.zeros_like(x)
    return np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*v.shape[:-1], 3, 3)


def _camera_jacobian(points: np.ndarray, J: np.ndarray, camera: Camera, step: np.ndarray) -> np.ndarray:
    """Returns d px / d step (M, 2, 6) of a moved camera, from world points (M, 3) and J = d px / d world (M, 2, 3)."""
    points_turned = (points - camera.centre_world) @ camera.R.T
    rotvec = step[:3] * np.radians(PRIOR_DEGREES)
    left = np.eye(3) + _cross_matrix(rotvec) / 2  # left Jacobian of SO(3), to first order in the rotation vector
    turn = -J @ camera.R.T @ _cross_matrix(points_turned) @ left * np.radians(PRIOR_DEGREES)
    return np.concatenate([turn, -J * PRIOR_MM], -1)


def _softened(error: np.ndarray, weights: np.ndarray, J: np.ndarray, kernel_px: float) -> Linearised:
    """Returns residuals whose square is the Geman-McClure cost, and their Jacobian, from error (..., 2), J (..., 2, D)."""
    inverse = 1 / (1 + (error**2).sum(-1) / kernel_px**2)
    scale = np.sqrt(weights * inverse) / LANDMARK_PX
    along = (error[..., None, :] @ J)[..., 0, :]
    softened_J = J - error[..., None] * along[..., None, :] * (inverse / kernel_px**2)[..., None, None]
    return scale[..., None] * error, scale[..., None, None] * softened_J


@dataclass(frozen=True)
class _Bundle:
    """The least-squares cost of camera steps x (C * 6,): robust reprojection errors, and x itself as the prior."""

    points_px: np.ndarray  # (C, F, N, 2)
    weights: np.ndarray  # (C, F, N)
    cameras: Sequence[Camera]
    kernel_px: float

    @property
    def frame_weights(self) -> np.ndarray:
        """The weights, scaled so that all frames together weigh as much as one: landmark errors repeat in each frame."""
        return np.asarray(self.weights / self.weights.shape[1])

    def moved(self, x: np.ndarray) -> list[Camera]:
        """Returns the cameras moved by steps x (C * 6,)."""
        return [move_camera(camera, step) for camera, step in zip(self.cameras, x.reshape(-1, 6), strict=True)]

    def linearise(self, x: np.ndarray, points: np.ndarray, points_follow: bool) -> Linearised:
        """Returns residuals and their Jacobian by x, for points (F, N, 3).

        With `points_follow`, the points are optimal for every x, and their part is projected out of the Jacobian
        (variable projection: Golub & Pereyra 1973, Kaufman 1975).
        """
        cameras = self.moved(x)
        keep = np.isfinite(points).all(-1) & (self.weights > 0).any(0)
        projected, J = project(points[keep], cameras)  # (C, M, 2), (C, M, 2, 3)
        seen = self.frame_weights[:, keep] * np.isfinite(projected).all(-1)
        error, J = np.nan_to_num(projected - self.points_px[:, keep]), np.nan_to_num(J)
        by_camera = np.zeros((*error.shape, x.size))
        for c, camera in enumerate(cameras):
            own = slice(6 * c, 6 * c + 6)
            by_camera[c, ..., own] = _camera_jacobian(points[keep], J[c], camera, x[own])
        soft, soft_J = _softened(error, seen, np.concatenate([J, by_camera], -1), self.kernel_px)
        soft_J = np.moveaxis(soft_J, 0, 1).reshape(error.shape[1], 2 * len(cameras), 3 + x.size)  # (M, 2C, 3 + 6C)
        by_point, by_step = soft_J[..., :3], soft_J[..., 3:]
        if points_follow:
            by_step = by_step - by_point @ (np.linalg.pinv(by_point) @ by_step)
        residuals = np.concatenate([np.moveaxis(soft, 0, 1).ravel(), x])
        return residuals, np.concatenate([by_step.reshape(-1, x.size), np.eye(x.size)])


def _minimise(linearise: Callable[[np.ndarray], Linearised], size: int) -> np.ndarray:
    """Returns the x (size,) with the least squares; `linearise` is called once per x for residuals and Jacobian."""
    last: list[tuple[np.ndarray, Linearised]] = []

    def at(x: np.ndarray) -> Linearised:
        if not last or not np.array_equal(last[0][0], x):
            residuals, J = linearise(x)
            # The R of a QR decomposition has the same sum of squares in size + 1 rows.
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
    """Returns the cameras with extrinsics that minimise the robust reprojection error plus the prior.

    Without any point they are as given.
    Takes undistorted px (C, F, N, 2) and weights (C, F, N). The points do not determine the pose of the whole rig in
    the world; the prior keeps it where it was given.
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
    """Returns one camera with extrinsics refined on known points (F, N, 3) world mm and their (F, N, 2) undistorted px.

    Weights are (F, N); prior and kernel are those of `refine_extrinsics`.
    """
    bundle = _Bundle(points_px[None], weights[None], [camera], kernel_px)
    return bundle.moved(_minimise(lambda x: bundle.linearise(x, points_world, points_follow=False), 6))[0]
