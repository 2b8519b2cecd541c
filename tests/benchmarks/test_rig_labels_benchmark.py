"""The measure of a rig's labels, on a made-up recording with exact truth: distances, told uncertainty, late cameras."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.rig_labels import LATE_FRAMES, late, summary
from data.rig.clock import synchronise
from data.rig.data_set import detect_recording
from data.rig.recording_labels import Settings, label_recording
from data.rig.recordings import Source, find_recordings
from modules.extractors.blazepose.landmarks import LANDMARKS_TO_SMPL24
from tests.data.rig.made_up_rig import FRAMES, make_rig


def test_labels_are_near_the_truth_and_a_late_camera_is_found(tmp_path: Path) -> None:
    rig = make_rig(tmp_path / "rig")
    (recording,) = find_recordings(Source(rig.folder))
    people = detect_recording(recording, tmp_path / "out", rig.detector(), "made up")  # type: ignore[arg-type]
    truth = LANDMARKS_TO_SMPL24 @ rig.people[0][:FRAMES]
    found = summary(label_recording(recording, people, Settings(offsets={})).people[0], truth[None])
    assert found["kept"] == FRAMES and found["median_mm"] < 15 and 0.1 < found["root_mean_square_over_sd"] < 1.5
    clock = synchronise(*late(recording, people, 1), None)
    np.testing.assert_allclose(clock.shifts_s * clock.rate, [0, LATE_FRAMES, 0], atol=1e-6)
