"""Tests of the uncertainty benchmark: informative log errors win, uninformative ones do not."""

import numpy as np

from benchmarks import uncertainty
from benchmarks.accuracy.rows import ROW_BY_NAME
from benchmarks.uncertainty import LEVELS, Errors, Part


def part(seed: int, information: float) -> Part:
    rng = np.random.default_rng(seed)

    def drawn(count: int) -> Errors:
        centre = rng.normal(4, 0.7, (count, 24))
        log_error = information * centre + (1 - information) * rng.normal(4, 0.7, centre.shape)
        return Errors(log_error, np.exp(centre + 0.4 * rng.normal(size=centre.shape)))

    return Part(drawn(300), drawn(400))


def test_informative_log_errors_beat_constant_widths() -> None:
    found = uncertainty.evaluate([part(0, 1.0), part(1, 1.0)])
    predicted, constant, oracle = (found["methods"][name] for name in ("predicted", "constant", "oracle"))
    assert predicted["nll"] < constant["nll"] - 0.3
    assert uncertainty.sparsification_error(predicted, oracle) < 0.5 * uncertainty.sparsification_error(
        constant, oracle
    )
    for method in (predicted, constant):
        np.testing.assert_allclose(method["coverage"], LEVELS, atol=0.02)
        assert method["remaining_mm"][0] == round(found["mean_mm"], 2)
    assert found["images"] == 800


def test_uninformative_log_errors_equal_constant_widths() -> None:
    found = uncertainty.evaluate([part(2, 0.0)])
    predicted, constant = (found["methods"][name] for name in ("predicted", "constant"))
    assert abs(predicted["nll"] - constant["nll"]) < 0.01


def test_the_table_has_both_methods_of_every_set() -> None:
    found = uncertainty.evaluate([part(3, 1.0)])
    lines = uncertainty.table({"sets": {"synthetic": found, "demo": found}}).splitlines()
    assert len(lines) == 6 and all(line.count("|") == 8 for line in lines)
    assert "| 90 % |" in lines[2] and ": PoseNet |" in lines[2] and "constant width" in lines[3]


def test_a_row_is_evaluated_on_people_and_on_the_demo_in_one_way() -> None:
    assert uncertainty.sets_of(ROW_BY_NAME["pose"]) == ["synthetic", "demo"]
    assert uncertainty.sets_of(ROW_BY_NAME["released"]) == ["synthetic", "zero-shot"]
    assert uncertainty.sets_of(ROW_BY_NAME["extra_data"]) == ["demo"]
