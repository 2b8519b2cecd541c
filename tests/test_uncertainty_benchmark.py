"""The uncertainty's judge: a doubt that knows wins, one that knows nothing does not, and the table says so."""

import numpy as np

from benchmarks import uncertainty
from benchmarks.accuracy_rows import ROWS
from benchmarks.uncertainty import LEVELS, Part


def part(seed: int, knows: float) -> Part:
    rng = np.random.default_rng(seed)

    def drawn(count: int) -> tuple[np.ndarray, np.ndarray]:
        centre = rng.normal(4, 0.7, (count, 24))
        doubt = knows * centre + (1 - knows) * rng.normal(4, 0.7, centre.shape)
        return doubt, np.exp(centre + 0.4 * rng.normal(size=centre.shape))

    return (*drawn(300), *drawn(400))


def test_a_doubt_that_knows_beats_constant_widths() -> None:
    found = uncertainty.judge([part(0, 1.0), part(1, 1.0)])
    predicted, constant, oracle = (found["methods"][name] for name in ("predicted", "constant", "oracle"))
    assert predicted["nll"] < constant["nll"] - 0.3
    assert uncertainty.area(predicted, oracle) < 0.5 * uncertainty.area(constant, oracle)
    for method in (predicted, constant):
        np.testing.assert_allclose(method["below"], LEVELS, atol=0.02)
        assert method["left_mm"][0] == round(found["mean_mm"], 2)
    assert found["images"] == 800


def test_a_doubt_that_knows_nothing_is_worth_nothing() -> None:
    found = uncertainty.judge([part(2, 0.0)])
    predicted, constant = (found["methods"][name] for name in ("predicted", "constant"))
    assert abs(predicted["nll"] - constant["nll"]) < 0.01


def test_the_table_has_both_methods_of_every_set() -> None:
    found = uncertainty.judge([part(3, 1.0)])
    lines = uncertainty.table({"sets": {"synthetic": found, "demo": found}}).splitlines()
    assert len(lines) == 6 and all(line.count("|") == 8 for line in lines)
    assert "| 90 % |" in lines[2] and "PoseNet's uncertainty" in lines[2] and "one width" in lines[3]


def test_a_row_is_judged_on_people_and_on_the_demo_in_one_way() -> None:
    row = {row.name: row for row in ROWS}
    assert uncertainty.asked(row["heavy_pose"]) == ["synthetic", "demo"]
    assert uncertainty.asked(row["several_released"]) == ["synthetic", "zero-shot"]
    assert uncertainty.asked(row["heavy_both"]) == ["demo"]
