"""Makes the demo of a few frames only, so that its preparation can be killed often."""

from __future__ import annotations

from data.demo import frames, plan

FRAMES = 20


def use_short_demo() -> None:
    """Changes the uses of the demo's frames in this process."""
    frames.NUM_FRAMES = FRAMES
    plan.ALL_FRAMES = range(FRAMES)
    plan.TRAIN_FRAMES, plan.VALIDATION_FRAMES, plan.TEST_FRAMES = range(11), range(12, 14), range(15, FRAMES)
    plan.CALIBRATION_FRAMES = range(14)
