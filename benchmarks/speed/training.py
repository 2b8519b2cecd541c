"""Compares training input with a loader of whole images, and training steps with a bare loop on prepared batches."""

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

from benchmarks.speed.setting import Setting, pair, rate, take_turns
from modules.cache.table import CROP_MARGIN, Rows
from modules.dataset import PoseDataset, Sample
from modules.recipes.posenet import PoseNetRecipe
from modules.trainer import Trainer, TrainingJob
from modules.training.batches import SIMULATED_BATCH, steps_per_batch
from modules.training.optimizers import make_optimizer
from modules.utils import UserError

JITTER = 0.2  # of brightness, contrast and saturation, as in the original recipe


def measure_input(setting: Setting) -> list[dict[str, Any]]:
    """Measures the samples of one process with one thread: from cached crops, and from whole images."""
    rows, train = setting.some_rows(setting.sizes.images), setting.config.TRAIN
    dataset = PoseDataset(rows, train.input_shape, PoseNetRecipe.augmentation_of(train))
    batches = [one.tolist() for one in np.array_split(np.arange(len(rows)), len(rows) // train.batch_size or 1)]
    whole = WholeImages(rows, setting.config.data_root, train.input_shape)
    with one_thread():
        found = take_turns(
            {
                "ours": rate("ours", len(rows), lambda: [dataset.__getitems__(batch) for batch in batches]),
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
    """Context manager: OpenCV and torch with one thread each."""
    before = cv2.getNumThreads(), torch.get_num_threads()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before[0])
        torch.set_num_threads(before[1])


class WholeImages:
    """Samples as in the original entry: decode the whole image in every epoch, cut out the box, resize, vary the colours.

    Images are decoded by OpenCV, which took a third of Pillow's time.
    """

    def __init__(self, rows: Rows, root: Path, side: int) -> None:
        self.paths = [root / str(path) for path in rows["image_path"]]
        self.boxes = [square(box) for box in rows["box_xywh"]]
        self.transform = transforms.Compose([
            transforms.Resize((side, side)), transforms.ColorJitter(JITTER, JITTER, JITTER), transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ])  # fmt: skip

    def __getitem__(self, index: int) -> torch.Tensor:
        """Returns (3, S, S) float32, normalised."""
        image = cv2.cvtColor(cv2.imread(str(self.paths[index])), cv2.COLOR_BGR2RGB)
        sample: torch.Tensor = self.transform(Image.fromarray(image).crop(self.boxes[index]))
        return sample


def square(box_xywh: np.ndarray) -> tuple[int, int, int, int]:
    """Returns, for a person box (4,) px, the square (left, top, right, bottom) with the margin of a cached crop."""
    centre, half = box_xywh[:2] + box_xywh[2:] / 2, CROP_MARGIN * box_xywh[2:].max() / 2
    left, top, right, bottom = np.concatenate([centre - half, centre + half]).round().astype(int).tolist()
    return left, top, right, bottom


def measure_steps(setting: Setting) -> list[dict[str, Any]]:
    """Measures the Trainer's steps including their data, and forward, backward and optimizer on prepared batches."""
    config = setting.config
    if config.TRAIN.model_type != "image+pose" or config.TRAIN.view_steps == 0:
        raise UserError("TRAIN: these steps need model_type image+pose and view_steps above 0; leave both unchanged")
    validation = setting.rows[1]
    trainer = Trainer(
        TrainingJob(config, setting.some_rows(setting.sizes.training_rows), validation, setting.folder, "", "")
    )
    trainer.network.train()
    images, views = list(trainer.train_loader), prepared_views(trainer)
    bare = BareLoop(trainer)
    count, drawn = len(trainer.dataset), len(views) * SIMULATED_BATCH
    found = take_turns(
        {
            "image": rate("image", count, lambda: image_steps(trainer)),
            "bare image": rate("bare image", count, lambda: bare.run(images, bare.objective.image_loss)),
            "pose": rate("pose", drawn, lambda: pose_steps(trainer, len(views))),
            "bare pose": rate("bare pose", drawn, lambda: bare.run(views, bare.objective.view_loss)),
            "epoch": rate("epoch", count, lambda: trainer.train_epoch(1)),
            "bare epoch": rate("bare epoch", count, lambda: bare.epoch(images, views)),
        },
        setting.sizes,
    )
    prepared = "forward, backward, optimizer on prepared batches"
    size = f"batch {config.TRAIN.batch_size}, {config.TRAIN.input_shape} px"
    per_batch = len(views) // len(images)
    return [
        pair(f"image step, {size}", "images/s", ("crops and step", found["image"]), (prepared, found["bare image"])),
        pair(
            f"pose step, {SIMULATED_BATCH} simulated views", "views/s", ("simulation and step", found["pose"]),
            (prepared, found["bare pose"]),
        ),
        pair(
            f"training epoch: {per_batch} pose steps per image step", "images/s", ("the Trainer", found["epoch"]),
            (prepared, found["bare epoch"]),
        ),
    ]  # fmt: skip


def prepared_views(trainer: Trainer) -> list[Sample]:
    """Returns as many batches of simulated views as an epoch takes."""
    train = trainer.config.TRAIN
    count = len(trainer.batches) * steps_per_batch(train, len(trainer.batches))
    return list(itertools.islice(trainer.simulated_views(1, count), count))


def image_steps(trainer: Trainer) -> None:
    """Runs an epoch's image steps of the Trainer, including reading and augmenting the crops."""
    for shard, batch in zip(trainer.batches.shards(), trainer.train_loader, strict=True):
        trainer.step(trainer.objective.image_loss, batch, shard)


def pose_steps(trainer: Trainer, count: int) -> None:
    """Runs so many pose steps of the Trainer, including the simulation of their views."""
    for view in itertools.islice(trainer.simulated_views(1, count), count):
        trainer.step(trainer.objective.view_loss, view, trainer.view_shard)


class BareLoop:
    """The same network, losses, optimizer and precision in the shortest possible loop."""

    def __init__(self, trainer: Trainer) -> None:
        train = trainer.config.TRAIN
        self.network = trainer.recipe.network().to(trainer.fabric.device).train()
        self.optimizer = make_optimizer(train, self.network)
        self.objective = trainer.recipe.objective(
            self.network, trainer.train_rows, train, trainer.distance, trainer.fabric.autocast
        )

    def run(self, batches: list[Sample], loss_of: Callable[[Sample], torch.Tensor]) -> None:
        """Runs one step on each batch."""
        for batch in batches:
            self.optimizer.zero_grad()
            loss_of(batch).backward()
            self.optimizer.step()

    def epoch(self, images: list[Sample], views: list[Sample]) -> None:
        """Runs as many steps as an epoch has."""
        self.run(views, self.objective.view_loss)
        self.run(images, self.objective.image_loss)
