"""The frozen test part of the synthetic set: the list of its images, and a check of the images on disk.

    python -m benchmarks.frozen            checks data/synthetic/set against the list
    python -m benchmarks.frozen --write    freezes a list if there is none of this version

`benchmarks/frozen/synthetic_test_v<N>.csv` lists every test image with its hash, the place of its person, and the kinds of
view for the breakdown of results. The JSON beside it records the seed and recipe of the set, the validation people, and the
quotas of the list. A list never changes: other images get a new version.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data.synthetic import plan
from data.synthetic.generate import DEFAULT_OUT
from model.skeleton import JOINT_NAMES, ROOT
from modules.config.paths import PROJECT_ROOT
from modules.console import run_script
from modules.files.atomic import read_json, write_json, write_text
from modules.files.cameras import read_camera
from modules.files.hashing import sha256_file
from modules.files.labels import read_label, read_validation_list
from modules.files.layout import Frame, list_frames
from modules.pose_utils import cam2pixel, world2cam
from modules.utils import UserError

VERSION = 1
FOLDER = PROJECT_ROOT / "benchmarks" / "frozen"
HEAD = JOINT_NAMES.index("head")
PLACES = ["pelvis_u_px", "pelvis_v_px", "pelvis_depth_mm", "head_u_px", "head_v_px"]
TOLERANCE = 1.0  # px and mm, of a place in a set made on another machine
QUOTAS = {  # the smallest allowed share of images of each kind
    "source": {"clip": 0.25, "sampler": 0.45},
    "facing": {"front": 0.12, "left": 0.12, "right": 0.12, "back": 0.12},
    "contact": {"standing": 0.5, "airborne": 0.02, "seated": 0.02},
    "occlusion": {"none": 0.5, "some": 0.04},
    "truncation": {"none": 0.5, "some": 0.04},
    "distance": {"below 3 m": 0.1, "3 to 5 m": 0.3, "above 5 m": 0.1},
    "camera_height": {"below 1.2 m": 0.05, "1.2 to 2.2 m": 0.3, "above 2.2 m": 0.1},
    "room": {"indoors": 0.5, "outdoors": 0.05},
    "body_class": {"A": 0.05, "B": 0.15, "C": 0.05, "D": 0.03},
}
KINDS = list(QUOTAS)


def main() -> None:
    """Freezes a set on request, checks it, and prints the shares of the kinds of view."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", type=Path, default=DEFAULT_OUT, help="a finished synthetic set; default: %(default)s")
    parser.add_argument("--write", action="store_true", help="freeze it")
    arguments = parser.parse_args()
    if arguments.write:
        freeze(arguments.set)
    other = check(arguments.set)
    print(f"{list_path()}: {len(read_list())} images, {len(other)} of which differ in bytes from the frozen ones")
    print("\n".join(f"{kind}: {shares}" for kind, shares in shares_of(read_list()).items()))


def list_path(version: int = VERSION) -> Path:
    """Returns the file of the list."""
    return FOLDER / f"synthetic_test_v{version}.csv"


def head_path(version: int = VERSION) -> Path:
    """Returns the file that describes the list."""
    return FOLDER / f"synthetic_test_v{version}.json"


def read_head(version: int = VERSION) -> dict[str, Any]:
    """Returns the recipe, options, validation people and quotas of the frozen list, and the list's hash."""
    head: dict[str, Any] = read_json(head_path(version), "restore it from the repository")
    return head


def read_list(version: int = VERSION) -> pd.DataFrame:
    """Returns the frozen images, one row each. UserError if the file is not the frozen one."""
    path = list_path(version)
    if not path.exists() or sha256_file(path) != read_head(version)["list_sha256"]:
        raise UserError(f"{path}: this is not the frozen list; restore it from the repository")
    return pd.read_csv(path, keep_default_na=False)


def freeze(root: Path, version: int = VERSION) -> None:
    """Writes the list of a finished set's test images. UserError if this version exists already, or a quota is missed."""
    if head_path(version).exists():
        raise UserError(
            f"{head_path(version)}: version {version} is frozen already; use a new version for other images"
        )
    options = plan.finished_options(root)
    if options is None:
        raise UserError(f"{root}: this is not a finished set; make it with python -m data.synthetic.generate")
    manifest = pd.read_csv(root / plan.MANIFEST, keep_default_na=False).set_index("file_name")
    frames = list_frames(root, "test")
    kinds = kinds_of(manifest.loc[[frame.file_name for frame in frames]])
    places = pd.DataFrame([place_of(frame) for frame in frames], columns=PLACES).round(1)
    names = pd.DataFrame(
        {"file_name": [f.file_name for f in frames], "sha256": [sha256_file(f.image_path) for f in frames]}
    )
    table = pd.concat([names, places, kinds.reset_index(drop=True)], axis=1)
    missed = missed_quotas(table)
    if missed:
        raise UserError(f"{root}: {missed[0]} (and {len(missed) - 1} more quotas); make a set with more people")
    text = io.StringIO()
    table.to_csv(text, index=False, lineterminator="\n")
    write_text(list_path(version), text.getvalue())
    write_json(head_path(version), {
        "version": version, "recipe": plan.RECIPE, "people": options.people, "frames": options.frames,
        "cameras": options.cameras, "seed": options.seed, "images": len(table), "quotas": QUOTAS,
        "validation_people": sorted({name.split("_")[1] for name in read_validation_list(root) or ()}),
        "test_people": sorted({frame.person for frame in frames}), "list_sha256": sha256_file(list_path(version)),
    })  # fmt: skip


def place_of(frame: Frame) -> list[float]:
    """Returns the image positions of a person's pelvis and head (undistorted px), and the pelvis's depth (mm)."""
    camera = read_camera(frame.camera_path)
    joints_cam = world2cam(read_label(frame.label_path)[[ROOT, HEAD]], camera.R, camera.t)
    pelvis_px, head_px = cam2pixel(joints_cam, camera.K)
    return [*pelvis_px, joints_cam[0, 2], *head_px]


def kinds_of(manifest: pd.DataFrame) -> pd.DataFrame:
    """Returns the kinds of view of every line of a set's manifest."""

    def between(values: pd.Series, low: float, high: float, unit: str = "m") -> np.ndarray:
        names = [f"below {low:g} {unit}", f"{low:g} to {high:g} {unit}", f"above {high:g} {unit}"]
        return np.array(names)[np.digitize(values.astype(float) / 1e3, [low, high])]

    airborne, seated = (manifest[name].astype(str) == "True" for name in ("airborne", "seated"))
    return pd.DataFrame({
        "source": manifest["source"].str.split(":").str[0],
        "facing": _each(manifest["facing_degrees"], _facing),
        "contact": np.where(airborne, "airborne", np.where(seated, "seated", "standing")),
        "occlusion": np.where(manifest["occluded"].astype(int) > 0, "some", "none"),
        "truncation": np.where(manifest["truncated"].astype(int) > 0, "some", "none"),
        "distance": between(manifest["distance_mm"], 3, 5),
        "camera_height": between(manifest["camera_height_mm"], 1.2, 2.2),
        "room": np.where(manifest["room"] == "outdoors", "outdoors", "indoors"),
        "body_class": manifest["mass_class"],
    }, index=manifest.index)  # fmt: skip


def _each(values: pd.Series, name: Callable[[object], str]) -> list[str]:
    return [name(value) for value in values]


def _facing(degrees: object) -> str:
    """Returns the quarter that a person faces; undefined for people who lie on their side."""
    text = str(degrees)
    if text in ("", "nan", "None"):
        return "undefined"
    angle = float(text)
    return "front" if abs(angle) <= 45 else "back" if abs(angle) >= 135 else "left" if angle > 0 else "right"


def shares_of(table: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Returns the share of images of each kind."""
    counts = {kind: table[kind].value_counts(normalize=True).round(3) for kind in KINDS}
    return {kind: {str(name): float(share) for name, share in found.items()} for kind, found in counts.items()}


def missed_quotas(table: pd.DataFrame) -> list[str]:
    """Returns a phrase for every quota that a list misses."""
    shares = shares_of(table)
    return [
        f"{kind} {name}: {shares[kind].get(name, 0):.3f} of the images, less than {least}"
        for kind, quota in QUOTAS.items()
        for name, least in quota.items()
        if shares[kind].get(name, 0) < least
    ]


def check(root: Path, version: int = VERSION) -> list[str]:
    """Checks that a set's test part is the frozen one; returns the images whose bytes differ, as with another OpenGL driver.

    UserError if it has other images, or people at other places.
    """
    head, table = read_head(version), read_list(version)
    fix = (
        f"make the set again with python -m data.synthetic.generate --people {head['people']} --frames {head['frames']} "
        f"--cameras {head['cameras']} --seed {head['seed']} --out {root}"
    )
    frames = list_frames(root, "test")
    if [frame.file_name for frame in frames] != table["file_name"].tolist():
        raise UserError(f"{root}: its test images differ from those of {list_path(version)}; {fix}")
    off = np.abs(np.array([place_of(frame) for frame in frames]) - table[PLACES].to_numpy()).max(1)
    if off.max() > TOLERANCE:
        worst = frames[int(off.argmax())].file_name
        raise UserError(f"{root}: the person of {worst} is not at the place in {list_path(version)}; {fix}")
    hashes = [sha256_file(frame.image_path) for frame in frames]
    return [
        name for name, found, frozen in zip(table["file_name"], hashes, table["sha256"], strict=True) if found != frozen
    ]


if __name__ == "__main__":
    run_script(main)
