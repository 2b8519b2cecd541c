"""Items made ahead: their order, and their errors."""

from collections.abc import Iterator

import pytest

from modules.utils import ahead


def test_items_made_ahead_keep_their_order_and_their_errors() -> None:
    def items() -> Iterator[int]:
        yield from range(3)
        raise ValueError("the fourth")

    seen: list[int] = []
    with pytest.raises(ValueError, match="the fourth"):
        for item in ahead(items()):
            seen.append(item)
    assert seen == [0, 1, 2] and list(ahead([])) == []
