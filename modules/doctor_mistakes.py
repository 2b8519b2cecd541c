"""The usual mistakes in camera and label files: how numbers that were written so must be read, and what to write instead."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from modules.skeleton import MIRROR

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


def _with_intrinsics(change: Callable[[Evidence], np.ndarray]) -> Callable[[Evidence, Scene], Scene]:
    return lambda evidence, scene: replace(scene, K=change(evidence))


def _with_extrinsics(
    change: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]],
) -> Callable[[Evidence, Scene], Scene]:
    def read(_: Evidence, scene: Scene) -> Scene:
        R, t = change(scene.R, scene.t)
        return replace(scene, R=R, t=t)

    return read


def _with_labels(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Evidence, Scene], Scene]:
    return lambda _, scene: replace(scene, joints_world=change(scene.joints_world))


def _sideways(evidence: Evidence) -> np.ndarray:
    swap = np.array([[0.0, 1, 0], [1, 0, 0], [0, 0, 1]])
    return swap @ as_written(evidence).K @ swap


def _column_major(R: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    turned = np.column_stack([R, t]).reshape(4, 3).T
    return turned[:, :3], turned[:, 3]


def _of_another_size(times: Fraction) -> Mistake:
    """K of the picture before it was made smaller (or larger): all of its first two rows are in the larger one's px."""
    return Mistake(
        f"intrinsics belong to an image {times} times as large", f"multiply their first two rows by {1 / times}",
        lambda _, scene: replace(scene, K=np.diag([1 / float(times), 1 / float(times), 1.0]) @ scene.K),
    )  # fmt: skip


# Five families; mistakes of one family exclude each other. The order is the order of reading (a K is chosen before it is
# resized, an [R|t] before its t is), and of telling where two fit alike.
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
RATIOS = tuple(Fraction(ratio) for ratio in ("2", "1/2", "3/2", "2/3", "4/3", "3/4", "3", "1/3", "4", "1/4"))
SIZES = tuple(_of_another_size(ratio) for ratio in RATIOS)
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
)  # fmt: skip
UNITS = (
    Mistake("t is in metres", "multiply the last column of extrinsics by 1000", _with_extrinsics(lambda R, t: (R, 1000 * t))),
    Mistake("t is in centimetres", "multiply the last column of extrinsics by 10", _with_extrinsics(lambda R, t: (R, 10 * t))),
    Mistake("labels are in metres", "multiply annotations.3d_pos by 1000", _with_labels(lambda x: 1000 * x)),
    Mistake("labels are in centimetres", "multiply annotations.3d_pos by 10", _with_labels(lambda x: 10 * x)),
)  # fmt: skip
LABELS = (
    Mistake("labels have y up where the cameras' world has z up", "write (x, -z, y) for (x, y, z)",
            _with_labels(lambda x: x[:, [0, 2, 1]] * [1, -1, 1])),
    Mistake("labels have z up where the cameras' world has y up", "write (x, z, -y) for (x, y, z)",
            _with_labels(lambda x: x[:, [0, 2, 1]] * [1, 1, -1])),
    Mistake("labels have y and z exchanged", "write (x, z, y) for (x, y, z)", _with_labels(lambda x: x[:, [0, 2, 1]])),
    Mistake("left and right are exchanged in the labels", "exchange the left_ and right_ joints",
            _with_labels(lambda x: x[list(MIRROR)])),
)  # fmt: skip
EXCHANGED_SIDES = LABELS[-1]
FAMILIES = (INTRINSICS, SIZES, EXTRINSICS, UNITS, LABELS)
