"""The order of an epoch, and each process's shard of its batches."""

import itertools

import numpy as np
import pytest
import torch

from model.distributed import BatchShard, shard_of
from modules.config.train import Train
from modules.simulation.views import ViewSimulator
from modules.training.batches import (
    SIMULATED_BATCH,
    TOGETHER,
    EpochBatches,
    simulated_batches,
    steps_per_batch,
)


def test_an_epoch_has_every_image_once_in_its_own_order() -> None:
    batches = EpochBatches(20, 6, seed=3)
    first = list(batches)
    assert [len(batch) for batch in first] == [6, 6, 6, 2] and len(batches) == 4
    assert sorted(itertools.chain(*first)) == list(range(20)) and first == list(batches)
    batches.epoch = 1
    assert list(batches) != first


def test_skipped_batches_are_the_first_ones() -> None:
    batches = EpochBatches(20, 6, seed=3)
    whole = list(batches)
    batches.skip = 2
    assert list(batches) == whole[2:] and len(batches) == 2 and batches.images == 20


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_processes_share_every_batch(processes: int) -> None:
    """Joined in order, their shards are the batches of a single process: 20 = 6 + 6 + 6 + 2 images."""
    whole = list(EpochBatches(20, 6, seed=3))
    parts = [EpochBatches(20, 6, 3, rank, processes) for rank in range(processes)]
    together = [list(itertools.chain(*batch)) for batch in zip(*parts, strict=True)]
    left_out = processes == 3  # two images cannot be shared by three processes
    assert together == (whole[:-1] if left_out else whole)
    assert {part.images for part in parts} == {18 if left_out else 20}
    for part in parts:
        assert [len(batch) for batch in part] == [shard.stop - shard.start for shard in part.shards()]


def test_shards_cover_a_batch_and_their_weights_sum_to_one() -> None:
    shards = [shard_of(7, rank, 3) for rank in range(3)]
    assert [(shard.start, shard.stop) for shard in shards] == [(0, 2), (2, 4), (4, 7)]
    assert sum(shard.weight for shard in shards) == pytest.approx(1)


def test_simulated_batches_are_shards_of_the_same_draw() -> None:
    class Simulator(ViewSimulator):
        def __init__(self) -> None:
            pass

        def draw(self, rng: np.random.Generator, count: int) -> dict[str, np.ndarray]:
            return {"x": rng.random(count, dtype=np.float32)}

    def batches(shard: BatchShard) -> list[torch.Tensor]:
        drawn = simulated_batches(Simulator(), np.random.default_rng(0), 3, shard, torch.device("cpu"))
        return [view["x"] for view in drawn]

    whole = batches(shard_of(SIMULATED_BATCH, 0, 1))
    assert [len(x) for x in whole[:3]] == [SIMULATED_BATCH] * 3 and not torch.equal(whole[0], whole[1])
    halves = [batches(shard_of(SIMULATED_BATCH, rank, 2)) for rank in (0, 1)]
    for x, *parts in zip(whole, *halves, strict=True):
        assert torch.equal(x, torch.cat(parts))


def test_every_fourth_step_decides_the_joints_together() -> None:
    class Simulator(ViewSimulator):
        def __init__(self) -> None:
            pass

        def draw(self, rng: np.random.Generator, count: int) -> dict[str, np.ndarray]:
            return {"x": np.zeros(count, np.float32)}

    shard = shard_of(SIMULATED_BATCH, 1, 2)
    views = simulated_batches(Simulator(), np.random.default_rng(0), 12, shard, torch.device("cpu"))
    assert [bool(view[TOGETHER]) for view in views][:9] == [True, False, False, False, True, False, False, False, True]


def test_the_steps_on_views_are_spread_over_all_batches() -> None:
    train = Train(view_steps=2500, num_epochs=20)
    assert steps_per_batch(train, batches=11) == 11  # 2,420 in all
    assert steps_per_batch(train, batches=1000) == 1  # at least
    assert steps_per_batch(train.model_copy(update={"view_steps": 0}), batches=9) == 0
