"""Says what is wrong with a matrix that should be a rotation."""

from __future__ import annotations

import numpy as np

ROUNDED = 0.02  # singular values of a rotation with two decimals differ from 1 by less than this
SAME = 0.01  # share by which the singular values of a scaled rotation differ from each other


def rotation_problem(R: np.ndarray) -> str | None:
    """Returns why R (3, 3) is no rotation, and the fix; None if it is one, or one that was rounded to two decimals."""
    values = np.linalg.svd(R, compute_uv=False)
    mean = float(values.mean())
    if mean > 0 and np.ptp(values) < SAME * mean and abs(mean - 1) > ROUNDED:
        return f"is scaled by {mean:.4g}; divide its nine numbers by that, and check whether t is scaled, too"
    if np.abs(values - 1).max() > ROUNDED:
        return "is not orthonormal; write [R|t], world to camera, in mm"
    if np.linalg.det(R) < 0:
        return (
            "is a mirror image (determinant -1); flip one axis: the world or the camera has left-handed axes, as in "
            "Unity and Unreal, so reverse that axis in labels and t, too"
        )
    return None


def is_rounded(R: np.ndarray) -> bool:
    """Whether R (3, 3) is a rotation only roughly, so that the nearest one is used."""
    return rotation_problem(R) is None and not np.allclose(R @ R.T, np.eye(3), atol=1e-3)
