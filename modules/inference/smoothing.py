"""Smooths joints over time: a constant-velocity Kalman filter forwards, and a Rauch-Tung-Striebel smoother backwards."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

# Of a range of pairs with about the same effect; benchmarks/smoothing.py measures it.
ACCELERATION_MM_S15 = 4000.0  # square root of the spectral density of each joint's random acceleration, mm / s^1.5
JITTER_SHARE = 0.2  # of the expected error, that changes from one frame to the next: most of it is the same in both
LONGEST_GAP_S = 0.5  # without an observation, over which nothing is smoothed


def smooth(joints_mm: np.ndarray, expected_error_mm: np.ndarray, time_s: np.ndarray) -> np.ndarray:
    """Returns smoothed joints (T, J, 3) of one person, at ascending times (T,).

    Each coordinate of each joint moves with a constant velocity but for random accelerations, and is observed with a
    standard deviation of JITTER_SHARE of the joint's expected error (T, J); a sure moment counts more than an unsure one.
    Nothing is smoothed across a gap that is longer than LONGEST_GAP_S.
    """
    breaks = np.flatnonzero(np.diff(time_s) > LONGEST_GAP_S) + 1
    bounds = pairwise([0, *breaks.tolist(), len(time_s)])
    parts = [_smooth(joints_mm[a:b], expected_error_mm[a:b], time_s[a:b]) for a, b in bounds if b > a]
    return np.concatenate(parts) if parts else joints_mm.copy()


def _smooth(joints_mm: np.ndarray, expected_error_mm: np.ndarray, time_s: np.ndarray) -> np.ndarray:
    """Smooths a part without gaps. States are (J, 2, 3): position and velocity; covariances (J, 2, 2), alike for x, y, z."""
    count, joints = joints_mm.shape[:2]
    noise = (JITTER_SHARE * np.maximum(expected_error_mm, 1.0)) ** 2
    state = np.stack([joints_mm[0], np.zeros((joints, 3))], 1)
    covariance = np.zeros((joints, 2, 2))
    covariance[:, 0, 0], covariance[:, 1, 1] = noise[0], 2000.0**2  # mm/s, as fast as people move
    filtered = [(state, covariance)]
    predicted, steps = [], []
    for index in range(1, count):
        step, process = _motion(float(time_s[index] - time_s[index - 1]))
        state, covariance = step @ state, step @ covariance @ step.T + process
        predicted.append((state, covariance))
        steps.append(step)
        gain = covariance[:, :, 0] / (covariance[:, 0, 0] + noise[index])[:, None]
        state = state + gain[..., None] * (joints_mm[index] - state[:, 0])[:, None]
        covariance = covariance - gain[..., None] * covariance[:, 0][:, None]
        filtered.append((state, covariance))
    smoothed = [filtered[-1][0]]
    for index in range(count - 2, -1, -1):
        state, covariance = filtered[index]
        gain = covariance @ steps[index].T @ np.linalg.inv(predicted[index][1])
        smoothed.append(state + gain @ (smoothed[-1] - predicted[index][0]))
    return np.stack(smoothed[::-1])[:, :, 0]


def _motion(seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns the transition (2, 2) of position and velocity over a time, and the covariance of the random acceleration."""
    seconds = max(seconds, 1e-4)
    density = ACCELERATION_MM_S15**2
    process = density * np.array([[seconds**3 / 3, seconds**2 / 2], [seconds**2 / 2, seconds]])
    return np.array([[1.0, seconds], [0.0, 1.0]]), process
