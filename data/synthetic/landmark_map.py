"""Fit the map from BlazePose's 33 landmarks to SMPL's 24 joints on renders whose joints are known.

    python -m data.synthetic.landmark_map --set data/synthetic/set            prints what the fit changes
    python -m data.synthetic.landmark_map --set data/synthetic/set --write    also writes it for the extractor

Every joint is a weighted mean of landmarks; the weights are non-negative, sum to 1 and are symmetric. They are fitted on
the training people and evaluated on the validation people.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

from data.synthetic import plan
from data.synthetic.generate import DEFAULT_OUT
from model.skeleton import JOINT_NAMES, MIRROR
from modules.console import make_parser, print_summary, progress, run_script, start_console
from modules.extractors.blazepose.detector import BlazePose
from modules.extractors.blazepose.extractor import BlazePoseExtractor
from modules.extractors.blazepose.landmarks import LANDMARK_MIRROR, LANDMARKS, LANDMARKS_TO_SMPL24, MAP_PATH
from modules.files.atomic import atomic_path, write_json
from modules.files.cameras import read_camera
from modules.files.hashing import digest
from modules.files.images import read_image
from modules.files.labels import read_label, read_validation_list
from modules.files.layout import Frame, list_frames
from modules.pose_utils import cam2pixel, undistort, world2cam
from modules.utils import UserError, log

CONFIDENT = 0.5  # visibility times presence below which a landmark is not trusted
HUBER_MM = 40.0  # larger residuals count linearly: gross failures belong to the landmarks, not to the map
ROUNDS = 8
SUM_WEIGHT = 1e3  # weight of the row that demands a sum of 1, relative to residuals in units of their typical size
SMALLEST = 0.01  # smaller weights are set to 0
DIRECT = {name: name for name in JOINT_NAMES if name in LANDMARKS}  # hips, knees, ankles, shoulders, elbows, wrists
SWAP_MARGIN_MM = 100.0  # a view whose landmarks fit better by this after a left/right swap counts as swapped


@dataclass(frozen=True)
class Detections:
    """BlazePose's landmarks and the true joints in N images, in undistorted px, and the mm per px at each joint's depth."""

    landmarks_px: np.ndarray  # (N, 33, 2)
    confident: np.ndarray  # (N, 33) bool
    joints_px: np.ndarray  # (N, 24, 2)
    mm_per_px: np.ndarray  # (N, 24)

    def of(self, chosen: np.ndarray) -> Detections:
        return Detections(
            *(getattr(self, name)[chosen] for name in ("landmarks_px", "confident", "joints_px", "mm_per_px"))
        )


def main() -> None:
    parser = make_parser(__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", type=Path, default=DEFAULT_OUT, help="a finished synthetic set; default: %(default)s")
    parser.add_argument(
        "--weights", choices=["full", "heavy"], default="full", help="of BlazePose; default: %(default)s"
    )
    parser.add_argument("--write", action="store_true", help="write the fit for the extractor")
    arguments = parser.parse_args()
    start_console(arguments)
    frames = list_frames(arguments.set, "train")
    held_out = read_validation_list(arguments.set)
    options = plan.finished_options(arguments.set)
    if held_out is None or options is None:
        raise UserError(
            f"{arguments.set}: this is not a finished synthetic set; make it by python -m data.synthetic.generate"
        )
    detections, found = detect_all(frames, arguments.weights, arguments.set / "landmarks.npz")
    validates = np.array([frame.file_name in held_out for frame in frames])
    fitted = fit(detections.of(found & ~validates))
    table = compare(detections.of(found & validates), {"before": LANDMARKS_TO_SMPL24, "fitted": fitted})
    log.info("%s", "\n".join(table))
    if arguments.write:
        people = sum(plan.role_of(index) == "train" for index in range(options.people))
        write_map(
            fitted,
            f"{people} training people of recipe {plan.RECIPE}, seed {options.seed}, weights {arguments.weights}",
        )
    print_summary(arguments, stage="landmark_map", images=int((found & ~validates).sum()), written=arguments.write)


def detect_all(frames: Sequence[Frame], weights: str, cache: Path) -> tuple[Detections, np.ndarray]:
    """Returns landmarks and true joints of every image, and a mask (N,) of images with a correctly oriented person.

    The mask is false where nobody was found and where left and right are swapped. The landmarks are stored in `cache` and used
    again for the same images and weights.
    """
    key = digest(
        [BlazePoseExtractor.fingerprint_of(weights), [[f.file_name, f.image_path.stat().st_size] for f in frames]]
    )
    seen, confident = _read_cache(cache, key) or _detect(frames, weights, cache, key)
    cameras = {path: read_camera(path) for path in {frame.camera_path for frame in frames}}
    points, joints, scale = np.zeros_like(seen), np.zeros((len(frames), 24, 2)), np.zeros((len(frames), 24))
    for index, frame in enumerate(frames):
        camera = cameras[frame.camera_path]
        joints_cam = world2cam(read_label(frame.label_path), camera.R, camera.t)
        points[index] = undistort(seen[index], camera.K, camera.distortion)
        joints[index], scale[index] = cam2pixel(joints_cam, camera.K), joints_cam[:, 2] / camera.K[0, 0]
    detections = Detections(points, confident, joints, scale)
    found = confident.any(-1) & np.isfinite(points).all((1, 2)) & ~are_swapped(detections)
    return detections, found


def _read_cache(path: Path, key: str) -> tuple[np.ndarray, np.ndarray] | None:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return (archive["seen"], archive["confident"]) if str(archive["key"]) == key else None
    except (OSError, ValueError, KeyError, EOFError):
        return None


def _detect(frames: Sequence[Frame], weights: str, cache: Path, key: str) -> tuple[np.ndarray, np.ndarray]:
    model = BlazePose(weights)
    seen, confident = np.zeros((len(frames), len(LANDMARKS), 2)), np.zeros((len(frames), len(LANDMARKS)), dtype=bool)
    for index, frame in enumerate(progress(frames, "landmarks", "image")):
        found = model.detect(read_image(frame.image_path))
        if found is not None:
            seen[index], confident[index] = found.landmarks_px, found.visibility * found.presence > CONFIDENT
    with atomic_path(cache) as temporary:
        np.savez_compressed(temporary, seen=seen, confident=confident, key=np.array(key))
    return seen, confident


def are_swapped(detections: Detections) -> np.ndarray:
    """Returns (N,) bool: whether left and right are swapped, that is, the limbs fit the other side's joints far better."""
    joints = [JOINT_NAMES.index(name) for name in DIRECT]
    marks = [LANDMARKS.index(name) for name in DIRECT.values()]
    twins = [LANDMARK_MIRROR[mark] for mark in marks]
    scale = detections.mm_per_px[:, joints]
    errors = [
        (np.linalg.norm(detections.landmarks_px[:, chosen] - detections.joints_px[:, joints], axis=-1) * scale).mean(-1)
        for chosen in (marks, twins)
    ]
    return np.asarray(errors[0] > errors[1] + SWAP_MARGIN_MM)


def fit(detections: Detections) -> np.ndarray:
    """Returns the weights (24, 33) that minimise the Huber loss (mm, across the view) between landmarks and joints."""
    matrix = np.zeros((len(JOINT_NAMES), len(LANDMARKS)))
    for joint, twin in enumerate(MIRROR):
        if joint <= twin:  # left joints and those in the middle are fitted on both sides
            matrix[joint] = _weights(*_both_sides(detections, joint, twin))
            matrix[twin] = matrix[joint][list(LANDMARK_MIRROR)]
    middle = [joint for joint, twin in enumerate(MIRROR) if joint == twin]
    matrix[middle] = (matrix[middle] + matrix[middle][:, list(LANDMARK_MIRROR)]) / 2
    return matrix


def _both_sides(detections: Detections, joint: int, twin: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns landmarks minus joint (M, 33) in mm, and which landmarks are confident; mirrored views are added."""
    rows, confident = [], []
    for target, order in ((joint, list(range(len(LANDMARKS)))), (twin, list(LANDMARK_MIRROR))):
        offsets = detections.landmarks_px[:, order] - detections.joints_px[:, target, None]
        rows += [(offsets * detections.mm_per_px[:, target, None, None])[..., axis] for axis in (0, 1)]
        confident += [detections.confident[:, order]] * 2
    return np.concatenate(rows), np.concatenate(confident)


def _weights(offsets_mm: np.ndarray, confident: np.ndarray) -> np.ndarray:
    """Returns weights (33,) >= 0 with sum 1 that minimise the offset (iteratively reweighted non-negative least squares).

    Each row is weighted by the share of confident landmarks among those that carry the joint.
    """
    weights = np.full(offsets_mm.shape[1], 1 / offsets_mm.shape[1])
    for _ in range(ROUNDS):
        residual = np.abs(offsets_mm @ weights)
        trust = (confident @ weights) * np.minimum(1, HUBER_MM / np.maximum(residual, 1e-9))
        root = np.sqrt(trust / trust.sum())[:, None] / HUBER_MM
        system = np.concatenate([offsets_mm * root, np.full((1, len(weights)), SUM_WEIGHT)])
        whole = np.column_stack([system, np.append(np.zeros(len(root)), SUM_WEIGHT)])
        triangle = np.asarray(np.linalg.qr(whole, mode="r"))
        weights = nnls(triangle[:, :-1], triangle[:, -1])[0]
    weights = np.where(weights < SMALLEST, 0, weights)
    return weights / weights.sum()


def compare(detections: Detections, maps: dict[str, np.ndarray]) -> list[str]:
    """Returns the rows of a table: each joint's error across the view under each map in mm (median, mean offset)."""
    header = ["| joint |"] + [f" {name}: median, mm | offset right, down, mm |" for name in maps]
    lines = ["".join(header), "| --- |" + " --- | --- |" * len(maps)]
    errors = {
        name: (matrix @ detections.landmarks_px - detections.joints_px) * detections.mm_per_px[..., None]
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
    """Writes a map to the file that the extractor reads."""
    shares = {
        joint: {LANDMARKS[index]: round(float(row[index]), 4) for index in np.flatnonzero(row)}
        for joint, row in zip(JOINT_NAMES, matrix, strict=True)
    }
    write_json(
        MAP_PATH, {"origin": origin, "command": "python -m data.synthetic.landmark_map --write", "shares": shares}
    )
    log.info("%s: written; caches of BlazePose and the demo's labels will be rebuilt from it", MAP_PATH)


if __name__ == "__main__":
    run_script(main)
