"""BlazePose on one image: the person detector followed by the landmark network, on one crop or with multi-crop TTA."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path

import cv2
import numpy as np

from modules.config.engines import Engine
from modules.config.sections import TestTimeAugmentation
from modules.extractors.blazepose import decoding
from modules.extractors.blazepose.decoding import DETECTOR_SIZE, LANDMARK_SIZE, NUM_LANDMARKS, Square
from modules.extractors.blazepose.landmarks import LANDMARK_MIRROR, Landmarks, person_box
from modules.extractors.blazepose.merging import merge_landmarks
from modules.extractors.blazepose.network import Network, load_network
from modules.extractors.blazepose.weights import BLAZEPOSE_FOLDER, check_weights

MIN_POSE_SCORE = 0.5
ROTATIONS = (0.0, np.pi, np.pi / 2, -np.pi / 2)  # of the detector's input, tried until a person is found
MIN_CERTAINTY = 0.7  # below it are all gross failures, and one in seven of all images (benchmarks.crops)
MIN_CERTAINTY_BF16 = 0.8  # above it, bfloat16 costs less than a millimetre (benchmarks.engines)

PERSON_TO_SQUARE = 1.25  # side of the landmark network's square over the person's extent


class BlazePose:
    """The detector and the landmark network; the detector runs on every image.

    The detector was trained on upright people and misses many who lie or stand on their hands. If it finds nobody, or the
    landmark network rejects its detection, it runs on the rotated image too (MediaPipe does not do that). It always runs on
    LiteRT: the least difference in its square moves the crop's pixels, and thereby the landmarks by up to 2 px.

    In bfloat16, people whose first crop is not certain are estimated again in float32, whose network is loaded then.
    """

    def __init__(
        self,
        weights: str = "full",
        models_dir: Path = BLAZEPOSE_FOLDER,
        threads: int | None = None,
        engine: Engine | None = None,
    ) -> None:
        detector, landmarker = check_weights(weights, models_dir)
        threads = threads or os.cpu_count() or 1
        self._detector = load_network(detector, threads, "litert")
        in_bf16 = engine == "openvino-bf16"
        self._fast = load_network(landmarker, threads, engine) if in_bf16 else None
        self._load_exact = partial(load_network, landmarker, threads, None if in_bf16 else engine)
        if not in_bf16:
            _ = self._exact
        self._anchors = decoding.make_anchors()
        self._last: tuple[np.ndarray, list[Square]] | None = None

    @cached_property
    def _exact(self) -> Network:
        """The landmark network in float32."""
        return self._load_exact()

    def detect(self, image_rgb: np.ndarray, tta: TestTimeAugmentation = False) -> Landmarks | None:
        """Returns the most confident person of a raw RGB image (H, W, 3) uint8, or None; averaged over crops if `tta`.

        With test-time augmentation, rotated images are tried until a crop is certain, because the detector misplaces people
        who bend double or are upside down. See `averaged` for the rest.
        """
        if self._fast is not None:
            square = self.detect_square(image_rgb)
            found = None if square is None else self._certain(image_rgb, square, tta)
            if found is not None:
                return found
        if not tta:
            return next(self._accepted(image_rgb), None)
        crops = []
        for found in self._accepted(image_rgb):
            crops.append(found)
            if found.certainty > MIN_CERTAINTY:
                break
        return self.averaged(image_rgb, crops, tta) if crops else None

    def _certain(self, image_rgb: np.ndarray, square: Square, tta: TestTimeAugmentation) -> Landmarks | None:
        """Returns the person in a square of the image, estimated in bfloat16; None if the first crop is not certain."""
        found = self.estimate_landmarks(image_rgb, square, exact=False)
        if found is None or found.certainty <= MIN_CERTAINTY_BF16:
            return None
        return self.averaged(image_rgb, [found], tta, exact=False)

    def averaged(
        self, image_rgb: np.ndarray, crops: Sequence[Landmarks], tta: TestTimeAugmentation, exact: bool = True
    ) -> Landmarks:
        """Returns the average of the crops that agree, and of further ones; the first crop without test-time augmentation.

        The most certain crop is estimated again mirrored, and again in the square around its own landmarks. If adaptive, a
        first crop above MIN_CERTAINTY is averaged with one crop alone: the mirror image of the square around its landmarks.
        Further crops are estimated in float32 if `exact`.
        """
        first = crops[0]
        if not tta:
            return first
        if tta == "adaptive" and first.certainty > MIN_CERTAINTY:
            second = self.estimate_landmarks(image_rgb, first.next_square, mirrored=True, exact=exact)
            if second is not None:
                return merge_landmarks([first, second])
        best = max(crops, key=lambda found: found.certainty)
        mirrored = self.estimate_landmarks(image_rgb, best.square, mirrored=True, exact=exact)
        recentred = self.estimate_landmarks(image_rgb, best.next_square, exact=exact)
        return merge_landmarks([*crops, *(found for found in (mirrored, recentred) if found is not None)])

    def _accepted(self, image_rgb: np.ndarray) -> Iterator[Landmarks]:
        """Yields the landmarks for each rotation in which the detector and the landmark network both find a person."""
        for rotation in ROTATIONS:
            square = self.detect_square(image_rgb, rotation)
            found = None if square is None else self.estimate_landmarks(image_rgb, square)
            if found is not None:
                yield found

    def detect_in(self, image_rgb: np.ndarray, square: Square, tta: TestTimeAugmentation) -> Landmarks | None:
        """Returns the person in a square of the image, or None if the landmark network finds nobody there."""
        certain = None if self._fast is None else self._certain(image_rgb, square, tta)
        if certain is not None:
            return certain
        found = self.estimate_landmarks(image_rgb, square)
        return None if found is None else self.averaged(image_rgb, [found], tta)

    def detect_square(self, image_rgb: np.ndarray, rotation: float = 0.0) -> Square | None:
        """Returns the square around the most confident person, or None; the input is rotated by `rotation` radians."""
        return next(iter(self.detect_squares(image_rgb, rotation)), None)

    def detect_squares(self, image_rgb: np.ndarray, rotation: float = 0.0) -> list[Square]:
        """Returns the square around every person, by descending score; the input is rotated by `rotation` radians.

        Those of the last unrotated image are remembered, so that counting people costs nothing where there is one.
        """
        if rotation == 0 and self._last is not None and self._last[0] is image_rgb:
            return self._last[1]
        whole = decoding.letterbox(image_rgb.shape[1], image_rgb.shape[0], rotation)
        crop = _crop(image_rgb, whole, DETECTOR_SIZE, cv2.BORDER_CONSTANT)
        self._detector.run(crop * np.float32(2 / 255) - np.float32(1))
        logits = self._detector.output(len(self._anchors))
        people = decoding.decode_detections(self._detector.output(len(self._anchors), 12), logits, self._anchors)
        squares = [decoding.person_square(whole.to_image(keypoints)) for keypoints in people]
        if rotation == 0:
            self._last = image_rgb, squares
        return squares

    def estimate_landmarks(
        self, image_rgb: np.ndarray, square: Square, mirrored: bool = False, exact: bool = True
    ) -> Landmarks | None:
        """Returns the landmarks of the person in a square of the image, or None if the person's score is too low.

        `mirrored`: the network runs on the square's mirror image, and its result is mirrored back. `exact`: in float32.
        """
        landmarker = self._exact if exact or self._fast is None else self._fast
        crop = _crop(image_rgb, square, LANDMARK_SIZE, cv2.BORDER_REPLICATE)
        landmarker.run((crop[:, ::-1] if mirrored else crop) * np.float32(1 / 255))
        score = float(landmarker.output(1)[0])
        if score <= MIN_POSE_SCORE:
            return None
        points = landmarker.output(39, 5)
        heatmap = landmarker.output(64, 64, 39)[..., :NUM_LANDMARKS]
        world = landmarker.output(39, 3)[:NUM_LANDMARKS]
        shares = points[:, :2].astype(np.float64) / LANDMARK_SIZE
        shares[:NUM_LANDMARKS] = decoding.refine_from_heatmap(shares[:NUM_LANDMARKS], heatmap)
        shares -= decoding.HALF_PIXEL
        certainty = float(decoding.sigmoid(heatmap.max((0, 1))).mean())
        visibility, presence = decoding.sigmoid(points[:NUM_LANDMARKS, 3:].T)
        mirror = list(LANDMARK_MIRROR)
        if mirrored:
            shares[:, 0] = 1 - 1 / LANDMARK_SIZE - shares[:, 0]  # pixel i of a row becomes pixel LANDMARK_SIZE - 1 - i
            world = world * [-1, 1, 1]
            world, visibility, presence = (values[mirror] for values in (world, visibility, presence))
        landmarks_px = square.to_image(shares)
        next_square = decoding.person_square(landmarks_px[NUM_LANDMARKS:])
        landmarks_px = landmarks_px[:NUM_LANDMARKS]
        if mirrored:
            landmarks_px = landmarks_px[mirror]
        box, world_mm = person_box(landmarks_px, presence), 1000 * decoding.rotate_world(world, square)
        return Landmarks(score, box, landmarks_px, visibility, presence, world_mm, certainty, square, next_square)


def person_extent(square: Square) -> np.ndarray:
    """Returns the box (4,) px of the person for whom the detector chose a square, from the square's size alone."""
    side = square.side / PERSON_TO_SQUARE
    return np.append(square.centre - side / 2, [side, side])


def _crop(image_rgb: np.ndarray, square: Square, size: int, border: int) -> np.ndarray:
    """Returns the square of the image, rotated upright, as (size, size, 3) uint8 (MediaPipe's ImageToTensor on OpenCV)."""
    (x, y), side, degrees = square.centre.tolist(), square.side, float(np.degrees(square.angle))
    target = np.array([[0, size], [0, 0], [size, 0], [size, size]], dtype=np.float32)
    warp = cv2.getPerspectiveTransform(cv2.boxPoints(((x, y), (side, side), degrees)), target)
    return cv2.warpPerspective(image_rgb, warp, (size, size), flags=cv2.INTER_LINEAR, borderMode=border)
