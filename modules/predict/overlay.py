"""Draws poses on the images they were found in, with their expected errors, the floor, and views from the side and above."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from textwrap import shorten

import cv2
import numpy as np

from model.skeleton import EDGES, JOINT_NAMES, ROOT
from modules.console import progress_bar
from modules.export.poses import Poses
from modules.files.atomic import atomic_path, write_bytes
from modules.files.video import VideoWriter
from modules.pose_utils import Camera, project_to_image, world2cam
from modules.predict.scene import Scene, scene_of
from modules.predict.sketch import FONT, HALO, INK, PAPER, PEOPLE, Sketch
from modules.predict.source import Source
from modules.predict.view import View
from modules.utils import ahead
from modules.vis import side_colour

VIDEO = "overlay.mp4"
HEIGHT = 1080  # px of the picture, unless the image is smaller
NEAREST_MM = 200.0  # to the camera, of what is drawn
FLOOR, WARNING = (235, 235, 235), (255, 190, 60)
HEAD = JOINT_NAMES.index("head")
LONGEST = 52  # characters of a line beside the picture; report.html and the tables have whole warnings


def write_overlays(poses: Poses, source: Source, view: View, folder: Path) -> list[Path]:
    """Writes overlay.mp4 for a sequence of images of one size, else a JPEG per image below overlays/; returns the paths."""
    names = overlay_names(source)
    if names != [VIDEO]:
        written = []
        for index, picture in _pictures(poses, source, view):
            path = folder / names[index]
            write_bytes(path, cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())
            written.append(path)
        return written
    count = len(source.names)
    times = source.time_s - source.time_s[0]
    writer: VideoWriter | None = None
    with atomic_path(folder / VIDEO) as temporary, contextlib.ExitStack() as stack:
        for index, picture in _pictures(poses, source, view):
            if writer is None:
                size = (picture.shape[1], picture.shape[0])
                writer = stack.enter_context(VideoWriter(temporary, size, (count - 1) / float(times[-1])))
            writer.write(picture, float(times[index]))
    return [folder / VIDEO]


def overlay_names(source: Source) -> list[str]:
    """Returns the names of a source's overlays below the output folder: of one video, or of a JPEG per image."""
    count = len(source.names)
    same_size = len({source.size(index) for index in range(count)}) == 1
    if source.is_sequence and same_size and count > 1:
        return [VIDEO]
    names = [str(Path(name).with_suffix(".jpg")) for name in source.names]
    if len(set(names)) < count:  # a.jpg beside a.png
        names = [f"{name}.jpg" for name in source.names]
    return [f"overlays/{name}" for name in names]


def _pictures(poses: Poses, source: Source, view: View) -> Iterator[tuple[int, np.ndarray]]:
    """Yields the place of each image in the source, and its picture, RGB with even sides."""
    rows_of: dict[int, list[int]] = {}
    for row, number in enumerate(poses.frame_index.tolist()):
        rows_of.setdefault(number, []).append(row)
    painter = Painter(poses, scene_of(poses, view.camera))
    with progress_bar(len(source.names), "overlay", "image") as bar:
        for index, image in enumerate(ahead(source.images(0, len(source.names)))):
            camera = view.camera_for(source.names[index], (image.shape[1], image.shape[0]))
            yield index, painter.paint(image, camera, rows_of.get(int(source.frame_index[index]), []))
            bar.update(1)


def floor_lines(scene: Scene, camera: Camera) -> list[np.ndarray]:
    """Returns the floor's grid as the camera and its lens see it: lines of (N, 2) px, cut where they cannot be seen."""
    grid = scene.grid_lines()
    pixels = project_to_image(grid, camera)
    limit = 4 * max(camera.image_size or (1920, 1080))
    seen = (world2cam(grid, camera.R, camera.t)[..., 2] > NEAREST_MM) & (np.abs(pixels) < limit).all(-1)
    lines = []
    for line, shown in zip(pixels, seen, strict=True):
        cuts = np.flatnonzero(np.diff(shown)) + 1
        parts = zip(np.split(line, cuts), np.split(shown, cuts), strict=True)
        lines += [part for part, visible in parts if visible[0] and len(part) > 1]
    return lines


class Painter:
    """Draws the pictures of one answer, all in the same scene."""

    def __init__(self, poses: Poses, scene: Scene) -> None:
        self.poses, self.scene = poses, scene
        self._grids: dict[object, list[np.ndarray]] = {}  # by image size
        self.several = bool((poses.person > 0).any())
        local = scene.local(poses.joints_mm[poses.found]) if poses.found.any() else np.zeros((1, 24, 3))
        self.tallest_mm = max(2000.0, float(np.percentile(local[..., 2].max(1), 95)) + 200)

    def paint(self, image: np.ndarray, camera: Camera, rows: list[int]) -> np.ndarray:
        """Returns the picture of an image (H, W, 3) RGB whose people are `rows` of the poses."""
        scale = min(HEIGHT / image.shape[0], 1.0)
        height, width = (max(2, round(side * scale / 2) * 2) for side in image.shape[:2])
        small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        if self.scene.has_floor:
            self._floor(small, camera, scale)
        found = [row for row in rows if self.poses.found[row]]
        depths = {row: float(world2cam(self.poses.joints_mm[row], camera.R, camera.t)[ROOT, 2]) for row in found}
        for row in sorted(found, key=lambda row: -depths[row]):
            pixels = (project_to_image(self.poses.joints_mm[row], camera) + 0.5) * scale - 0.5
            mm_to_px = scale * camera.K[0, 0] / max(depths[row], NEAREST_MM)
            self._person(small, pixels, row, mm_to_px)
        return np.concatenate([small, self._panel(height, camera, rows)], 1)

    def _floor(self, image: np.ndarray, camera: Camera, scale: float) -> None:
        """Draws the grid on an image that is scaled by `scale`."""
        if camera.image_size not in self._grids:
            self._grids[camera.image_size] = floor_lines(self.scene, camera)
        layer = image.copy()
        lines = [((line + 0.5) * scale - 0.5).round().astype(np.int32) for line in self._grids[camera.image_size]]
        cv2.polylines(layer, lines, False, FLOOR, 1, cv2.LINE_AA)
        cv2.addWeighted(layer, 0.6, image, 0.4, 0, dst=image)

    def _person(self, image: np.ndarray, points: np.ndarray, row: int, mm_to_px: float) -> None:
        """Draws a person at points (24, 2) px: the expected error as a halo as wide as it is, then the skeleton."""
        limit = 4 * max(image.shape[:2])
        at = np.clip(np.nan_to_num(points), -limit, limit).round().astype(int).tolist()
        errors = np.nan_to_num(self.poses.expected_error_mm[row]) * mm_to_px
        tint = PEOPLE[int(self.poses.person[row]) % len(PEOPLE)]
        layer = image.copy()
        for parent, child in EDGES:
            thick = int(np.clip(errors[parent] + errors[child], 0, limit / 8))
            if thick > 0:
                cv2.line(layer, at[parent], at[child], tint, thick, cv2.LINE_AA)
        cv2.addWeighted(layer, HALO, image, 1 - HALO, 0, dst=image)
        wide = max(2, round(min(image.shape[:2]) / 300))
        for parent, child in EDGES:
            cv2.line(image, at[parent], at[child], side_colour(child), wide, cv2.LINE_AA)
        for joint, point in enumerate(at):
            cv2.circle(image, point, wide, side_colour(joint), -1, cv2.LINE_AA)
        if self.several:
            x, y = at[HEAD]
            cv2.putText(image, str(self.poses.person[row]), [x - 8, y - 30], FONT, 0.9, tint, 2, cv2.LINE_AA)

    def _panel(self, height: int, camera: Camera, rows: list[int]) -> np.ndarray:
        """Returns a caption above the views from the side and from above, `height` px high and half as wide."""
        width, caption = height // 4 * 2, round(height * 0.09)
        heights = (height - caption) // 2, height - caption - (height - caption) // 2
        panel = [np.full((caption, width, 3), PAPER, np.uint8)]
        for line, (text, colour) in enumerate(self._caption(rows)):
            place = [12, round((line + 0.9) * caption / 3.2)]
            cv2.putText(panel[0], text, place, FONT, height / 1080 * 0.55, colour, 1, cv2.LINE_AA)
        for from_side, view_height in zip((True, False), heights, strict=True):
            sketch = Sketch((width, view_height), self.scene, self.tallest_mm, from_side)
            for row in rows:
                if self.poses.found[row]:
                    sketch.person(self.poses, row)
            sketch.camera(camera.centre_world)
            panel.append(sketch.picture)
        return np.concatenate(panel)

    def _caption(self, rows: list[int]) -> list[tuple[str, tuple[int, int, int]]]:
        """Returns up to three lines of text and their colours; ASCII, which is all that OpenCV's fonts have."""
        if not rows:
            return []
        poses, first = self.poses, rows[0]
        time = "" if np.isnan(poses.time_s[first]) else f", {poses.time_s[first]:.2f} s"
        found = [row for row in rows if poses.found[row]]
        errors = poses.expected_error_mm[found]
        error = np.nanmean(errors) if np.isfinite(errors).any() else np.nan
        expected = f"expected error {error:.0f} mm" if np.isfinite(error) else "nobody found" if not found else ""
        axes = "" if poses.frame == "world" else " (camera axes, no world)"
        lines = [(f"image {poses.frame_index[first]}{time}{axes}", INK), (expected, INK)]
        warnings = "; ".join(
            dict.fromkeys(poses.warnings[row] for row in found if poses.warnings and poses.warnings[row])
        )
        return [*lines, (shorten(warnings.replace("…", "..."), LONGEST, placeholder=" ..."), WARNING)]
