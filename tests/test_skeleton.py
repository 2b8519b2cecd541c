"""Joint order, mirror, and the spellings of label files."""

import pytest

from modules import skeleton
from modules.skeleton import JOINT_NAMES, MIRROR, PARENTS, canonical_joint, joint_order

METRABS = [
    "pelv", "lhip", "rhip", "bell", "lkne", "rkne", "spin", "lank", "rank", "thor", "ltoe", "rtoe", "neck", "lcla", "rcla",
    "head", "lsho", "rsho", "lelb", "relb", "lwri", "rwri", "lhan", "rhan",
]  # fmt: skip


def test_design_order_and_parents() -> None:
    assert len(JOINT_NAMES) == len(PARENTS) == skeleton.NUM_JOINTS == 24
    assert PARENTS == (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
    assert all(parent < child for child, parent in enumerate(PARENTS))
    assert JOINT_NAMES[15] == "head" and JOINT_NAMES[20] == "left_wrist"


def test_mirror_is_its_own_inverse_and_keeps_the_tree() -> None:
    assert [MIRROR[MIRROR[j]] for j in range(24)] == list(range(24))
    assert all(MIRROR[PARENTS[j]] == PARENTS[MIRROR[j]] for j in range(1, 24))
    assert MIRROR[JOINT_NAMES.index("left_wrist")] == JOINT_NAMES.index("right_wrist")
    assert MIRROR[JOINT_NAMES.index("head")] == JOINT_NAMES.index("head")


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
