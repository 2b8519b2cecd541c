"""Cameras of different frame rates: labels of a made-up recording are as good as those of equal rates, within a bound."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.rig.landmarks import People2D
from data.rig.recording_labels import LabelledRecording, Settings, label_recording
from data.rig.recordings import Recording, Source, find_recordings
from modules.extractors.blazepose.landmarks import LANDMARKS_TO_SMPL24
from modules.pose_utils import project_to_image
from tests.data.rig.made_up_rig import make_rig, walking_at

SECONDS, NOISE_PX = 1.4, 0.2
BOUND_MM = 3.0  # of the median, over that of equal rates


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    folder: Path = tmp_path_factory.mktemp("rates")
    return find_recordings(Source(make_rig(folder).folder))[0]


def labelled(recording: Recording, rates: tuple[float, ...], late_s: float, settings: Settings) -> LabelledRecording:
    """Labels a recording by cameras of these rates; the second one began `late_s` later."""
    views, people = [], []
    for index, (view, camera, rate) in enumerate(zip(recording.views, recording.cameras, rates, strict=True)):
        times = np.arange(round(SECONDS * rate)) / rate
        px = project_to_image(walking_at(times + (late_s if index == 1 else 0.0)), camera)
        px = px + np.random.default_rng(index).normal(0, NOISE_PX, px.shape)
        views.append(replace(view, times_s=times))
        people.append(People2D(px[:, None], np.full((*px.shape[:1], 1, 33), 0.9)))
    return label_recording(replace(recording, views=tuple(views)), people, settings)


def error_mm(done: LabelledRecording) -> float:
    """Returns the median distance of kept labels from the truth at their moments."""
    truth = LANDMARKS_TO_SMPL24 @ walking_at(done.moments.times_s)
    return float(np.median(np.linalg.norm(done.people[0].labels.joints_world - truth, axis=-1)[done.people[0].kept]))


@pytest.mark.parametrize("late_s", [0.0, 0.21])
def test_labels_of_30_and_25_frames_a_second_are_near_those_of_equal_rates(recording: Recording, late_s: float) -> None:
    settings = Settings(offsets=None if late_s else {}, refine=False)
    equal = error_mm(labelled(recording, (30, 30, 30), 0.0, Settings(offsets={}, refine=False)))
    mixed = labelled(recording, (30, 25, 30), late_s, settings)
    assert mixed.people[0].kept.mean() > 0.9
    np.testing.assert_allclose(mixed.moments.clock.shifts_s, [0, late_s, 0], atol=0.01)
    assert error_mm(mixed) < equal + BOUND_MM
