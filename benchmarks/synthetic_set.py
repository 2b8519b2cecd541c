"""Statistics of a synthetic set, and the errors of BlazePose on it.

    python -m benchmarks.synthetic_set [--root data/synthetic/set]

Files and kinds of views are counted from the manifest. The detection rate and the errors of the extractor come from its
cache, which `extract_train_info.py --set DATA.root=<root>` makes first.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.in_plane import errors_of_rows
from data.synthetic.generate import DEFAULT_OUT
from data.synthetic.plan import MANIFEST
from model.skeleton import JOINT_NAMES, ROOT
from modules.cache.store import open_cache
from modules.config.load import load_config
from modules.config.paths import DEFAULT_CONFIG, PROJECT_ROOT
from modules.console import run_script
from modules.files.labels import read_label
from modules.files.layout import list_frames
from modules.utils import UserError

DISTINCT_MM = 80.0  # mean joint distance from which on two poses count as distinct
LIMBS = [  # hips, knees, ankles, shoulders, elbows, wrists: defined alike in all skeletons
    index
    for index, name in enumerate(JOINT_NAMES)
    if name.endswith(("hip", "knee", "ankle", "shoulder", "elbow", "wrist"))
]


def main() -> None:
    """Prints the statistics as Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=DEFAULT_OUT, help="the set (default: %(default)s)")
    root = parser.parse_args().root
    if not (root / MANIFEST).exists():
        raise UserError(f"{root / MANIFEST}: this file is missing; make the set by python -m data.synthetic.generate")
    manifest = pd.read_csv(root / MANIFEST, keep_default_na=False)
    rows = pd.concat([_rows(root, split) for split in ("train", "test")])
    both = manifest.merge(rows, on="file_name", validate="one_to_one")
    for title, lines in (
        ("files", files(root)),
        ("views", views(manifest)),
        ("poses", poses(root)),
        ("BlazePose", extractor_errors(both)),
    ):
        print(f"\n| {title} | |\n| --- | --- |")
        print("\n".join(f"| {name} | {value} |" for name, value in lines))


def _rows(root: Path, split: str) -> pd.DataFrame:
    """Returns, per image, whether a person was found and the median in-plane error of the limb joints, px and mm."""
    config = load_config(PROJECT_ROOT / DEFAULT_CONFIG, [f"DATA.root={root}"])
    rows, _ = open_cache(config, split, list_frames(root, split))
    px = np.linalg.norm(rows["joints_px"] - rows["true_joints_px"], axis=-1)[:, LIMBS]
    mm = errors_of_rows(rows.columns)[:, LIMBS]
    columns = {"file_name": rows["file_name"], "found": rows["found"], "px": np.median(px, 1), "mm": np.median(mm, 1)}
    return pd.DataFrame(columns)


def files(root: Path) -> list[tuple[str, str]]:
    """Returns the number of images and the sizes of their files."""
    sizes = np.array([path.stat().st_size for path in root.glob("task04_*/images/*/*.jpg")]) / 1000
    return [
        ("images", f"{len(sizes)}"),
        ("largest file, kB", f"{sizes.max():.0f}"),
        ("mean file, kB", f"{sizes.mean():.0f}"),
    ]


def views(manifest: pd.DataFrame) -> list[tuple[str, str]]:
    """Returns the shares of the kinds of views."""
    source = manifest["source"].str.split(":").str[0]
    shares = [
        ("from clips", source == "clip"), ("seated", _true(manifest["seated"])), ("airborne", _true(manifest["airborne"])),
        ("truncated (a joint or more outside)", manifest["truncated"] > 0),
        ("occluded (a joint or more behind an object)", manifest["occluded"] > 0),
        ("facing the camera within 60 degrees", manifest["facing_degrees"].abs() < 60),
    ]  # fmt: skip
    lines = [(name, f"{100 * values.mean():.0f} %") for name, values in shares]
    for key in ("distance_mm", "camera_height_mm", "height_mm"):
        low, middle, high = manifest[key].quantile([0.05, 0.5, 0.95])
        lines.append((f"{key}: 5, 50, 95 % of views", f"{low:.0f}, {middle:.0f}, {high:.0f}"))
    for key in ("room", "mass_class", "sex"):
        counts = manifest[key].value_counts(normalize=True)
        lines.append((key, ", ".join(f"{name} {100 * share:.0f} %" for name, share in counts.items())))
    return lines


def _true(values: Any) -> Any:
    return values.astype(str) == "True"


def poses(root: Path) -> list[tuple[str, str]]:
    """Returns the number of poses, and of distinct poses regardless of their heading."""
    labels = sorted(root.glob("task04_*/labels/*/*.json"))
    turned = np.stack([without_yaw(read_label(path)) for path in labels])
    return [("poses", f"{len(turned)}"), (f"distinct at {DISTINCT_MM:g} mm", f"{count_distinct(turned, DISTINCT_MM)}")]


def without_yaw(joints_world: np.ndarray) -> np.ndarray:
    """Returns joints (24, 3) mm relative to the pelvis, rotated about the vertical so that the hips lie along x."""
    relative = joints_world - joints_world[ROOT]
    across = relative[JOINT_NAMES.index("left_hip")] - relative[JOINT_NAMES.index("right_hip")]
    c, s = across[:2] / np.linalg.norm(across[:2])
    return np.asarray(relative @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]))


def count_distinct(poses_mm: np.ndarray, distance_mm: float) -> int:
    """Counts the poses (N, 24, 3) whose mean joint distance from every pose counted before is above `distance_mm`."""
    counted: list[np.ndarray] = []
    for pose in poses_mm:
        if not counted or np.linalg.norm(np.stack(counted) - pose, axis=-1).mean(-1).min() > distance_mm:
            counted.append(pose)
    return len(counted)


def extractor_errors(both: pd.DataFrame) -> list[tuple[str, str]]:
    """Returns BlazePose's detection rate and errors."""
    whole = both["truncated"] == 0
    found = both[both["found"]]
    return [
        ("person found, of all images", f"{100 * both['found'].mean():.1f} %"),
        ("person found, of those with all joints inside", f"{100 * both['found'][whole].mean():.1f} %"),
        ("median error of the 12 limb joints, px", f"{found['px'].median():.1f}"),
        ("the same in the image plane, mm", f"{found['mm'].median():.1f}"),
        ("images with a median error above 150 mm", f"{100 * (found['mm'] > 150).mean():.1f} %"),
    ]


if __name__ == "__main__":
    run_script(main)
