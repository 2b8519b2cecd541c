"""Lists the usual mistakes in camera and label files: how to recognise, correct and fix each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from model.skeleton import MIRROR

OPENGL = np.diag([1.0, -1.0, -1.0])


@dataclass(frozen=True)
class Evidence:
    """One labelled image: the numbers in its files as written, and the extractor's 2D joints."""

    file_name: str
    camera: str
    image_size: tuple[int, int]  # (width, height) px
    joints_px: np.ndarray  # (24, 2) of the extractor, px of the raw image
    intrinsics: np.ndarray  # (3, 3) as written
    image_scale: float
    extrinsics: np.ndarray  # (3, 4) as written
    distortion: np.ndarray | None
    joints: np.ndarray  # (24, 3) of the label as written, in SMPL order


@dataclass(frozen=True)
class Scene:
    """An interpretation of the numbers in the files: K in px, world→camera, joints in mm."""

    K: np.ndarray  # (3, 3)
    R: np.ndarray  # (3, 3)
    t: np.ndarray  # (3,)
    joints_world: np.ndarray  # (24, 3)


@dataclass(frozen=True)
class Mistake:
    """A usual mistake: its description, its fix for the user, and a function that corrects a scene for it."""

    what: str
    fix: str
    correct: Callable[[Evidence, Scene], Scene]


def scene_as_written(evidence: Evidence) -> Scene:
    """Returns the scene by the documented conventions: normalised intrinsics, world→camera, mm."""
    K = np.diag([evidence.image_scale, evidence.image_scale, 1.0]) @ evidence.intrinsics
    return Scene(K, evidence.extrinsics[:, :3], evidence.extrinsics[:, 3], evidence.joints)


def corrected_scene(evidence: Evidence, mistakes: Sequence[Mistake]) -> Scene:
    """Returns the scene under the assumption that the files contain these mistakes."""
    scene = scene_as_written(evidence)
    for mistake in mistakes:
        scene = mistake.correct(evidence, scene)
    return scene


def _with_intrinsics(change: Callable[[Evidence], np.ndarray]) -> Callable[[Evidence, Scene], Scene]:
    """Returns a correction that replaces K (3, 3)."""
    return lambda evidence, scene: replace(scene, K=change(evidence))


def _with_extrinsics(
    change: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]],
) -> Callable[[Evidence, Scene], Scene]:
    """Returns a correction that maps (R, t) to (R, t)."""

    def correct(_: Evidence, scene: Scene) -> Scene:
        R, t = change(scene.R, scene.t)
        return replace(scene, R=R, t=t)

    return correct


def _with_labels(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Evidence, Scene], Scene]:
    """Returns a correction that maps the label's joints (24, 3)."""
    return lambda _, scene: replace(scene, joints_world=change(scene.joints_world))


def _sideways(evidence: Evidence) -> np.ndarray:
    """Returns K with x and y swapped."""
    swap = np.array([[0.0, 1, 0], [1, 0, 0], [0, 0, 1]])
    return np.asarray(swap @ scene_as_written(evidence).K @ swap)


def _column_by_column(R: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns R and t of numbers that were written column by column and read row by row."""
    turned = np.column_stack([R, t]).reshape(4, 3).T
    return turned[:, :3], turned[:, 3]


def of_another_size(times: Fraction) -> Mistake:
    """Returns the mistake that K belongs to an image `times` as large. Both of its first rows scale with the image."""
    return Mistake(
        f"intrinsics belong to an image {times} times as large", f"multiply their first two rows by {1 / times}",
        lambda _, scene: replace(scene, K=np.diag([1 / float(times), 1 / float(times), 1.0]) @ scene.K),
    )  # fmt: skip


def in_px(image_scale: float) -> Mistake:
    """Returns the mistake that K is in px where it should be divided by about `image_scale`."""
    shrink = np.diag([1 / image_scale, 1 / image_scale, 1.0])
    return Mistake("intrinsics are in px", "write image_scale: 1", lambda _, scene: replace(scene, K=shrink @ scene.K))


# Five families. Mistakes of one family exclude each other. Corrections are applied in this order (K is chosen before it
# is resized, [R|t] before t is scaled); if two mistakes fit equally well, the first one is reported.
INTRINSICS = (
    Mistake("intrinsics are in px", "divide their first two rows by 1920, or write image_scale: 1",
            _with_intrinsics(lambda e: e.intrinsics)),
    Mistake("intrinsics are divided by the image's width and height", "divide both rows by the same image_scale (1920)",
            _with_intrinsics(lambda e: np.diag([e.image_size[0], e.image_size[1], 1.0]) @ e.intrinsics)),
    Mistake("intrinsics are those of the image turned by 90 degrees (landscape and portrait swapped)",
            "swap fx with fy and cx with cy", _with_intrinsics(_sideways)),
    Mistake("intrinsics are transposed (column by column)", "write them row by row",
            _with_intrinsics(lambda e: np.diag([e.image_scale, e.image_scale, 1.0]) @ e.intrinsics.T)),
)  # fmt: skip
RATIOS = tuple(Fraction(ratio) for ratio in ("2", "1/2", "3/2", "2/3", "4/3", "3/4", "3", "1/3", "4", "1/4"))
SIZES = tuple(of_another_size(ratio) for ratio in RATIOS)
EXTRINSICS = (
    Mistake("extrinsics are camera to world", "write their inverse, [R.T | -R.T t]",
            _with_extrinsics(lambda R, t: (R.T, -R.T @ t))),
    Mistake("the rotation in extrinsics is transposed", "write R.T beside the same t", _with_extrinsics(lambda R, t: (R.T, t))),
    Mistake("the last column of extrinsics is the camera centre C", "write t = -R C",
            _with_extrinsics(lambda R, t: (R, -R @ t))),
    Mistake("extrinsics use OpenGL's camera axes (y up, z backward)", "multiply rows 2 and 3 of [R|t] by -1",
            _with_extrinsics(lambda R, t: (OPENGL @ R, OPENGL @ t))),
    Mistake("extrinsics are camera to world in OpenGL's axes (y up, z backward), as Blender writes them",
            "invert them, then multiply rows 2 and 3 by -1", _with_extrinsics(lambda R, t: (OPENGL @ R.T, -OPENGL @ R.T @ t))),
    Mistake("extrinsics are written column by column", "write [R|t] row by row", _with_extrinsics(_column_by_column)),
)  # fmt: skip
UNITS = (
    Mistake("t is in metres", "multiply the last column of extrinsics by 1000", _with_extrinsics(lambda R, t: (R, 1000 * t))),
    Mistake("t is in centimetres", "multiply the last column of extrinsics by 10", _with_extrinsics(lambda R, t: (R, 10 * t))),
    Mistake("labels are in metres", "multiply annotations.3d_pos by 1000", _with_labels(lambda x: 1000 * x)),
    Mistake("labels are in centimetres", "multiply annotations.3d_pos by 10", _with_labels(lambda x: 10 * x)),
)  # fmt: skip
T_UNITS = (
    *UNITS[:2],
    Mistake("t is in inches", "multiply the last column of extrinsics by 25.4", _with_extrinsics(lambda R, t: (R, 25.4 * t))),
    Mistake("t is in feet", "multiply the last column of extrinsics by 304.8", _with_extrinsics(lambda R, t: (R, 304.8 * t))),
)  # fmt: skip
LABELS = (
    Mistake("labels have y up where the cameras' world has z up", "write (x, -z, y) for (x, y, z)",
            _with_labels(lambda x: x[:, [0, 2, 1]] * [1, -1, 1])),
    Mistake("labels have z up where the cameras' world has y up", "write (x, z, -y) for (x, y, z)",
            _with_labels(lambda x: x[:, [0, 2, 1]] * [1, 1, -1])),
    Mistake("labels have y and z swapped", "write (x, z, y) for (x, y, z)", _with_labels(lambda x: x[:, [0, 2, 1]])),
    Mistake("left and right are swapped in the labels", "swap the left_ and right_ joints",
            _with_labels(lambda x: x[list(MIRROR)])),
)  # fmt: skip
SWAPPED_SIDES = LABELS[-1]
FAMILIES = (INTRINSICS, SIZES, EXTRINSICS, UNITS, LABELS)
