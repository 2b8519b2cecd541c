"""What is left between labels and images: the change that explains it is named with its numbers, and nothing else is."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from modules.checks.mistakes import Evidence
from modules.doctor.diagnosis import project, scene_as_written
from modules.doctor.residual import best_fit
from tests.checks.made_up import shots


def evidence(camera: int = 0) -> list[Evidence]:
    """Returns four images of one camera with exact labels and 3 px of noise."""
    shot = shots()[camera]
    K = np.diag([1 / 1920, 1 / 1920, 1]) @ shot.K
    return [
        Evidence(
            f"{shot.name}_{i}.jpg", shot.name[-1], shot.size, shot.raw_px[i], K, 1920.0,
            np.column_stack([shot.R, shot.t]), shot.distortion, shot.joints[i],
        )
        for i in range(4)
    ]  # fmt: skip


FOCAL = np.eye(3, dtype=bool) & (np.arange(3) < 2)
CHANGES: dict[str, Callable[[Evidence], Evidence]] = {
    "left and 60 px up": lambda e: dataclasses.replace(e, joints_px=e.joints_px - [120, 60]),
    "times as wide": lambda e: dataclasses.replace(e, joints_px=e.joints_px * [0.7, 1]),
    "multiply fx by 0.70": lambda e: dataclasses.replace(e, intrinsics=e.intrinsics / np.where(FOCAL, 0.7, 1.0)),
    "turned by half": lambda e: dataclasses.replace(e, joints_px=np.array(e.image_size) - 1 - e.joints_px),
    "multiply annotations.3d_pos by 1.25": lambda e: dataclasses.replace(e, joints=e.joints / 1.25),
    "multiply annotations.3d_pos by 25.4": lambda e: dataclasses.replace(e, joints=e.joints / 25.4),
    "images are those of camera 2's file": lambda e: dataclasses.replace(
        e, extrinsics=e.extrinsics, joints_px=project(two := evidence(1)[int(e.file_name[-5])], scene_as_written(two))
    ),
}


def test_sound_images_leave_nothing_to_explain() -> None:
    assert best_fit(evidence(), {"2": evidence(1)}) is None


@pytest.mark.parametrize("says", CHANGES)
def test_the_change_is_named_with_its_numbers(says: str) -> None:
    found = best_fit([CHANGES[says](one) for one in evidence()], {"2": evidence(1)})
    assert found is not None and says in f"{found.what}; {found.fix}", found
