"""Labels by the released weights: their 2D of the 24 joints in every view, triangulated.

BlazePose's landmarks are not SMPL's joints, and differ from them by an amount that turns with the body. The released weights
have learned this difference from rendered people. Only the directions of their joints are used, not their distances, so that
a label remains a triangulation. Of a camera, the intrinsics alone decide them, and they are estimated wherever a person is
seen, not only where a label is kept: extrinsics may change without a new estimate.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from data.rig.clock import normalised
from data.rig.labelling import MAP_MM
from data.rig.recording_labels import LabelledPerson, LabelledRecording, calibrated_moments, label_people
from data.rig.swap_correction import Sides, correct_by_points
from data.rig.views import View as Recorded
from data.rig.writing import LANDMARKS_FOLDER, person_box
from model.skeleton import JOINT_NAMES, MIRROR
from modules.console import progress_bar
from modules.evaluation.prediction import calibration_of
from modules.evaluation.testing import load_run
from modules.extractors.base import Hint
from modules.pose_utils import Camera, cam2pixel
from modules.predict.job import config_of
from modules.predict.parts import PREDICTIONS, People, Predictor, Setting, joined
from modules.predict.view import View, in_own_axes
from modules.rig.refinement import refine_extrinsics
from modules.rig.triangulation import triangulate
from modules.rig.uncertainty import point_sd_mm
from modules.runs.checkpoints import RELEASED

FOLDER = "joints"
BATCH = 200  # people in one file: what a killed run loses at most
ERROR_MM = 60.0  # a joint of which the network expects this error has half of the weight
LIMBS = ("knee", "ankle", "foot", "elbow", "wrist", "hand")
LIMB_SHARE = 0.5  # of the network's joint, where the landmarks' is as good and part of their errors is independent
SHARE = np.array([LIMB_SHARE if name.endswith(LIMBS) else 1.0 for name in JOINT_NAMES])
JOINT_SIDES = Sides(JOINT_NAMES, MIRROR)


@dataclass(frozen=True)
class Shown:
    """People in one camera's frames, each of them an image for modules.predict."""

    recorded: Recorded
    frame_index: np.ndarray  # (N,) ascending
    boxes: np.ndarray  # (N, 4) left, top, width, height px in the raw image

    @cached_property
    def names(self) -> list[str]:
        """The number of the frame, and of the person among all."""
        return [f"{frame}-{number}" for number, frame in enumerate(self.frame_index.tolist())]

    @cached_property
    def _video(self) -> str | None:
        return None if self.recorded.video is None else self.recorded.content([])

    def marks(self, start: int, stop: int) -> list[Any]:
        """Returns what changes when the frames of this range change, or whom the boxes mean."""
        frames = np.unique(self.frame_index[start:stop]).tolist()
        return [self._video or self.recorded.content(frames), self.boxes[start:stop].round(1).tolist()]

    def images(self, start: int, stop: int) -> Iterator[np.ndarray]:
        """Yields the image of each person of a range: RGB (H, W, 3) uint8."""
        frames, people = np.unique(self.frame_index[start:stop], return_counts=True)
        for image, count in zip(self.recorded.read_as_written(frames.tolist()), people.tolist(), strict=True):
            yield from [image] * count

    def hint(self, index: int) -> Hint:
        """Returns the box of the person who is meant."""
        return np.asarray(self.boxes[index])


class Seen(NamedTuple):
    """A person's joints in C views at M moments: px as those of a Track (C, M, 24, 2), and weights (C, M, 24) 0..1."""

    px: np.ndarray
    weights: np.ndarray


def with_network_joints(done: LabelledRecording, out: Path, refine: bool = True) -> LabelledRecording:
    """Returns the recording with labels by the released weights.

    `refine`: extrinsics are refined on these joints instead of the landmarks. What the weights answer is kept below `out`, so
    that a run that is stopped resumes. The test camera is not looked at.
    """
    cameras = done.labelling_cameras
    views = [_seen(done, camera, out) for camera in cameras]
    seen = [
        _unswapped(Seen(*map(np.stack, zip(*own, strict=True))), done, person.labels.joints_world)
        for person, own in zip(done.people, zip(*views, strict=True), strict=True)
    ]
    if refine:
        done = label_people(done, True, _refined(done, seen[0], done.people[0].kept))
    used = [normalised(done.cameras[camera])[0] for camera in cameras]
    people = [_labelled(person, joints, used) for person, joints in zip(done.people, seen, strict=True)]
    return replace(done, people=people)


def _refined(done: LabelledRecording, seen: Seen, kept: np.ndarray) -> list[Camera] | None:
    """Returns the labelling cameras with extrinsics refined on one person's joints at the moments for it; None without any."""
    calibration = np.zeros(len(kept), bool)
    calibration[calibrated_moments(done).calibration] = True
    which = calibration & kept
    if not which.any():
        return None
    given = [normalised(done.recording.cameras[camera])[0] for camera in done.labelling_cameras]
    return refine_extrinsics(seen.px[:, which], seen.weights[:, which], given)


def _seen(done: LabelledRecording, camera: int, out: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns each person's px (M, 24, 2), as those of a Track, and weights (M, 24) in one camera at the written moments."""
    frames, numbers, boxes = [], [], []
    of_written = done.moments.frames_of(camera, done.written).tolist()
    for number, person in enumerate(done.people):
        places = person.track.places[camera]
        for frame in of_written:
            if places[frame] >= 0:
                frames.append(frame)
                numbers.append(number)
                boxes.append(person_box(done, person, camera, frame))
    order = np.argsort(frames, kind="stable")
    frame_index, person_index = np.array(frames, dtype=int)[order], np.array(numbers, dtype=int)[order]
    shown = Shown(done.recording.views[camera], frame_index, np.array(boxes, dtype=float).reshape(-1, 4)[order])
    given = done.recording.cameras[camera]
    folder = out / LANDMARKS_FOLDER / done.recording.name / done.recording.names[camera] / FOLDER
    px, weights = estimate(shown, given, folder)
    scale, count = normalised(given)[1], len(done.recording.views[camera].times_s)
    found = []
    for index in range(len(done.people)):
        own_px, own_weights = np.zeros((count, len(JOINT_NAMES), 2)), np.zeros((count, len(JOINT_NAMES)))
        own = person_index == index
        own_px[frame_index[own]], own_weights[frame_index[own]] = px[own] * scale, weights[own]
        found.append(done.moments.at(camera, own_px, own_weights))
    return found


def estimate(shown: Shown, camera: Camera, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Returns the joints of N people, undistorted px (N, 24, 2), and their weights (N, 24) 0..1; 0 where nobody is found."""
    px, weights = (
        np.zeros((len(shown.frame_index), len(JOINT_NAMES), 2)),
        np.zeros((len(shown.frame_index), len(JOINT_NAMES))),
    )
    if not len(px):
        return px, weights
    run = load_run(RELEASED)
    view = View(shown.recorded.path, replace(in_own_axes(camera), world_up=None, floor_height_mm=None), scales=False)
    people = _predicted(Predictor(shown, view, Setting(run, config_of(run), BATCH), folder), shown.recorded.camera)
    found, calibration = people.image[people.found], calibration_of(run.checkpoint)
    px[found] = cam2pixel(people.joints_mm[people.found], camera.K)
    log_error = people.log_error[people.found]
    error_mm = np.exp(log_error) if calibration is None else calibration.expected_mm(log_error)
    weights[found] = 1 / (1 + (error_mm / ERROR_MM) ** 2)
    return px, weights


def _predicted(predictor: Predictor, camera: str) -> People:
    """Returns all parts, predicted where they are missing. Their crops and features, which nothing needs later, are removed."""
    parts = []
    with progress_bar(len(predictor.source.names), f"joints {camera}", "image") as bar:
        for part in range(predictor.parts):
            people = predictor.people(part)
            if people is None:
                people = predictor.predict(part, bar.update)
                _remove_crops(predictor.folder)
            else:
                bar.update(len(predictor.images_in(part)))
            parts.append(people)
    predictor.drop_rest()
    _remove_crops(predictor.folder)  # of a run that was stopped before it did
    return joined(parts)


def _remove_crops(folder: Path) -> None:
    for made in folder.iterdir():
        if made.is_dir() and made.name != PREDICTIONS:
            shutil.rmtree(made)


def _unswapped(seen: Seen, done: LabelledRecording, joints_world: np.ndarray) -> Seen:
    """Returns what is seen of a person, with left and right as in labels (M, 24, 3), part by part; nothing without a label."""
    known = np.isfinite(joints_world).all((1, 2))
    px, weights = seen.px.copy(), np.where(known[:, None], seen.weights, 0.0)
    for view, index in enumerate(done.labelling_cameras):
        camera = normalised(done.cameras[index])[0]
        own = px[view : view + 1, known], weights[view : view + 1, known]
        corrected = correct_by_points(*own, camera, joints_world[known], JOINT_SIDES)
        px[view, known], weights[view, known] = corrected.points_px[0], corrected.weights[0]
    return Seen(px, weights)


def _labelled(person: LabelledPerson, seen: Seen, cameras: Sequence[Camera]) -> LabelledPerson:
    """Returns a person's labels at the kept moments: the network's joints, triangulated, and shares of the landmarks'."""
    kept, labels = person.kept, person.labels
    start, weights = labels.joints_world[kept], seen.weights[:, kept]
    result = triangulate(seen.px[:, kept], weights, cameras, start=start)
    relative = weights / np.maximum(weights.max(0), 1e-9)  # of the views: 1 for the surest
    sd_mm = np.hypot(point_sd_mm(result.points_world, result.residuals_px, relative, cameras), MAP_MM)
    share = np.where((weights > 0).sum(0) >= 2, SHARE, 0.0)
    joints, joints_sd = labels.joints_world.copy(), labels.joints_sd_mm.copy()
    joints[kept] = start + share[..., None] * np.nan_to_num(result.points_world - start)
    joints_sd[kept] = (1 - share) * joints_sd[kept] + share * np.nan_to_num(sd_mm)
    return replace(person, labels=replace(labels, joints_world=joints, joints_sd_mm=joints_sd))
