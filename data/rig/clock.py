"""Puts several cameras' frames on one clock: shifts from the movement, and the moments that they have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from data.rig.labelling import landmark_weights
from data.rig.landmarks import People2D
from data.rig.recordings import Recording
from modules.extractors.blazepose.landmarks import LANDMARK_MIRROR, LANDMARKS
from modules.pose_utils import Camera, undistort
from modules.rig.synchronisation import Shifts, Track2D, estimate_shifts
from modules.utils import UserError, log

JOINTS = [
    i
    for i, name in enumerate(LANDMARKS)
    if name.endswith(("nose", "shoulder", "elbow", "wrist", "hip", "knee", "ankle"))
]
MIRROR = [JOINTS.index(LANDMARK_MIRROR[index]) for index in JOINTS]
MOST_PEOPLE = 3  # of a view that are compared with those of another
CLEAR = 1.1  # how much dearer every other shift must be, so that the movement shows the right one
SAME_RATE = 0.01  # relative difference
TOGETHER = 0.25  # of the shortest frame interval: frames this close show one moment
GAP = 2.5  # frame intervals over which 2D points are interpolated


@dataclass(frozen=True)
class Clock:
    """The times of all frames of C cameras on the first one's clock."""

    times_s: tuple[np.ndarray, ...]  # (F_c,) of each camera's frames
    shifts_s: np.ndarray  # (C,) that were added to them
    estimate: Shifts | None  # what the movement shows; None if the shifts were given
    rate: float  # frames a second that the estimate counts in
    unclear: tuple[str, ...] = ()  # cameras whose shift the movement does not show; it is taken to be 0


def normalised(camera: Camera) -> tuple[Camera, float]:
    """Returns the camera of the image resized to a longer side of 1920 px, for which all tolerances are, and the scale."""
    assert camera.image_size is not None
    scale = 1920 / max(camera.image_size)
    return Camera(np.diag([scale, scale, 1.0]) @ camera.K, camera.R, camera.t), scale


def check_offsets(recording: Recording, given: Mapping[str, int]) -> None:
    """Raises UserError if a recording does not have the camera of a given shift."""
    unknown = next((name for name in given if name not in recording.names), None)
    if unknown is not None:
        raise UserError(
            f"--offsets: there is no camera {unknown} in {recording.folder}; name {', '.join(recording.names)}"
        )


def synchronise(recording: Recording, people: Sequence[People2D], given: Mapping[str, int] | None) -> Clock:
    """Returns the common clock: with the given shifts in frames by camera, or with those that the movement shows.

    Cameras of one rate are shifted by whole frames, others by fractions. Raises UserError if a given camera is unknown.
    """
    views = recording.views
    rates = np.array([view.frames_per_second for view in views])
    rate = float(rates.max())
    if given is not None:
        check_offsets(recording, given)
        shifts = np.array([given.get(name, 0) / own for name, own in zip(recording.names, rates, strict=True)])
        return Clock(tuple(view.times_s + s for view, s in zip(views, shifts, strict=True)), shifts, None, rate)
    tracks = [
        _track(view.times_s, found, camera, rate)
        for view, found, camera in zip(views, people, recording.cameras, strict=True)
    ]
    estimate = estimate_shifts(tracks, [normalised(camera)[0] for camera in recording.cameras], MIRROR, rate)
    clear = ~(estimate.contrast < CLEAR) & np.isfinite(estimate.contrast)
    clear[0] = True
    one_rate = bool((np.abs(rates / rate - 1) < SAME_RATE).all())
    frames = np.where(clear, estimate.frames if one_rate else estimate.between_frames, 0.0)
    unclear = tuple(name for name, known in zip(recording.names, clear, strict=True) if not known)
    times = tuple(view.times_s + frame / rate for view, frame in zip(views, frames, strict=True))
    if unclear:
        log.warning(
            "%s: the movement does not show how %s is shifted against %s, so that its recording is taken to begin with the "
            "others; give --offsets if it does not", recording.folder, ", ".join(unclear), recording.names[0],
        )  # fmt: skip
    return Clock(times, frames / rate, estimate, rate, unclear)


def _track(times_s: np.ndarray, people: People2D, camera: Camera, rate: float) -> Track2D:
    """Returns the people at evenly spaced times: those of the nearest frame."""
    count = max(1, int(np.floor(times_s[-1] * rate + 0.5)) + 1)
    frames = nearest_frames(times_s, np.arange(count) / rate, 0.75 * max(_interval(times_s), 1 / rate))
    scale = normalised(camera)[1]
    px = undistort(people.points_px[:, :MOST_PEOPLE, JOINTS], camera.K, camera.distortion) * scale
    weights = landmark_weights(people.visibility[:, :MOST_PEOPLE])[:, :, JOINTS]
    weights = np.where(np.isfinite(px).all(-1), weights, 0.0)
    chosen = np.maximum(frames, 0)
    return Track2D(np.nan_to_num(px[chosen]), np.where((frames >= 0)[:, None, None], weights[chosen], 0.0))


def nearest_frames(times_s: np.ndarray, wanted_s: np.ndarray, within_s: float) -> np.ndarray:
    """Returns the frame nearest to each wanted time; -1 if it is farther away than `within_s`."""
    after = np.clip(np.searchsorted(times_s, wanted_s), 1, max(len(times_s) - 1, 1))
    before = after - 1
    after = np.minimum(after, len(times_s) - 1)
    nearest = np.where(np.abs(times_s[before] - wanted_s) <= np.abs(times_s[after] - wanted_s), before, after)
    return np.where(np.abs(times_s[nearest] - wanted_s) <= within_s, nearest, -1)


def _interval(times_s: np.ndarray) -> float:
    return float(np.median(np.diff(times_s))) if len(times_s) > 1 else 0.0


@dataclass(frozen=True)
class CommonMoments:
    """The M moments at which a camera took a frame while another one was recording, too."""

    times_s: np.ndarray  # (M,)
    frames: np.ndarray  # (C, M) each camera's frame of this moment; -1 if it took none
    nearest: np.ndarray  # (C, M) its frame nearest to it; -1 if it was not recording
    clock: Clock

    @property
    def per_second(self) -> float:
        """The median rate of the moments."""
        return float(1 / np.median(np.diff(self.times_s))) if len(self.times_s) > 1 else self.clock.rate

    def frames_of(self, camera: int, which: np.ndarray) -> np.ndarray:
        """Returns a camera's frames (N,), ascending, that `at` uses for the moments where the mask (M,) is true."""
        own, recording = self.frames[camera], self.nearest[camera] >= 0
        times = self.clock.times_s[camera]
        after = np.searchsorted(times, self.times_s[which & recording & (own < 0)])
        near = np.unique(np.concatenate([own[which & (own >= 0)], after - 1, after]))
        return near[(near >= 0) & (near < len(times))]

    def at(self, camera: int, points_px: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns px (M, N, 2) and weights (M, N) of the moments, from those of a camera's frames (F, N, 2) and (F, N).

        Between frames they are interpolated, where both neighbours have weight.
        """
        times, own = self.clock.times_s[camera], self.frames[camera]
        after = np.clip(np.searchsorted(times, self.times_s), 1, max(len(times) - 1, 1))
        before, after = after - 1, np.minimum(after, len(times) - 1)
        gap = times[after] - times[before]
        share = np.clip((self.times_s - times[before]) / np.maximum(gap, 1e-9), 0, 1)[:, None]
        px = points_px[before] + share[..., None] * (points_px[after] - points_px[before])
        between = np.where(
            (weights[before] > 0) & (weights[after] > 0), np.minimum(weights[before], weights[after]), 0.0
        )
        usable = (self.nearest[camera] >= 0) & (gap <= GAP * _interval(times))
        between = np.where(usable[:, None], between, 0.0)
        exact = own >= 0
        chosen = np.maximum(own, 0)
        return (
            np.where(exact[:, None, None], points_px[chosen], px),
            np.where(exact[:, None], weights[chosen], between),
        )


def common_moments(clock: Clock) -> CommonMoments:
    """Returns the moments of all frames while at least two cameras were recording. Raises UserError if there is none."""
    intervals = [_interval(times) or 1 / clock.rate for times in clock.times_s]
    camera = np.repeat(np.arange(len(clock.times_s)), [len(times) for times in clock.times_s])
    frame = np.concatenate([np.arange(len(times)) for times in clock.times_s])
    time = np.concatenate(clock.times_s)
    groups: list[list[int]] = []
    for index in np.argsort(time, kind="stable"):
        same = groups and time[index] - time[groups[-1][0]] <= TOGETHER * min(intervals)
        if same and camera[index] not in camera[groups[-1]]:
            groups[-1].append(int(index))
        else:
            groups.append([int(index)])
    times = np.array([time[group].mean() for group in groups])
    frames = np.full((len(clock.times_s), len(groups)), -1)
    for moment, group in enumerate(groups):
        frames[camera[group], moment] = frame[group]
    nearest = np.stack([
        nearest_frames(own, times, 0.75 * interval) for own, interval in zip(clock.times_s, intervals, strict=True)
    ])  # fmt: skip
    shared = (nearest >= 0).sum(0) >= 2
    if not shared.any():
        raise UserError("--offsets: with these shifts no two cameras record at the same time; correct them")
    return CommonMoments(times[shared], frames[:, shared], nearest[:, shared], clock)
