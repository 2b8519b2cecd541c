"""Computes errors of predicted joints against a reference.

All joints are (images, 24, 3) arrays of world mm; errors are in mm unless a function says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from model.skeleton import JOINT_NAMES, MIRROR, ROOT

PCK_THRESHOLD_MM = 150.0
AUC_THRESHOLDS_MM = np.arange(0.0, 151.0, 5.0)


def joint_errors(predicted: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Returns the Euclidean distance of every joint: (images, 24) mm."""
    return np.asarray(np.linalg.norm(predicted - reference, axis=-1))


def relative(joints: np.ndarray) -> np.ndarray:
    """Returns the joints relative to their own pelvis."""
    return np.asarray(joints - joints[:, ROOT : ROOT + 1])


def world_mpjpe(predicted: np.ndarray, reference: np.ndarray) -> float:
    """Returns the MPJPE in world coordinates, without any alignment."""
    return float(joint_errors(predicted, reference).mean())


def root_error(predicted: np.ndarray, reference: np.ndarray) -> float:
    """Returns the mean distance of the pelvis."""
    return float(joint_errors(predicted, reference)[:, ROOT].mean())


def root_relative_mpjpe(predicted: np.ndarray, reference: np.ndarray) -> float:
    """Returns the MPJPE after subtracting the own pelvis from both poses. The pelvis counts as one joint with error 0."""
    return world_mpjpe(relative(predicted), relative(reference))


def procrustes(predicted: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Returns each prediction after the similarity transform that fits it best to its reference (Umeyama 1991).

    A prediction whose joints are all at one point is moved to the reference's mean.
    """
    mean_p, mean_r = predicted.mean(1, keepdims=True), reference.mean(1, keepdims=True)
    p, r = predicted - mean_p, reference - mean_r
    U, S, Vt = np.linalg.svd(np.swapaxes(p, 1, 2) @ r)
    signs = np.ones_like(S)
    signs[:, -1] = np.sign(np.linalg.det(U) * np.linalg.det(Vt))
    rotation = (U * signs[:, None]) @ Vt
    spread = (p**2).sum((1, 2))
    scale = np.divide((S * signs).sum(1), spread, out=np.zeros_like(spread), where=spread > 0)
    return np.asarray(scale[:, None, None] * p @ rotation + mean_r)


def pa_mpjpe(predicted: np.ndarray, reference: np.ndarray) -> float:
    """Returns the MPJPE after Procrustes alignment (rotation, translation and scale) of each image."""
    return world_mpjpe(procrustes(predicted, reference), reference)


def pck(predicted: np.ndarray, reference: np.ndarray, threshold_mm: float = PCK_THRESHOLD_MM) -> float:
    """Returns the PCK: the share of root-relative joint errors below the threshold, 0 to 1."""
    return float((joint_errors(relative(predicted), relative(reference)) < threshold_mm).mean())


def auc(predicted: np.ndarray, reference: np.ndarray) -> float:
    """Returns the AUC: the mean PCK over the thresholds 0, 5, ..., 150 mm."""
    return float(np.mean([pck(predicted, reference, threshold) for threshold in AUC_THRESHOLDS_MM]))


def are_swapped(predicted: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Returns (images,) whether a pose is nearer to its reference with left and right swapped, both root-relative."""

    def distance(joints: np.ndarray) -> np.ndarray:
        return np.asarray(joint_errors(relative(joints), relative(reference)).mean(1))

    return np.asarray(distance(predicted[:, list(MIRROR)]) < distance(predicted))


def competition_mse(predicted: np.ndarray, reference: np.ndarray) -> float:
    """Returns the mean squared difference over images, joints and axes, in mm²."""
    return float(((predicted - reference) ** 2).mean())


METRICS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "world_mpjpe": world_mpjpe,
    "root": root_error,
    "root_relative_mpjpe": root_relative_mpjpe,
    "pa_mpjpe": pa_mpjpe,
    "pck150": pck,
    "auc": auc,
    "competition_mse": competition_mse,
}


def evaluate(predicted: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    """Returns every metric of METRICS.

    Raises ValueError if the shapes differ, if there is no image, or if a number is not finite.
    """
    if predicted.shape != reference.shape or predicted.ndim != 3 or len(predicted) == 0:
        raise ValueError(f"metrics need two (images, joints, 3) arrays, not {predicted.shape} and {reference.shape}")
    if not (np.isfinite(predicted).all() and np.isfinite(reference).all()):
        raise ValueError("metrics need finite joints")
    return {name: metric(predicted, reference) for name, metric in METRICS.items()}


def per_joint(predicted: np.ndarray, reference: np.ndarray) -> dict[str, dict[str, float]]:
    """Returns the world and the root-relative mean distance of each joint."""
    world = joint_errors(predicted, reference).mean(0)
    root_rel = joint_errors(relative(predicted), relative(reference)).mean(0)
    return {
        name: {"world_mpjpe": float(world[j]), "root_relative_mpjpe": float(root_rel[j])}
        for j, name in enumerate(JOINT_NAMES)
    }
