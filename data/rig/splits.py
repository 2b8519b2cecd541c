"""Divides a rig's moments into training, validation and test, so that none is near one of another use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modules.files.layout import natural_order

TEST_SHARE, VALIDATION_SHARE, GAP_SHARE = 0.25, 0.15, 0.05  # of a recording's time; a gap is before either
HELD_OUT_SHARE, FEWEST_GROUPS = 0.2, 3  # of people or recordings that validate; with fewer groups, time decides
TRAIN, VALIDATION, TEST, UNUSED = "train", "validation", "test", ""
PERSON, SEQUENCE, TIME = "person", "sequence", "time"


@dataclass(frozen=True)
class Group:
    """One person of one recording, and the times of their moments."""

    recording: str
    person: str
    times_s: np.ndarray  # (M,)


def choose_validation(groups: Sequence[Group], people_are_known: bool) -> tuple[str, set[str]]:
    """Returns by what validation is held out, person, sequence or time, and which people or recordings validate.

    People decide if there are at least FEWEST_GROUPS and recordings name them, else recordings, else time.
    """
    people = sorted({group.person for group in groups}, key=natural_order)
    recordings = sorted({group.recording for group in groups}, key=natural_order)
    for by, names in ((PERSON, people if people_are_known else []), (SEQUENCE, recordings)):
        if len(names) >= FEWEST_GROUPS:
            count = max(1, round(HELD_OUT_SHARE * len(names)))
            return by, set(names[-count:])
    return TIME, set()


def calibration_end(times_s: np.ndarray, tests: bool) -> float:
    """Returns the time up to which a recording's moments may change extrinsics: all of them, or those before the gap."""
    start, end = float(times_s[0]), float(times_s[-1])
    return start + (end - start) * (1 - TEST_SHARE - GAP_SHARE) if tests else end


def roles(group: Group, by: str, held_out: set[str], tests: bool) -> np.ndarray:
    """Returns the use (M,) of a group's moments; with `tests`, the last TEST_SHARE of every recording's time is for testing."""
    times = group.times_s
    start, end = float(times[0]), float(times[-1])
    share = (times - start) / max(end - start, 1e-9)
    limit = 1 - TEST_SHARE if tests else 1.0
    use = np.full(len(times), TRAIN, dtype=object)
    if by == TIME:
        last = limit - (GAP_SHARE if tests else 0.0)
        use[share >= last - VALIDATION_SHARE - GAP_SHARE] = UNUSED
        use[share >= last - VALIDATION_SHARE] = VALIDATION
    elif (group.person if by == PERSON else group.recording) in held_out:
        use[:] = VALIDATION
    if tests:
        use[share >= limit - GAP_SHARE] = UNUSED
        use[share >= limit] = TEST
    return use
