"""Measures the numbers of docs/background.md on the demo.

    python -m docs.measurements      after ./run.sh; writes docs/results/background.json

One image shows what a single view loses; the 25 test images of camera 4 show what errors in the extractor's root depth
and relative depths cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from docs import ambiguity
from model.skeleton import JOINT_NAMES
from modules import metrics
from modules.cache.store import open_cache
from modules.cache.table import Rows
from modules.config.load import load_config
from modules.config.paths import DEFAULT_CONFIG, PROJECT_ROOT
from modules.console import run_script
from modules.files.atomic import write_json
from modules.files.cameras import read_camera
from modules.files.labels import read_label
from modules.files.layout import list_frames, split_folder
from modules.pose_utils import Camera, cam2world, least_squares_root, pixel2cam, pixel2ray, world2cam

RESULT = PROJECT_ROOT / "docs" / "results" / "background.json"
DEMO = PROJECT_ROOT / "data" / "demo" / "test_camera_4"
SEQUENCE, CAMERA, OTHER_CAMERA = "85", "4", "1"
STEP_MM = 100.0  # the depth error whose effect is measured
FARTHER = 1.25  # times as far away and as tall
SHORT = 0.95  # scale of limbs that are estimated too short
JOINT = JOINT_NAMES.index("left_wrist")


@dataclass(frozen=True)
class Scene:
    """One labelled image of the demo, and a second camera that recorded the same moment."""

    image_name: str
    joints_world: np.ndarray  # (24, 3) mm, the label
    camera: Camera
    other: Camera

    @property
    def joints_cam(self) -> np.ndarray:
        """The label in the camera's frame: (24, 3) mm."""
        return world2cam(self.joints_world, self.camera.R, self.camera.t)


def demo_scene() -> Scene:
    """Returns the demo's image that the figures show. UserError if the demo is not prepared."""
    test, train = split_folder(DEMO, "test"), split_folder(DEMO, "train")
    return Scene(
        f"1_demo_{CAMERA}_{SEQUENCE}.jpg",
        read_label(test / "labels" / "1_demo" / f"3D_1_demo_{SEQUENCE}.json"),
        read_camera(test / "camera" / f"1_demo_{CAMERA}.json"),
        read_camera(train / "camera" / f"1_demo_{OTHER_CAMERA}.json"),
    )


def measure_scene(scene: Scene) -> dict[str, Any]:
    """Measures what a single view loses, in one image."""
    joints, camera = scene.joints_cam, scene.camera
    double, other = ambiguity.further_away(joints, FARTHER), ambiguity.other_pose(joints, camera)
    bones = np.abs(ambiguity.bone_lengths(other) - ambiguity.bone_lengths(joints)).max()
    level = ambiguity.without_rotation(joints, camera)
    elsewhere = cam2world(joints, scene.other.R, scene.other.t)
    return {
        "image": scene.image_name,
        "farther": {"factor": FARTHER, "px": _px(joints, double, camera), "mm": _mm(joints, double)},
        "other_pose": {
            "px": _px(joints, other, camera), "bone_mm": round(float(bones), 6), "mm": _mm(joints, other),
            "farthest_mm": round(float(np.linalg.norm(other - joints, axis=-1).max()), 1),
        },
        "rotation": {
            "tilt_degrees": round(ambiguity.tilt_degrees(camera), 1), "level_mm": _mm(scene.joints_world, level),
            "other_camera_mm": _mm(scene.joints_world, elsewhere),
            "own_camera_mm": _mm(scene.joints_world, cam2world(joints, camera.R, camera.t)),
        },
        "depth": measure_depth(scene),
    }  # fmt: skip


def measure_depth(scene: Scene) -> dict[str, Any]:
    """Measures the effect of a depth error of STEP_MM in the world, in this image and in another camera's."""
    joints, camera = scene.joints_cam, scene.camera
    along = ambiguity.moved_along_ray(joints, JOINT, STEP_MM)
    across = ambiguity.moved_across_ray(joints, JOINT, STEP_MM)
    away = ambiguity.whole_body_away(joints, STEP_MM)
    elsewhere = ambiguity.pixel_shift_elsewhere(joints, along, camera, scene.other)
    root = least_squares_root(SHORT * (joints - joints[0]), pixel2ray(ambiguity.projected(joints, camera), camera.K),
                              np.ones(len(joints)))  # fmt: skip
    return {
        "step_mm": STEP_MM,
        "joint": JOINT_NAMES[JOINT],
        "along_world_mm": round(float(np.linalg.norm(_world(along, camera) - scene.joints_world, axis=-1)[JOINT]), 6),
        "along_px": round(float(ambiguity.pixel_shift(joints, along, camera)[JOINT]), 6),
        "across_px": round(float(ambiguity.pixel_shift(joints, across, camera)[JOINT]), 1),
        "along_px_other_camera": round(float(elsewhere[JOINT]), 1),
        "body_px_mean": round(float(ambiguity.pixel_shift(joints, away, camera).mean()), 1),
        "short_limbs": SHORT,
        "pelvis_depth_mm": round(float(joints[0, 2]), 1),
        "short_limbs_root_mm": round(float(root[2] - joints[0, 2]), 1),
    }


def _world(joints_cam: np.ndarray, camera: Camera) -> np.ndarray:
    return cam2world(joints_cam, camera.R, camera.t)


def _px(before: np.ndarray, after: np.ndarray, camera: Camera) -> float:
    return round(float(ambiguity.pixel_shift(before, after, camera).max()), 6)


def _mm(a: np.ndarray, b: np.ndarray) -> float:
    return round(float(np.linalg.norm(a - b, axis=-1).mean()), 1)


def measure_depths(rows: Rows) -> dict[str, dict[str, float]]:
    """Returns the errors, in mm, of the extractor's 2D with its own or the reference's root depth and relative depths."""
    truth = world2cam(rows["joints_world_mm"], rows["R"], rows["t"])[..., 2]
    roots = {"extractor": rows["depth_root_mm"], "reference": truth[:, 0]}
    relatives = {"extractor": rows["depth_rel_mm"], "reference": truth - truth[:, :1]}
    found = {}
    for root_of, root in roots.items():
        for relative_of, relative in relatives.items():
            cam = pixel2cam(rows["joints_px"], root[:, None] + relative, rows["K"])
            scores = metrics.evaluate(cam2world(cam, rows["R"], rows["t"]), rows["joints_world_mm"])
            names = ("world_mpjpe", "root", "root_relative_mpjpe")
            found[f"root {root_of}, relative {relative_of}"] = {name: round(scores[name], 1) for name in names}
    return found


def main() -> None:
    """Measures, and writes the result."""
    config = load_config(PROJECT_ROOT / DEFAULT_CONFIG, [f"DATA.root={DEMO}"])
    rows, _ = open_cache(config, "test", list_frames(config.data_root, "test"))
    seen = rows.take(rows["found"] & rows["labelled"])
    result = {
        "command": "python -m docs.measurements",
        "scene": measure_scene(demo_scene()),
        "depths": {"camera": CAMERA, "images": len(seen), "methods": measure_depths(seen)},
    }
    write_json(RESULT, result)
    print(f"{RESULT} is written")


if __name__ == "__main__":
    run_script(main)
