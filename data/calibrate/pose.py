"""Estimates where a camera stands from the corners of a board that lies still, and how exactly that is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from data.calibrate.lens import rms

LEAST_NOISE_PX = 0.05  # of a corner: residuals of few corners may be smaller by chance
OTHER_WAY = 20.0  # least chi-square by which the second way to see a plane must be worse


@dataclass(frozen=True)
class BoardPose:
    """A camera's pose in the board's axes, with standard deviations."""

    R: np.ndarray  # (3, 3) world to camera
    t: np.ndarray  # (3,) mm
    rms_px: float
    position_std_mm: np.ndarray  # (3,) of the camera centre, along the world's axes
    rotation_std_deg: np.ndarray  # (3,) about the world's axes
    focal_change: float  # by which a free focal length would differ, as a share
    focal_change_std: float
    is_ambiguous: bool  # whether the board could as well be tilted the other way

    @property
    def up_std_deg(self) -> float:
        """The standard deviation of the direction up: rotations about the two horizontal axes."""
        return float(np.hypot(*self.rotation_std_deg[:2]))


@dataclass(frozen=True)
class PoseProblem:
    """What a pose is estimated from."""

    places_world: np.ndarray  # (N, 3) mm, z = 0
    corners_px: np.ndarray  # (N, 2) px of the raw image
    K: np.ndarray
    distortion: np.ndarray | None
    covariance: np.ndarray | None  # (9, 9) of fx, fy, cx, cy, k1, k2, p1, p2, k3; None: taken for exact


def solve_pose(problem: PoseProblem) -> BoardPose:
    """Returns the pose with the smallest reprojection error.

    A plane has two poses that look alike from far away (Collins and Bartoli 2014, IPPE); both are refined and compared.
    The covariance is that of least squares, to which the intrinsics' is propagated.
    """
    ways = _both_ways(problem)
    best = ways[0]
    residuals, jacobian = _residuals(problem, best)
    by_pose, by_lens = jacobian[:, :6], jacobian[:, 6:15]
    spare = max(residuals.size - 6, 1)
    variance = max(float((residuals**2).sum()) / spare, LEAST_NOISE_PX**2)
    inverse = np.linalg.inv(by_pose.T @ by_pose)
    covariance = variance * inverse
    if problem.covariance is not None:
        shift = inverse @ by_pose.T @ by_lens
        covariance = covariance + shift @ problem.covariance @ shift.T
    change, change_std = _focal_change(problem, residuals, jacobian, variance)
    of_rotation, of_position = _derivatives(best)
    R, t = cv2.Rodrigues(best[:3])[0], best[3:]
    return BoardPose(
        R=R,
        t=t,
        rms_px=rms(residuals),
        position_std_mm=np.sqrt(np.diag(of_position @ covariance @ of_position.T)),
        rotation_std_deg=np.degrees(np.sqrt(np.diag(of_rotation @ covariance @ of_rotation.T))),
        focal_change=change,
        focal_change_std=change_std,
        is_ambiguous=_is_ambiguous(problem, ways, variance),
    )


def _both_ways(problem: PoseProblem) -> list[np.ndarray]:
    """Returns the poses (6,), rotation vector and translation, at the minima of the reprojection error, best first."""
    arguments: Any = (problem.places_world, problem.corners_px, problem.K, problem.distortion)
    library: Any = cv2
    _, rotations, translations, _ = library.solvePnPGeneric(*arguments, flags=cv2.SOLVEPNP_IPPE)
    ways = []
    for rotation, translation in zip(rotations, translations, strict=True):
        refined = library.solvePnPRefineLM(*arguments, rotation.copy(), translation.copy())
        ways.append(np.concatenate([part.ravel() for part in refined]))
    return sorted(ways, key=lambda way: rms(_residuals(problem, way)[0]))


def _residuals(problem: PoseProblem, way: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns residuals (N, 2), and the Jacobian (2N, 15) of the projections by pose and by fx, fy, cx, cy, k1, ..., k3."""
    distortion = np.zeros(5) if problem.distortion is None else problem.distortion
    projected, jacobian = cv2.projectPoints(problem.places_world, way[:3], way[3:], problem.K, distortion)
    return problem.corners_px - projected[:, 0], jacobian


def _is_ambiguous(problem: PoseProblem, ways: list[np.ndarray], variance: float) -> bool:
    """Returns whether the second pose fits about as well as the first, and is another one."""
    if len(ways) < 2:
        return False
    turned = cv2.Rodrigues(ways[0][:3])[0].T @ cv2.Rodrigues(ways[1][:3])[0]
    if np.degrees(np.arccos(np.clip((np.trace(turned) - 1) / 2, -1, 1))) < 1:
        return False  # both have come to the same minimum
    sums = [float((_residuals(problem, way)[0] ** 2).sum()) for way in ways]
    return (sums[1] - sums[0]) / variance < OTHER_WAY


def _focal_change(
    problem: PoseProblem, residuals: np.ndarray, jacobian: np.ndarray, variance: float
) -> tuple[float, float]:
    """Returns by which share a common factor of fx and fy would differ from 1 if it were free, and its standard deviation."""
    by_focal = jacobian[:, 6] * problem.K[0, 0] + jacobian[:, 7] * problem.K[1, 1]
    J = np.column_stack([jacobian[:, :6], by_focal])
    inverse = np.linalg.inv(J.T @ J)
    change = float((inverse @ J.T @ residuals.ravel())[6])
    of_video = 0.0 if problem.covariance is None else problem.covariance[0, 0] / problem.K[0, 0] ** 2
    return change, float(np.sqrt(variance * inverse[6, 6] + of_video))


def _derivatives(way: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the derivatives (3, 6), (3, 6) of the rotation about the world's axes and of the camera centre by the pose."""
    R, step = cv2.Rodrigues(way[:3])[0], 1e-6
    turns, moves = [], []
    for axis in range(6):
        other = way + step * np.eye(6)[axis]
        R_other = cv2.Rodrigues(other[:3])[0]
        skew = (R.T @ R_other - R_other.T @ R) / (2 * step)
        turns.append(np.array([skew[2, 1], skew[0, 2], skew[1, 0]]))
        moves.append((R.T @ way[3:] - R_other.T @ other[3:]) / step)
    return np.array(turns).T, np.array(moves).T
