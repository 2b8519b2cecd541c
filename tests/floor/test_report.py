"""Measured worlds in words."""

from modules.floor.report import MOST_LINES, describe, summarise
from modules.floor.worlds import World

MEASURED = World(("1_A", "1_B"), "labels", 9, (0.0, 0.0, 1.0), "axis", 1.24, None, -12.3, 4.4, 20.0)
REFUSED = World(("1_C",), "labels", refusal="up is ambiguous")


def test_a_world_says_what_how_and_how_well() -> None:
    assert describe(MEASURED) == (
        "1_A and 1 more: up is (0, 0, 1), the world axis nearest to the people's within 1.2 degrees; the floor is at -12 mm "
        "(± 4), from 9 people in the labels whose feet are spread over 20 mm"
    )
    assert describe(REFUSED) == "1_C: no up and no floor (up is ambiguous)"
    only_up = World(("1_C",), "labels", 0, (0.0, 0.6, 0.8), "plane", 0.4, refusal="people stand on two floors")
    assert describe(only_up).endswith(
        "the normal of the ground within 0.4 degrees; no floor (people stand on two floors)"
    )


def test_many_worlds_are_summarised() -> None:
    assert summarise([MEASURED, REFUSED]) == [describe(MEASURED), describe(REFUSED)]
    first, second = summarise([MEASURED] * MOST_LINES + [REFUSED])
    assert first == f"3 floors, in the median ± 4 mm, such as {describe(MEASURED)}"
    assert second == f"1 recordings without a floor, such as {describe(REFUSED)}"


def test_a_declared_floor_is_called_declared() -> None:
    declared = World(
        ("1_A",), "the camera files", 3, (0.0, 0.0, 1.0), "declared", 0.0, floor_mm=12.0, floor_error_mm=0.0
    )
    assert describe(declared) == "1_A: up is (0, 0, 1), declared; the floor is at 12 mm, declared in the camera files"
