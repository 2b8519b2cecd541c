"""Labels' uncertainty: whether rows have any is found without a copy of the column."""

from pathlib import Path

import numpy as np
import pytest

from modules.cache import label_weights
from modules.cache.label_weights import SD, uncertainty_columns
from modules.cache.table import Rows, TakenColumns
from tests.builders import make_rows


@pytest.mark.parametrize("place", [None, 0, 4, 9])
def test_one_uncertain_label_is_found_wherever_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: int | None
) -> None:
    monkeypatch.setattr(label_weights, "_BLOCK", 4)
    sd = np.full((10, 24), np.nan)
    if place is not None:
        sd[place, 7] = 12.0
    rows = make_rows(tmp_path, 10).with_columns({SD: sd})
    expected = () if place is None else (SD,)
    assert uncertainty_columns(rows) == expected
    assert uncertainty_columns(rows.take(np.arange(10) != 2)) == expected
    assert uncertainty_columns(rows.take(np.arange(10) == 2)) == ()


def test_the_column_is_not_copied(tmp_path: Path) -> None:
    made = make_rows(tmp_path, 10)
    rows = Rows({**made.columns, SD: np.full((10, 24), np.nan)}, made.crop_files).take(np.arange(5))
    assert isinstance(rows.columns, TakenColumns) and not uncertainty_columns(rows) and SD not in rows.columns.changed
    assert np.isnan(rows[SD]).all() and SD in rows.columns.changed
