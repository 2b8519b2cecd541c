"""Selects the images and draws the simulated views of each step of an epoch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch.utils.data import Sampler

from model.distributed import BatchShard, shard_of
from modules.config.train import Train
from modules.simulation.views import ViewSimulator
from modules.utils import ahead

SIMULATED_BATCH = 128  # simulated views per optimizer step
SIMULATED_STEPS = 8  # steps whose views are drawn together
TOGETHER_EVERY = 4  # every fourth step decides the joints together (with a bone prior), which takes five times as long
TOGETHER = "together"  # the entry of a batch that says so


def epoch_seed(seed: int, epoch: int) -> int:
    """Returns the seed of one epoch of one run."""
    return (seed * 1_000_003 + epoch) % 2**32


class EpochBatches(Sampler[list[int]]):
    """Batches in a random order that depends only on seed and epoch, so that an interrupted epoch can be resumed.

    Each process receives its shard of every batch. A last batch with fewer images than processes is left out.
    """

    def __init__(self, size: int, batch_size: int, seed: int, rank: int = 0, processes: int = 1) -> None:
        self.size, self.batch_size, self.seed = size, batch_size, seed
        self.rank, self.processes = rank, processes
        self.epoch = 0
        self.skip = 0  # batches of this epoch that were done before an interruption

    def shards(self) -> list[BatchShard]:
        """Returns this process's shard of every remaining batch of the epoch."""
        totals = [min(self.batch_size, self.size - start) for start in range(0, self.size, self.batch_size)]
        shards = [shard_of(total, self.rank, self.processes) for total in totals if total >= self.processes]
        return shards[self.skip :]

    @property
    def images(self) -> int:
        """The number of images of a whole epoch, over all processes."""
        left_out = self.size % self.batch_size
        return self.size - (left_out if left_out < self.processes else 0)

    def __len__(self) -> int:
        return len(self.shards())

    def __iter__(self) -> Iterator[list[int]]:
        generator = torch.Generator().manual_seed(epoch_seed(self.seed, self.epoch))
        order = torch.randperm(self.size, generator=generator).tolist()
        for step, shard in enumerate(self.shards(), self.skip):
            start = step * self.batch_size
            yield order[start + shard.start : start + shard.stop]


def steps_per_batch(train: Train, batches: int) -> int:
    """Returns the steps on simulated views before each of an epoch's batches of images, from TRAIN.view_steps."""
    if train.view_steps == 0:
        return 0
    return max(1, round(train.view_steps / (batches * train.num_epochs)))


def simulated_batches(
    simulator: ViewSimulator, rng: np.random.Generator, steps: int, shard: BatchShard, device: torch.device
) -> Iterator[dict[str, torch.Tensor]]:
    """Yields a shard of one batch of simulated views per step; the views of several steps are drawn together.

    A thread draws the views of the next steps meanwhile, on a core that the steps leave free. The entry TOGETHER of a batch
    is 1 in every fourth step, else 0.
    """
    draws = range(0, steps, SIMULATED_STEPS)
    for drawn in ahead(simulator.draw(rng, SIMULATED_BATCH * SIMULATED_STEPS) for _ in draws):
        views = {name: torch.from_numpy(values).to(device) for name, values in drawn.items()}
        for step in range(SIMULATED_STEPS):
            start = step * SIMULATED_BATCH
            batch = {name: values[start + shard.start : start + shard.stop] for name, values in views.items()}
            yield {**batch, TOGETHER: torch.tensor(float(step % TOGETHER_EVERY == 0))}
