"""The skeleton: joint order, parents and mirror."""

from model import skeleton
from model.skeleton import JOINT_NAMES, MIRROR, PARENTS


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
