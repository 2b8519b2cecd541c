"""Which images make up each step of an epoch."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.utils.data import Sampler

from model.shared import Share, share_of


def epoch_seed(seed: int, epoch: int) -> int:
    """The seed of one epoch of one run."""
    return (seed * 1_000_003 + epoch) % 2**32


class EpochBatches(Sampler[list[int]]):
    """Batches in an order that depends on seed and epoch alone, so that a resumed epoch is the one that was cut off.

    Each of several processes gets its rows of every batch. A last batch of fewer images than processes is left out.
    """

    def __init__(self, size: int, batch_size: int, seed: int, rank: int = 0, processes: int = 1) -> None:
        self.size, self.batch_size, self.seed = size, batch_size, seed
        self.rank, self.processes = rank, processes
        self.epoch = 0
        self.skip = 0  # batches of this epoch that were taken before the training was cut off

    def shares(self) -> list[Share]:
        """This process's part of every batch that is left of the epoch."""
        totals = [min(self.batch_size, self.size - start) for start in range(0, self.size, self.batch_size)]
        whole = [share_of(total, self.rank, self.processes) for total in totals if total >= self.processes]
        return whole[self.skip :]

    @property
    def images(self) -> int:
        """How many images a whole epoch shows, in all processes."""
        left_out = self.size % self.batch_size
        return self.size - (left_out if left_out < self.processes else 0)

    def __len__(self) -> int:
        return len(self.shares())

    def __iter__(self) -> Iterator[list[int]]:
        generator = torch.Generator().manual_seed(epoch_seed(self.seed, self.epoch))
        order = torch.randperm(self.size, generator=generator).tolist()
        for step, share in enumerate(self.shares(), self.skip):
            start = step * self.batch_size
            yield order[start + share.start : start + share.stop]
