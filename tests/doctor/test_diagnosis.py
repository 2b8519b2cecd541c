"""The diagnosis on synthetic evidence: fits, mistakes alone and combined, and labels of another recording."""

import dataclasses
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from modules.checks.mistakes import EXTRINSICS, OPENGL, SIZES, UNITS, Evidence, Mistake, scene_as_written
from modules.doctor import diagnosis
from modules.doctor.diagnosis import combinations, diagnose
from tests.conftest import looking_camera, standing_person

D = OPENGL
NORMALISE = np.diag([1 / 1920, 1 / 1920, 1])


def evidence_of(joints_mm: np.ndarray, seen: np.ndarray | None = None) -> Evidence:
    """Returns a person 4 m in front of a camera at the world's origin that looks along y, z up."""
    R = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    t = np.array([0.0, 1000, 4000])
    K = np.array([[1500.0, 0, 960], [0, 1500, 540], [0, 0, 1]])
    Rt = np.column_stack([R, t])
    one = Evidence("1_A_1_1.jpg", "1", (1920, 1080), np.zeros((24, 2)), NORMALISE @ K, 1920.0, Rt, None, joints_mm)
    pixels = diagnosis.project(one, scene_as_written(one)) if seen is None else seen
    return Evidence(**{**one.__dict__, "joints_px": pixels})


def test_an_exact_label_fits_and_noise_does_not_change_that(rng: np.random.Generator) -> None:
    exact = evidence_of(standing_person(rng))
    assert diagnose([exact]).mistakes == ()
    noisy = evidence_of(exact.joints, exact.joints_px + rng.normal(scale=15, size=(24, 2)))
    found = diagnose([noisy])
    assert found.mistakes == () and 5 < found.before_px < 40


def seen_in_full(rng: np.random.Generator, images: int = 2) -> list[Evidence]:
    """Returns images of a random camera with exact labels."""
    camera = looking_camera(rng, distortion=True)
    evidence = []
    for image in range(images):
        joints_mm = standing_person(rng) @ rotation_about_z(rng.uniform(0, 6)).T + [*rng.uniform(-500, 500, 2), 0]
        Rt = np.column_stack([camera.R, camera.t])
        one = Evidence(f"1_A_1_{image}.jpg", "1", (1920, 1080), np.zeros((24, 2)), NORMALISE @ camera.K, 1920.0, Rt,
                       camera.distortion, joints_mm)  # fmt: skip
        evidence.append(dataclasses.replace(one, joints_px=diagnosis.project(one, scene_as_written(one))))
    return evidence


def rotation_about_z(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def column_by_column(Rt: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    written = Rt.T.reshape(3, 4)
    return written[:, :3], written[:, 3]


WRITTEN_WITH: dict[str, Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]] = {
    "extrinsics are camera to world": lambda R, t: (R.T, -R.T @ t),
    "the rotation in extrinsics is transposed": lambda R, t: (R.T, t),
    "the last column of extrinsics is the camera centre C": lambda R, t: (R, -R.T @ t),
    "extrinsics use OpenGL's camera axes (y up, z backward)": lambda R, t: (D @ R, D @ t),
    "extrinsics are camera to world in OpenGL's axes (y up, z backward), as Blender writes them": lambda R, t: (
        R.T @ D, -R.T @ t,
    ),
    "extrinsics are written column by column": lambda R, t: column_by_column(np.column_stack([R, t])),
}  # fmt: skip


@pytest.mark.parametrize("unit", [UNITS[0], UNITS[1]], ids=lambda unit: unit.what)
@pytest.mark.parametrize("mistake", EXTRINSICS, ids=lambda mistake: mistake.what[:40])
def test_units_of_t_combine_with_every_mistake_in_extrinsics(
    rng: np.random.Generator, mistake: Mistake, unit: Mistake
) -> None:
    factor = {"t is in metres": 1000, "t is in centimetres": 10}[unit.what]
    spoilt = []
    for one in seen_in_full(rng):
        R, t = WRITTEN_WITH[mistake.what](one.extrinsics[:, :3], one.extrinsics[:, 3] / factor)
        spoilt.append(dataclasses.replace(one, extrinsics=np.column_stack([R, t])))
    assert diagnose(spoilt).mistakes == (mistake, unit)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: size.what)
def test_intrinsics_of_another_image_size_are_named_with_the_factor(rng: np.random.Generator, size: Mistake) -> None:
    times = float(Fraction(size.what.removeprefix("intrinsics belong to an image ").split()[0]))
    evidence = seen_in_full(rng)
    spoilt = [dataclasses.replace(e, intrinsics=np.diag([times, times, 1]) @ e.intrinsics) for e in evidence]
    assert diagnose(spoilt).mistakes == (size,)
    px = [dataclasses.replace(e, intrinsics=np.diag([1920 * times, 1920 * times, 1]) @ e.intrinsics) for e in evidence]
    found = diagnose(px)
    assert [mistake.what for mistake in found.mistakes or ()] == ["intrinsics are in px", size.what]
    assert found.after_px < 1e-6


def test_few_hypotheses_are_tried_and_other_labels_rarely_fit_one(rng: np.random.Generator) -> None:
    """Each combination may explain a real error by chance, so their number is limited."""
    counts = [len(list(combinations(count))) for count in range(diagnosis.MOST_MISTAKES + 1)]
    assert counts == [1, 18, 120, 352]
    explained = 0
    for _ in range(20):
        evidence = seen_in_full(rng)
        camera, shift = looking_camera(rng), np.append(rng.choice([-1, 1], 2) * rng.uniform(500, 1200, 2), 0)
        elsewhere = [dataclasses.replace(e, extrinsics=np.column_stack([camera.R, camera.t])) for e in evidence]
        moved = [dataclasses.replace(e, joints=e.joints + shift) for e in evidence]
        explained += sum(
            bool(diagnose(wrong).mistakes) for wrong in (elsewhere, moved)
        )  # a camera nearby may fit as it is
    assert explained <= 1
