"""Joint names: the spellings of label files."""

import pytest

from model.skeleton import JOINT_NAMES
from modules.files.joint_names import canonical_joint, joint_order

METRABS = [
    "pelv", "lhip", "rhip", "bell", "lkne", "rkne", "spin", "lank", "rank", "thor", "ltoe", "rtoe", "neck", "lcla", "rcla",
    "head", "lsho", "rsho", "lelb", "relb", "lwri", "rwri", "lhan", "rhan",
]  # fmt: skip


@pytest.mark.parametrize(
    "spelling", ["{}", "{}".upper(), "SIDE-part", "sidePart", "s_part", "part_s", "PartSide", "s.part", "S part"]
)
def test_spellings(spelling: str) -> None:
    for name in JOINT_NAMES:
        side, _, part = name.rpartition("_")
        text = spelling.format(name) if "{}" in spelling else None
        if text is None:
            if not side:
                continue
            text = {
                "SIDE-part": f"{side.upper()}-{part}", "sidePart": f"{side}{part.title()}", "s_part": f"{side[0]}_{part}",
                "part_s": f"{part}_{side[0]}", "PartSide": f"{part.title()}{side.title()}", "s.part": f"{side[0]}.{part}",
                "S part": f"{side[0].upper()} {part}",
            }[spelling]  # fmt: skip
        assert canonical_joint(text) == name


def test_metrabs_short_names() -> None:
    assert [canonical_joint(name) for name in METRABS] == list(JOINT_NAMES)


@pytest.mark.parametrize("name", ["", "nose", "left", "l", "left_pelvis_x", "12", "joint_3"])
def test_unknown_names(name: str) -> None:
    assert canonical_joint(name) is None


def test_reordered_names_are_put_in_order() -> None:
    order, recognised = joint_order(list(reversed(METRABS)))
    assert recognised and order == list(range(23, -1, -1))


def test_unrecognised_names_keep_their_order() -> None:
    assert joint_order([f"joint {i}" for i in range(24)]) == (list(range(24)), False)


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (list(JOINT_NAMES[:-1]), "23 joint names"),
        ([*JOINT_NAMES[:-1], "nose"], "nose"),
        ([*JOINT_NAMES[:-1], "left_hand"], "lacks right_hand"),
    ],
)
def test_broken_name_lists(names: list[str], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        joint_order(names)
