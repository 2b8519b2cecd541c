"""The trunk of BlazePose's landmark network in torch, from the very weights that the extractor runs.

    crop (B, 3, 256, 256) in 0..1 ─ inverted residuals ─ (B, 864, 8, 8) what is seen, coarse
                                      └─ laterals, summed ─ (B, 48, 32 or 64, ...) where it is seen, fine

A network that has learned from many people's photographs knows bodies that renders cannot teach. Its batch normalisation
is folded into its convolutions. What it does at 64 px and above, and all depthwise kernels, stay as they are: their
gradients would cost most of a step on a CPU and teach least.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from modules.utils import UserError

SIDE = 256  # px of the crop
COARSE, FINE = 864, 48  # channels
# Of each inverted residual: channels within, kernel, stride, channels out. Residual where stride and channels allow it.
STAGES = (
    ((64, 3, 2, 24), (144, 3, 1, 24)),
    ((144, 5, 2, 32), (192, 5, 1, 32)),
    ((192, 3, 2, 64), (384, 3, 1, 64), (384, 3, 1, 64), (384, 5, 1, 88), (528, 5, 1, 88), (528, 5, 1, 88)),
    ((528, 5, 2, 144), (864, 5, 1, 144), (864, 5, 1, 144), (864, 5, 1, 144)),
)
FROZEN_STAGES = 1


class _FrozenDepthwise(torch.autograd.Function):
    """A depthwise convolution whose kernel does not learn.

    Its input's gradient is a convolution with the turned kernel, which takes a tenth of the time of torch's own on a CPU.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, stride: int) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.stride, ctx.size = stride, x.shape[-1]
        return functional.conv2d(x, weight, bias, stride, weight.shape[-1] // 2, groups=len(weight))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        (weight,) = ctx.saved_tensors
        if ctx.stride > 1:  # gaps of zeros between the gradients, as the stride left pixels out
            wide = grad.new_zeros(*grad.shape[:2], ctx.size, ctx.size).contiguous(memory_format=torch.channels_last)
            wide[..., :: ctx.stride, :: ctx.stride] = grad
            grad = wide
        turned = weight.flip((-2, -1)).to(grad.dtype)
        return functional.conv2d(grad, turned, padding=turned.shape[-1] // 2, groups=len(turned)), None, None, None


class Depthwise(nn.Module):
    """A depthwise convolution as BlazePose has it, with ReLU6; frozen."""

    def __init__(self, channels: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride
        self.weight = nn.Parameter(torch.zeros(channels, 1, kernel, kernel), requires_grad=False)
        self.bias = nn.Parameter(torch.zeros(channels), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.weight.to(x.dtype), self.bias.to(x.dtype)
        seen: Tensor = _FrozenDepthwise.apply(x, weight, bias, self.stride)
        return functional.relu6(seen)


class Residual(nn.Module):
    """Widen, look around, narrow: an inverted residual of MobileNetV2 (Sandler et al. 2018)."""

    def __init__(self, inputs: int, within: int, kernel: int, stride: int, outputs: int) -> None:
        super().__init__()
        self.widen, self.look = nn.Conv2d(inputs, within, 1), Depthwise(within, kernel, stride)
        self.narrow = nn.Conv2d(within, outputs, 1)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        seen: Tensor = self.narrow(self.look(functional.relu6(self.widen(x))))
        return x + seen if self.adds else seen


class Lateral(nn.Module):
    """What a stage adds to the fine map, in its channels."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.look, self.mix = Depthwise(inputs, 3), nn.Conv2d(inputs, FINE, 1)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu6(self.mix(self.look(x)))


class BlazePoseTrunk(nn.Module):
    """Untrained until `load_trunk` fills it."""

    def __init__(self, fine_side: int = 32) -> None:
        super().__init__()
        if fine_side not in (32, 64):
            raise ValueError(f"fine_side must be 32 or 64, not {fine_side}")
        self.fine_side = fine_side
        self.stem, self.first, self.second = nn.Conv2d(3, 24, 3, 2, 1), Depthwise(24, 3), nn.Conv2d(24, 16, 1)
        channels, stages, laterals = 16, [], []
        for blocks in STAGES:
            stage = []
            for within, kernel, stride, outputs in blocks:
                stage.append(Residual(channels, within, kernel, stride, outputs))
                channels = outputs
            stages.append(nn.Sequential(*stage))
            laterals.append(Lateral(COARSE if blocks is STAGES[-1] else channels))
        self.stages, self.laterals = nn.ModuleList(stages), nn.ModuleList(laterals)
        self.widen, self.look = nn.Conv2d(channels, COARSE, 1), Depthwise(COARSE, 3)
        for frozen in (self.stem, self.second, self.stages[:FROZEN_STAGES]):
            frozen.requires_grad_(False)
        self.laterals[0].requires_grad_(fine_side == 64)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, 256, 256) RGB in 0..1 → coarse (B, 864, 8, 8) and fine (B, 48, fine_side, fine_side)."""
        with torch.no_grad():
            x = self.second(self.first(functional.relu6(self.stem(image))))
            for stage in self.stages[:FROZEN_STAGES]:
                x = stage(x)
        maps = [x]
        for stage in self.stages[FROZEN_STAGES:]:
            maps.append(stage(maps[-1]))
        coarse = self.look(functional.relu6(self.widen(maps[-1])))
        fine = self.laterals[-1](coarse)
        for lateral, seen in zip(reversed(self.laterals[:-1]), reversed(maps[:-1]), strict=True):
            if fine.shape[-1] == self.fine_side:
                break
            fine = functional.interpolate(fine, scale_factor=2, mode="bilinear") + lateral(seen)
        return coarse, fine

    def in_file_order(self) -> Iterator[nn.Conv2d | Depthwise | None]:
        """The convolutions in the order in which the model's file runs them; None for one that is not of the trunk."""
        yield from (self.stem, self.first, self.second)
        lateral: Any = None  # of the map before each stage; before the first one it serves the segmentation
        stages: Any = zip(self.stages, self.laterals, strict=True)
        for stage, next_lateral in stages:
            for block in stage:
                yield block.widen
                if block is stage[0]:
                    yield from (None, None) if lateral is None else (lateral.look, lateral.mix)
                yield from (block.look, block.narrow)
            lateral = next_lateral
        yield from (self.widen, self.look, lateral.look, lateral.mix)


@torch.no_grad()
def load_trunk(trunk: BlazePoseTrunk, path: Path) -> None:
    """Fill a trunk with the weights of pose_landmark_full.tflite. UserError where the file holds another network."""
    stored = read_convolutions(path)
    for ours in trunk.in_file_order():
        weight, bias = next(stored, (np.empty(0), np.empty(0)))
        if ours is None:
            continue
        if weight.shape != ours.weight.shape or ours.bias is None or bias.shape != ours.bias.shape:
            raise UserError(
                f"{path}: this is not BlazePose's full landmark model, which TRAIN.backbone=blazepose starts from"
            )
        ours.weight.copy_(torch.from_numpy(weight))
        ours.bias.copy_(torch.from_numpy(bias))


def read_convolutions(path: Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Weight (out, in, k, k) and bias (out,) of each convolution of a tflite model, float32, in the order of its graph."""
    import tflite  # noqa: PLC0415  (only a training that starts from these weights reads them)

    model = tflite.Model.GetRootAs(path.read_bytes(), 0)
    graph = model.Subgraphs(0)
    halves: dict[int, int] = {}  # the half-precision tensor that each dequantised one is from
    for k in range(graph.OperatorsLength()):
        operator = graph.Operators(k)
        code = model.OperatorCodes(operator.OpcodeIndex())
        kind = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        if kind == tflite.BuiltinOperator.DEQUANTIZE:
            halves[operator.Outputs(0)] = operator.Inputs(0)
        if kind not in (tflite.BuiltinOperator.CONV_2D, tflite.BuiltinOperator.DEPTHWISE_CONV_2D):
            continue
        sources = [halves.get(operator.Inputs(i)) for i in (1, 2)]
        constants = [_constant(model, None if source is None else graph.Tensors(source)) for source in sources]
        if constants[0].ndim != 4:  # stored in another way: none of ours
            return
        weight, bias = constants
        depthwise = kind == tflite.BuiltinOperator.DEPTHWISE_CONV_2D  # (1, k, k, out), else (out, k, k, in)
        yield weight.transpose((3, 0, 1, 2) if depthwise else (0, 3, 1, 2)).copy(), bias


def _constant(model: Any, tensor: Any) -> np.ndarray:
    """What a half-precision tensor holds, float32; empty where it is computed, or none."""
    data = model.Buffers(tensor.Buffer()).DataAsNumpy() if tensor else 0
    if not isinstance(data, np.ndarray):
        return np.empty(0, np.float32)
    return data.view(np.float16).reshape(tensor.ShapeAsNumpy()).astype(np.float32)
