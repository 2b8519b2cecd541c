"""Decides which moments get a label, and says why the others do not."""

from __future__ import annotations

import numpy as np

from data.rig.labelling import Labelled
from model.skeleton import EDGES, JOINT_NAMES
from modules.rig.triangulation import KERNEL_PX

LIMBS = ("knee", "ankle", "elbow", "wrist")  # the bones that end in these joints have a constant length
DISAGREE_PX = 2 * KERNEL_PX  # median residual of a moment, in an image of 1920 px, above which it shows no one person
BONE_SHARE, BONE_MM = 0.3, 80.0  # by which a limb may differ from its median length; the larger of both counts
ROOT_SD_MM = 150.0
UNSEEN = "fewer than two cameras see the person"
PARTLY = "fewer than two cameras see a joint"
DISAGREE = f"the cameras disagree by more than {DISAGREE_PX:.0f} px (median, of 1920)"
BONES = f"a limb differs from its median length by more than {BONE_SHARE:.0%} and {BONE_MM:.0f} mm"
UNCERTAIN = f"the pelvis is uncertain by more than {ROOT_SD_MM:.0f} mm"


def select(found: Labelled, weights: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Returns which moments (F,) are kept, and by reason those (F,) that are not, each for its first reason.

    `weights` are those of the labelling cameras, (C, F, 33).
    """
    finite = np.isfinite(found.joints_world).all((1, 2))
    joints = np.where(finite[:, None, None], found.joints_world, np.nan)
    with np.errstate(invalid="ignore"):
        tests = {
            UNSEEN: (weights > 0).any(-1).sum(0) < 2,
            PARTLY: ~finite,
            DISAGREE: _median(found.residuals_px) > DISAGREE_PX,
            BONES: _odd_limbs(joints),
            UNCERTAIN: ~(found.joints_sd_mm[:, 0] <= ROOT_SD_MM),
        }
    kept, thrown = np.ones(len(finite), dtype=bool), {}
    for reason, bad in tests.items():
        thrown[reason] = kept & bad
        kept = kept & ~bad
    return kept, thrown


def limb_lengths(joints_world: np.ndarray) -> dict[str, np.ndarray]:
    """Returns each limb's length (F,) mm, by the name of the joint that it ends in, from joints (F, 24, 3) mm."""
    return {
        JOINT_NAMES[child]: np.linalg.norm(joints_world[:, parent] - joints_world[:, child], axis=-1)
        for parent, child in EDGES
        if JOINT_NAMES[child].endswith(LIMBS)
    }


def _odd_limbs(joints_world: np.ndarray) -> np.ndarray:
    """Returns the moments (F,) with a limb whose length is far from its median; False where it is NaN."""
    odd = np.zeros(len(joints_world), dtype=bool)
    for lengths in limb_lengths(joints_world).values():
        if np.isfinite(lengths).any():
            median = np.nanmedian(lengths)
            odd |= np.abs(lengths - median) > max(BONE_MM, BONE_SHARE * median)
    return odd


def _median(residuals_px: np.ndarray) -> np.ndarray:
    """Returns the median over cameras and landmarks (F,); infinity without any."""
    values = np.moveaxis(residuals_px, 1, 0).reshape(residuals_px.shape[1], -1)
    known = np.isfinite(values).any(1)
    median = np.full(len(values), np.inf)
    median[known] = np.nanmedian(values[known], axis=1)
    return median
