"""Makes the cameras of a synthetic recording for the tests of this folder."""

from __future__ import annotations

import numpy as np

from modules.pose_utils import Camera


def make_cameras() -> list[Camera]:
    cameras = []
    for centre in ([1460.0, -1909, 1896], [2582, 706, 1690], [-3216, 2231, 2088], [-3758, -1415, 1881]):
        forward = np.array([0, 0, 1000.0]) - centre
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, [0, 0, 1.0])
        R = np.stack([right / np.linalg.norm(right), np.cross(forward, right / np.linalg.norm(right)), forward])
        K = np.array([[1680, 0, 540], [0, 1680, 960], [0, 0, 1.0]])
        lens = np.array([-0.05, 0.13, 0.001, 0.0005, 0])
        cameras.append(Camera(K, R, -R @ np.array(centre), (1080, 1920), lens, np.array([0, 0, 1.0])))
    return cameras
