"""What supports two constants of the demo: static scene points, marked by hand, against the refined cameras.

    python -m benchmarks.scene_points

SOLE_MM (data/demo/rotation.py) and the prior (modules/rig_refine.py) were chosen with these marks, which otherwise
reach no label and no extrinsic. Rotations of data/demo that are missing, or that other code made, are prepared first.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import numpy as np

from data.demo import plan
from data.demo.calibration import fit_to_video, read_calibration
from data.demo.prepare import prepare_demo
from data.demo.rotation import SOLE_MM
from data.demo.source import CALIBRATION
from modules.config import PROJECT_ROOT
from modules.layout import read_camera, split_folder
from modules.pose_utils import Camera, undistort
from modules.rig import project, triangulate
from modules.rig_refine import PRIOR_DEGREES, PRIOR_MM, movement
from modules.utils import UserError, read_json, run_script

DEMO = PROJECT_ROOT / "data" / "demo"
KERNEL_PX = 30.0  # wide: as given, cameras are up to some 20 px off each other, and no mark is an outlier
HEADER = (
    "test camera", "training cameras, px", "test camera, px", "largest move", "deck near / far, mm",
    "beam's top near / far, mm", "floor, mm", "soles above the beam near / far / mean, mm",
)  # fmt: skip


def main() -> None:
    points = read_json(Path(__file__).with_suffix(".json"))
    names = list(dict.fromkeys(mark["point"] for mark in points["marks"]))
    px = np.full((len(plan.CAMERAS), len(names), 2), np.nan)
    for mark in points["marks"]:
        px[plan.CAMERAS.index(mark["camera"]), names.index(mark["point"])] = mark["u"], mark["v"]
    tests = range(1, len(plan.CAMERAS) + 1)
    with contextlib.redirect_stdout(sys.stderr):
        prepare_demo(DEMO, [test for test in tests if not made_by_this_code(DEMO / f"test_camera_{test}")])
    rows = [describe(names, px, *read_cameras(test), test) for test in tests]
    print("\n".join("| " + " | ".join(row) + " |" for row in (HEADER, ["---"] * len(HEADER), *rows)))
    print("\n" + "\n".join(f"- {note}" for note in notes(names, px, points["frame"])))


def made_by_this_code(folder: Path) -> bool:
    """Whether a rotation's recipe is today's. More files in it, such as an extraction cache, do not have it remade."""
    try:
        return bool(read_json(folder / plan.MARKER)["recipe"] == plan.marker(folder)["recipe"])
    except UserError:
        return False


def read_cameras(test: int) -> tuple[list[Camera], list[Camera]]:
    """The four cameras as calibrated, and as the rotation with test camera `test` (from 1) has them."""
    root, calibrated = DEMO / f"test_camera_{test}", read_calibration(DEMO / "source" / CALIBRATION)
    given, refined = [], []
    for number, name in enumerate(plan.CAMERAS, start=1):
        split = split_folder(root, "test" if number == test else "train")
        refined.append(read_camera(split / "camera" / f"{plan.POSE}_{plan.PERSON}_{number}.json"))
        given.append(fit_to_video(calibrated[name], refined[-1].image_size or (0, 0)))
    return given, refined


def measure(raw_px: np.ndarray, cameras: list[Camera], test: int) -> tuple[np.ndarray, float, float]:
    """Points (N, 3) world mm from all cameras but `test` (from 1), and median reprojection errors, px.

    `raw_px` (C, N, 2) is nan where unmarked. The training cameras' error is over points that all of them see, for two
    rays alone meet too easily; the test camera's is over all its points that two others see.
    """
    own, others = test - 1, [index for index in range(len(cameras)) if index != test - 1]
    px = np.stack([undistort(p, c.K, c.distortion) for p, c in zip(raw_px, cameras, strict=True)])
    marked = np.isfinite(px).all(-1)
    training = [cameras[index] for index in others]
    result = triangulate(np.nan_to_num(px[others, None]), marked[others, None].astype(float), training, KERNEL_PX)
    error = np.linalg.norm(project(result.points_world, [cameras[own]])[0][0, 0] - px[own], axis=-1)
    residuals = result.residuals_px[:, 0, marked[others].all(0)]
    return result.points_world[0], float(np.median(residuals)), float(np.nanmedian(error))


def describe(names: list[str], px: np.ndarray, given: list[Camera], refined: list[Camera], test: int) -> list[str]:
    """One row: errors in px as given → refined, the largest of four movements, heights in mm in the refined world."""
    _, training_before, test_before = measure(px, given, test)
    points, training_after, test_after = measure(px, refined, test)
    up, floor = refined[0].world_up, refined[0].floor_height_mm
    if up is None or floor is None:
        raise UserError(f"{DEMO}: camera {test}'s rotation lacks world_up or floor_height_mm; prepare it again")
    deck_near, deck_far, near, far, beam = (
        float(np.nanmean([z for name, z in zip(names, points @ up, strict=True) if name.startswith(kind)]))
        for kind in ("square near", "square far", "beam near", "beam far", "beam")
    )
    moved_mm, turned = np.max([movement(*pair) for pair in zip(given, refined, strict=True)], axis=0)
    return [
        f"{test}", f"{training_before:.1f} → {training_after:.1f}", f"{test_before:.1f} → {test_after:.1f}",
        f"{moved_mm:.1f} mm, {turned:.2f}°", f"{deck_near:.0f} / {deck_far:.0f}", f"{near:.0f} / {far:.0f}",
        f"{floor:.0f}", " / ".join(f"{floor + SOLE_MM - height:.0f}" for height in (near, far, beam)),
    ]  # fmt: skip


def notes(names: list[str], px: np.ndarray, frame: int) -> list[str]:
    """What the columns mean and where their evidence ends."""
    seen = np.isfinite(px).all(-1)
    beam = [f"{n} in {seen[:, i].sum()}" for i, n in enumerate(names) if n.startswith("beam")]
    return [
        f"{len(names)} points, {seen.sum()} marks, frame {frame} (an image of no split), all four cameras: the test "
        "camera's view of the room, though not of the person, had its part in the choice of the constants.",
        "px: median distance of a mark from its point, triangulated by the training cameras alone, with all cameras as "
        "given → as the rotation has them.",
        f"Soles above the beam: floor + SOLE_MM ({SOLE_MM:g}) - beam; what SOLE_MM should be. Mean: over the corners.",
        f"The beam's evidence is partial. Views of its corners: {', '.join(beam)}; each needs two training views. "
        "Its ends differ where the deck's do not, so SOLE_MM is known no better than that; the cause is not known.",
        f"The prior ({PRIOR_MM:g} mm, {PRIOR_DEGREES:g}°): the refinement under it sees only the person, and the "
        "room's points meet better too. But the prior was chosen with them, and no other prior is compared here.",
    ]


if __name__ == "__main__":
    run_script(main)
