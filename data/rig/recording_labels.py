"""Everything from one recording's 2D landmarks to its people's labels."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from data.rig.clock import CommonMoments, common_moments, normalised, synchronise
from data.rig.labelling import Labelled, Moments, label
from data.rig.landmarks import People2D
from data.rig.people import Found, Track, find_people
from data.rig.recordings import Recording
from data.rig.selection import select
from data.rig.splits import calibration_end
from modules.pose_utils import Camera
from modules.utils import UserError, log

STRETCH = 200  # moments that are labelled together
MOST_CALIBRATION, BLOCK = 300, 60  # moments that extrinsics are refined on, in blocks of moments that follow each other


@dataclass(frozen=True)
class Settings:
    """How recordings are labelled."""

    test_camera: str | None = None
    refine: bool = True
    offsets: Mapping[str, int] | None = None  # frames by camera; None: as the movement shows
    people: int | None = None  # at most; None: as many as are found
    step: int = 1  # label every so many moments


@dataclass(frozen=True)
class LabelledPerson:
    """One person's labels in a recording, and which moments are kept."""

    person: str
    track: Track
    labels: Labelled
    kept: np.ndarray  # (M,) bool
    thrown: Mapping[str, np.ndarray]  # (M,) bool, by reason


@dataclass(frozen=True)
class LabelledRecording:
    """A recording with the labels of all its people. The cameras are the refined ones, in px of their own images."""

    recording: Recording
    people2d: Sequence[People2D]
    moments: CommonMoments
    found: Found
    people: list[LabelledPerson]
    cameras: list[Camera]
    test_camera: int | None
    step: int = 1  # every so many moments get a label

    @property
    def written(self) -> np.ndarray:
        """The moments (M,) that may get a label, bool."""
        return np.arange(len(self.moments.times_s)) % self.step == 0

    @property
    def labelling_cameras(self) -> list[int]:
        """The indices of the cameras that determine the labels."""
        return [index for index in range(len(self.recording.cameras)) if index != self.test_camera]


def label_recording(recording: Recording, people: Sequence[People2D], settings: Settings) -> LabelledRecording:
    """Labels everybody in a recording. Raises UserError if it has too few cameras, or nobody is found by two of them."""
    test = test_camera_of(recording, settings)
    moments = common_moments(synchronise(recording, people, settings.offsets))
    found = find_people(recording, people, moments, settings.people)
    others = [index for index in range(len(recording.cameras)) if index != test]
    tracks = [track for track in found.tracks if ((track.weights[others] > 0).any(-1).sum(0) >= 2).any()]
    found = replace(found, tracks=tracks)
    if not tracks:
        raise UserError(
            f"{recording.folder}: no person is seen by two cameras at a time; check that videos and cameras belong together"
        )
    done = LabelledRecording(recording, people, moments, found, [], list(recording.cameras), test, settings.step)
    _warn_of_blind_test_camera(done)
    return label_people(done, settings.refine)


def label_people(done: LabelledRecording, refine: bool, refined: Sequence[Camera] | None = None) -> LabelledRecording:
    """Returns the recording with labels of all its people.

    `refined` are the labelling cameras, normalised, where they are refined already.
    """
    test, recording = done.test_camera, done.recording
    use = replace(calibrated_moments(done), refine=refine)
    labelled, cameras = [], [normalised(camera)[0] for camera in recording.cameras]
    for number, track in enumerate(done.found.tracks):
        result = label(track.points_px, track.weights, cameras, use, test, refined)
        use, refined = replace(use, refine=False), None  # the others are labelled with the cameras of the first
        cameras = result.cameras
        person = recording.person if len(done.found.tracks) == 1 else f"{recording.person}-{number + 1}"
        others = done.labelling_cameras
        kept, thrown = select(_of_cameras(result, others), track.weights[others])
        kept, thrown = kept & done.written, {reason: which & done.written for reason, which in thrown.items()}
        labelled.append(LabelledPerson(person, track, result, kept, thrown))
    own = [replace(camera, R=moved.R, t=moved.t) for camera, moved in zip(recording.cameras, cameras, strict=True)]
    return replace(done, people=labelled, cameras=own)


def _warn_of_blind_test_camera(done: LabelledRecording) -> None:
    """Logs a warning if the test camera shows nobody at the moments that extrinsics are refined on."""
    test, early = done.test_camera, calibrated_moments(done).calibration
    if test is not None and not (done.found.tracks[0].weights[test][early] > 0).any():
        log.warning(
            "%s: %s does not show the person before the tested moments, so that its position stays as calibrated",
            done.recording.folder, done.recording.names[test],
        )  # fmt: skip


def test_camera_of(recording: Recording, settings: Settings) -> int | None:
    """Returns the test camera's index. Raises UserError if it is unknown, or if fewer than two other cameras remain."""
    if settings.test_camera is None:
        return None
    name = recording.names[-1] if settings.test_camera == "last" else settings.test_camera
    if name not in recording.names:
        raise UserError(
            f"--test-camera: there is no {name} in {recording.folder}; name one of {', '.join(recording.names)}"
        )
    if len(recording.names) < 3:
        raise UserError(
            f"--test-camera: {recording.folder} has {len(recording.names)} cameras, and labels need two beside the test "
            "camera; leave --test-camera out"
        )
    return recording.names.index(name)


def calibrated_moments(done: LabelledRecording) -> Moments:
    """Returns the moments that refine extrinsics, and stretches to label; none of them crosses the calibration's end."""
    moments, tests = done.moments, done.test_camera is not None
    early = int(np.searchsorted(moments.times_s, calibration_end(moments.times_s, tests), side="right"))
    total = len(moments.times_s)
    edges = [0, early, total] if early < total else [0, total]
    parts = []
    for start, stop in itertools.pairwise(edges):
        count = max(1, -(-(stop - start) // STRETCH))
        ends = np.linspace(start, stop, count + 1).round().astype(int)
        parts += [slice(int(a), int(b)) for a, b in itertools.pairwise(ends) if b > a]
    return Moments(_blocks(early), parts, moments.per_second)


def _blocks(count: int) -> slice | np.ndarray:
    """Returns all of the first `count` moments, or blocks of them that are spread evenly."""
    if count <= MOST_CALIBRATION:
        return slice(0, count)
    starts = np.linspace(0, count - BLOCK, MOST_CALIBRATION // BLOCK).round().astype(int)
    return np.unique(np.concatenate([np.arange(start, start + BLOCK) for start in starts]))


def _of_cameras(found: Labelled, cameras: Sequence[int]) -> Labelled:
    return replace(found, residuals_px=found.residuals_px[list(cameras)])
