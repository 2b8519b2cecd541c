"""Refuses the keys of earlier releases, each with its new name or with the reason of its removal."""

from __future__ import annotations

RENAMED = {
    "DATA.also": "DATA.extra_roots",
    "EXTRACT.crops": "EXTRACT.test_time_augmentation (true for several, false for one)",
    "TRAIN.looks": "TRAIN.joint_features",
    "TRAIN.members": "TRAIN.ensemble_size",
    "TRAIN.heat_cells": "TRAIN.heatmap_sigma",
    "TRAIN.own_views": "TRAIN.real_view_share",
    "TRAIN.floor_error": "the second number of TRAIN.calibration_error ([degrees, mm])",
}
_CHANGES = ("mirror", "rotation", "zoom", "shift", "occlusion", "colour_jitter", "pose_jitter", "root_jitter")
_AUGMENTATION = "TRAIN.augmentation: true or false switches all augmentation; leave this key out"
REMOVED = {
    "DATALOADER.pin_memory": "leave it out",
    "TRAIN.backbone": "the backbone is a ResNet18; leave it out",
    "TRAIN.resnet_type": "the backbone is a ResNet18; leave it out",
    "TRAIN.backbone_rate": "the backbone learns at TRAIN.learning_rate; leave it out",
    "TRAIN.output_shape": "it is always input_shape / 4; leave it out",
    "TRAIN.gradient_clip": "gradients are not clipped; leave it out",
    "TRAIN.loss_space": "PoseNet's loss uses both spaces; leave it out",
    "TRAIN.simulated_views": "TRAIN.view_steps is the number of training steps on simulated views; set that",
    "TRAIN.checkpoint_steps": "model.pt is written every 500 steps; leave it out",
    "TRAIN.num_threads": "set the environment variable OMP_NUM_THREADS instead",
    "TEST.batch_size": "leave it out",
    "TEST.overlays": "leave it out",
    **{f"TRAIN.{name}": _AUGMENTATION for name in _CHANGES},
}


def retired_sentence(key: str) -> str | None:
    """Returns the message for a key SECTION.key of an earlier release; None for any other key."""
    if key in RENAMED:
        return f"the key {key} was renamed; write {RENAMED[key]}"
    if key in REMOVED:
        return f"the key {key} was removed; {REMOVED[key]}"
    return None
