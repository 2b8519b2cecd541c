"""The order of an epoch, and what of it each process sees."""

import itertools

import pytest

from model.shared import share_of
from modules.batches import EpochBatches


def test_an_epoch_shows_every_image_once_in_an_order_of_its_own() -> None:
    batches = EpochBatches(20, 6, seed=3)
    first = list(batches)
    assert [len(batch) for batch in first] == [6, 6, 6, 2] and len(batches) == 4
    assert sorted(itertools.chain(*first)) == list(range(20)) and first == list(batches)
    batches.epoch = 1
    assert list(batches) != first


def test_skipped_batches_are_those_that_were_taken() -> None:
    batches = EpochBatches(20, 6, seed=3)
    whole = list(batches)
    batches.skip = 2
    assert list(batches) == whole[2:] and len(batches) == 2 and batches.images == 20


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_processes_share_every_batch(processes: int) -> None:
    """Laid side by side in order, what the processes see is what one would: 20 = 6 + 6 + 6 + 2 images."""
    whole = list(EpochBatches(20, 6, seed=3))
    parts = [EpochBatches(20, 6, 3, rank, processes) for rank in range(processes)]
    together = [list(itertools.chain(*batch)) for batch in zip(*parts, strict=True)]
    left_out = processes == 3  # two images cannot be shared by three processes
    assert together == (whole[:-1] if left_out else whole)
    assert {part.images for part in parts} == {18 if left_out else 20}
    for part in parts:
        assert [len(batch) for batch in part] == [share.stop - share.start for share in part.shares()]


def test_shares_cover_a_batch_and_weigh_one() -> None:
    shares = [share_of(7, rank, 3) for rank in range(3)]
    assert [(share.start, share.stop) for share in shares] == [(0, 2), (2, 4), (4, 7)]
    assert sum(share.weight for share in shares) == pytest.approx(1)
