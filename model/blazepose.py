"""BlazePose's landmark network in torch, from the very weights that the extractor runs, to be taught further.

    crop (B, 3, 256, 256) in 0..1 ─ inverted residuals ─ (B, 864, 8, 8) ─ tower ─ (B, 288, 2, 2) ─┬─ 33 landmarks, px
                                                                                                 └─ 33 depths, m

It has learned bodies from many people's photographs, which renders cannot teach. Its batch normalisation is folded into
its convolutions, so that large steps unlearn all of it. What it does at 64 px and above, and the depthwise kernels of its
trunk, stay as they are: their gradients would cost most of a step on a CPU and teach least. Left out are what draws its
heatmaps and its mask.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from modules.utils import UserError

SIDE = 256  # px of the crop
COARSE, TOWER = 864, 288  # channels at the trunk's end, and above
LANDMARKS, AUXILIARY = 33, 6  # the last six say how the person lies, for the next frame's crop
# Of each inverted residual: channels within, kernel, stride, channels out. Residual where stride and channels allow it.
STAGES = (
    ((64, 3, 2, 24), (144, 3, 1, 24)),
    ((144, 5, 2, 32), (192, 5, 1, 32)),
    ((192, 3, 2, 64), (384, 3, 1, 64), (384, 3, 1, 64), (384, 5, 1, 88), (528, 5, 1, 88), (528, 5, 1, 88)),
    ((528, 5, 2, 144), (864, 5, 1, 144), (864, 5, 1, 144), (864, 5, 1, 144)),
)
FROZEN_STAGES = 1
TOWER_STRIDES = (2, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1)
SKIPPED, SKIPPED_LAST = 2, 14  # convolutions that only heatmaps and mask need: within each stage, before the tower


class _FrozenDepthwise(torch.autograd.Function):
    """A depthwise convolution whose kernel does not learn.

    Its input's gradient is a convolution with the turned kernel: in half precision on a CPU torch's own takes 2 to 18
    times as long.
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


class TowerStep(nn.Module):
    """Look around and mix, added to what was there; a stride of 2 halves the side first."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.look = nn.Conv2d(TOWER, TOWER, 3, stride, padding=0 if stride == 2 else 1, groups=TOWER)
        self.mix = nn.Conv2d(TOWER, TOWER, 1)

    def forward(self, x: Tensor) -> Tensor:
        if self.stride == 2:  # as TensorFlow pads "same": below and to the right alone
            kept, shown = functional.max_pool2d(x, 2), functional.pad(x, (0, 1, 0, 1))
        else:
            kept = shown = x
        return functional.relu6(kept + self.mix(functional.relu6(self.look(shown))))


class Seen(NamedTuple):
    """What the network says of B crops."""

    summary: Tensor  # (B, 288)
    landmarks_px: Tensor  # (B, 33, 2) px of the crop, from its outer edge
    depth_m: Tensor  # (B, 33) from the mid-hip, away from the camera


class BlazePoseNet(nn.Module):
    """Knows nothing until `load_blazepose` fills it."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.first, self.second = nn.Conv2d(3, 24, 3, 2, 1), Depthwise(24, 3), nn.Conv2d(24, 16, 1)
        channels, stages = 16, []
        for blocks in STAGES:
            stage = []
            for within, kernel, stride, outputs in blocks:
                stage.append(Residual(channels, within, kernel, stride, outputs))
                channels = outputs
            stages.append(nn.Sequential(*stage))
        self.stages = nn.ModuleList(stages)
        self.widen, self.look = nn.Conv2d(channels, COARSE, 1), Depthwise(COARSE, 3)
        self.rise, self.narrow = Depthwise(COARSE, 3), nn.Conv2d(COARSE, TOWER, 1)
        self.tower = nn.Sequential(*[TowerStep(stride) for stride in TOWER_STRIDES])
        points = LANDMARKS + AUXILIARY
        self.landmarks, self.world = nn.Conv2d(TOWER, 5 * points, 2), nn.Conv2d(TOWER, 3 * points, 2)
        for frozen in (self.stem, self.second, self.stages[:FROZEN_STAGES]):
            frozen.requires_grad_(False)

    def forward(self, image: Tensor) -> Seen:
        """(B, 3, 256, 256) RGB in 0..1 → what is seen, in full precision."""
        with torch.no_grad():
            x = self.second(self.first(functional.relu6(self.stem(image))))
            for stage in self.stages[:FROZEN_STAGES]:
                x = stage(x)
        for stage in self.stages[FROZEN_STAGES:]:
            x = stage(x)
        coarse = self.look(functional.relu6(self.widen(x)))
        top = self.tower(functional.relu6(self.narrow(self.rise(coarse))))
        landmarks, world = (layer(top).float().flatten(1) for layer in (self.landmarks, self.world))
        return Seen(
            top.float().mean((-2, -1)),
            landmarks.unflatten(1, (-1, 5))[:, :LANDMARKS, :2],
            world.unflatten(1, (-1, 3))[:, :LANDMARKS, 2],
        )

    def in_file_order(self) -> Iterator[nn.Conv2d | Depthwise | None]:
        """The convolutions in the order in which the model's file runs them; None for one that is left out."""
        yield from (self.stem, self.first, self.second)
        stages: Any = self.stages
        for stage in stages:
            for block in stage:
                yield block.widen
                yield from [None] * (SKIPPED if block is stage[0] else 0)
                yield from (block.look, block.narrow)
        yield from (self.widen, self.look, *[None] * SKIPPED_LAST, self.rise, self.narrow)
        steps: Any = self.tower
        for step in steps:
            yield from (step.look, step.mix)
        yield from (self.landmarks, self.world)


@torch.no_grad()
def load_blazepose(network: BlazePoseNet, path: Path) -> None:
    """Fill the network with the weights of pose_landmark_full.tflite. UserError where the file holds another network."""
    stored = read_convolutions(path)
    for ours in network.in_file_order():
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
