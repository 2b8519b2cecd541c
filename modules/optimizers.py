"""The update rules and learning-rate schedules that the config names."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LRScheduler, ReduceLROnPlateau, StepLR

from modules.config import Train

# BlazePose's weights hold folded normalisations: an epoch at 0.3 doubled its error on validation people, one at 0.02
# lowered it.
BLAZEPOSE_RATE = 0.02


def make_optimizer(config: Train, network: nn.Module) -> Optimizer:
    """The configured optimizer over all weights."""
    options: dict[str, Any] = {"lr": config.learning_rate, "weight_decay": config.weight_decay}
    weights = _groups(config, network)
    if config.optimizer == "madgrad":
        from pytorch_optimizer import MADGRAD  # noqa: PLC0415  (half a second that only those who ask for it wait)

        return MADGRAD(weights, momentum=config.momentum, **options)
    if config.optimizer == "sgd":
        return SGD(weights, momentum=config.momentum, **options)
    kind = AdamW if config.optimizer == "adamw" else Adam
    return kind(weights, betas=(config.momentum, 0.999), **options)


def _groups(config: Train, network: nn.Module) -> Any:
    """All weights, or the rest and, with its own learning rate, the backbone."""
    backbone, rate = getattr(network, "backbone", None), config.backbone_rate
    if rate is None:
        rate = BLAZEPOSE_RATE if config.backbone == "blazepose" else 1.0
    if rate == 1 or backbone is None:
        return network.parameters()
    slow = set(backbone.parameters())
    rest = [weight for weight in network.parameters() if weight not in slow]
    return [
        {"params": rest},
        {"params": list(backbone.parameters()), "lr": config.learning_rate * rate},
    ]


def make_scheduler(config: Train, optimizer: Optimizer) -> LRScheduler:
    """The configured schedule, stepped once per epoch."""
    if config.scheduler == "plateau":
        return ReduceLROnPlateau(optimizer, factor=0.3, patience=3)
    if config.scheduler == "cosine":
        return CosineAnnealingLR(optimizer, config.num_epochs, eta_min=config.learning_rate / 100)
    if config.scheduler == "step":
        return StepLR(optimizer, step_size=7, gamma=0.3)
    return LambdaLR(optimizer, lambda epoch: 1.0)
