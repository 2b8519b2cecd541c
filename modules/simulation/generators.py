"""One random generator per sample, so that what is drawn for a sample does not depend on the samples beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np


class SampleGenerators:
    """Draws for B samples, each by a generator of its own; sizes are B, or (B, ...)."""

    def __init__(self, seeds: Sequence[Sequence[int]]) -> None:
        self.each = [np.random.default_rng(seed) for seed in seeds]

    def uniform(self, low: float, high: float, size: int | tuple[int, ...]) -> np.ndarray:
        """See numpy.random.Generator."""
        return self._stacked(lambda rng, rest: rng.uniform(low, high, rest), size)

    def random(self, size: int | tuple[int, ...]) -> np.ndarray:
        """See numpy.random.Generator."""
        return self._stacked(lambda rng, rest: rng.random(rest), size)

    def normal(self, loc: float, scale: float, size: int | tuple[int, ...]) -> np.ndarray:
        """See numpy.random.Generator."""
        return self._stacked(lambda rng, rest: rng.normal(loc, scale, rest), size)

    def _stacked(
        self, draw: Callable[[np.random.Generator, tuple[int, ...]], np.ndarray], size: int | tuple[int, ...]
    ) -> np.ndarray:
        count, *rest = (size,) if isinstance(size, int) else size
        if count != len(self.each):
            raise ValueError(f"{count} samples, but {len(self.each)} generators")
        return np.array([draw(rng, tuple(rest)) for rng in self.each])


Generator = np.random.Generator | SampleGenerators
