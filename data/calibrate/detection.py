"""Finds the board's corners in frames, and measures how blurred they are and how fast they move."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from data.calibrate.board import Board
from data.calibrate.footage import Footage
from modules.console import progress

LEAST_CORNERS = 6  # that a frame is used for
LEAST_MARKERS = 3  # that lie as on the board
LAYOUT_SHARE = 0.3  # of a marker's side: how far its corners may be from where the others say
NEAR_SQUARES = 1.8  # from a corner: the markers that say where it is
REFINED_SHARE = 0.12  # of a square's side: half the window in which a corner is refined; a marker begins at 1/8
SAMPLED_SHARE = 0.07  # where the colours of the four squares are read
LEAST_CONTRAST = 15.0  # of 255, between black and white squares
ENLARGED_PX = 2000  # longest side of images that are looked at again at twice the size
READOUT_S = 0.02  # in which a rolling shutter reads a frame; phones: 10-30 ms
DIRECTIONS_DEG = (0, 45, 90, 135)
PERCENTILE = 99.0  # of the gradient: that of the sharpest edges


@dataclass(frozen=True)
class Sighting:
    """The board in one frame."""

    frame: int  # number in its footage
    name: str
    ids: np.ndarray  # (N,) of the corners
    corners_px: np.ndarray  # (N, 2) px of the raw image
    blur_px: float  # width of the board's edges, across the direction in which they are widest
    motion_px: float  # while a rolling shutter reads the frame; 0 if unknown

    @property
    def smear_px(self) -> float:
        """By how much the corners may be off: blur and motion together."""
        return self.blur_px + self.motion_px


@dataclass
class Survey:
    """What was seen in the frames that were looked at."""

    sightings: list[Sighting] = field(default_factory=list)
    looked_at: int = 0
    doubled: list[str] = field(default_factory=list)  # names of frames with two boards
    misfits: list[str] = field(default_factory=list)  # names of frames with the markers of another board
    blur_px: list[float] = field(default_factory=list)  # of whole frames in which no board was found


class BoardDetector:
    """Finds one board's corners in images."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._places = board.markers_world
        self._corners = board.corners_world[:, :2]
        parameters = cv2.aruco.DetectorParameters()
        parameters.errorCorrectionRate = 1.0  # small markers have wrong bits; wrong markers are found by their places
        self._detector = cv2.aruco.ArucoDetector(board.charuco().getDictionary(), parameters)

    def find(self, grey: np.ndarray) -> tuple[np.ndarray, np.ndarray] | str:
        """Returns ids (N,) and px (N, 2) of the corners in a grey image, or why there are none: nothing, doubled, misfit.

        OpenCV's markers say where the corners must be; there they are refined. OpenCV's own CharucoDetector finds fewer
        where markers are small, and adds half a pixel up to 4.12 (opencv/opencv#25539).
        """
        ids, outlines = self._markers(grey, 1)
        if len(ids) < LEAST_MARKERS and max(grey.shape) <= ENLARGED_PX:
            ids, outlines = self._markers(grey, 2)
        if len(ids) - len(set(ids.tolist())) >= max(2, 0.2 * len(ids)):
            return "doubled"
        known = np.array([marker in self._places for marker in ids.tolist()], dtype=bool)
        if known.sum() < LEAST_MARKERS:
            return "misfit" if len(ids) >= 2 * LEAST_MARKERS else "nothing"
        places = np.array([self._places[marker] for marker in ids[known].tolist()])
        fits = self._layout(places, outlines[known])
        if fits.sum() < LEAST_MARKERS or fits.sum() < 0.5 * len(ids):
            return "misfit" if len(ids) >= 2 * LEAST_MARKERS else "nothing"
        return self._refine(grey, places[fits], outlines[known][fits])

    def _markers(self, grey: np.ndarray, times: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns ids (M,) and outlines (M, 4, 2) px of all markers, looked for in the image enlarged so many times."""
        image = grey if times == 1 else cv2.resize(grey, None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC)
        outlines, ids, _ = self._detector.detectMarkers(image)
        if ids is None:
            return np.zeros(0, dtype=int), np.zeros((0, 4, 2))
        pixels = np.array([outline.reshape(4, 2) for outline in outlines], dtype=np.float64)
        return ids.ravel(), (pixels + 0.5) / times - 0.5

    def _layout(self, places: np.ndarray, outlines: np.ndarray) -> np.ndarray:
        """Returns which markers (M,) lie as on this board: near the homography that most of them share."""
        side = float(np.median(np.linalg.norm(np.diff(outlines, axis=1), axis=2)))
        _, fits = cv2.findHomography(places.reshape(-1, 2), outlines.reshape(-1, 2), cv2.RANSAC, LAYOUT_SHARE * side)
        if fits is None:
            return np.zeros(len(places), dtype=bool)
        return fits.reshape(-1, 4).mean(1) > 0.7

    def _refine(
        self, grey: np.ndarray, places: np.ndarray, outlines: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray] | str:
        """Returns ids and px of all corners that are seen where the markers say, each refined in a window without markers."""
        middles, reach = places.mean(1), NEAR_SQUARES * self._board.square_mm
        everywhere = cv2.findHomography(places.reshape(-1, 2), outlines.reshape(-1, 2), 0)[0]
        found = {}
        for corner, place in enumerate(self._corners):
            near = np.linalg.norm(middles - place, axis=1) < reach
            H = everywhere
            if near.sum() >= 2:  # a lens bends the board, so that what is near says more
                H = cv2.findHomography(places[near].reshape(-1, 2), outlines[near].reshape(-1, 2), 0)[0]
            pixel = None if H is None else self._corner_at(grey, place, H)
            if pixel is not None:
                found[corner] = pixel
        ids = np.array(sorted(found), dtype=int)
        grid = self._corners[ids] / self._board.square_mm
        if len(ids) < LEAST_CORNERS or np.linalg.matrix_rank(grid - grid.mean(0), 0.5) < 2:
            return "nothing"  # too few, or all on one line
        return ids, np.array([found[corner] for corner in ids.tolist()])

    def _corner_at(self, grey: np.ndarray, place: np.ndarray, H: np.ndarray) -> np.ndarray | None:
        """Returns a corner's refined px (2,), or None if there is no corner of two black and two white squares."""
        square = self._board.square_mm
        star = np.array([[0, 0], [-0.5, 0], [0.5, 0], [0, -0.5], [0, 0.5]])
        start, left, right, below, above = cv2.perspectiveTransform((place + square * star)[:, None], H)[:, 0]
        across, up = right - left, above - below
        side = min(np.linalg.norm(way) for way in (across, up, (across + up) / 2**0.5, (across - up) / 2**0.5))
        half = int(np.clip(round(REFINED_SHARE * side), 2, 12))
        size = np.array(grey.shape[::-1])
        if (start < half + 2).any() or (start > size - half - 3).any():
            return None
        given = start.astype(np.float32).reshape(1, 1, 2)
        refined = cv2.cornerSubPix(grey, given, (half, half), (-1, -1), (3, 50, 1e-4)).ravel().astype(np.float64)
        if np.linalg.norm(refined - start) > half:
            return None
        step = max(SAMPLED_SHARE, 1.5 / side)
        diagonals = np.array([[1, 1], [-1, -1], [1, -1], [-1, 1]]) * step * square
        around = cv2.perspectiveTransform((place + diagonals)[:, None], H)[:, 0] - start + refined
        x, y = around.astype(np.float32).T
        values = cv2.remap(grey, x, y, cv2.INTER_LINEAR).ravel().astype(float)
        one, other = values[:2], values[2:]
        contrast = abs(one.mean() - other.mean())
        even = max(abs(np.diff(one)[0]), abs(np.diff(other)[0]))
        return refined if contrast > LEAST_CONTRAST and even < 0.6 * contrast else None


def survey(footage: Footage, board: Board, most: int) -> Survey:
    """Looks for the board in at most so many evenly spaced frames, in those of a video also for its motion."""
    detector, found = BoardDetector(board), Survey()
    wanted = footage.spread(most)
    for index, image, following in progress_frames(footage, wanted):
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        found.looked_at += 1
        seen = detector.find(grey)
        name = footage.name(index)
        if isinstance(seen, str):
            if seen == "nothing":
                found.blur_px.append(blur_px(grey))
            else:
                (found.doubled if seen == "doubled" else found.misfits).append(name)
            continue
        ids, corners = seen
        motion = 0.0
        if following is not None:
            speed = _moved_px(grey, cv2.cvtColor(following, cv2.COLOR_RGB2GRAY), corners) / footage.seconds_per_frame
            motion = READOUT_S * speed
        found.sightings.append(Sighting(index, name, ids, corners, blur_px(grey, corners), motion))
    return found


def progress_frames(footage: Footage, wanted: list[int]) -> Iterator[tuple[int, np.ndarray, np.ndarray | None]]:
    """Yields number, image and, for videos, the following image (None if there is none) of the wanted frames."""
    if footage.video is None or len(footage) < 2:
        yield from (
            (index, image, None)
            for index, image in zip(progress(wanted, "look", "frame"), footage.frames(wanted), strict=True)
        )
        return
    needed = sorted({*wanted, *(index + 1 for index in wanted if index + 1 < len(footage))})
    frames = zip(needed, footage.frames(needed), strict=True)
    kept: dict[int, np.ndarray] = {}
    for index in progress(wanted, "look", "frame"):
        last = min(index + 1, len(footage) - 1)
        while last not in kept:
            number, image = next(frames)
            kept = {old: before for old, before in kept.items() if old >= index} | {number: image}
        yield index, kept[index], kept[last] if last > index else None


def blur_px(grey: np.ndarray, corners_px: np.ndarray | None = None) -> float:
    """Returns the width of the sharpest edges, in px, in the direction in which they are least sharp.

    It is contrast over slope: about 3 for a sharp image. Only the region of the corners is looked at, if they are given.
    """
    if corners_px is not None:
        low = np.maximum(np.floor(corners_px.min(0)).astype(int) - 4, 0)
        high = np.ceil(corners_px.max(0)).astype(int) + 5
        grey = grey[low[1] : high[1], low[0] : high[0]]
    values = grey.astype(np.float32)
    contrast = float(np.subtract(*np.percentile(values, [98, 2])))
    gx, gy = cv2.Sobel(values, cv2.CV_32F, 1, 0) / 8, cv2.Sobel(values, cv2.CV_32F, 0, 1) / 8
    slopes = [
        float(np.percentile(np.abs(gx * np.cos(angle) + gy * np.sin(angle)), PERCENTILE))
        for angle in np.radians(DIRECTIONS_DEG)
    ]
    return contrast / max(min(slopes), 1e-3)


def _moved_px(grey: np.ndarray, following: np.ndarray, corners_px: np.ndarray) -> float:
    """Returns the median distance in px by which the corners move to the following frame; NaN becomes 0."""
    start: Any = corners_px.astype(np.float32)[:, None]
    nothing: Any = None
    end, status, _ = cv2.calcOpticalFlowPyrLK(grey, following, start, nothing, winSize=(21, 21), maxLevel=4)
    moved = np.linalg.norm((end - start)[:, 0][status.ravel() == 1], axis=1)
    return float(np.median(moved)) if len(moved) else 0.0
