"""The matrix of harms in small: made-up people, the harms that are named whatever the data, and all legal inputs."""

from pathlib import Path

import pytest

from benchmarks.trust.catalogue import HARMS, LEGAL
from benchmarks.trust.harms import Harm
from benchmarks.trust.run import run
from tests.checks.made_up import one_view, shots

BY_NAME = {harm.name: harm for harm in HARMS}
ALONE = (
    "K in px",
    "K divided by width and height",
    "[R|t] camera to world",
    "[R|C]",
    "t in metres",
    "OpenGL axes",
    "world_up y for z",
)
TOGETHER = (
    "R transposed",
    "two cameras' files swapped",
    "one file for all cameras",
    "one camera turned 15 degrees, moved 500 mm",
)


@pytest.mark.parametrize("harm", LEGAL, ids=lambda harm: harm.name)
def test_legal_inputs_raise_no_alarm(harm: Harm, tmp_path: Path) -> None:
    verdicts = {run("made up", made, harm, tmp_path, labels=False).verdict for made in (one_view(), shots())}
    assert verdicts <= {"quiet", "noted"}


@pytest.mark.parametrize("name", ALONE)
def test_a_single_view_without_labels_names_the_cause(name: str, tmp_path: Path) -> None:
    outcome = run("made up", one_view(), BY_NAME[name], tmp_path, labels=False)
    assert outcome.verdict == "named", outcome


@pytest.mark.parametrize("name", TOGETHER)
def test_views_of_one_moment_name_the_cause(name: str, tmp_path: Path) -> None:
    outcome = run("made up", shots(), BY_NAME[name], tmp_path, labels=False)
    assert outcome.verdict == "named", outcome
