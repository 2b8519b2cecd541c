"""The only geometry of the project: pure functions between world, camera, pixel and crop.

Conventions: millimetres and pixels; OpenCV camera axes (x right, y down, z forward); pixel centres at integer
coordinates; `cam = R @ world + t`. Every function is batch-first (leading axes broadcast) and takes NumPy arrays or
torch tensors alike; torch is never imported here.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = Any  # np.ndarray or torch.Tensor; the answer is of the kind that came in


@dataclass(frozen=True)
class Camera:
    """One calibrated camera. `R`, `t` are world→camera; `distortion` is OpenCV's k1, k2, p1, p2, k3."""

    K: np.ndarray  # (3, 3) px
    R: np.ndarray  # (3, 3)
    t: np.ndarray  # (3,) mm
    image_size: tuple[int, int] | None = None  # (width, height) px
    distortion: np.ndarray | None = None  # (5,)
    world_up: np.ndarray | None = None  # (3,) unit vector
    floor_height_mm: float | None = None  # along world_up

    @property
    def centre_world(self) -> np.ndarray:
        """Where the camera stands: (3,) world mm."""
        return -self.R.T @ self.t


def _namespace(x: Array) -> Any:
    return sys.modules["torch"] if type(x).__module__.startswith("torch") else np


def world2cam(points_world: Array, R: Array, t: Array) -> Array:
    """(..., N, 3) world mm → (..., N, 3) camera mm, with R (..., 3, 3) and t (..., 3)."""
    return points_world @ R.swapaxes(-1, -2) + t[..., None, :]


def cam2world(points_cam: Array, R: Array, t: Array) -> Array:
    """(..., N, 3) camera mm → (..., N, 3) world mm: R.T @ (cam - t)."""
    return (points_cam - t[..., None, :]) @ R


def cam2pixel(points_cam: Array, K: Array) -> Array:
    """(..., N, 3) camera mm → (..., N, 2) undistorted px. Points at depth 0 answer inf or nan."""
    points = points_cam @ K.swapaxes(-1, -2)
    return points[..., :2] / points[..., 2:]


def pixel2ray(points_px: Array, K: Array) -> Array:
    """(..., N, 2) undistorted px → (..., N, 3) rays K^-1 [u, v, 1], whose z is 1."""
    y = (points_px[..., 1] - K[..., 1, 2, None]) / K[..., 1, 1, None]
    x = (points_px[..., 0] - K[..., 0, 2, None] - K[..., 0, 1, None] * y) / K[..., 0, 0, None]
    return _namespace(points_px).stack([x, y, x * 0 + 1], -1)


def pixel2cam(points_px: Array, depth_mm: Array, K: Array) -> Array:
    """(..., N, 2) undistorted px at depth (..., N) mm → (..., N, 3) camera mm: z K^-1 [u, v, 1]."""
    return pixel2ray(points_px, K) * depth_mm[..., None]


def _distort_normalised(xy: Array, distortion: Array) -> tuple[Array, Array]:
    """OpenCV's k1, k2, p1, p2, k3 model on normalised points (..., N, 2), and its Jacobian [[a, b], [b, c]] as a, b, c."""
    xp = _namespace(xy)
    k1, k2, p1, p2, k3 = (distortion[..., i, None] for i in range(5))
    x, y = xy[..., 0], xy[..., 1]
    r2 = x * x + y * y
    radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    slope = 2 * (k1 + r2 * (2 * k2 + 3 * r2 * k3))
    dx = 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
    dy = p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
    a = radial + x * x * slope + 2 * p1 * y + 6 * p2 * x
    b = x * y * slope + 2 * (p1 * x + p2 * y)
    c = radial + y * y * slope + 6 * p1 * y + 2 * p2 * x
    return xp.stack([x * radial + dx, y * radial + dy], -1), xp.stack([a, b, c], -1)


def _to_pixel(xy: Array, K: Array) -> Array:
    u = K[..., 0, 0, None] * xy[..., 0] + K[..., 0, 1, None] * xy[..., 1] + K[..., 0, 2, None]
    return _namespace(xy).stack([u, K[..., 1, 1, None] * xy[..., 1] + K[..., 1, 2, None]], -1)


def distort(points_px: Array, K: Array, distortion: Array | None) -> Array:
    """Undistorted px (..., N, 2) → px of the raw image, by OpenCV's k1, k2, p1, p2, k3 model."""
    if distortion is None:
        return points_px
    return _to_pixel(_distort_normalised(pixel2ray(points_px, K)[..., :2], distortion)[0], K)


def project_to_image(points_world: np.ndarray, camera: Camera) -> np.ndarray:
    """(..., N, 3) world mm → (..., N, 2) px of the raw image, lens distortion included."""
    pixels = cam2pixel(world2cam(points_world, camera.R, camera.t), camera.K)
    return np.asarray(distort(pixels, camera.K, camera.distortion))


def undistort(points_px: Array, K: Array, distortion: Array | None, iterations: int = 30) -> Array:
    """Px of the raw image (..., N, 2) → undistorted px: the inverse of `distort`, by Newton's method.

    OpenCV stops after 5 rounds of a fixed point, which leaves up to a pixel at a wide image's corner; this goes on to
    convergence. A point that no ray maps to (far outside the image, past the lens model's turning point) is NaN.
    """
    if distortion is None:
        return points_px
    target = pixel2ray(points_px, K)[..., :2]
    xy = target
    for _ in range(iterations):
        seen, jacobian = _distort_normalised(xy, distortion)
        xy = xy + _newton_step(target - seen, jacobian)
    seen, jacobian = _distort_normalised(xy, distortion)
    a, b, c = jacobian[..., 0], jacobian[..., 1], jacobian[..., 2]
    tolerance = 1e-5 if seen.dtype.itemsize == 4 else 1e-9
    found = (abs(seen - target).sum(-1) < tolerance) & (a * c - b * b > 0) & (a > 0)
    return _to_pixel(_namespace(xy).where(found[..., None], xy, float("nan")), K)


def _newton_step(residual: Array, jacobian: Array) -> Array:
    """The step that takes (..., 2) residuals out, no longer than half a unit of the normalised plane."""
    xp = _namespace(residual)
    a, b, c = jacobian[..., 0], jacobian[..., 1], jacobian[..., 2]
    determinant = a * c - b * b
    determinant = xp.where(abs(determinant) < 1e-6, 1e-6, determinant)
    x, y = residual[..., 0], residual[..., 1]
    step = xp.stack([(c * x - b * y) / determinant, (a * y - b * x) / determinant], -1)
    length = (step * step).sum(-1)[..., None] ** 0.5
    return step * (0.5 / xp.where(length > 0.5, length, 0.5))


def least_squares_root(joints_rel_mm: Array, rays: Array, weights: Array) -> Array:
    """The translation (..., 3) mm that lays a root-relative pose (..., N, 3) mm on its own rays (..., N, 3), z = 1.

    Closed form: each joint asks X + tx = x (Z + tz) and Y + ty = y (Z + tz), with weight (..., N) >= 0; the 3x3
    normal equations are solved (the linear translation step of Mehta et al. 2017, VNect, section 4.3 in spirit).
    Raises ValueError where fewer than two joints carry weight, or all their rays are one.
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
    """The virtual cameras that look at person boxes (..., 4): (R_cam2crop (..., 3, 3), K_crop (..., 3, 3)).

    Each stands where its camera stands, turned so that the box centre's ray is its axis, without roll against the
    camera's y axis, and zoomed so that `margin` times the box (undistorted px) just fits a size_px square.
    A crop that is only cut out of the image shows the same person differently at the image's edge; this one does not.
    Raises ValueError for a box without positive width and height.
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
    """K (..., 3, 3), R (..., 3, 3), t (..., 3) of the cameras that see a mirrored world (x → -x) as mirrored images.

    u' = W - 1 - u; R' = F R F with F = diag(-1, 1, 1) is a rotation again. Of a lens, p2 changes its sign.
    """
    xp = _namespace(K)
    flip = xp.asarray([-1.0, 1.0, 1.0], dtype=K.dtype)
    mirrored = K * xp.asarray([[1.0, -1, -1], [1, 1, 1], [1, 1, 1]], dtype=K.dtype)
    offset = xp.asarray([[0.0, 0, 1], [0, 0, 0], [0, 0, 0]], dtype=K.dtype)
    return mirrored + offset * (width_px[..., None, None] - 1), flip[:, None] * R * flip, t * flip


def resize_intrinsics(K: Array, scale: float) -> Array:
    """K of the image resized by `scale`, with pixel centres at integers: u' = (u + 1/2) scale - 1/2."""
    xp = _namespace(K)
    shift = (scale - 1) / 2
    A = xp.asarray([[scale, 0, shift], [0, scale, shift], [0, 0, 1.0]], dtype=K.dtype)
    return A @ K


def project_rotation(M: np.ndarray) -> np.ndarray:
    """The rotation (3, 3) nearest to M in the Frobenius norm (Arun et al. 1987)."""
    U, _, Vt = np.linalg.svd(M)
    return U @ np.diag([1.0, 1.0, np.sign(np.linalg.det(U @ Vt))]) @ Vt
