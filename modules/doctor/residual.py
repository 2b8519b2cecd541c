"""Fits what separates projected labels from the extractor's joints where no known mistake does: shift, scale, turn, motion."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from model.skeleton import MIRROR
from modules.checks.company import angle_deg, camera_pose
from modules.checks.mistakes import Evidence, scene_as_written
from modules.doctor.diagnosis import person_px, project
from modules.pose_utils import pixel2ray, undistort

LEAST_PX = 10.0  # a smaller systematic part is that of the extractor
FAR_PX = 50.0
FAR_DEG = 60.0
MOST_TIMES = 10.0  # by which sizes and focal lengths differ
CLEARLY = 0.5  # of the misfit as written is left at most
NOISE = 0.02  # misfit of sound images, share of the person's size
PER_FREEDOM = 0.1  # a fit must be better by this share for each of its parameters
SCALES = np.exp(np.linspace(-0.7, 0.7, 281))
OTHER_UNITS = (25.4, 304.8, 1 / 25.4, 1 / 304.8)  # inches and feet
ORDERS = (("k1, k2, k3, p1, p2", (0, 1, 3, 4, 2)), ("p1, p2, k1, k2, k3", (2, 3, 0, 1, 4)))


@dataclass(frozen=True)
class Fit:
    """A change after which projected labels lie closer to the extractor's joints."""

    what: str
    fix: str
    parameters: int
    left: float  # median distance once changed, share of the person's size


def misfit(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> float:
    """Returns the median over images of the median distance between (24, 2) px, as a share of the person's size."""
    shares = [np.median(np.linalg.norm(p - q, axis=-1)) / np.ptp(q, axis=0).max() for p, q in pairs]
    return float(np.median(np.nan_to_num(shares, nan=np.inf)))


def best_fit(evidence: Sequence[Evidence], others: Mapping[str, Sequence[Evidence]]) -> Fit | None:
    """Returns the change that explains the misfit of one camera; None if none does, or it is below LEAST_PX.

    `others` are the images of the other cameras, whose files may be swapped with this one's.
    """
    pairs = [(project(one, scene_as_written(one)), one.joints_px) for one in evidence]
    before = misfit(pairs)
    size = float(np.median([person_px(one) for one in evidence]))
    fits = [*_of_lens(evidence), *_of_files(evidence, others), *_of_world(evidence), *_of_motion(evidence)]
    usable = [(p, q) for p, q in pairs if np.isfinite(p).all()]
    if len(usable) == len(pairs):
        fits += [
            *_of_picture(pairs, evidence[0].image_size),
            *_of_pixels(pairs, scene_as_written(evidence[0]).K[:2, 2]),
        ]
    explained = [fit for fit in fits if fit.left < max(3 * NOISE, before / 10)]
    clear = [fit for fit in explained if fit.left < CLEARLY * before and (before - fit.left) * size > LEAST_PX]
    return min(clear, key=lambda fit: (fit.left + NOISE) * (1 + PER_FREEDOM * fit.parameters), default=None)


def _of_pixels(pairs: Sequence[tuple[np.ndarray, np.ndarray]], middle: np.ndarray) -> Iterator[Fit]:
    """Yields a constant shift, a resized picture, and another zoom about the principal point `middle` (2,)."""
    p, q = (np.concatenate(part) for part in zip(*pairs, strict=True))
    shift = np.median(q - p, axis=0)
    across = f"{abs(shift[0]):.0f} px {'left' if shift[0] < 0 else 'right'}"
    down = f"{abs(shift[1]):.0f} px {'up' if shift[1] < 0 else 'down'}"
    signs = ["subtract" if x < 0 else "add" for x in shift]
    yield Fit(
        f"the people are {across} and {down} of where their labels project",
        f"K is that of the uncropped picture, or the camera has turned: {signs[0]} {abs(shift[0]):.0f} px {_verb(signs[0])} cx "
        f"and {signs[1]} {abs(shift[1]):.0f} px {_verb(signs[1])} cy, or calibrate again",
        2, misfit([(a + shift, b) for a, b in pairs]),
    )  # fmt: skip
    slope = _ratio(q, p)
    if _is_possible(slope):
        yield Fit(
            f"the picture is {slope[0]:.3f} times as wide and {slope[1]:.3f} times as high as the one that was calibrated",
            "multiply the first row of intrinsics by the first and the second row by the second factor, or calibrate again",
            2, misfit([(a * slope, b) for a, b in pairs]),
        )  # fmt: skip
    zoom = _ratio(q - middle, p - middle)
    if _is_possible(zoom):
        yield Fit(
            "the focal lengths are those of another zoom or lens",
            f"multiply fx by {zoom[0]:.3f} and fy by {zoom[1]:.3f}, or calibrate again",
            2, misfit([((a - middle) * zoom + middle, b) for a, b in pairs]),
        )  # fmt: skip


def _is_possible(factors: np.ndarray) -> bool:
    """Returns whether a picture or a focal length may differ by these factors."""
    return bool((factors > 1 / MOST_TIMES).all() and (factors < MOST_TIMES).all())


def _ratio(q: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Returns the median of q / p along each axis (2,), of the points (N, 2) that are far enough from 0 to tell."""
    far = np.abs(p) > FAR_PX
    return np.array([np.median(q[far[:, i], i] / p[far[:, i], i]) if far[:, i].any() else 1.0 for i in (0, 1)])


def _verb(sign: str) -> str:
    return "from" if sign == "subtract" else "to"


def _of_picture(pairs: Sequence[tuple[np.ndarray, np.ndarray]], size: tuple[int, int]) -> Iterator[Fit]:
    """Yields pictures that are turned or mirrored against the calibration."""
    w, h = size[0] - 1, size[1] - 1
    fix = "turn the pictures back, or calibrate the turned ones"
    changes: list[tuple[str, str, Callable[[np.ndarray], np.ndarray]]] = [
        ("turned by half", fix, lambda p: np.array([w, h]) - p),
        ("turned by a quarter to the right", fix, lambda p: np.stack([w - p[:, 1], p[:, 0]], -1)),
        ("turned by a quarter to the left", fix, lambda p: np.stack([p[:, 1], h - p[:, 0]], -1)),
        ("mirrored", "mirror them back", lambda p: np.stack([w - p[:, 0], p[:, 1]], -1)[list(MIRROR)]),
    ]
    for what, how, change in changes:
        yield Fit(
            f"the pictures are {what} against the calibration", how, 0, misfit([(change(p), q) for p, q in pairs])
        )


def _of_lens(evidence: Sequence[Evidence]) -> Iterator[Fit]:
    """Yields distortion in another order, and none."""
    if evidence[0].distortion is None:
        return
    for names, order in ORDERS if len(evidence[0].distortion) == 5 else ():
        changed = [
            replace(one, distortion=one.distortion[list(order)]) for one in evidence if one.distortion is not None
        ]
        yield Fit(
            f"distortion is in the order {names}", "write k1, k2, p1, p2, k3", 1, _misfit_as_written(changed)
        )  # fmt: skip
    without = [replace(one, distortion=None) for one in evidence]
    yield Fit(
        "distortion does not belong to these pictures",
        "leave it out, or calibrate again",
        1,
        _misfit_as_written(without),
    )


def _of_files(evidence: Sequence[Evidence], others: Mapping[str, Sequence[Evidence]]) -> Iterator[Fit]:
    """Yields the camera files of the other cameras of the same recordings."""
    for camera, images in others.items():
        files = {_recording(one): one for one in images}
        if camera == evidence[0].camera or not all(_recording(one) in files for one in evidence):
            continue
        changed = [
            replace(
                one, intrinsics=own.intrinsics, image_scale=own.image_scale, extrinsics=own.extrinsics,
                distortion=own.distortion,
            )
            for one in evidence for own in [files[_recording(one)]]
        ]  # fmt: skip
        yield Fit(
            f"its images are those of camera {camera}'s file", "camera files are swapped: rename them",
            0, _misfit_as_written(changed),
        )  # fmt: skip


def _recording(one: Evidence) -> str:
    return one.file_name.rsplit("_", 2)[0]


def _of_world(evidence: Sequence[Evidence]) -> Iterator[Fit]:
    """Yields labels that are too large or too small by one factor against t."""
    coarse = [*SCALES[::10], *OTHER_UNITS]
    left = [_misfit_as_written([_scaled(one, scale) for one in evidence]) for scale in coarse]
    middle = int(np.argmin(left)) * 10
    near = SCALES[max(0, middle - 10) : middle + 11] if middle < len(SCALES) else [coarse[int(np.argmin(left))]]
    fine = [_misfit_as_written([_scaled(one, scale) for one in evidence]) for scale in near]
    scale = near[int(np.argmin(fine))]
    yield Fit(
        "labels and t are not in one unit of length",
        f"multiply annotations.3d_pos by {scale:.4g}, or the last column of extrinsics by {1 / scale:.4g}, whichever is not mm",
        1, min(fine),
    )  # fmt: skip


def _scaled(one: Evidence, scale: float) -> Evidence:
    return replace(one, joints=one.joints * scale)


def _of_motion(evidence: Sequence[Evidence]) -> Iterator[Fit]:
    """Yields the rigid motion of the camera after which labels fit; one for all images of each recording."""
    changed, turns, moves = [], [], []
    for name in sorted({_recording(one) for one in evidence}):
        own = [one for one in evidence if _recording(one) == name]
        scene = scene_as_written(own[0])
        px = np.concatenate([undistort(one.joints_px, scene.K, one.distortion) for one in own])
        joints = np.concatenate([one.joints for one in own])
        seen = np.isfinite(px).all(1)
        if seen.sum() < 12 or not scene.K[0, 0] > 0:
            return
        pose = camera_pose(joints[seen], pixel2ray(px[seen], scene.K))
        if pose is None:
            return
        R, t = pose
        changed += [replace(one, extrinsics=np.column_stack([R, t])) for one in own]
        turns.append(angle_deg(R @ scene.R.T))
        moves.append(np.linalg.norm(R.T @ t - scene.R.T @ scene.t))
    yield Fit(
        f"{'the pictures are turned against the calibration, or ' if np.median(turns) > FAR_DEG else ''}"
        f"the camera stands elsewhere: turned by about {np.median(turns):.1f} degrees and moved by about "
        f"{np.median(moves):.0f} mm, labels fit",
        "calibrate it again, or check that its file belongs to these images", 6, _misfit_as_written(changed),
    )  # fmt: skip


def _misfit_as_written(evidence: Sequence[Evidence]) -> float:
    return misfit([(project(one, scene_as_written(one)), one.joints_px) for one in evidence])
