"""A printed board, a camera with a lens, and what it has filmed, rendered once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from data.calibrate.footage import open_footage
from data.calibrate.intrinsics import IntrinsicsResult, calibrate_intrinsics
from docs.rendered_boards import Film, Sheet, moved_before, photograph, print_sheet, write_images
from modules.pose_utils import Camera

K = np.array([[620.0, 0, 330], [0, 618, 236], [0, 0, 1]])
LENS = np.array([-0.12, 0.05, 0.001, -0.0008, 0])


@dataclass(frozen=True)
class Filmed:
    """Rendered frames, and the true camera of each in the board's axes."""

    cameras: list[Camera]
    images: list[np.ndarray]
    folder: Path


@pytest.fixture(scope="session")
def camera() -> Camera:
    return Camera(K, np.eye(3), np.zeros(3), (640, 480), LENS)


@pytest.fixture(scope="session")
def sheet() -> Sheet:
    return print_sheet("5x7x36", (210, 297), 6.0)


@pytest.fixture(scope="session")
def filmed(sheet: Sheet, camera: Camera, tmp_path_factory: pytest.TempPathFactory) -> Filmed:
    """The board held in 18 ways, with noise, blur and lens."""
    rng = np.random.default_rng(11)
    cameras = moved_before(camera, sheet.board, rng, 18)
    images = [photograph(one, [(sheet, one)], rng, Film()) for one in cameras]
    return Filmed(cameras, images, write_images(tmp_path_factory.mktemp("filmed") / "moved", images))


@pytest.fixture(scope="session")
def calibrated(filmed: Filmed, sheet: Sheet) -> IntrinsicsResult:
    """The lens from these frames, written to a file."""
    return calibrate_intrinsics(open_footage(str(filmed.folder)), sheet.board, filmed.folder.parent / "intrinsics.json")
