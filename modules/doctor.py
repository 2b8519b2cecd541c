"""What is wrong with a data set: its files, its units, and above all its conventions.

The extractor's 2D joints need no calibration, so they are the witness: labels that go through the right K and [R|t] land
on them. Where they do not, the usual mistakes are undone one by one, then in pairs, and the one that fits is named.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from modules.pose_utils import cam2pixel, distort, world2cam
from modules.skeleton import JOINT_NAMES, MIRROR, ROOT

FITS = 0.1  # of the person's size in the image: joints of different definitions lie this near to each other at most
LEG_MM = (550.0, 1150.0)  # thigh and shin together, from a small child to a very tall adult
FLOOR_MM = 250.0  # how far the lowest foot joint of a standing person may be from the floor
OPENGL = np.diag([1.0, -1.0, -1.0])


@dataclass(frozen=True)
class Evidence:
    """One labelled image: its files' numbers as they are written, and what the extractor sees in it."""

    file_name: str
    camera: str
    image_size: tuple[int, int]
    joints_px: np.ndarray  # (24, 2) the extractor's, px of the raw image
    intrinsics: np.ndarray  # (3, 3) as written
    image_scale: float
    extrinsics: np.ndarray  # (3, 4) as written
    distortion: np.ndarray | None
    joints: np.ndarray  # (24, 3) the label as written, SMPL order


@dataclass(frozen=True)
class Scene:
    """A reading of the numbers: K in px, world→camera, joints in mm."""

    K: np.ndarray
    R: np.ndarray
    t: np.ndarray
    joints_world: np.ndarray


@dataclass(frozen=True)
class Mistake:
    """A usual mistake: how to read numbers that were written with it, and what to write instead."""

    what: str
    mend: str
    read: Callable[[Evidence, Scene], Scene]


def _with_intrinsics(change: Callable[[Evidence], np.ndarray]) -> Callable[[Evidence, Scene], Scene]:
    return lambda evidence, scene: Scene(change(evidence), scene.R, scene.t, scene.joints_world)


def _with_extrinsics(
    change: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]],
) -> Callable[[Evidence, Scene], Scene]:
    return lambda _, scene: Scene(scene.K, *change(scene.R, scene.t), scene.joints_world)


def _with_labels(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Evidence, Scene], Scene]:
    return lambda _, scene: Scene(scene.K, scene.R, scene.t, change(scene.joints_world))


def _sideways(evidence: Evidence) -> np.ndarray:
    swap = np.array([[0.0, 1, 0], [1, 0, 0], [0, 0, 1]])
    return swap @ as_written(evidence).K @ swap


def _column_major(R: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    turned = np.column_stack([R, t]).reshape(4, 3).T
    return turned[:, :3], turned[:, 3]


# Three families; mistakes of one family exclude each other. The order is the order of telling where two fit alike.
INTRINSICS = (
    Mistake("intrinsics are in px", "divide their first two rows by 1920, or write image_scale: 1",
            _with_intrinsics(lambda e: e.intrinsics)),
    Mistake("intrinsics are divided by the image's width and height", "divide both rows by the same image_scale (1920)",
            _with_intrinsics(lambda e: np.diag([e.image_size[0], e.image_size[1], 1.0]) @ e.intrinsics)),
    Mistake("intrinsics are those of the picture turned by 90 degrees (landscape and portrait exchanged)",
            "exchange fx with fy and cx with cy", _with_intrinsics(_sideways)),
    Mistake("intrinsics are transposed (column after column)", "write them row after row",
            _with_intrinsics(lambda e: np.diag([e.image_scale, e.image_scale, 1.0]) @ e.intrinsics.T)),
)  # fmt: skip
EXTRINSICS = (
    Mistake("extrinsics are camera to world", "write their inverse, [R.T | -R.T t]",
            _with_extrinsics(lambda R, t: (R.T, -R.T @ t))),
    Mistake("the rotation in extrinsics is transposed", "write R.T beside the same t", _with_extrinsics(lambda R, t: (R.T, t))),
    Mistake("the last column of extrinsics is where the camera stands", "write t = -R C",
            _with_extrinsics(lambda R, t: (R, -R @ t))),
    Mistake("extrinsics use OpenGL's camera axes (y up, z backward)", "multiply rows 2 and 3 of [R|t] by -1",
            _with_extrinsics(lambda R, t: (OPENGL @ R, OPENGL @ t))),
    Mistake("extrinsics are camera to world in OpenGL's axes (y up, z backward), as Blender writes them",
            "invert them, then multiply rows 2 and 3 by -1", _with_extrinsics(lambda R, t: (OPENGL @ R.T, -OPENGL @ R.T @ t))),
    Mistake("extrinsics are written column after column", "write [R|t] row after row", _with_extrinsics(_column_major)),
    Mistake("t is in metres", "multiply the last column of extrinsics by 1000", _with_extrinsics(lambda R, t: (R, 1000 * t))),
    Mistake("extrinsics are camera to world, in metres", "write their inverse, [R.T | -1000 R.T t]",
            _with_extrinsics(lambda R, t: (R.T, -1000 * R.T @ t))),
)  # fmt: skip
LABELS = (
    Mistake("labels are in metres", "multiply annotations.3d_pos by 1000", _with_labels(lambda x: 1000 * x)),
    Mistake("labels have y up where the cameras' world has z up", "write (x, -z, y) for (x, y, z)",
            _with_labels(lambda x: x[:, [0, 2, 1]] * [1, -1, 1])),
    Mistake("labels have z up where the cameras' world has y up", "write (x, z, -y) for (x, y, z)",
            _with_labels(lambda x: x[:, [0, 2, 1]] * [1, 1, -1])),
    Mistake("labels have y and z exchanged", "write (x, z, y) for (x, y, z)", _with_labels(lambda x: x[:, [0, 2, 1]])),
    Mistake("left and right are exchanged in the labels", "exchange the left_ and right_ joints",
            _with_labels(lambda x: x[list(MIRROR)])),
)  # fmt: skip
FAMILIES = (INTRINSICS, EXTRINSICS, LABELS)


def as_written(evidence: Evidence) -> Scene:
    """The documented reading: normalised intrinsics, world→camera, mm."""
    K = np.diag([evidence.image_scale, evidence.image_scale, 1.0]) @ evidence.intrinsics
    return Scene(K, evidence.extrinsics[:, :3], evidence.extrinsics[:, 3], evidence.joints)


def read_with(evidence: Evidence, mistakes: Sequence[Mistake]) -> Scene:
    """The numbers read as if these mistakes had been made."""
    scene = as_written(evidence)
    for mistake in mistakes:
        scene = mistake.read(evidence, scene)
    return scene


def project(evidence: Evidence, scene: Scene) -> np.ndarray:
    """The label in px of the raw image: (24, 2), NaN for what lies behind the camera."""
    cam = world2cam(scene.joints_world, scene.R, scene.t)
    with np.errstate(all="ignore"):
        pixels = distort(cam2pixel(cam, scene.K), scene.K, evidence.distortion)
    return np.where(cam[:, 2:] > 0, pixels, np.nan)


def misfit_px(evidence: Evidence, mistakes: Sequence[Mistake] = ()) -> float:
    """Median distance in px between label and extractor; infinite where R is no rotation or joints lie behind."""
    scene = read_with(evidence, mistakes)
    is_rotation = np.allclose(scene.R @ scene.R.T, np.eye(3), atol=1e-3) and np.linalg.det(scene.R) > 0
    has_focal = scene.K[0, 0] > 0 and scene.K[1, 1] > 0 and np.allclose(scene.K[2], [0, 0, 1])
    if not (is_rotation and has_focal):
        return float("inf")
    distance = np.linalg.norm(project(evidence, scene) - evidence.joints_px, axis=-1)
    return float(np.median(distance)) if np.isfinite(distance).all() else float("inf")


def person_px(evidence: Evidence) -> float:
    """The larger side of the extractor's joints in the image."""
    return float(np.ptp(evidence.joints_px, axis=0).max())


def misfit(evidence: Sequence[Evidence], mistakes: Sequence[Mistake] = ()) -> float:
    """Median over the images of the misfit as a share of the person's size."""
    return float(np.median([misfit_px(one, mistakes) / person_px(one) for one in evidence]))


@dataclass(frozen=True)
class Diagnosis:
    """What fits the images of one camera: nothing wrong, these mistakes, or (None) none of those known."""

    camera: str
    before_px: float
    mistakes: tuple[Mistake, ...] | None
    after_px: float


def diagnose(evidence: Sequence[Evidence]) -> Diagnosis:
    """The fewest mistakes under which the labels of one camera fit its images; among as few, the best fit."""
    camera = evidence[0].camera

    def px(mistakes: Sequence[Mistake]) -> float:
        return float(np.median([misfit_px(one, mistakes) for one in evidence]))

    before = px(())
    for count in range(len(FAMILIES) + 1):
        tried = [
            tuple(mistakes)
            for families in itertools.combinations(FAMILIES, count)
            for mistakes in itertools.product(*families)
        ]
        scores = [misfit(evidence, mistakes) for mistakes in tried]
        best = int(np.argmin(scores))
        exchanged = () if count else _exchanged_sides(evidence, scores[best])
        if exchanged:
            return Diagnosis(camera, before, exchanged, px(exchanged))
        if scores[best] < FITS:
            return Diagnosis(camera, before, tried[best], px(tried[best]))
    return Diagnosis(camera, before, None, before)


def _exchanged_sides(evidence: Sequence[Evidence], as_it_is: float) -> tuple[Mistake, ...]:
    """Exchanged sides lie so near to each other that the wrong ones may fit too: here the better fit decides."""
    sides = (LABELS[-1],)
    sided = [joint for joint, name in enumerate(JOINT_NAMES) if name.startswith(("left_", "right_"))]

    def of_sided(mistakes: Sequence[Mistake]) -> float:
        distances = [
            np.linalg.norm((project(one, read_with(one, mistakes)) - one.joints_px)[sided], axis=-1).mean()
            / person_px(one)
            for one in evidence
        ]
        return float(np.median(distances))

    return sides if as_it_is < 2 * FITS and of_sided(sides) < 0.5 * of_sided(()) else ()


def leg_length(joints: np.ndarray) -> float:
    """Median over labels (N, 24, 3) of thigh and shin together, mean of both legs, in the labels' unit."""
    total = np.zeros(len(joints))
    for side in ("left", "right"):
        hip, knee, ankle = (joints[:, JOINT_NAMES.index(f"{side}_{part}")] for part in ("hip", "knee", "ankle"))
        total += (np.linalg.norm(knee - hip, axis=-1) + np.linalg.norm(ankle - knee, axis=-1)) / 2
    return float(np.median(total))


def unit_complaint(joints: np.ndarray) -> str | None:
    """A sentence where the labels' legs are not human in mm; the unit that would make them so is named."""
    leg = leg_length(joints)
    for factor, unit in ((1.0, None), (1000.0, "metres"), (10.0, "centimetres")):
        if LEG_MM[0] <= leg * factor <= LEG_MM[1]:
            return unit and (
                f"labels: thigh and shin together measure {leg:.4g}, so the labels are in {unit}; "
                f"multiply annotations.3d_pos by {factor:.0f} (and t in extrinsics, if it is in {unit} too)"
            )
    return (
        f"labels: thigh and shin together measure {leg:.4g} mm, which no human's do; check the joint order and the unit"
    )


def floor_complaint(joints: np.ndarray, world_up: np.ndarray, floor_height_mm: float) -> str | None:
    """A sentence where people stand on their heads along world_up, or nobody's feet are near the declared floor."""
    feet = (
        joints[:, [JOINT_NAMES.index(name) for name in ("left_foot", "right_foot", "left_ankle", "right_ankle")]]
        @ world_up
    )
    if np.median(joints[:, ROOT] @ world_up - feet.min(1)) < 0:
        return "floor: along world_up the feet are above the pelvis; turn world_up round, or leave both fields out"
    lowest = float(np.median(feet.min(1) - floor_height_mm))
    if abs(lowest) <= FLOOR_MM:
        return None
    mend = f"write floor_height_mm about {floor_height_mm + lowest:.0f}, or leave both fields out"
    return f"floor: the lower foot stands {lowest:.0f} mm over floor_height_mm; {mend}"


def inside_share(evidence: Sequence[Evidence]) -> float:
    """The share of label joints that project into their image."""
    inside = [
        ((pixels >= -0.5) & (pixels <= np.array(one.image_size) - 0.5)).all(-1).mean()
        for one in evidence
        for pixels in [project(one, as_written(one))]
    ]
    return float(np.mean(inside))
