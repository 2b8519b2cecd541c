"""The training loop: epochs, validation, checkpoints, early stopping, resume."""

from __future__ import annotations

import contextlib
import itertools
import logging
import math
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.utils.data import DataLoader

from model.shared import Share, set_share, share_of, sum_gradients, sum_processes
from modules import runs
from modules.augmentation import Augmentation
from modules.batches import EpochBatches, epoch_seed
from modules.cache import Rows
from modules.config import Config, Train
from modules.console import interruptible
from modules.dataset import Sample
from modules.devices import keep_freed_memory, make_fabric, use_threads
from modules.earlystoppers import EarlyStopper
from modules.lifting import place_own
from modules.losses import DISTANCES
from modules.metrics import METRICS, joint_errors, root_error, root_relative_mpjpe
from modules.optimizers import make_optimizer, make_scheduler
from modules.prediction import mean_crop_pose, prediction_loader
from modules.recipes import Recipe, recipe_named
from modules.recorders import PerformanceRecorder
from modules.skeleton import ROOT
from modules.uncertainty import Calibration
from modules.utils import UserError, log, seed_everything, start_logging, write_json

SIMULATED_BATCH = 128  # simulated views per optimizer step
SIMULATED_STEPS = 8  # steps whose views are drawn together


def training_facts(rows: Rows) -> dict[str, Any]:
    """What lifting and the baselines take from the training labels: plain numbers, stored with the weights.

    The pelvis's height is over the floor where one is declared, else over the world's zero, along world_up; further data
    sets do not say how high those who are tested carry it.
    """
    own = rows.own
    floor = np.nan_to_num(own["floor_height_mm"])
    height = float(((own["joints_world_mm"][:, ROOT] * own["world_up"]).sum(-1) - floor).mean())
    return {
        "mean_pose_crop_mm": mean_crop_pose(rows).tolist(),
        "pelvis_height_mm": height if math.isfinite(height) else None,
    }


def make_recipe(train: Train, rows: Rows) -> Recipe:
    """The configured recipe with all that it remembers of these training rows."""
    kind = recipe_named(train.model)
    return kind(kind.spec_of(train), {**training_facts(rows), **kind.own_facts(rows)})


@dataclass(frozen=True)
class Evaluation:
    """One look at the validation rows."""

    loss: float
    score: float
    root: float
    root_relative: float
    uncertainty: dict[str, Any] | None  # a modules.uncertainty.Calibration, where the network tells how far off it is


@dataclass(frozen=True)
class Partial:
    """Where in an epoch a training was cut off."""

    steps: int  # batches of images that are done
    total: float  # their summed loss
    rng_state: torch.Tensor


class Trainer:
    """Fits the network of TRAIN.model on rows of the cache and fills a run folder."""

    def __init__(
        self, config: Config, train_rows: Rows, validation_rows: Rows, folder: Path, key: str, fingerprint: str,
        fabric: Fabric | None = None,
    ) -> None:  # fmt: skip
        train, seed = config.TRAIN, config.SEED.random_seed
        self.recipe = make_recipe(train, train_rows)
        self.config, self.folder, self.key, self.fingerprint = config, folder, key, fingerprint
        self.train_rows, self.validation_rows = self.recipe.kept(train_rows), validation_rows
        seed_everything(seed)
        self.fabric = fabric or make_fabric(train)
        self.asked_to_stop: Callable[[], bool] = lambda: False
        self.network: Any = self.recipe.first_network(train).to(self.fabric.device)
        start = runs.starting_weights(train)
        if start is not None:
            self.network.load_state_dict(start)
        optimizer = make_optimizer(train, self.network)
        self.scheduler = make_scheduler(train, optimizer)
        self.optimizer: Any = self.fabric.setup_optimizers(optimizer)
        self.dataset = self.recipe.dataset(self.train_rows, Augmentation.of(train), seed)
        self.distance = DISTANCES[train.loss_function]
        self.lessons = self.recipe.lessons(self.network, self.train_rows, train, self.distance, self.fabric.autocast)
        self.batches = EpochBatches(
            len(self.dataset), train.batch_size, seed, self.fabric.global_rank, self.fabric.world_size
        )
        self.view_share = share_of(SIMULATED_BATCH, self.fabric.global_rank, self.fabric.world_size)
        self.train_loader = self._loader(DataLoader(
            self.dataset, batch_sampler=self.batches, num_workers=config.DATALOADER.num_workers,
            pin_memory=config.DATALOADER.pin_memory,
            generator=torch.Generator(),  # its own, so that starting a loader leaves the network's random numbers alone
        ))  # fmt: skip
        self.validation_loader = self._loader(
            prediction_loader(
                validation_rows, self.recipe.dataset, config.TEST.batch_size, config.DATALOADER.num_workers
            )
        )
        self.metric = METRICS[train.metric_function]
        self.stopper = EarlyStopper(train.early_stopping_patience)
        self.baseline = self.metric(place_own(validation_rows.columns), validation_rows["joints_world_mm"])
        self.recorder = PerformanceRecorder(
            folder, config.PERFORMANCE_RECORD.column_list, train.metric_function, self.baseline, self.recipe.title
        )
        self.next_epoch = 1
        self.partial: Partial | None = None

    def _loader(self, loader: DataLoader[Sample]) -> DataLoader[Sample]:
        wrapped: Any = self.fabric.setup_dataloaders(loader, use_distributed_sampler=False)
        return wrapped

    def fit(self) -> dict[str, Any]:
        """Train from `next_epoch` to the end; returns and writes the summary that marks the run complete."""
        log.info(
            "training on %d images, validating on %d; %s on %s, %.1f M weights; validation %s of the extractor: %.1f",
            len(self.train_rows), len(self.validation_rows), self.recipe.spec.model_type, self.fabric.device,
            sum(p.numel() for p in self.network.parameters()) / 1e6, self.config.TRAIN.metric_function, self.baseline,
        )  # fmt: skip
        with self._watching_for_ctrl_c() as self.asked_to_stop:
            for epoch in range(self.next_epoch, self.config.TRAIN.num_epochs + 1):
                if self.stopper.should_stop:
                    break
                self._run_epoch(epoch)
        return self._finish()

    def _watching_for_ctrl_c(self) -> contextlib.AbstractContextManager[Callable[[], bool]]:
        """One process stops between two steps; several, which would have to agree on the step, stop at once."""
        return interruptible() if self.fabric.world_size == 1 else contextlib.nullcontext(lambda: False)

    def _run_epoch(self, epoch: int) -> None:
        started = time.perf_counter()
        learning_rate = self.optimizer.param_groups[0]["lr"]
        train_loss, images = self._train_epoch(epoch)
        images_per_second = images / (time.perf_counter() - started)
        evaluation: Any = self.fabric.broadcast(self._validate() if self.fabric.is_global_zero else None)
        self._lower_learning_rate(evaluation.score)
        improved = self.stopper.update(epoch, evaluation.score)
        if not self.fabric.is_global_zero:
            return
        self.recorder.add({
            "epoch": epoch, "train_loss": train_loss, "validation_loss": evaluation.loss,
            "validation_score": evaluation.score, "validation_root": evaluation.root,
            "validation_root_relative": evaluation.root_relative, "learning_rate": learning_rate,
            "images_per_second": images_per_second, "seconds": time.perf_counter() - started,
        })  # fmt: skip
        self._save(epoch, evaluation, improved)
        log.info(
            "epoch %3d  loss %.4f  validation loss %.4f  %s %.1f%s  root %.1f  root-relative %.1f%s",
            epoch, train_loss, evaluation.loss, self.config.TRAIN.metric_function, evaluation.score,
            " *" if improved else "", evaluation.root, evaluation.root_relative,
            f"  {images_per_second:.0f} images/s" if images else "",
        )  # fmt: skip

    def _lower_learning_rate(self, score: float) -> None:
        if isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step(score)
            return
        with warnings.catch_warnings():
            # A process that goes on behind an epoch's last step makes none before this, as torch believes it must.
            warnings.filterwarnings("ignore", "Detected call of `lr_scheduler.step", UserWarning)
            self.scheduler.step()

    def _train_epoch(self, epoch: int) -> tuple[float, int]:
        """One pass over the images, and as many simulated views beside them.

        The mean loss of what was learned from, and how many images this process went through: fewer than all where the
        epoch had been cut off.
        """
        seed_everything(epoch_seed(self.config.SEED.random_seed, epoch))
        begun, self.partial = self.partial or Partial(0, 0.0, torch.get_rng_state()), None
        torch.set_rng_state(begun.rng_state)
        train = self.config.TRAIN
        self.batches.epoch = self.dataset.epoch = epoch
        self.batches.skip = begun.steps
        self.network.train()
        per_batch = -(-train.simulated_views * train.batch_size // SIMULATED_BATCH)
        views = self._simulate(epoch, (begun.steps + len(self.batches)) * per_batch)
        total, images = begun.total, 0
        for _ in itertools.islice(views, begun.steps * per_batch):  # drawn again to come to the same ones after them
            pass
        shared = zip(self.batches.shares(), self.train_loader, strict=True)
        for step, (share, batch) in enumerate(shared, begun.steps + 1):
            simulated = [
                self._step(self.lessons.view_loss, view, self.view_share) for view in itertools.islice(views, per_batch)
            ]
            if simulated:
                total += sum(simulated) / len(simulated) * share.total
            if self.lessons.simulator is None or self.network.sees_image:
                total += self._step(self.lessons.image_loss, batch, share) * share.total
            images += share.total
            self._save_within(epoch, Partial(step, total, torch.get_rng_state()))
        if not math.isfinite(total):
            raise UserError(f"epoch {epoch}: the loss is no longer finite; lower TRAIN.learning_rate and train again")
        return total / self.batches.images, images

    def _save_within(self, epoch: int, partial: Partial) -> None:
        """Within an epoch: write model.pt where it is due, or where Ctrl-C was pressed, and then stop."""
        stopping = self.asked_to_stop()
        if stopping or partial.steps % self.config.TRAIN.checkpoint_steps == 0:
            self._save_last(epoch - 1, partial)
        if stopping:
            raise KeyboardInterrupt

    def _step(self, loss_of: Callable[[Sample], torch.Tensor], batch: Sample, share: Share) -> float:
        """One step of the optimizer on a batch of which these rows are `share`; the loss of the whole batch."""
        set_share(self.network, share)
        loss = loss_of(batch) * share.weight
        self.optimizer.zero_grad()
        self.fabric.backward(loss)
        sum_gradients(self.network)
        if self.config.TRAIN.gradient_clip > 0:
            self.fabric.clip_gradients(
                self.network, self.optimizer, max_norm=self.config.TRAIN.gradient_clip, error_if_nonfinite=False
            )
        self.optimizer.step()
        return sum_processes(loss.detach()).item()

    def _simulate(self, epoch: int, steps: int) -> Iterator[Sample]:
        """This process's rows of batches of simulated views for so many steps, drawn many at a time."""
        if self.lessons.simulator is None:
            return
        mine = self.view_share
        rng = np.random.default_rng([self.config.SEED.random_seed, epoch])
        for _ in range(0, steps, SIMULATED_STEPS):
            drawn = self.lessons.simulator.draw(rng, SIMULATED_BATCH * SIMULATED_STEPS)
            on_device = {name: torch.from_numpy(values).to(self.fabric.device) for name, values in drawn.items()}
            for start in range(0, SIMULATED_BATCH * SIMULATED_STEPS, SIMULATED_BATCH):
                yield {name: values[start + mine.start : start + mine.stop] for name, values in on_device.items()}

    @torch.no_grad()
    def _validate(self) -> Evaluation:
        self.network.eval()
        total = 0.0
        answers = []
        for batch in self.validation_loader:
            answers.append(self.lessons.answer(batch))
            total += self.lessons.answer_loss(answers[-1], batch).item() * len(batch["joints"])
        world = self.recipe.lift(answers, self.validation_rows)
        reference = self.validation_rows["joints_world_mm"]
        doubts = self.recipe.doubts(answers)
        calibration = None if doubts is None else Calibration.fit(doubts, joint_errors(world, reference)).as_dict()
        return Evaluation(
            total / len(reference), self.metric(world, reference), root_error(world, reference),
            root_relative_mpjpe(world, reference), calibration,
        )  # fmt: skip

    def _save(self, epoch: int, evaluation: Evaluation, improved: bool) -> None:
        best = self.folder / f"best_{self.stopper.best_epoch:02d}.pt"
        if improved:
            facts = {**self.recipe.facts, "uncertainty": evaluation.uncertainty}
            content = {**self._weights(), "facts": facts, "epoch": epoch, "score": evaluation.score}
            runs.save_checkpoint(best, content)
        self._save_last(epoch)
        for older in set(self.folder.glob("best_*.pt")) - {best}:  # only once nothing can go back to it
            older.unlink()

    def _weights(self) -> dict[str, Any]:
        """What predicting needs."""
        return {
            "spec": self.recipe.spec.as_dict(), "config": self.config.model_dump(mode="json"),
            "facts": self.recipe.facts, "model": self.network.state_dict(), "key": self.key,
            "fingerprint": self.fingerprint,
        }  # fmt: skip

    def _save_last(self, epoch: int, partial: Partial | None = None) -> None:
        """model.pt: all that going on needs, after `epoch` whole epochs and a part of the next."""
        if not self.fabric.is_global_zero:
            return
        runs.save_checkpoint(self.folder / runs.LAST, {
            **self._weights(), "epoch": epoch, "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(), "stopper": self.stopper.state_dict(),
            "record": self.recorder.rows, "partial": partial and asdict(partial),
        })  # fmt: skip

    def resume(self, path: Path) -> None:
        """Go on where a model.pt was written: after its last finished epoch, or in the middle of the next."""
        content = runs.load_checkpoint(path)
        if content["key"] != self.key:
            raise UserError(f"{path}: it was trained with another config or cache; train anew without --resume")
        self.network.load_state_dict(content["model"])
        self.optimizer.load_state_dict(content["optimizer"])
        self.scheduler.load_state_dict(content["scheduler"])
        self.stopper.load_state_dict(content["stopper"])
        self.recorder.rows = content["record"]
        self.partial = content["partial"] and Partial(**content["partial"])
        self.next_epoch = content["epoch"] + 1
        steps = f" and {self.partial.steps} steps" if self.partial else ""
        log.info("going on after epoch %d%s", content["epoch"], steps)

    def _finish(self) -> dict[str, Any]:
        if self.stopper.best_epoch < 0:
            raise UserError(
                f"{self.folder}: no epoch had a finite validation score; lower TRAIN.learning_rate and train anew"
            )
        if not self.fabric.is_global_zero:
            return {}
        summary = {
            "best": f"best_{self.stopper.best_epoch:02d}.pt", "best_epoch": self.stopper.best_epoch,
            "metric": self.config.TRAIN.metric_function, "best_score": self.stopper.best_score,
            "extractor_score": self.baseline, "epochs": self.recorder.rows[-1]["epoch"],
            "minutes": sum(row["seconds"] for row in self.recorder.rows) / 60,
        }  # fmt: skip
        write_json(self.folder / runs.COMPLETE, summary)
        return summary


def fit(
    fabric: Fabric, config: Config, rows: tuple[Rows, Rows], folder: Path, key: str, fingerprint: str,
    resumes: bool, quiet: bool,
) -> dict[str, Any]:  # fmt: skip
    """What every process of a training does: train on `rows` (training, validation); answers the summary."""
    if fabric.world_size > 1:  # a process of its own has no log yet; the first one speaks for all
        use_threads(config.TRAIN.num_threads, fabric.world_size)
        start_logging(folder / "train_log.log" if fabric.is_global_zero else None, quiet)
        log.setLevel(logging.DEBUG if fabric.is_global_zero else logging.ERROR)
    keep_freed_memory()
    trainer = Trainer(config, *rows, folder, key, fingerprint, fabric)
    if resumes:
        trainer.resume(folder / runs.LAST)
    return trainer.fit()
