"""Creates the optimizer and the learning-rate schedule of the config."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LRScheduler, ReduceLROnPlateau, StepLR

from modules.config.train import Train


def make_optimizer(config: Train, network: nn.Module) -> Optimizer:
    """Returns the configured optimizer over all weights."""
    options: dict[str, Any] = {"lr": config.learning_rate, "weight_decay": config.weight_decay}
    weights = network.parameters()
    if config.optimizer == "madgrad":
        from pytorch_optimizer import MADGRAD  # noqa: PLC0415  (its import takes half a second)

        return MADGRAD(weights, momentum=config.momentum, **options)
    if config.optimizer == "sgd":
        return SGD(weights, momentum=config.momentum, **options)
    kind = AdamW if config.optimizer == "adamw" else Adam
    return kind(weights, betas=(config.momentum, 0.999), **options)


def make_scheduler(config: Train, optimizer: Optimizer) -> LRScheduler:
    """Returns the configured schedule, stepped once per epoch."""
    if config.scheduler == "plateau":
        return ReduceLROnPlateau(optimizer, factor=0.3, patience=3)
    if config.scheduler == "cosine":
        return CosineAnnealingLR(optimizer, config.num_epochs, eta_min=config.learning_rate / 100)
    if config.scheduler == "step":
        return StepLR(optimizer, step_size=7, gamma=0.3)
    return LambdaLR(optimizer, lambda epoch: 1.0)
