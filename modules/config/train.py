"""The TRAIN section of the config."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from modules.config.paths import ORIGINAL_CONFIG
from modules.config.sections import MAX_COUNT, PathText, Section

ModelType = Literal["image+pose", "pose", "image"]
Metric = Literal["world_mpjpe", "root", "root_relative_mpjpe", "pa_mpjpe", "competition_mse"]

# The required values of the keys that the original recipe does not use.
ORIGINAL_FIXED = {
    "root": "height", "heatmap_sigma": 3.0, "joint_features": "none", "ensemble_size": 1, "view_steps": 0,
    "blend_released": False, "simulated_mirror": 0.0, "simulated_errors": "fitted", "real_view_share": 0.0,
    "calibration_error": [0.5, 20.0],
}  # fmt: skip


class Train(Section):
    """Network, optimisation, augmentation and simulation."""

    model_type: ModelType = Field(
        "pose",
        description="PoseNet's inputs: the cached pose, the person crop, or both. The crop has gained nothing so far, and "
        "takes several times as long.",
    )
    num_epochs: int = Field(20, ge=1, le=MAX_COUNT, description="At most this many passes over the training images.")
    batch_size: int = Field(16, ge=2, le=MAX_COUNT, description="Images per step, over all devices.")
    learning_rate: float = Field(1e-3, gt=0, description="The optimizer's initial learning rate.")
    early_stopping_patience: int = Field(
        10, ge=1, le=MAX_COUNT, description="Epochs without a better validation score before training stops."
    )
    optimizer: Literal["adamw", "adam", "sgd", "madgrad"] = Field("adamw", description="The update rule.")
    augmentation: bool = Field(
        True,
        description="Random mirroring, rotation, zoom, shift, occlusion, colour and pose jitter of training images.",
    )
    root: Literal["height", "learned"] = Field(
        "height",
        description="height, for few training people: the joints' depths decided together by their bone lengths, and the "
        "root depth by their mean pelvis height and their lowest foot on the floor, averaged with the extractor's own; "
        "learned, for many: the network predicts all depths.",
    )
    joint_features: Literal["none", "heavy", "full"] = Field(
        "none",
        description="BlazePose's landmark network whose image features at each joint are inputs of the pose branch. To learn "
        "from them takes real views of many people.",
    )
    ensemble_size: int = Field(
        1, ge=1, le=16, description="How many pose networks are trained and averaged; worth it with many people."
    )
    scheduler: Literal["cosine", "step", "plateau", "none"] = Field(
        "cosine",
        description="Learning rate: a cosine down to 1 % at num_epochs, x0.3 every 7 epochs, x0.3 after 3 epochs without a "
        "better validation score, or constant.",
    )
    input_shape: Literal[128, 256] = Field(
        128, description="Side of the person crop in px; the heatmap volume has a quarter of it along each side."
    )
    output_depth: Literal[32, 64] = Field(
        32,
        description="Depth cells of the heatmap volume, over the root ± 1000 mm; OriginalPoseNet: over the world's origin ± "
        "the largest training depth.",
    )
    pretrained: bool = Field(False, description="Start the backbone from ImageNet weights (downloaded by torchvision).")
    init_from: PathText | None = Field(
        None,
        description="Trained weights to start from: a run folder, or a .safetensors file such as the released "
        "pre_models/posenet/posenet.safetensors; null: none. The architecture must be the same.",
    )
    blend_released: bool = Field(
        True,
        description="Average the predictions with those of the released weights, where validation people who are not trained "
        "on gain by it; the shares are chosen on them.",
    )
    model: Literal["PoseNet", "OriginalPoseNet"] = Field(
        "PoseNet",
        description="The network and its recipe; OriginalPoseNet is the original entry's (config/original.yml).",
    )
    momentum: float = Field(
        0.9, ge=0, lt=1, description="Momentum of sgd and madgrad; the first beta of adam and adamw."
    )
    weight_decay: float = Field(0.01, ge=0, description="Weight decay of every optimizer.")
    loss_function: Literal["l1", "smooth_l1", "mse"] = Field("l1", description="The distance function of the loss.")
    metric_function: Metric = Field(
        "world_mpjpe", description="The validation score, which selects best_XX.pt and stops training early."
    )
    heatmap_sigma: float = Field(
        3.0,
        ge=0.5,
        le=16,
        description="Standard deviation, in cells, of the heatmaps that the image branch is trained on: 3 for few images, "
        "which it would overfit, 1 for many.",
    )
    view_steps: int = Field(
        2500,
        ge=0,
        le=MAX_COUNT,
        description="Training steps of the pose branch, on 128 simulated views each, spread over all epochs: at least one "
        "before each batch of images; 0: it trains on the images' own poses.",
    )
    simulated_mirror: float = Field(0.0, ge=0, le=1, description="The share of simulated views of a mirrored scene.")
    simulated_errors: Literal["fitted", "resampled"] = Field(
        "fitted",
        description="The extractor's errors in simulated views: drawn from a fitted distribution, or resampled whole from "
        "other training images, of which it needs many.",
    )
    real_view_share: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="The share of real views among the simulated ones: cached poses of training images, augmented.",
    )
    calibration_error: list[float] = Field(
        [0.5, 20.0],
        min_length=2,
        max_length=2,
        description="Simulated calibration errors (standard deviations): camera rotation in degrees and floor height in mm; "
        "choose them about as large as your own may be.",
    )
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = Field(
        "auto",
        description="Arithmetic of the image branch: float32, or mixed with bfloat16 or float16; auto is bfloat16 where the "
        "device has instructions for it, else float32.",
    )
    accelerator: Literal["auto", "cpu", "gpu", "mps"] = Field(
        "auto", description="The device; auto takes the best that is present."
    )
    devices: int = Field(1, ge=1, description="How many devices of a machine (on a CPU: processes) share each batch.")
    num_nodes: int = Field(
        1, ge=1, description="How many machines share each batch; torchrun starts train.py on each of them."
    )

    @field_validator("calibration_error")
    @classmethod
    def _has_sane_errors(cls, values: list[float]) -> list[float]:
        degrees, floor_mm = values
        if not (0 <= degrees <= 10 and 0 <= floor_mm <= 500):
            raise ValueError(f"calibration_error must be [0..10 degrees, 0..500 mm], not {values}")
        return values

    @model_validator(mode="after")
    def _keeps_to_the_original(self) -> Train:
        """Refuses keys that the original recipe does not use, so that none seems to have an effect."""
        unused = [key for key, only in ORIGINAL_FIXED.items() if getattr(self, key) != only]
        if self.model == "OriginalPoseNet" and unused:
            key = unused[0]
            raise ValueError(
                f"OriginalPoseNet does not use {key}; set it to {ORIGINAL_FIXED[key]}, or start from {ORIGINAL_CONFIG}"
            )
        return self

    @model_validator(mode="after")
    def _fits_together(self) -> Train:
        if self.joint_features != "none" and self.model_type == "image":
            raise ValueError("model_type: image has no pose branch to use joint_features; set joint_features to none")
        if self.pretrained and self.model_type == "pose":
            raise ValueError(
                "model_type: pose has no backbone that pretrained could start; set model_type to image+pose"
            )
        if self.joint_features != "none" and self.view_steps > 0 and self.real_view_share == 0:
            raise ValueError(
                "joint_features are learned from real views: set real_view_share above 0, or joint_features to none"
            )
        if self.devices * self.num_nodes > self.batch_size:
            count = self.devices * self.num_nodes
            raise ValueError(f"devices x num_nodes must be at most batch_size = {self.batch_size}, not {count}")
        return self
