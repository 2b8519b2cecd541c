"""Makes the demo of a few frames only, so that its preparation can be killed often."""

from __future__ import annotations

from data.demo import frames, plan


def use_short_demo(count: int) -> None:
    """Changes the uses of the demo's frames in this process, in the shares of the whole demo."""
    frames.NUM_FRAMES = count
    plan.ALL_FRAMES = range(count)
    plan.TRAIN_FRAMES, plan.CALIBRATION_FRAMES = range(11 * count // 20), range(14 * count // 20)
    plan.VALIDATION_FRAMES = range(12 * count // 20, 14 * count // 20)
    plan.TEST_FRAMES = range(15 * count // 20, count)
