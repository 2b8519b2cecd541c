"""Draws people in the plane: from the side or from above, true to scale."""

from __future__ import annotations

import cv2
import numpy as np

from model.skeleton import EDGES, ROOT
from modules.export.poses import Poses
from modules.predict.scene import Scene
from modules.vis import side_colour

GRID_MM = 500.0
BELOW_MM = 150.0  # the floor, shown in the view from the side
INK, PAPER, CAMERA = (235, 235, 235), (24, 26, 31), (255, 190, 60)
LINE, GROUND = (52, 52, 56), (130, 130, 130)
HALO = 0.3  # opacity of the expected error
FONT = cv2.FONT_HERSHEY_SIMPLEX
PEOPLE = ((255, 214, 10), (60, 220, 255), (255, 105, 180), (120, 255, 120), (255, 160, 90), (190, 150, 255))  # RGB


class Sketch:
    """A picture of one plane of a scene; its people are drawn one after the other."""

    def __init__(self, size: tuple[int, int], scene: Scene, tallest_mm: float, from_side: bool) -> None:
        """`size` is (width, height) px. From the side, `tallest_mm` of height are shown."""
        self.scene, self.from_side = scene, from_side
        self.picture = np.full((size[1], size[0], 3), PAPER, np.uint8)
        self.axes = [1, 2] if from_side else [0, 1]
        reach = scene.reach_mm
        low = np.array([-reach, -BELOW_MM if from_side else -reach])
        high = np.array([reach, tallest_mm if from_side else reach])
        self.scale = float((np.array(size) * 0.94 / (high - low)).min())
        self._middle_mm, self._middle_px = (low + high) / 2, np.array(size) / 2
        steps = np.arange(-(reach // GRID_MM), reach // GRID_MM + 1) * GRID_MM
        for step in steps:
            self._line([step, 0.0 if from_side else -reach], [step, tallest_mm if from_side else reach], LINE)
        for step in np.arange(0, tallest_mm, GRID_MM) if from_side else steps:
            is_floor = from_side and step == 0 and scene.has_floor
            self._line([-reach, step], [reach, step], GROUND if is_floor else LINE)
        name = "from the side" if from_side else "from above"
        cv2.putText(self.picture, f"{name}, grid 0.5 m", [10, 20], FONT, 0.45, INK, 1, cv2.LINE_AA)

    def person(self, poses: Poses, row: int) -> None:
        """Draws a person, with the pelvis's expected error as a disc."""
        points = self._at(self.scene.local(poses.joints_mm[row])[:, self.axes])
        radius = round(float(np.nan_to_num(poses.expected_error_mm[row, ROOT])) * self.scale)
        layer = self.picture.copy()
        cv2.circle(layer, points[ROOT], radius, PEOPLE[int(poses.person[row]) % len(PEOPLE)], -1, cv2.LINE_AA)
        cv2.addWeighted(layer, HALO, self.picture, 1 - HALO, 0, dst=self.picture)
        for parent, child in EDGES:
            cv2.line(self.picture, points[parent], points[child], side_colour(child), 2, cv2.LINE_AA)

    def camera(self, centre: np.ndarray) -> None:
        """Marks the camera, if it is in the picture."""
        (point,) = self._at(self.scene.local(centre)[None, self.axes])
        cv2.drawMarker(self.picture, point, CAMERA, cv2.MARKER_TRIANGLE_UP, 14, 2)

    def _line(self, start: list[float], end: list[float], colour: tuple[int, int, int]) -> None:
        a, b = self._at(np.array([start, end]))
        cv2.line(self.picture, a, b, colour, 1, cv2.LINE_AA)

    def _at(self, points: np.ndarray) -> list[list[int]]:
        """Returns the px of points (N, 2) mm in the plane."""
        pixels = (points - self._middle_mm) * [self.scale, -self.scale] + self._middle_px
        found: list[list[int]] = np.clip(pixels, -20_000, 20_000).round().astype(int).tolist()
        return found
