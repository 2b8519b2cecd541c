"""BlazePose, run with LiteRT alone: one person's 33 landmarks from one image, as 24 SMPL joints for the cache."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from modules.console import no_chatter
from modules.extractors import blazepose_decode as decode
from modules.extractors.base import Estimate
from modules.pose_utils import Camera, undistort
from modules.skeleton import JOINT_NAMES, ROOT
from modules.utils import UserError, digest, sha256_file
from pre_models.fetch import BLAZEPOSE_FOLDER, BLAZEPOSE_SHA256

DECODER_VERSION = 1  # raise it whenever the same image and weights would answer other numbers
SEVERAL_VERSION = 1  # likewise, from several crops
MIN_POSE_SCORE = 0.5
TURNS = (0.0, np.pi, np.pi / 2, -np.pi / 2)  # in which the detector is shown an image, until it sees somebody
BOX_MARGIN = 0.1  # of the longer side, on every side: landmarks end at eyes, wrists and toes, a person does not

LANDMARKS = (
    "nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye", "right_eye_outer",
    "left_ear", "right_ear", "mouth_left", "mouth_right", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_pinky", "right_pinky", "left_index", "right_index", "left_thumb",
    "right_thumb", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle", "left_heel",
    "right_heel", "left_toe", "right_toe",
)  # fmt: skip
SURE = 0.7  # of a certainty: below it lie all people who were lost, and one in seven of all (benchmarks.crops)
AGREEING = 0.05  # of a person's size: answers whose median landmark is further from the surest's are of something else
MAP_PATH = Path(__file__).with_name(
    "blazepose_smpl24.json"
)  # each joint as shares of landmarks, and where they are from


@dataclass(frozen=True)
class Landmarks:
    """One person as BlazePose sees them in one raw image."""

    score: float  # 0..1, that the crop shows a person
    box_xywh: np.ndarray  # (4,) px, not clipped to the image
    landmarks_px: np.ndarray  # (33, 2) px, pixel centres at integers
    visibility: np.ndarray  # (33,) 0..1, in the image and not hidden
    presence: np.ndarray  # (33,) 0..1, in the image
    world_landmarks_mm: np.ndarray  # (33, 3) camera-aligned (x right, y down, z away), from the mid-hip
    certainty: float  # 0..1, mean of the heatmaps' peaks: unlike the score it tells who is lost
    square: decode.Square  # that was looked at
    next_square: decode.Square  # in which MediaPipe would look for this person in a video's next frame


def _landmarks_to_smpl24() -> np.ndarray:
    matrix = np.zeros((len(JOINT_NAMES), len(LANDMARKS)))
    for joint, shares in json.loads(MAP_PATH.read_text(encoding="utf-8"))["shares"].items():
        for landmark, share in shares.items():
            matrix[JOINT_NAMES.index(joint), LANDMARKS.index(landmark)] = share
    return (matrix / matrix.sum(1, keepdims=True)).astype(np.float32)


LANDMARKS_TO_SMPL24 = _landmarks_to_smpl24()
"""(24, 33): joints = LANDMARKS_TO_SMPL24 @ landmarks, in pixels and in millimetres alike; every row sums to 1."""


MIRRORED_LANDMARKS = [
    LANDMARKS.index(name.replace("left", "*").replace("right", "left").replace("*", "right")) for name in LANDMARKS
]


def person_box(landmarks_px: np.ndarray, presence: np.ndarray) -> np.ndarray:
    """(4,) left, top, width, height around the landmarks (33, 2) px that lie in the image, with a margin.

    Limbs that something hides count, those beyond the image's edge (presence below one half) do not; where fewer than
    two landmarks lie inside, all count.
    """
    inside = landmarks_px[presence >= 0.5] if (presence >= 0.5).sum() > 1 else landmarks_px
    low, high = inside.min(0), inside.max(0)
    margin = BOX_MARGIN * (high - low).max()
    return np.concatenate([low - margin, high - low + 2 * margin])


def weight_paths(weights: str, folder: Path) -> tuple[Path, Path]:
    """Where the detector and the landmark model lie. UserError where there are no such weights."""
    if weights not in ("full", "heavy"):
        raise UserError(f"EXTRACT.weights: blazepose has the weights heavy and full, not {weights!r}")
    return folder / "pose_detection.tflite", folder / f"pose_landmark_{weights}.tflite"


def check_weights(weights: str, folder: Path) -> tuple[Path, Path]:
    """The detector's and the landmark model's files. UserError where one is missing or not the pinned one."""
    mend = "run `python -m pre_models.fetch blazepose" + (" --weights full`" if weights == "full" else "`")
    paths = weight_paths(weights, folder)
    for path in paths:
        if not path.is_file():
            raise UserError(f"{path}: these weights are missing; {mend}")
        if sha256_file(path) != BLAZEPOSE_SHA256[path.name]:
            raise UserError(f"{path}: these are not the pinned weights (their SHA-256 differs); {mend} to replace them")
    return paths


class Network:
    """A tflite model with one image input; answers outputs by their number of values.

    `keeps` names a tensor within it that is kept, too, which takes half as long again.
    """

    def __init__(self, path: Path, threads: int, keeps: str | None = None) -> None:
        from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415  (training asks for fingerprints only)

        with no_chatter(), warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", UserWarning
            )  # that keeping all tensors takes memory: 0.3 GB of the heavy network
            self._interpreter = Interpreter(
                model_path=str(path), num_threads=threads, experimental_preserve_all_tensors=keeps is not None
            )
            self._interpreter.allocate_tensors()
        named = [] if keeps is None else self._interpreter.get_tensor_details()
        self._kept = next((tensor["index"] for tensor in named if tensor["name"] == keeps), None)
        self._input = self._interpreter.get_input_details()[0]["index"]
        details = self._interpreter.get_output_details()
        self._outputs = {int(np.prod(detail["shape"])): detail["index"] for detail in details}

    def run(self, image: np.ndarray) -> None:
        self._interpreter.set_tensor(self._input, image[None])
        self._interpreter.invoke()

    def output(self, *shape: int) -> np.ndarray:
        return self._interpreter.get_tensor(self._outputs[int(np.prod(shape))]).reshape(shape)

    def kept(self) -> np.ndarray:
        """What the tensor that is kept holds of the last image, without the axis of the batch."""
        return self._interpreter.get_tensor(self._kept)[0]


def _cut(image_rgb: np.ndarray, square: decode.Square, size: int, border: int) -> np.ndarray:
    """The square of the image, turned upright, as (size, size, 3) uint8 (MediaPipe's ImageToTensor on OpenCV)."""
    (x, y), side, degrees = square.centre.tolist(), square.side, float(np.degrees(square.angle))
    target = np.array([[0, size], [0, 0], [size, 0], [size, size]], dtype=np.float32)
    warp = cv2.getPerspectiveTransform(cv2.boxPoints(((x, y), (side, side), degrees)), target)
    return cv2.warpPerspective(image_rgb, warp, (size, size), flags=cv2.INTER_LINEAR, borderMode=border)


class BlazePose:
    """Detector and landmark model behind one method; the detector runs on every image.

    It learned from people who are upright, and overlooks many who lie or stand on their hands. So where it sees nobody, or
    the landmark model does not believe it, the image is shown to it turned as well (MediaPipe does not do that).
    """

    def __init__(self, weights: str = "full", models_dir: Path = BLAZEPOSE_FOLDER, threads: int | None = None) -> None:
        paths = check_weights(weights, models_dir)
        self._detector, self._landmarker = (Network(path, threads or os.cpu_count() or 1) for path in paths)
        self._anchors = decode.make_anchors()

    def detect(self, image_rgb: np.ndarray) -> Landmarks | None:
        """The most certain person of a raw RGB image (H, W, 3) uint8, or None."""
        return next(self._seen(image_rgb), None)

    def detect_in_several(self, image_rgb: np.ndarray) -> Landmarks | None:
        """The same from several crops (MediaPipe takes one), or None where `detect` finds nobody.

        The turned images are looked at as long as the network is not sure, for the detector leads it astray where it half
        sees somebody who is bent double or upside down. Then the surest view is looked at once more mirrored, and once more
        in the square that its landmarks span, and what agrees with it is averaged.
        """
        seen = []
        for found in self._seen(image_rgb):
            seen.append(found)
            if found.certainty > SURE:
                break
        if not seen:
            return None
        surest = max(seen, key=lambda found: found.certainty)
        more = self.look(image_rgb, surest.square, mirrored=True), self.look(image_rgb, surest.next_square)
        return agreed([*seen, *(found for found in more if found is not None)])

    def _seen(self, image_rgb: np.ndarray) -> Iterator[Landmarks]:
        """The people that are believed in the image as it is and turned, turn by turn."""
        for turn in TURNS:
            square = self.find(image_rgb, turn)
            found = None if square is None else self.look(image_rgb, square)
            if found is not None:
                yield found

    def find(self, image_rgb: np.ndarray, turn: float = 0.0) -> decode.Square | None:
        """Where the detector sees the most certain person, or None; it is shown the image turned by `turn` radians."""
        whole = decode.letterbox(image_rgb.shape[1], image_rgb.shape[0], turn)
        crop = _cut(image_rgb, whole, decode.DETECTOR_SIZE, cv2.BORDER_CONSTANT)
        self._detector.run(crop * np.float32(2 / 255) - np.float32(1))
        logits = self._detector.output(len(self._anchors))
        keypoints = decode.decode_detection(self._detector.output(len(self._anchors), 12), logits, self._anchors)
        return None if keypoints is None else decode.person_square(whole.to_image(keypoints))

    def look(self, image_rgb: np.ndarray, square: decode.Square, mirrored: bool = False) -> Landmarks | None:
        """The landmarks of the person in a square of the image, or None where its score is too low.

        `mirrored`: the network is shown the square's mirror image; the answer is turned back.
        """
        crop = _cut(image_rgb, square, decode.LANDMARK_SIZE, cv2.BORDER_REPLICATE)
        self._landmarker.run((crop[:, ::-1] if mirrored else crop) * np.float32(1 / 255))
        score = float(self._landmarker.output(1)[0])
        if score <= MIN_POSE_SCORE:
            return None
        points = self._landmarker.output(39, 5)
        heatmap = self._landmarker.output(64, 64, 39)[..., : decode.NUM_LANDMARKS]
        world = self._landmarker.output(39, 3)[: decode.NUM_LANDMARKS]
        shares = points[:, :2].astype(np.float64) / decode.LANDMARK_SIZE
        shares[: decode.NUM_LANDMARKS] = decode.refine_from_heatmap(shares[: decode.NUM_LANDMARKS], heatmap)
        shares -= decode.HALF_PIXEL
        certainty = float(decode.sigmoid(heatmap.max((0, 1))).mean())
        visibility, presence = decode.sigmoid(points[: decode.NUM_LANDMARKS, 3:].T)
        if mirrored:
            shares[:, 0] = 1 - 1 / decode.LANDMARK_SIZE - shares[:, 0]  # index i of a row becomes the last one less i
            world = world * [-1, 1, 1]
            world, visibility, presence = (values[MIRRORED_LANDMARKS] for values in (world, visibility, presence))
        landmarks_px = square.to_image(shares)
        next_square = decode.person_square(landmarks_px[decode.NUM_LANDMARKS :])
        landmarks_px = landmarks_px[: decode.NUM_LANDMARKS]
        if mirrored:
            landmarks_px = landmarks_px[MIRRORED_LANDMARKS]
        box, world_mm = person_box(landmarks_px, presence), 1000 * decode.rotate_world(world, square)
        return Landmarks(score, box, landmarks_px, visibility, presence, world_mm, certainty, square, next_square)


def agreed(seen: Sequence[Landmarks]) -> Landmarks:
    """The surest of several answers to one image, averaged with those that agree with it, surer ones counting for more."""
    surest = max(seen, key=lambda found: found.certainty)
    size = float(np.linalg.norm(np.ptp(surest.landmarks_px, axis=0)))
    alike = [found for found in seen if _apart(found, surest) <= AGREEING * size]
    weights = np.array([found.certainty**4 for found in alike])
    weights /= weights.sum()

    def mean(values: Sequence[np.ndarray]) -> np.ndarray:
        return np.tensordot(weights, values, 1)

    landmarks_px, presence = mean([found.landmarks_px for found in alike]), mean([found.presence for found in alike])
    return replace(
        surest,
        box_xywh=person_box(landmarks_px, presence),
        landmarks_px=landmarks_px,
        visibility=mean([found.visibility for found in alike]),
        presence=presence,
        world_landmarks_mm=mean([found.world_landmarks_mm for found in alike]),
    )


def _apart(found: Landmarks, other: Landmarks) -> float:
    return float(np.median(np.linalg.norm(found.landmarks_px - other.landmarks_px, axis=1)))


class BlazePoseExtractor:
    """BlazePose as `modules.extractors.base.Extractor`: landmarks undistorted once, then mixed into SMPL joints."""

    name, needs_world_up = "blazepose", False

    def __init__(
        self, weights: str = "full", models_dir: Path = BLAZEPOSE_FOLDER, threads: int | None = None, crops: str = "one"
    ) -> None:
        self._model = BlazePose(weights, models_dir, threads)
        self._detect = self._model.detect if crops == "one" else self._model.detect_in_several
        self.fingerprint = self._fingerprint(check_weights(weights, models_dir), crops)

    @classmethod
    def fingerprint_of(cls, weights: str, models_dir: Path = BLAZEPOSE_FOLDER, crops: str = "one") -> str | None:
        """The fingerprint of an extractor with these weights; None where a file of them is absent."""
        paths = weight_paths(weights, models_dir)
        return cls._fingerprint(paths, crops) if all(path.is_file() for path in paths) else None

    @classmethod
    def _fingerprint(cls, paths: Sequence[Path], crops: str) -> str:
        made_by = {
            "extractor": cls.name,
            "weights": {path.name: sha256_file(path) for path in paths},
            "decoder": [DECODER_VERSION, MIN_POSE_SCORE, BOX_MARGIN, TURNS, cv2.__version__],
            "matrix": LANDMARKS_TO_SMPL24.tolist(),
        }
        several = {} if crops == "one" else {"several": [SEVERAL_VERSION, SURE, AGREEING]}
        return digest({**made_by, **several})

    def estimate(self, images_rgb: Sequence[np.ndarray], cameras: Sequence[Camera]) -> list[Estimate | None]:
        """One answer per raw RGB image (H, W, 3) uint8, in order; None where no person was found."""
        return [self._estimate(image, camera) for image, camera in zip(images_rgb, cameras, strict=True)]

    def _estimate(self, image_rgb: np.ndarray, camera: Camera) -> Estimate | None:
        found = self._detect(image_rgb)
        return None if found is None else as_estimate(found, camera)


def as_estimate(found: Landmarks, camera: Camera) -> Estimate:
    """What the cache is told of a person seen by this camera."""
    landmarks_px = undistort(found.landmarks_px, camera.K, camera.distortion)
    joints_mm = LANDMARKS_TO_SMPL24 @ found.world_landmarks_mm
    return Estimate(
        score=found.score,
        box_xywh=person_box(landmarks_px, found.presence),
        joints_px=LANDMARKS_TO_SMPL24 @ landmarks_px,
        confidence=LANDMARKS_TO_SMPL24 @ (found.visibility * found.presence),
        joints_rel_mm=joints_mm - joints_mm[ROOT],
    )
