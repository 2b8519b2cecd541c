"""Decides when to stop training."""

from __future__ import annotations

import math
from typing import Any


class EarlyStopper:
    """Stops training after `patience` epochs in a row without a lower score. NaN is never an improvement."""

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.best_score = math.inf
        self.best_epoch = -1
        self.waited = 0

    def update(self, epoch: int, score: float) -> bool:
        """Records an epoch's score and returns whether it is the best so far."""
        if score < self.best_score:
            self.best_score, self.best_epoch, self.waited = score, epoch, 0
            return True
        self.waited += 1
        return False

    @property
    def should_stop(self) -> bool:
        """Whether `patience` epochs have passed since the best one."""
        return self.waited >= self.patience

    def state_dict(self) -> dict[str, Any]:
        """Returns the state for a checkpoint."""
        return {"best_score": self.best_score, "best_epoch": self.best_epoch, "waited": self.waited}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores the state of a checkpoint."""
        self.best_score, self.best_epoch, self.waited = state["best_score"], state["best_epoch"], state["waited"]
