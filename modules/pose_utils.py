"""Transforms points between world, camera, pixel and crop coordinates, as pure functions.

Conventions: millimetres and pixels; OpenCV camera axes (x right, y down, z forward); pixel centres at integer
coordinates; `cam = R @ world + t`. Functions take leading batch axes, which broadcast, and NumPy arrays or torch
tensors alike; torch is never imported here.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = Any  # np.ndarray or torch.Tensor; functions return the type that they are given


@dataclass(frozen=True)
class Camera:
    """One calibrated camera. R and t map world to camera.

    `distortion` holds OpenCV's k1, k2, p1, p2, k3[, k4, k5, k6[, s1, s2, s3, s4[, tx, ty]]], or the k1 to k4 of its fisheye
    model: four numbers are always those, since the others are never fewer than five here.
    """

    K: np.ndarray  # (3, 3) px
    R: np.ndarray  # (3, 3)
    t: np.ndarray  # (3,) mm
    image_size: tuple[int, int] | None = None  # (width, height) px
    distortion: np.ndarray | None = None  # (5,), (8,), (12,) or (14,); a fisheye's (4,)
    world_up: np.ndarray | None = None  # (3,) unit vector
    floor_height_mm: float | None = None  # along world_up

    @property
    def centre_world(self) -> np.ndarray:
        """The camera centre: (3,) world mm."""
        return np.asarray(-self.R.T @ self.t)


def _namespace(x: Array) -> Any:
    """Returns the module whose functions fit the array: torch or numpy."""
    return sys.modules["torch"] if type(x).__module__.startswith("torch") else np


def world2cam(points_world: Array, R: Array, t: Array) -> Array:
    """Transforms (..., N, 3) world mm to (..., N, 3) camera mm, with R (..., 3, 3) and t (..., 3): R @ world + t."""
    return points_world @ R.swapaxes(-1, -2) + t[..., None, :]


def cam2world(points_cam: Array, R: Array, t: Array) -> Array:
    """Transforms (..., N, 3) camera mm to (..., N, 3) world mm: R.T @ (cam - t)."""
    return (points_cam - t[..., None, :]) @ R


def cam2pixel(points_cam: Array, K: Array) -> Array:
    """Projects (..., N, 3) camera mm to (..., N, 2) undistorted px. Points at depth 0 give inf or nan."""
    points = points_cam @ K.swapaxes(-1, -2)
    return points[..., :2] / points[..., 2:]


def pixel2ray(points_px: Array, K: Array) -> Array:
    """Returns the rays K^-1 [u, v, 1] of undistorted px (..., N, 2): (..., N, 3) with z = 1."""
    y = (points_px[..., 1] - K[..., 1, 2, None]) / K[..., 1, 1, None]
    x = (points_px[..., 0] - K[..., 0, 2, None] - K[..., 0, 1, None] * y) / K[..., 0, 0, None]
    return _namespace(points_px).stack([x, y, x * 0 + 1], -1)


def pixel2cam(points_px: Array, depth_mm: Array, K: Array) -> Array:
    """Back-projects undistorted px (..., N, 2) at depth z (..., N) mm to (..., N, 3) camera mm: z K^-1 [u, v, 1]."""
    return pixel2ray(points_px, K) * depth_mm[..., None]


def _distort_normalised(xy: Array, distortion: Array) -> Array:
    """Distorts normalised points (..., N, 2) by OpenCV's k1, k2, p1, p2, k3 model."""
    k1, k2, p1, p2, k3 = (distortion[..., i, None] for i in range(5))
    x, y = xy[..., 0], xy[..., 1]
    r2 = x * x + y * y
    radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    dx = 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
    dy = p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
    return _namespace(xy).stack([x * radial + dx, y * radial + dy], -1)


def _distortion_jacobian(xy: Array, distortion: Array) -> tuple[Array, Array, Array]:
    """Returns a, b, c (..., N) of the Jacobian [[a, b], [b, c]] of `_distort_normalised` at points (..., N, 2)."""
    k1, k2, p1, p2, k3 = (distortion[..., i, None] for i in range(5))
    x, y = xy[..., 0], xy[..., 1]
    r2 = x * x + y * y
    radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    slope = 2 * (k1 + r2 * (2 * k2 + 3 * r2 * k3))
    a = radial + x * x * slope + 2 * p1 * y + 6 * p2 * x
    b = x * y * slope + 2 * (p1 * x + p2 * y)
    c = radial + y * y * slope + 6 * p1 * y + 2 * p2 * x
    return a, b, c


def _to_pixel(xy: Array, K: Array) -> Array:
    """Applies K to normalised points (..., N, 2)."""
    u = K[..., 0, 0, None] * xy[..., 0] + K[..., 0, 1, None] * xy[..., 1] + K[..., 0, 2, None]
    return _namespace(xy).stack([u, K[..., 1, 1, None] * xy[..., 1] + K[..., 1, 2, None]], -1)


def _distort_by_opencv(xy: np.ndarray, distortion: np.ndarray) -> np.ndarray:
    """Distorts normalised points (..., N, 2) by OpenCV's fisheye (4 numbers) or rational model (8, 12 or 14 numbers)."""
    import cv2  # noqa: PLC0415  # here, so that scripts show their help without it

    rays = np.dstack([xy.reshape(1, -1, 2), np.ones(xy.size // 2)]).astype(np.float64)
    if not rays.size:
        return xy
    if len(distortion) == 4:
        seen = cv2.fisheye.distortPoints(rays[..., :2], np.eye(3), distortion)
    else:
        seen = cv2.projectPoints(rays, np.zeros(3), np.zeros(3), np.eye(3), distortion)[0]
    return np.asarray(seen).reshape(xy.shape)


def _undistort_by_opencv(seen: np.ndarray, distortion: np.ndarray) -> np.ndarray:
    """The inverse of `_distort_by_opencv`; NaN where no ray leads, or only one beyond the lens model's turning point."""
    import cv2  # noqa: PLC0415

    points = np.ascontiguousarray(seen, np.float64).reshape(-1, 1, 2)
    if not points.size:
        return seen
    criteria = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 200, 1e-13)
    if len(distortion) == 4:
        found = cv2.fisheye.undistortPoints(points, np.eye(3), distortion, criteria=criteria)
    else:
        found = cv2.undistortPointsIter(points, np.eye(3), distortion, np.eye(3), np.eye(3), criteria)
    xy, step = found.reshape(seen.shape), 1e-6
    again = _distort_by_opencv(xy, distortion)
    a, b = (_distort_by_opencv(xy + step * axis, distortion) - again for axis in np.eye(2))
    grows = (a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0] > 0) & (a[..., 0] > 0)
    return np.where((grows & (np.abs(again - seen).sum(-1) < 1e-8))[..., None], xy, np.nan)


def distort(points_px: Array, K: Array, distortion: Array | None) -> Array:
    """Maps undistorted px (..., N, 2) to px of the raw image by one of the models of `Camera`; None is no lens.

    Lenses of other than five numbers take NumPy arrays and one camera alone.
    """
    if distortion is None:
        return points_px
    if distortion.shape[-1] != 5:
        return _to_pixel(_distort_by_opencv(pixel2ray(points_px, K)[..., :2], distortion), K)
    return _to_pixel(_distort_normalised(pixel2ray(points_px, K)[..., :2], distortion), K)


def project_to_image(points_world: np.ndarray, camera: Camera) -> np.ndarray:
    """Projects (..., N, 3) world mm to (..., N, 2) px of the raw image, with lens distortion."""
    pixels = cam2pixel(world2cam(points_world, camera.R, camera.t), camera.K)
    return np.asarray(distort(pixels, camera.K, camera.distortion))


def undistort(points_px: Array, K: Array, distortion: Array | None, iterations: int = 30) -> Array:
    """Maps px of the raw image (..., N, 2) to undistorted px: the inverse of `distort`, by Newton's method.

    OpenCV stops after 5 fixed-point iterations, which leaves up to a pixel of error in a wide image's corner; this
    iterates to convergence. A point that no ray maps to (far outside the image, past the lens model's turning point)
    is NaN. Lenses of other than five numbers are undistorted by OpenCV's own functions.
    """
    if distortion is None:
        return points_px
    target = pixel2ray(points_px, K)[..., :2]
    if distortion.shape[-1] != 5:
        return _to_pixel(_undistort_by_opencv(target, distortion), K)
    xy = target
    tolerance = 1e-5 if target.dtype.itemsize == 4 else 1e-9
    for _ in range(iterations):
        step = _newton_step(target - _distort_normalised(xy, distortion), *_distortion_jacobian(xy, distortion))
        xy = xy + step
        if not bool((abs(step) > tolerance).any()):  # then the error is about its square
            break
    seen, (a, b, c) = _distort_normalised(xy, distortion), _distortion_jacobian(xy, distortion)
    found = (abs(seen - target).sum(-1) < tolerance) & (a * c - b * b > 0) & (a > 0)
    return _to_pixel(_namespace(xy).where(found[..., None], xy, float("nan")), K)


def _newton_step(residual: Array, a: Array, b: Array, c: Array) -> Array:
    """Returns the Newton step (..., 2) for a residual, limited to length 0.5 in the normalised plane.

    a, b, c (...) are the Jacobian [[a, b], [b, c]].
    """
    xp = _namespace(residual)
    determinant = a * c - b * b
    determinant = xp.where(abs(determinant) < 1e-6, 1e-6, determinant)
    x, y = residual[..., 0], residual[..., 1]
    step = xp.stack([(c * x - b * y) / determinant, (a * y - b * x) / determinant], -1)
    length = (step * step).sum(-1)[..., None] ** 0.5
    return step * (0.5 / xp.where(length > 0.5, length, 0.5))


def least_squares_root(joints_rel_mm: Array, rays: Array, weights: Array) -> Array:
    """Returns the translation (..., 3) mm that best moves a root-relative pose (..., N, 3) mm onto its rays.

    Rays are (..., N, 3) with z = 1, weights (..., N) >= 0. Weighted linear least squares in closed form: each joint
    gives X + tx = x (Z + tz) and Y + ty = y (Z + tz), and the 3x3 normal equations are solved (similar to the linear
    translation step of Mehta et al. 2017, VNect, section 4.3). Raises ValueError if fewer than two joints have weight
    or all rays are the same.
    """
    xp = _namespace(rays)
    x, y, w = rays[..., 0], rays[..., 1], weights
    X, Y, Z = joints_rel_mm[..., 0], joints_rel_mm[..., 1], joints_rel_mm[..., 2]
    bx, by = x * Z - X, y * Z - Y
    s, sx, sy = w.sum(-1), (w * x).sum(-1), (w * y).sum(-1)
    srr = (w * (x * x + y * y)).sum(-1)
    determinant = srr * s - sx * sx - sy * sy  # s times the weighted spread of the rays
    if not bool((determinant > 1e-12 * s * s).all()):
        raise ValueError("the root cannot be placed: it needs at least two joints with weight on different rays")
    cx, cy = (w * bx).sum(-1), (w * by).sum(-1)
    cz = -(w * (x * bx + y * by)).sum(-1)
    tz = (s * cz + sx * cx + sy * cy) / determinant
    return xp.stack([(cx + sx * tz) / s, (cy + sy * tz) / s, tz], -1)


def crop_camera(box_xywh: np.ndarray, K: np.ndarray, size_px: int, margin: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns the virtual cameras that look at person boxes: R_cam2crop (..., 3, 3) and K_crop (..., 3, 3).

    `box_xywh` is (..., 4) undistorted px. A virtual camera has the centre of the real camera. Its optical axis is the
    ray of the box centre, it has no roll against the camera's y axis, and its focal length makes `margin` times the box
    just fit a square of size_px. Unlike a rectangle cut out of the image, such a crop shows a person the same way
    wherever in the image they are. Raises ValueError for a box without positive width and height.
    """
    box = np.asarray(box_xywh, dtype=np.float64)
    if not (np.isfinite(box).all() and (box[..., 2:] > 0).all()):
        raise ValueError(f"a person box needs positive width and height, not {box_xywh}")
    corner, size = box[..., None, :2], box[..., None, 2:]
    points = corner + size * np.array([[0.5, 0.5], [0, 0.5], [1, 0.5], [0.5, 0], [0.5, 1]])  # the centre, four sides
    rays = pixel2ray(points, K)
    forward = rays[..., 0, :] / np.linalg.norm(rays[..., 0, :], axis=-1, keepdims=True)
    right = np.cross([0.0, 1.0, 0.0], forward)
    right /= np.linalg.norm(right, axis=-1, keepdims=True)
    R_cam2crop = np.stack([right, np.cross(forward, right), forward], -2)
    sides = rays[..., 1:, :] @ R_cam2crop.swapaxes(-1, -2)
    extent = np.abs(sides[..., :2] / sides[..., 2:]).max((-2, -1)) * margin
    K_crop = np.zeros_like(R_cam2crop)
    K_crop[..., 0, 0] = K_crop[..., 1, 1] = size_px / 2 / extent
    K_crop[..., :2, 2], K_crop[..., 2, 2] = (size_px - 1) / 2, 1
    return R_cam2crop, K_crop


def mirror_camera(K: Array, R: Array, t: Array, width_px: Array) -> tuple[Array, Array, Array]:
    """Returns K (..., 3, 3), R (..., 3, 3), t (..., 3) of cameras that see the mirrored world (x → -x) as mirrored images.

    u' = W - 1 - u, and R' = F R F with F = diag(-1, 1, 1) is again a rotation. The lens's p2 changes its sign.
    """
    xp = _namespace(K)
    flip = xp.asarray([-1.0, 1.0, 1.0], dtype=K.dtype)
    mirrored = K * xp.asarray([[1.0, -1, -1], [1, 1, 1], [1, 1, 1]], dtype=K.dtype)
    offset = xp.asarray([[0.0, 0, 1], [0, 0, 0], [0, 0, 0]], dtype=K.dtype)
    return mirrored + offset * (width_px[..., None, None] - 1), flip[:, None] * R * flip, t * flip


def resize_intrinsics(K: Array, scale: float) -> Array:
    """Returns K of an image resized by `scale`, with pixel centres at integers: u' = (u + 1/2) scale - 1/2."""
    xp = _namespace(K)
    shift = (scale - 1) / 2
    A = xp.asarray([[scale, 0, shift], [0, scale, shift], [0, 0, 1.0]], dtype=K.dtype)
    return A @ K


def project_rotation(M: np.ndarray) -> np.ndarray:
    """Returns the rotation (3, 3) nearest to M (3, 3) in the Frobenius norm (Arun et al. 1987)."""
    U, _, Vt = np.linalg.svd(M)
    return np.asarray(U @ np.diag([1.0, 1.0, np.sign(np.linalg.det(U @ Vt))]) @ Vt)
