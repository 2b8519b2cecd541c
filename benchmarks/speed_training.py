"""Training's input beside a loader that decodes whole images, and its steps beside a bare loop on ready batches."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from torchvision import transforms

from benchmarks.speed_setting import Setting, pair, rate, take_turns
from model.model import PoseNet, marginals
from modules.augmentation import Augmentation
from modules.cache import CROP_MARGIN, Rows
from modules.dataset import PoseDataset, Sample
from modules.losses import doubt_loss, heat_loss, pose_loss
from modules.optimizers import make_optimizer
from modules.trainer import SIMULATED_BATCH, Trainer
from modules.utils import UserError

JITTER = 0.2  # of brightness, contrast and saturation, as in the original recipe


def measure_input(setting: Setting) -> list[dict[str, Any]]:
    """Samples of one process with one thread: ours from cached crops, theirs from whole images."""
    rows, train = setting.some_rows(setting.sizes.images), setting.config.TRAIN
    dataset = PoseDataset(rows, train.input_shape, Augmentation.of(train))
    whole = WholeImages(rows, setting.config.data_root, train.input_shape)
    with one_thread():
        found = take_turns(
            {
                "ours": rate("ours", len(rows), lambda: [dataset[index] for index in range(len(rows))]),
                "whole": rate("whole", len(rows), lambda: [whole[index] for index in range(len(rows))]),
            },
            setting.sizes,
        )
    return [pair(
        "training input, one core", "images/s", ("cached crop, every augmentation", found["ours"]),
        ("whole image, box, resize, colour jitter", found["whole"]),
    )]  # fmt: skip


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """OpenCV and torch on one thread each."""
    before = cv2.getNumThreads(), torch.get_num_threads()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before[0])
        torch.set_num_threads(before[1])


class WholeImages:
    """The original's manner: in every epoch decode the whole image, cut out the box, resize, vary the colours.

    Decoded by OpenCV, which took a third of Pillow's time.
    """

    def __init__(self, rows: Rows, root: Path, side: int) -> None:
        self.paths = [root / str(path) for path in rows["image_path"]]
        self.boxes = [square(box) for box in rows["box_xywh"]]
        self.transform = transforms.Compose([
            transforms.Resize((side, side)), transforms.ColorJitter(JITTER, JITTER, JITTER), transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ])  # fmt: skip

    def __getitem__(self, index: int) -> torch.Tensor:
        """(3, S, S) float32, normalised."""
        image = cv2.cvtColor(cv2.imread(str(self.paths[index])), cv2.COLOR_BGR2RGB)
        sample: torch.Tensor = self.transform(Image.fromarray(image).crop(self.boxes[index]))
        return sample


def square(box_xywh: np.ndarray) -> tuple[int, int, int, int]:
    """A person box (4,) px as the square left, top, right, bottom that shows as much around it as a cached crop."""
    centre, half = box_xywh[:2] + box_xywh[2:] / 2, CROP_MARGIN * box_xywh[2:].max() / 2
    left, top, right, bottom = np.concatenate([centre - half, centre + half]).round().astype(int).tolist()
    return left, top, right, bottom


def measure_steps(setting: Setting) -> list[dict[str, Any]]:
    """The Trainer's steps with all that feeds them, beside forward, backward and optimizer on batches that lie ready."""
    config = setting.config
    if config.TRAIN.model_type != "image+pose" or config.TRAIN.simulated_views == 0:
        raise UserError("TRAIN: these steps are of model_type image+pose with simulated_views above 0; leave both so")
    validation = setting.rows[1]
    trainer = Trainer(config, setting.some_rows(setting.sizes.training_rows), validation, setting.folder, "", "")
    trainer.network.train()
    images, views = list(trainer.train_loader), ready_views(trainer)
    bare = BareLoop(trainer)
    count, drawn = len(trainer.dataset), len(views) * SIMULATED_BATCH
    found = take_turns(
        {
            "image": rate("image", count, lambda: image_steps(trainer)),
            "bare image": rate("bare image", count, lambda: bare.run(images, bare.image_loss)),
            "pose": rate("pose", drawn, lambda: pose_steps(trainer, len(views))),
            "bare pose": rate("bare pose", drawn, lambda: bare.run(views, bare.pose_loss)),
            "epoch": rate("epoch", count, lambda: trainer._train_epoch(1)),
            "bare epoch": rate("bare epoch", count, lambda: bare.epoch(images, views)),
        },
        setting.sizes,
    )
    ready = "forward, backward, optimizer on ready batches"
    size = f"batch {config.TRAIN.batch_size}, {config.TRAIN.input_shape} px"
    per_batch = len(views) // len(images)
    return [
        pair(f"image step, {size}", "images/s", ("crops and step", found["image"]), (ready, found["bare image"])),
        pair(
            f"pose step, {SIMULATED_BATCH} simulated views", "views/s", ("drawing and step", found["pose"]),
            (ready, found["bare pose"]),
        ),
        pair(
            f"training epoch: {per_batch} pose steps per image step", "images/s", ("the Trainer", found["epoch"]),
            (ready, found["bare epoch"]),
        ),
    ]  # fmt: skip


def ready_views(trainer: Trainer) -> list[Sample]:
    """As many batches of simulated views as an epoch takes."""
    train = trainer.config.TRAIN
    count = len(trainer.batches) * -(-train.simulated_views * train.batch_size // SIMULATED_BATCH)
    return list(itertools.islice(trainer._simulate(1, count), count))


def image_steps(trainer: Trainer) -> None:
    """An epoch's image steps as the Trainer makes them, crops read and varied on the way."""
    for share, batch in zip(trainer.batches.shares(), trainer.train_loader, strict=True):
        trainer._step(trainer.lessons.image_loss, batch, share)


def pose_steps(trainer: Trainer, count: int) -> None:
    """So many pose steps as the Trainer makes them, views drawn on the way."""
    for view in itertools.islice(trainer._simulate(1, count), count):
        trainer._step(trainer.lessons.view_loss, view, trainer.view_share)


class BareLoop:
    """The same network, losses, optimizer and precision in the shortest loop there is."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer
        self.network = PoseNet(trainer.recipe.spec).to(trainer.fabric.device).train()
        self.optimizer = make_optimizer(trainer.config.TRAIN, self.network)

    def run(self, batches: list[Sample], loss_of: Callable[[Sample], torch.Tensor]) -> None:
        """One step on each batch."""
        for batch in batches:
            self.optimizer.zero_grad()
            loss_of(batch).backward()
            self.optimizer.step()

    def epoch(self, images: list[Sample], views: list[Sample]) -> None:
        """As many steps as an epoch makes."""
        self.run(views, self.pose_loss)
        self.run(images, self.image_loss)

    def image_loss(self, batch: Sample) -> torch.Tensor:
        """What the Trainer's image step makes small."""
        with self.trainer.fabric.autocast():
            evidence = marginals(self.network.see(batch)[1])
            return heat_loss(evidence, batch["target"], self.trainer.config.TRAIN.heat_cells)

    def pose_loss(self, batch: Sample) -> torch.Tensor:
        """What the Trainer's pose step makes small."""
        placed = self.network.place(batch)
        space = self.trainer.config.TRAIN.loss_space
        loss = pose_loss(placed.uvd, placed.root_mm, batch, self.trainer.distance, space)
        return loss + doubt_loss(placed.doubt, placed.uvd, placed.root_mm, batch)
