"""Fit the map from BlazePose's 33 landmarks to SMPL's 24 joints on renders whose joints are known.

    python -m data.synthetic.landmark_map --set data/synthetic/set            prints what the fit would change
    python -m data.synthetic.landmark_map --set data/synthetic/set --write    and freezes it for the extractor

Every joint becomes a mean of landmarks with weights that are at least 0, sum to 1 and are mirrored from left to right. They
are fitted on the training people alone; the validation people say what the fit is worth.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

from data.demo.rotation import MIRROR as LANDMARK_MIRROR
from data.synthetic import plan
from data.synthetic.generate import DEFAULT_OUT
from modules.console import make_parser, print_summary, progress, start_console
from modules.extractors.blazepose import LANDMARKS, LANDMARKS_TO_SMPL24, MAP_PATH, BlazePose, BlazePoseExtractor
from modules.images import read_image
from modules.layout import Frame, list_frames, read_camera, read_label, read_validation_list
from modules.pose_utils import cam2pixel, undistort, world2cam
from modules.skeleton import JOINT_NAMES, MIRROR
from modules.utils import UserError, atomic_path, digest, log, run_script, write_json

SURE = 0.5  # visibility times presence below which a landmark is a guess
HUBER_MM = 40.0  # residuals above count linearly: gross failures are the landmarks', not the map's
ROUNDS = 8
SUM_WEIGHT = 1e3  # of the row that asks for a sum of 1, against residuals in units of their typical size
SMALLEST = 0.01  # shares below are dropped
DIRECT = {name: name for name in JOINT_NAMES if name in LANDMARKS}  # hips, knees, ankles, shoulders, elbows, wrists
BACK_TO_FRONT_MM = 100.0  # a view whose sides fit better by this when exchanged is one of those that BlazePose mirrors


@dataclass(frozen=True)
class Sightings:
    """What BlazePose saw in N images, and where the joints are: undistorted px, and mm per px at the person's depth."""

    landmarks_px: np.ndarray  # (N, 33, 2)
    sure: np.ndarray  # (N, 33) bool
    joints_px: np.ndarray  # (N, 24, 2)
    mm_per_px: np.ndarray  # (N, 24)

    def of(self, chosen: np.ndarray) -> Sightings:
        return Sightings(*(getattr(self, name)[chosen] for name in ("landmarks_px", "sure", "joints_px", "mm_per_px")))


def main() -> None:
    parser = make_parser(__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", type=Path, default=DEFAULT_OUT, help="a finished synthetic set; default: %(default)s")
    parser.add_argument(
        "--weights", choices=["full", "heavy"], default="full", help="of BlazePose; default: %(default)s"
    )
    parser.add_argument("--write", action="store_true", help="freeze the fit for the extractor")
    arguments = parser.parse_args()
    start_console(arguments)
    frames = list_frames(arguments.set, "train")
    held_out = read_validation_list(arguments.set)
    options = plan.finished_options(arguments.set)
    if held_out is None or options is None:
        raise UserError(
            f"{arguments.set}: this is no finished synthetic set; make it by python -m data.synthetic.generate"
        )
    sightings, found = look_at(frames, arguments.weights, arguments.set / "landmarks.npz")
    validates = np.array([frame.file_name in held_out for frame in frames])
    fitted = fit(sightings.of(found & ~validates))
    table = compare(sightings.of(found & validates), {"before": LANDMARKS_TO_SMPL24, "fitted": fitted})
    log.info("%s", "\n".join(table))
    if arguments.write:
        people = sum(plan.role_of(index) == "train" for index in range(options.people))
        write_map(
            fitted,
            f"{people} training people of recipe {plan.RECIPE}, seed {options.seed}, weights {arguments.weights}",
        )
    print_summary(arguments, stage="landmark_map", images=int((found & ~validates).sum()), written=arguments.write)


def look_at(frames: Sequence[Frame], weights: str, kept: Path) -> tuple[Sightings, np.ndarray]:
    """BlazePose's landmarks and the true joints of every image, and (N,) where a person was found, sides the right way round.

    What is seen is kept in `kept`, to be used again for the same images and weights.
    """
    key = digest(
        [BlazePoseExtractor.fingerprint_of(weights), [[f.file_name, f.image_path.stat().st_size] for f in frames]]
    )
    seen, sure = _kept(kept, key) or _detect(frames, weights, kept, key)
    cameras = {path: read_camera(path) for path in {frame.camera_path for frame in frames}}
    points, joints, scale = np.zeros_like(seen), np.zeros((len(frames), 24, 2)), np.zeros((len(frames), 24))
    for index, frame in enumerate(frames):
        camera = cameras[frame.camera_path]
        joints_cam = world2cam(read_label(frame.label_path), camera.R, camera.t)
        points[index] = undistort(seen[index], camera.K, camera.distortion)
        joints[index], scale[index] = cam2pixel(joints_cam, camera.K), joints_cam[:, 2] / camera.K[0, 0]
    sightings = Sightings(points, sure, joints, scale)
    found = sure.any(-1) & np.isfinite(points).all((1, 2)) & ~are_mirrored(sightings)
    return sightings, found


def _kept(path: Path, key: str) -> tuple[np.ndarray, np.ndarray] | None:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return (archive["seen"], archive["sure"]) if str(archive["key"]) == key else None
    except (OSError, ValueError, KeyError, EOFError):
        return None


def _detect(frames: Sequence[Frame], weights: str, kept: Path, key: str) -> tuple[np.ndarray, np.ndarray]:
    model = BlazePose(weights)
    seen, sure = np.zeros((len(frames), len(LANDMARKS), 2)), np.zeros((len(frames), len(LANDMARKS)), dtype=bool)
    for index, frame in enumerate(progress(frames, "landmarks", "image")):
        found = model.detect(read_image(frame.image_path))
        if found is not None:
            seen[index], sure[index] = found.landmarks_px, found.visibility * found.presence > SURE
    with atomic_path(kept) as temporary:
        np.savez_compressed(temporary, seen=seen, sure=sure, key=np.array(key))
    return seen, sure


def are_mirrored(sightings: Sightings) -> np.ndarray:
    """(N,) whether left and right are exchanged: the limbs' landmarks fit the other side's joints better by far."""
    joints = [JOINT_NAMES.index(name) for name in DIRECT]
    marks = [LANDMARKS.index(name) for name in DIRECT.values()]
    twins = [LANDMARK_MIRROR[mark] for mark in marks]
    scale = sightings.mm_per_px[:, joints]
    errors = [
        (np.linalg.norm(sightings.landmarks_px[:, chosen] - sightings.joints_px[:, joints], axis=-1) * scale).mean(-1)
        for chosen in (marks, twins)
    ]
    return np.asarray(errors[0] > errors[1] + BACK_TO_FRONT_MM)


def fit(sightings: Sightings) -> np.ndarray:
    """(24, 33) the weights that bring the landmarks nearest to the joints, across the view, in mm with a Huber loss."""
    matrix = np.zeros((len(JOINT_NAMES), len(LANDMARKS)))
    for joint, twin in enumerate(MIRROR):
        if joint <= twin:  # a left joint, and what is in the middle, learns from both sides
            matrix[joint] = _weights(*_both_sides(sightings, joint, twin))
            matrix[twin] = matrix[joint][list(LANDMARK_MIRROR)]
    middle = [joint for joint, twin in enumerate(MIRROR) if joint == twin]
    matrix[middle] = (matrix[middle] + matrix[middle][:, list(LANDMARK_MIRROR)]) / 2
    return matrix


def _both_sides(sightings: Sightings, joint: int, twin: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows (M, 33) mm of landmarks against the joint, and which of them are sure; the mirrored view is a view too."""
    rows, sure = [], []
    for target, order in ((joint, list(range(len(LANDMARKS)))), (twin, list(LANDMARK_MIRROR))):
        offsets = sightings.landmarks_px[:, order] - sightings.joints_px[:, target, None]
        rows += [(offsets * sightings.mm_per_px[:, target, None, None])[..., axis] for axis in (0, 1)]
        sure += [sightings.sure[:, order]] * 2
    return np.concatenate(rows), np.concatenate(sure)


def _weights(offsets_mm: np.ndarray, sure: np.ndarray) -> np.ndarray:
    """(33,) at least 0, with sum 1, that make the mean offset least (iteratively reweighted non-negative least squares).

    A row counts as far as the landmarks that carry the joint are sure.
    """
    weights = np.full(offsets_mm.shape[1], 1 / offsets_mm.shape[1])
    for _ in range(ROUNDS):
        residual = np.abs(offsets_mm @ weights)
        trust = (sure @ weights) * np.minimum(1, HUBER_MM / np.maximum(residual, 1e-9))
        root = np.sqrt(trust / trust.sum())[:, None] / HUBER_MM
        system = np.concatenate([offsets_mm * root, np.full((1, len(weights)), SUM_WEIGHT)])
        whole = np.column_stack([system, np.append(np.zeros(len(root)), SUM_WEIGHT)])
        triangle = np.asarray(np.linalg.qr(whole, mode="r"))
        weights = nnls(triangle[:, :-1], triangle[:, -1])[0]
    weights = np.where(weights < SMALLEST, 0, weights)
    return weights / weights.sum()


def compare(sightings: Sightings, maps: dict[str, np.ndarray]) -> list[str]:
    """Table rows: each joint's error across the view under each map, mm: median, and the mean offset to the right and down."""
    header = ["| joint |"] + [f" {name}: median, mm | offset right, down, mm |" for name in maps]
    lines = ["".join(header), "| --- |" + " --- | --- |" * len(maps)]
    errors = {
        name: (matrix @ sightings.landmarks_px - sightings.joints_px) * sightings.mm_per_px[..., None]
        for name, matrix in maps.items()
    }
    for joints, title in [*(([joint], name) for joint, name in enumerate(JOINT_NAMES)), (list(range(24)), "all")]:
        cells = [f"| {title} |"]
        for error in errors.values():
            one = error[:, joints].reshape(-1, 2)
            offset = np.median(one, axis=0)
            cells.append(f" {np.median(np.linalg.norm(one, axis=-1)):.1f} | {offset[0]:+.1f}, {offset[1]:+.1f} |")
        lines.append("".join(cells))
    return lines


def write_map(matrix: np.ndarray, origin: str) -> None:
    """Freeze a map where the extractor reads it."""
    shares = {
        joint: {LANDMARKS[index]: round(float(row[index]), 4) for index in np.flatnonzero(row)}
        for joint, row in zip(JOINT_NAMES, matrix, strict=True)
    }
    write_json(
        MAP_PATH, {"origin": origin, "command": "python -m data.synthetic.landmark_map --write", "shares": shares}
    )
    log.info("%s: written; caches of BlazePose and the demo's labels are made anew from it", MAP_PATH)


if __name__ == "__main__":
    run_script(main)
