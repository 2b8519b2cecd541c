"""Describes the quality of a rotation of the demo, for the console and for its marker file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from data.demo.plan import CALIBRATION_FRAMES
from data.demo.rotation import Rotation
from model.skeleton import EDGES, JOINT_NAMES
from modules.pose_utils import Camera
from modules.rig.refinement import movement

LIMBS = ("knee", "ankle", "elbow", "wrist")  # the bones that end in these joints have a constant length


def bone_spread_mm(joints_world: np.ndarray) -> dict[str, float]:
    """Returns the standard deviation over frames of each limb bone's length in mm, from joints (F, 24, 3) mm."""
    lengths = {
        child: np.linalg.norm(joints_world[:, parent] - joints_world[:, child], axis=-1) for parent, child in EDGES
    }
    return {JOINT_NAMES[c]: float(v.std()) for c, v in lengths.items() if JOINT_NAMES[c].endswith(LIMBS)}


def _camera_report(rotation: Rotation, given: Camera, camera: int) -> dict[str, Any]:
    """Returns reprojection errors, movement and swaps of one camera (index)."""
    early = slice(CALIBRATION_FRAMES.start, CALIBRATION_FRAMES.stop)
    before, after = rotation.residuals_before_px[camera, early], rotation.residuals_px[camera, early]
    swaps = [int(part[camera].sum()) for part in rotation.swapped]
    moved_mm, turned = movement(given, rotation.cameras[camera])
    return {
        "before_px": round(float(np.nanmedian(before)), 2),
        "after_px": round(float(np.nanmedian(after)), 2),
        "after_px_90": round(float(np.nanpercentile(after, 90)), 2),
        "moved_mm": round(moved_mm, 1),
        "turned_degrees": round(turned, 2),
        "swapped_frames": dict(zip(("body", "legs", "arms"), swaps, strict=True)),
    }


def describe(rotation: Rotation, given: Sequence[Camera]) -> tuple[dict[str, Any], list[str]]:
    """Returns the figures of a rotation as JSON and as lines to print. Residuals are those of frames 0-69."""
    cameras = {str(index + 1): _camera_report(rotation, given[index], index) for index in range(len(given))}
    spread = bone_spread_mm(rotation.joints_world)
    report = {
        "cameras": cameras,
        "limb_length_sd_mm": {bone: round(value, 1) for bone, value in spread.items()},
        "floor_height_mm": round(rotation.floor_height_mm, 1),
    }
    lines = [f"test camera {rotation.test_camera + 1}"]
    for name, c in cameras.items():
        role = "resected on the others' points" if int(name) == rotation.test_camera + 1 else "refined"
        lines.append(
            f"  camera {name}: median reprojection {c['before_px']:.1f} -> {c['after_px']:.1f} px (90 %: "
            f"{c['after_px_90']:.0f}), {role}: moved {c['moved_mm']:.0f} mm and {c['turned_degrees']:.2f} degrees, "
            f"left/right swapped in {c['swapped_frames']['body']} frames, legs in {c['swapped_frames']['legs']}, "
            f"arms in {c['swapped_frames']['arms']}"
        )
    lines.append(
        f"  limb lengths vary by {min(spread.values()):.0f}-{max(spread.values()):.0f} mm (SD over the frames)"
    )
    lines.append(f"  floor: {rotation.floor_height_mm:.0f} mm above the world's origin")
    return report, lines
