"""PoseNet: a person crop and a cached pose in, the refined pose and its root depth out.

    crop (B, 3, S, S) ─ ResNet18 ─ HeadNet ─ heat volumes (B, 24, D, S/4, S/4) ─┐
                                                                               + ─ soft-argmax → u, v, depth
    pose (B, 24, 3+5) ─ MLP embedding ─ MLP ─ where each joint's prior stands ──┘
    looks (B, 24, 48) ─────┘             │       (looks: where the config asks for them, see modules.looks)
                                         ├─── whether left and right are exchanged
                                         ├─── how far off each joint may be (calibrated in modules.uncertainty)
                                         └─── log-ratio that corrects the root's depth: where no floor is declared,
                                              or everywhere, where `root` is learned

Each branch is an expert of its own, and the heat volumes are where they meet: the image's volume is a log-density that
learned to be no surer than it may be, the pose's is a Gaussian as wide as the pose branch errs on people it has not
learned by heart, and their product weighs them. An untrained network answers the cached pose itself.

The pose's MLPs may be several (`members`): each is taught by itself, and their mean is the pose branch's answer.

With `backbone: blazepose` the image's expert is the extractor's own landmark network, taught further, which says where
each joint is, and a judge that has seen both experts on training images decides between them, and on the root.
Coordinates: u, v over ±1 between the crop's outer edges, depth over ±1 for the root ± 1000 mm.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple
from urllib.error import URLError

import torch
import torchvision
from torch import Tensor, nn

from model.blazepose import LANDMARKS, SIDE, TOWER, BlazePoseNet, Seen
from model.shared import SharedBatchNorm2d, SharedDropout, batch_mean
from modules.looks import LOOK_CHANNELS
from modules.skeleton import MIRROR, NUM_JOINTS, ROOT
from modules.utils import UserError

EMBEDDING, DECISION = 256, 256
PRIOR_CELLS = 1.5  # first width of the prior, in cells of the volume
NARROWEST = 0.5  # cells: a narrower prior would fall between the cells' centres
WIDTH_PACE = 0.02  # how fast the prior's width follows the pose branch's errors, per step
PRIOR_FLOOR = -12.0  # log-weight per axis far from the joint: lower ones end in denormal numbers, 6x slower on a CPU
SURE = 0.9  # left and right are put right only where the network is so sure that they are exchanged
LEVEL_M = 0.05  # a pelvis this close to the camera's own height says nothing about its depth
UNTRIED = -6.0  # first logit of how far the image is trusted beside the cached pose
UNSWAPPED = -6.0  # first logit of "left and right are exchanged"
BODY_SPAN_MM = 2000.0  # image only: the crop is taken to show this much at the root's depth
PER_JOINT, PER_JOINT_LEVEL, PER_VIEW = 3 + 5, 7, 6  # of joints and features, of level, of view: see modules.dataset
LOOK_AXES = 24  # of a joint's look, how many of its LOOK_CHANNELS axes are told
RESNET_CHANNELS = 512  # of ResNet18's last stage
FIRST_DOUBT = 4.6  # log of 100 mm
MIRRORED = "mirrored_"  # in front of what a batch tells of the mirrored scene
FAR_OUT = 5.0  # spreads from the mean: what is farther out tells a learned root no more


@dataclass(frozen=True)
class PoseNetSpec:
    """What shapes the network; stored in every checkpoint."""

    input_shape: int = 128
    output_shape: int = 32
    output_depth: int = 32
    resnet_type: int = 18
    model_type: str = "image+pose"
    root: str = "height"
    backbone: str = "resnet"
    looks: str = "none"
    members: int = 1

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def resnet(resnet_type: int, pretrained: bool) -> nn.Sequential:
    """A ResNet without pooling and classifier: (B, 3, S, S) → (B, 512, S/32, S/32)."""
    if resnet_type != 18:
        raise ValueError(f"resnet_type must be 18, not {resnet_type}")
    weights = torchvision.models.ResNet18_Weights.IMAGENET1K_V1 if pretrained else None
    try:
        net = torchvision.models.resnet18(weights=weights, norm_layer=SharedBatchNorm2d)
    except (URLError, OSError, RuntimeError) as error:
        raise UserError(
            f"TRAIN.pretrained=true: the ImageNet weights could not be downloaded ({error}); "
            "connect, or set TRAIN.pretrained to false"
        ) from None
    return nn.Sequential(*list(net.children())[:-2])


class HeadNet(nn.Sequential):
    """Three deconvolutions and a 1x1 convolution: (B, 512, s, s) → (B, 24 * depth, 8 s, 8 s)."""

    def __init__(self, output_depth: int, channels: int = 256) -> None:
        layers: list[nn.Module] = []
        for inputs in (RESNET_CHANNELS, channels, channels):
            deconvolution = nn.ConvTranspose2d(inputs, channels, 4, stride=2, padding=1, bias=False)
            layers += [deconvolution, SharedBatchNorm2d(channels), nn.ReLU(inplace=True)]
        last = nn.Conv2d(channels, NUM_JOINTS * output_depth, 1)
        nn.init.normal_(last.weight, std=1e-3)
        last.bias = nn.Parameter(torch.zeros(NUM_JOINTS * output_depth))
        super().__init__(*layers, last)


def cell_centres(cells: int, like: Tensor) -> Tensor:
    """Where the centres of `cells` equal cells stand on an axis from -1 to 1."""
    return (torch.arange(cells, device=like.device, dtype=like.dtype) + 0.5) * (2 / cells) - 1


Axes = tuple[Tensor, Tensor, Tensor]  # along u, v and depth


class Answer(NamedTuple):
    """What PoseNet says of B images."""

    uvd: Tensor  # (B, 24, 3) u, v, depth over ±1
    root_mm: Tensor  # (B,) depth of the root in the crop's camera
    # What the image alone says: probabilities along u, v, depth, each (B, 24, cells), or places (B, 24, 3).
    evidence: Axes | Tensor | None
    doubt: Tensor  # (B, 24) log of how many mm each joint is off, to be calibrated


class Placed(NamedTuple):
    """What one branch, or one of its members, says of B images."""

    uvd: Tensor  # (B, 24, 3)
    root_mm: Tensor  # (B,)
    doubt: Tensor  # (B, 24)
    decision: Tensor  # (B, 256) what it was decided on


class Reading(NamedTuple):
    """How one member would correct B poses."""

    shift: Tensor  # (B, 24, 3)
    root_log: Tensor  # (B,) of the root's depth over the one that it was told
    swap: Tensor | None  # (B,) how likely left and right are exchanged; None where there is no pose
    doubt: Tensor  # (B, 24) log of how many mm each joint is off, to be calibrated
    decision: Tensor  # (B, 256)


class _Marginals(torch.autograd.Function):
    """A softmax over each volume, summed along two axes at a time, with its gradient in closed form.

    With probabilities p and a loss L of the marginals, dL/dlogit = p (dL/du + dL/dv + dL/dd - the mean of that under p).
    Written out by autograd the same takes twice as many passes over the volumes, which are most of what a step moves
    through memory. The arithmetic is in full precision whatever the logits are in.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor) -> Axes:
        heat = logits.movedim((-2, -1), (-4, -3)).to(torch.promote_types(logits.dtype, torch.float32), copy=True)
        heat.sub_(
            heat.amax(-1, keepdim=True).amax((-4, -3), keepdim=True)
        ).exp_()  # (..., H, W, J, D), as HeadNet's lie
        over_depth, d = heat.sum(-1), heat.sum((-4, -3))
        scale = 1 / d.sum(-1, keepdim=True)
        u, v = over_depth.sum(-3).mT * scale, over_depth.sum(-2).mT * scale
        d = d * scale
        ctx.save_for_backward(heat, scale, u, v, d)
        ctx.dtype = logits.dtype
        return u, v, d

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad_u: Tensor, grad_v: Tensor, grad_d: Tensor) -> Tensor:
        heat, scale, u, v, d = ctx.saved_tensors
        mean = ((grad_u * u).sum(-1) + (grad_v * v).sum(-1) + (grad_d * d).sum(-1)).unsqueeze(-1)
        plane = ((grad_u - mean) * scale).mT.unsqueeze(-3) + (grad_v * scale).mT.unsqueeze(-2)  # (..., H, W, J)
        grad = (plane.unsqueeze(-1) + (grad_d * scale)[..., None, None, :, :]).mul_(heat)
        return grad.to(ctx.dtype).movedim((-4, -3), (-2, -1))


def marginals(logits: Tensor) -> Axes:
    """A softmax over volumes (..., J, D, H, W), summed to probabilities along u (..., J, W), v (.., H), depth (.., D)."""
    axes: Axes = _Marginals.apply(logits)
    return axes


def expectation(axes: Axes) -> Tensor:
    """The expected place under probabilities along each axis, (..., cells) each: (..., 3) as u, v, depth over ±1."""
    return torch.stack([(axis * cell_centres(axis.shape[-1], axis)).sum(-1) for axis in axes], -1)


def soft_argmax(logits: Tensor) -> Tensor:
    """The expected place under a softmax over volumes: (..., J, D, H, W) → (..., J, 3) as u, v, depth over ±1.

    Integral pose regression (Sun et al. 2018), with cell centres half a cell inside the edges.
    """
    return expectation(marginals(logits))


class PosePrior(nn.Module):
    """A separable Gaussian about each joint, in log space, as wide per joint and axis as the pose branch errs."""

    width: Tensor

    def __init__(self, spec: PoseNetSpec) -> None:
        super().__init__()
        self.cells = (spec.output_shape, spec.output_shape, spec.output_depth)
        first = torch.tensor([PRIOR_CELLS * 2 / cells for cells in self.cells])
        self.register_buffer("width", first.repeat(NUM_JOINTS, 1))

    @torch.no_grad()
    def follow(self, error: Tensor) -> None:
        """Let the width approach the spread of these errors (B, 24, 3); gross ones count as little as they may."""
        spread = 1.2533 * batch_mean(error.abs())  # a Gaussian's standard deviation from its mean absolute deviation
        narrowest = torch.tensor([NARROWEST * 2 / cells for cells in self.cells], device=spread.device)
        self.width.lerp_(torch.maximum(spread, narrowest), WIDTH_PACE)

    def axes(self, centre: Tensor) -> Axes:
        """Log-weights along u, v, depth for centres (B, 24, 3): three of (B, 24, cells)."""
        u, v, d = (
            (-0.5 * ((cell_centres(cells, centre) - centre[..., axis, None]) / self.width[:, axis, None]) ** 2).clamp(
                PRIOR_FLOOR
            )
            for axis, cells in enumerate(self.cells)
        )
        return u, v, d

    def fuse(self, centre: Tensor, evidence: Axes) -> Tensor:
        """The product of prior and evidence, read along each axis: (B, 24, 3).

        Only how far the evidence moves the bare prior counts, so that neither the cells nor the volume's edge do.
        """
        prior = self.axes(centre)
        u, v, d = ((axis + seen.clamp_min(1e-8).log()).softmax(-1) for axis, seen in zip(prior, evidence, strict=True))
        bare_u, bare_v, bare_d = (axis.softmax(-1) for axis in prior)
        return centre + expectation((u, v, d)) - expectation((bare_u, bare_v, bare_d))


@contextmanager
def _at_rest(network: nn.Module) -> Iterator[None]:
    """The network as it answers, not as it learns."""
    learns = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(learns)


class CropNetwork(nn.Module):
    """What sees a person crop, where `model_type` names the image: ResNet18 and HeadNet, or BlazePose's network."""

    image_mean: Tensor
    image_std: Tensor

    def __init__(self, spec: PoseNetSpec, pretrained: bool = False) -> None:
        super().__init__()
        self.spec = spec
        self.sees_image, self.sees_pose = "image" in spec.model_type, "pose" in spec.model_type
        self.register_buffer("image_mean", torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), persistent=False)
        self.register_buffer("image_std", torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1), persistent=False)
        self.is_blazepose = spec.backbone == "blazepose"
        self.backbone: nn.Module
        if self.sees_image and self.is_blazepose:
            self.backbone = BlazePoseNet()
        elif self.sees_image:
            self.backbone = resnet(spec.resnet_type, pretrained)
            self.head = HeadNet(spec.output_depth)

    def features(self, image: Tensor) -> Tensor:
        """(B, 3, S, S) uint8 RGB → (B, 512, s, s)."""
        normalised = (image.to(self.image_mean.dtype) / 255 - self.image_mean) / self.image_std
        features: Tensor = self.backbone(normalised.contiguous(memory_format=torch.channels_last))
        return features

    def volumes(self, features: Tensor) -> Tensor:
        """(B, 512, s, s) → heat volumes (B, 24, D, 8 s, 8 s) in the network's precision."""
        heat: Tensor = self.head(features)
        return heat.unflatten(1, (NUM_JOINTS, self.spec.output_depth))


class Judge(nn.Module):
    """Decides between what the pose branch and what the image say of each joint, and what the root's depth gains by it."""

    def __init__(self, inputs: int, width: int = 512) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for size in (inputs, width):
            layers += [nn.Linear(size, width), nn.LayerNorm(width), nn.GELU(), SharedDropout(0.1)]
        self.weigh = nn.Sequential(*layers)
        self.trust, self.shift = nn.Linear(width, NUM_JOINTS * 3), nn.Linear(width, NUM_JOINTS * 3)
        self.root = nn.Linear(width, 1)
        for last, bias in ((self.trust, UNTRIED), (self.shift, 0.0), (self.root, 0.0)):
            nn.init.zeros_(last.weight)
            nn.init.constant_(last.bias, bias)

    def forward(self, centre: Tensor, seen: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """Places (B, 24, 3) by pose and by image, and all else (B, N) → places (B, 24, 3), the root's log-ratio (B,)."""
        apart = seen - centre
        decision = self.weigh(torch.cat([centre.flatten(1), apart.flatten(1), known], 1))
        trust = self.trust(decision).sigmoid().unflatten(1, (NUM_JOINTS, 3))
        shift = self.shift(decision).unflatten(1, (NUM_JOINTS, 3))
        return centre + trust * apart + shift, self.root(decision).squeeze(1)


class Member(nn.Module):
    """One reader of a pose (with its joints' looks), or of what an image says: how it corrects them, and how sure it is."""

    def __init__(self, inputs: int, sees_pose: bool, sees_looks: bool) -> None:
        super().__init__()
        self.sees_pose, self.sees_looks = sees_pose, sees_looks
        if sees_pose:
            self.embed = nn.Sequential(
                nn.Linear(inputs, 512), nn.LayerNorm(512), nn.GELU(), SharedDropout(0.1), nn.Linear(512, EMBEDDING), nn.GELU()
            )  # fmt: skip
        if sees_looks:
            self.embed_looks = nn.Sequential(
                SharedDropout(0.3), nn.Linear(NUM_JOINTS * LOOK_AXES, 256), nn.GELU(), SharedDropout(0.1), nn.Linear(256, 512)
            )  # fmt: skip
        evidence = EMBEDDING if sees_pose else inputs
        self.decide = nn.Sequential(nn.Linear(evidence, DECISION), nn.GELU(), SharedDropout(0.1))
        self.shift, self.root = nn.Linear(DECISION, NUM_JOINTS * 3), nn.Linear(DECISION, 1)
        last_layers = [(self.shift, 0.0), (self.root, 0.0)]
        if sees_pose:
            self.swap = nn.Linear(DECISION, 1)
            last_layers.append((self.swap, UNSWAPPED))
        for last, bias in last_layers:
            nn.init.zeros_(last.weight)  # the untrained answer is the cached pose
            nn.init.constant_(last.bias, bias)
        # Made last, and taught apart from all else: that it is there changes no other number.
        told = nn.Linear(128, NUM_JOINTS)
        nn.init.zeros_(told.weight)
        nn.init.constant_(told.bias, FIRST_DOUBT)
        self.doubt = nn.Sequential(nn.Linear(evidence + DECISION, 128), nn.GELU(), told)

    def forward(self, seen: Tensor, looks: Tensor | None = None, looked: Tensor | None = None) -> Reading:
        """Of standardised inputs, or an image's summary, (B, N), and of looks (B, 24 * 24) where `looked` (B, 1) is 1."""
        evidence = self._embed(seen, looks, looked) if self.sees_pose else seen
        decision = self.decide(evidence)
        shift = self.shift(decision).float().unflatten(1, (NUM_JOINTS, 3))
        swap = self.swap(decision).squeeze(1).sigmoid() if self.sees_pose else None
        # What tells how far off each joint may be teaches nothing else.
        doubt = self.doubt(torch.cat([evidence, decision], 1).detach()).float()
        return Reading(shift, self.root(decision).float().squeeze(1), swap, doubt, decision)

    def _embed(self, inputs: Tensor, looks: Tensor | None, looked: Tensor | None) -> Tensor:
        if looks is None:
            embedding: Tensor = self.embed(inputs)
            return embedding
        # A view that no image shows is told nothing by them, which is another thing than looking like the mean.
        embedding = self.embed[1:](self.embed[0](inputs) + self.embed_looks(looks) * looked)
        return embedding


class PoseNet(CropNetwork):
    """The network of the module's drawing; `model_type` image or pose leaves the other branch out."""

    mirror: Tensor
    root_cues: Tensor
    inputs_mean: Tensor
    inputs_spread: Tensor
    looks_mean: Tensor
    looks_axes: Tensor

    def __init__(self, spec: PoseNetSpec, pretrained: bool = False) -> None:
        super().__init__(spec, pretrained)
        # Mean pelvis height over the floor, its spread, and the root depth's relative spread: fitted, not trained.
        self.register_buffer("root_cues", torch.tensor([0.0, 1e6, 0.0]))  # until then: the extractor's root as it is
        self.register_buffer("mirror", torch.tensor(MIRROR), persistent=False)
        self.learns_root = spec.root == "learned"
        inputs = 0
        if self.sees_pose:
            inputs = NUM_JOINTS * PER_JOINT + 1
            if self.learns_root:
                inputs += NUM_JOINTS * PER_JOINT_LEVEL + PER_VIEW
                # What the pose branch sees in training, fitted, not trained.
                self.register_buffer("inputs_mean", torch.zeros(inputs))
                self.register_buffer("inputs_spread", torch.ones(inputs))
        self.sees_looks = self.sees_pose and spec.looks != "none"
        if self.sees_looks:
            # What looks are in training, fitted, not trained: their mean and the axes in which they vary most.
            self.register_buffer("looks_mean", torch.zeros(LOOK_CHANNELS))
            self.register_buffer("looks_axes", torch.eye(LOOK_CHANNELS, LOOK_AXES))
        # Those that see the pose are `members`, whose mean is the answer; what the image alone says is read by one.
        of_image = TOWER if self.is_blazepose else RESNET_CHANNELS
        self.members = nn.ModuleList(
            Member(inputs or of_image, self.sees_pose, self.sees_looks)
            for _ in range(spec.members if self.sees_pose else 1)
        )
        if self.sees_image and self.is_blazepose:
            self.joints = nn.Linear(LANDMARKS, NUM_JOINTS, bias=False)  # each joint as shares of landmarks
        if self.sees_image and self.sees_pose:
            if self.is_blazepose:
                self.judge = Judge(2 * NUM_JOINTS * 3 + inputs + DECISION + TOWER)
            else:
                self.prior = PosePrior(spec)
        self.to(memory_format=torch.channels_last)  # the same numbers, a third faster or more

    def forward(self, batch: dict[str, Tensor]) -> Answer:
        """A batch of samples (see modules.dataset) → the answer of both branches together, or of the only one."""
        if not self.sees_image:
            return self.by_pose(batch)
        if self.is_blazepose:
            return self._judge(batch)
        features, volume = self.see(batch)
        evidence = marginals(volume)
        if not self.sees_pose:
            placed = self._by_image(expectation(evidence), features.mean((-2, -1)), batch)
            return Answer(placed.uvd, placed.root_mm, evidence, placed.doubt)
        placed = self.place(batch)
        return Answer(self.prior.fuse(placed.uvd, evidence), placed.root_mm, evidence, placed.doubt)

    def by_pose(self, batch: dict[str, Tensor]) -> Answer:
        """The answer of the pose branch alone, whatever the image says."""
        placed = self.place(batch)
        return Answer(placed.uvd, placed.root_mm, None, placed.doubt)

    def _by_image(self, seen: Tensor, summary: Tensor, batch: dict[str, Tensor]) -> Placed:
        """Pose and root depth where there is no cached pose."""
        read: Reading = self.members[0](summary)
        root_mm = batch["K_crop"][:, 0, 0] * (BODY_SPAN_MM / SIDE) * torch.exp(read.root_log)
        return Placed(seen + read.shift, root_mm, read.doubt, read.decision)

    def _judge(self, batch: dict[str, Tensor]) -> Answer:
        """The answer of BlazePose's network, or the judge's between it and the pose branch, which learns nothing by it."""
        found: Seen = self.backbone((batch["image"] / 255).contiguous(memory_format=torch.channels_last))
        with torch.autocast(found.summary.device.type, enabled=False):
            depth = self.joints(found.depth_m)
            places = self.joints(found.landmarks_px.mT).mT * (2 / SIDE) - 1
            seen = torch.cat([places, (depth - depth[:, ROOT : ROOT + 1]).unsqueeze(-1)], -1)
            if not self.sees_pose:
                alone = self._by_image(seen, found.summary, batch)
                return Answer(alone.uvd, alone.root_mm, seen, alone.doubt)
            with torch.no_grad(), _at_rest(self):
                placed = self.place(batch)
            known = torch.cat([self._standardised(batch), placed.decision, found.summary], 1)
            uvd, root_log = self.judge(placed.uvd, seen.detach(), known)
            return Answer(uvd, placed.root_mm * torch.exp(root_log), seen, placed.doubt)

    def see(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The image branch alone: features (B, 512, s, s) and heat volumes (B, 24, D, 8 s, 8 s)."""
        features = self.features(batch["image"])
        return features, self.volumes(features)

    def place(self, batch: dict[str, Tensor]) -> Placed:
        """The pose branch alone: where each joint's prior stands, and the root's depth: the mean of its members' answers.

        Where the batch tells of the mirrored scenes, too, the mean of both, as both see them.
        """
        placed = mean_placed(self.places(batch))
        mirrored = {name.removeprefix(MIRRORED): x for name, x in batch.items() if name.startswith(MIRRORED)}
        return mean_placed([placed, self._mirrored(mean_placed(self.places(mirrored)))]) if mirrored else placed

    def places(self, batch: dict[str, Tensor]) -> list[Placed]:
        """What each member of the pose branch says by itself."""
        with torch.autocast(batch["joints"].device.type, enabled=False):
            # Half precision would cost millimetres and gain no time.
            inputs, looks, looked = self._standardised(batch), None, None
            if self.sees_looks:
                told = (batch["looks"] - self.looks_mean) @ self.looks_axes
                looks, looked = told.clamp(-FAR_OUT, FAR_OUT).flatten(1), batch["looked"]
            read: list[Reading] = [member(inputs, looks, looked) for member in self.members]
            swaps = [one.swap for one in read if one.swap is not None]
            if not self.training:  # half a swap would lay both sides on each other; only a sure one is made, by all
                swaps = [(torch.stack(swaps).mean(0) > SURE).to(swaps[0].dtype)] * len(read)
            known_log = None if self.learns_root else self._root_by_height(batch["features"])
            return [self._placed(one, swap, known_log, batch) for one, swap in zip(read, swaps, strict=True)]

    def _placed(self, read: Reading, swap: Tensor, known_log: Tensor | None, batch: dict[str, Tensor]) -> Placed:
        """A member's answer; `known_log` (B,) decides its root where a floor is declared."""
        root_log, joints = read.root_log, batch["joints"]
        sided = joints + swap[:, None, None] * (joints[:, self.mirror] - joints)
        if known_log is not None:
            root_log = torch.where(batch["floor"].squeeze(1) > 0, known_log, root_log)
        return Placed(sided + read.shift, batch["root_mm"] * torch.exp(root_log), read.doubt, read.decision)

    def _mirrored(self, placed: Placed) -> Placed:
        """The answer to a mirrored scene, as the scene itself has it."""
        uvd = placed.uvd[:, self.mirror] * placed.uvd.new_tensor([-1.0, 1.0, 1.0])
        return placed._replace(uvd=uvd, doubt=placed.doubt[:, self.mirror])

    @property
    def needs_floor(self) -> bool:
        """Whether it places the root by itself and has never been taught where no floor is declared."""
        at = NUM_JOINTS * PER_JOINT
        return self.learns_root and self.sees_pose and bool(self.inputs_mean[at] > 0.999)

    def _standardised(self, batch: dict[str, Tensor]) -> Tensor:
        """The pose branch's inputs; for a learned root about their means, in spreads."""
        inputs = self.inputs(batch)
        if not self.learns_root:
            return inputs
        return ((inputs - self.inputs_mean) / self.inputs_spread).clamp(-FAR_OUT, FAR_OUT)

    def inputs(self, batch: dict[str, Tensor]) -> Tensor:
        """What the pose branch sees of each row, as plain numbers (B, N)."""
        pose = torch.cat([batch["joints"], batch["features"]], -1).flatten(1)
        seen = [pose, batch["floor"]]
        if self.learns_root:
            seen += [batch["level"].flatten(1), batch["view"]]
        return torch.cat(seen, 1)

    def _root_by_height(self, features: Tensor) -> Tensor:
        """The root's log-ratio (B,) where a floor is declared: two measurements of its depth, weighed by their spread.

        One is the extractor's own. The other is where the pelvis's ray reaches the height at which training people
        carry theirs; a ray that runs nearly level says little, and the spread grows as it should.
        """
        height, height_spread, depth_spread = self.root_cues
        at, drop = features[:, ROOT, 3], features[:, ROOT, 4]  # the extractor's pelvis over the floor, below the camera
        drop = torch.where(drop.abs() < LEVEL_M, torch.full_like(drop, LEVEL_M), drop)
        by_height = torch.log(((height - (at - drop)) / drop).clamp(0.5, 2.0))
        spread = height_spread / drop.abs()
        return by_height * depth_spread**2 / (depth_spread**2 + spread**2)


def mean_placed(answers: Sequence[Placed]) -> Placed:
    """Of several answers to the same views; depths and distances by their logs. What the first decided on stands for all."""
    if len(answers) == 1:
        return answers[0]
    uvd, root_log, doubt = (
        torch.stack(values).mean(0)
        for values in zip(*((one.uvd, one.root_mm.log(), one.doubt) for one in answers), strict=True)
    )
    return Placed(uvd, root_log.exp(), doubt, answers[0].decision)
