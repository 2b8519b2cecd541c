"""A recording of three cameras on disk: folders of small images, a calibration, and landmarks of moving people."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np

from modules.pose_utils import Camera, project_to_image
from tests.data.rig.recording import make_cameras

FRAMES, RATE = 44, 30.0
_FACE = [(0, -90, 1600), *((x, -80, 1640) for x in (15, 30, 45, -15, -30, -45)), (70, 0, 1620), (-70, 0, 1620)]
_MOUTH = [(20, -80, 1570), (-20, -80, 1570)]
_ARM = [(180, 0, 1420), (220, 20, 1130), (230, -60, 890), (230, -80, 800), (230, -90, 810), (210, -80, 830)]
_LEG = [(100, 0, 930), (110, -20, 500), (115, 20, 90), (115, 60, 40), (120, -110, 40)]
_SIDES = [(side * x, y, z) for x, y, z in (*_ARM, *_LEG) for side in (1, -1)]
BODY = np.array(
    [*_FACE, *_MOUTH, *_SIDES], dtype=float
)  # (33, 3) mm from the floor below the hips; the person faces -y


def walking(frames: int, person: int = 0) -> np.ndarray:
    """Landmarks (F, 33, 3) mm of a person who walks to and fro and swings arms and legs, RATE times a second."""
    return walking_at(np.arange(frames) / RATE, person)


def walking_at(times_s: np.ndarray, person: int = 0) -> np.ndarray:
    """The same at any times (F,)."""
    seconds = times_s[:, None]
    body = np.repeat(BODY[None], len(seconds), 0)
    swing = 180 * np.sin(5 * seconds + person)
    body[:, 13:23, 1] += np.where(np.arange(10) % 2 == 0, swing, -swing)
    body[:, 25:33, 1] += np.where(np.arange(8) % 2 == 0, -swing, swing) * 0.8
    return body + np.concatenate([800 * person + 200 * np.sin(seconds), 300 * seconds - 300, 0 * seconds], 1)[:, None]


@dataclass(frozen=True)
class MadeUpRig:
    """What is on disk, and the truth."""

    folder: Path
    cameras: list[Camera]
    people: list[np.ndarray]  # (F, 33, 3) mm each

    def detector(self, late: dict[int, int] | None = None, noise_px: float = 0.4) -> object:
        """A detector that reads camera and frame from the image's grey, and sees all people, in an order that changes."""

        def detect(image: np.ndarray, _: object) -> list[SimpleNamespace]:
            camera, frame = divmod(round(float(image.mean())), FRAMES)
            rng = np.random.default_rng([camera, frame])
            moment = frame + (late or {}).get(camera, 0)
            seen = [project_to_image(points[moment], self.cameras[camera]) for points in self.people]
            rng.shuffle(seen)
            return [
                SimpleNamespace(landmarks_px=px + rng.normal(0, noise_px, px.shape), visibility=np.full(33, 0.9))
                for px in seen
            ]

        return lambda: detect


def make_rig(folder: Path, people: int = 1) -> MadeUpRig:
    """Writes three folders of images, whose grey tells camera and frame, and Calib.toml."""
    size = (108, 192)
    shrink = np.diag([0.1, 0.1, 1.0])
    cameras = [replace(c, K=shrink @ c.K, image_size=size, distortion=c.distortion) for c in make_cameras()[:3]]
    blocks = []
    for number, camera in enumerate(cameras):
        for frame in range(FRAMES):
            path = folder / f"cam{number + 1}" / f"{frame}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), np.full((size[1], size[0]), number * FRAMES + frame, np.uint8))
        assert camera.distortion is not None
        blocks.append(
            f'[cam{number + 1}]\nname = "cam{number + 1}"\nsize = {[float(s) for s in size]}\nmatrix = {camera.K.tolist()}\n'
            f"distortions = {camera.distortion[:4].tolist()}\nrotation = {cv2.Rodrigues(camera.R)[0][:, 0].tolist()}\n"
            f"translation = {(camera.t / 1000).tolist()}\nfisheye = false\n"
        )
    (folder / "Calib.toml").write_text("\n".join(blocks))
    return MadeUpRig(folder, cameras, [walking(FRAMES + 20, person) for person in range(people)])
