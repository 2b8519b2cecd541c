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
from typing import Any, cast

import numpy as np
import torch
from lightning_fabric import Fabric
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.utils.data import DataLoader

from model.distributed import BatchShard, set_shard, shard_of, sum_gradients, sum_processes
from modules.cache.table import Rows
from modules.config.schema import Config
from modules.console import interruptible, start_logging
from modules.dataset import Sample, as_batch
from modules.earlystoppers import EarlyStopper
from modules.files.atomic import write_json
from modules.inference.baselines import place_extractor
from modules.inference.prediction import prediction_loader
from modules.metrics import METRICS
from modules.recipes import make_recipe
from modules.recipes.base import Released
from modules.recipes.validation import Evaluation, validate
from modules.recorders import PerformanceRecorder
from modules.runs import checkpoints, folders
from modules.runs.blending import blend_note
from modules.runs.content import BLENDED
from modules.training.batches import SIMULATED_BATCH, EpochBatches, epoch_seed, simulated_batches, steps_per_batch
from modules.training.devices import keep_freed_memory, make_fabric, use_threads
from modules.training.losses import DISTANCES
from modules.training.optimizers import make_optimizer, make_scheduler
from modules.training.seeding import seed_everything
from modules.utils import UserError, ahead, log

CHECKPOINT_STEPS = 500  # steps within an epoch after which model.pt is written; it is also written after each epoch


@dataclass(frozen=True)
class TrainingJob:
    """The inputs of one training, and its run folder."""

    config: Config
    train_rows: Rows
    validation_rows: Rows
    folder: Path  # the run folder
    key: str  # digest of config and caches; a checkpoint with another key is not resumed
    fingerprint: str  # of the extractor that made the cache
    released: Released | None = None  # the released network, to blend with


@dataclass(frozen=True)
class Partial:
    """The progress within an interrupted epoch."""

    steps: int  # batches of images that were trained on
    total: float  # their summed loss
    rng_state: torch.Tensor


class Trainer:
    """Trains the network of TRAIN.model on rows of the cache and writes the run folder."""

    def __init__(self, job: TrainingJob, fabric: Fabric | None = None) -> None:
        config, train, seed = job.config, job.config.TRAIN, job.config.SEED.random_seed
        self.job, self.config, self.folder = job, config, job.folder
        self.recipe = make_recipe(train, job.train_rows)
        self.train_rows, self.validation_rows = self.recipe.training_rows(job.train_rows), job.validation_rows
        seed_everything(seed)
        self.fabric = fabric or make_fabric(train)
        self.stop_requested: Callable[[], bool] = lambda: False
        self.network: Any = self.recipe.first_network(train).to(self.fabric.device)
        if (start := checkpoints.starting_weights(train)) is not None:
            self.network.load_state_dict(start)
        optimizer = make_optimizer(train, self.network)
        self.scheduler = make_scheduler(train, optimizer)
        self.optimizer: Any = self.fabric.setup_optimizers(optimizer)
        self.dataset = self.recipe.dataset(self.train_rows, self.recipe.augmentation_of(train), seed)
        self.distance = DISTANCES[train.loss_function]
        self.objective = self.recipe.objective(
            self.network, self.train_rows, train, self.distance, self.fabric.autocast
        )
        self.batches = EpochBatches(
            len(self.dataset), train.batch_size, seed, self.fabric.global_rank, self.fabric.world_size
        )
        self.view_shard = shard_of(SIMULATED_BATCH, self.fabric.global_rank, self.fabric.world_size)
        self.train_loader = self._loader(DataLoader(
            self.dataset, batch_sampler=self.batches, num_workers=config.DATALOADER.num_workers, collate_fn=as_batch,
            generator=torch.Generator(),  # its own, so that starting a loader does not advance torch's generator
        ))  # fmt: skip
        self.validation_loader = self._loader(
            prediction_loader(self.validation_rows, self.recipe.dataset, config.DATALOADER.num_workers)
        )
        self.metric = METRICS[train.metric_function]
        self.stopper = EarlyStopper(train.early_stopping_patience)
        self.baseline = self.metric(
            place_extractor(self.validation_rows.columns), self.validation_rows["joints_world_mm"]
        )
        self.recorder = PerformanceRecorder(
            self.folder, config.PERFORMANCE_RECORD.column_list, train.metric_function, self.baseline, self.recipe.title
        )
        self.next_epoch = 1
        self.partial: Partial | None = None

    def _loader(self, loader: DataLoader[Sample]) -> DataLoader[Sample]:
        loader.pin_memory = self.fabric.device.type == "cuda"  # so that batches are copied while the GPU computes
        return cast(DataLoader[Sample], self.fabric.setup_dataloaders(loader, use_distributed_sampler=False))

    def fit(self) -> dict[str, Any]:
        """Trains from `next_epoch` to the end; writes and returns the summary, whose file marks the run as complete."""
        log.info(
            "training on %d images, validating on %d; %s on %s, %.1f M weights; validation %s of the extractor: %.1f%s",
            len(self.train_rows), len(self.validation_rows), self.recipe.spec.model_type, self.fabric.device,
            sum(p.numel() for p in self.network.parameters()) / 1e6, self.config.TRAIN.metric_function, self.baseline,
            "" if self.job.released is None else f", of the released weights: {self.job.released.score:.1f}",
        )  # fmt: skip
        with self._watching_for_ctrl_c() as self.stop_requested:
            for epoch in range(self.next_epoch, self.config.TRAIN.num_epochs + 1):
                if self.stopper.should_stop:
                    break
                self._run_epoch(epoch)
        return self._finish()

    def _watching_for_ctrl_c(self) -> contextlib.AbstractContextManager[Callable[[], bool]]:
        """Context manager: whether Ctrl-C was pressed. Several processes would have to agree on a step; they stop at once."""
        return interruptible() if self.fabric.world_size == 1 else contextlib.nullcontext(lambda: False)

    def _run_epoch(self, epoch: int) -> None:
        started = time.perf_counter()
        learning_rate = self.optimizer.param_groups[0]["lr"]
        train_loss, images = self.train_epoch(epoch)
        images_per_second = images / (time.perf_counter() - started)
        evaluation: Any = self.fabric.broadcast(self.validate() if self.fabric.is_global_zero else None)
        self._step_scheduler(evaluation.score)
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
        log.info("%s%s", self.recorder.last_line(improved), blend_note(evaluation.facts))

    def _step_scheduler(self, score: float) -> None:
        if isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step(score)
            return
        with warnings.catch_warnings():
            # torch expects an optimizer step first, but a resumed process may have none left in its epoch.
            warnings.filterwarnings("ignore", "Detected call of `lr_scheduler.step", UserWarning)
            self.scheduler.step()

    def train_epoch(self, epoch: int) -> tuple[float, int]:
        """Trains one epoch: one pass over the images, with simulated views before each batch of images.

        Returns the mean loss, and the number of images that all processes trained on, which is smaller if the epoch is resumed.
        """
        seed_everything(epoch_seed(self.config.SEED.random_seed, epoch))
        start, self.partial = self.partial or Partial(0, 0.0, torch.get_rng_state()), None
        torch.set_rng_state(start.rng_state)
        self.batches.epoch = self.dataset.epoch = epoch
        self.batches.skip = start.steps
        self.network.train()
        batches = start.steps + len(self.batches)
        steps = steps_per_batch(self.config.TRAIN, batches)
        views = self.simulated_views(epoch, batches * steps)
        total, images = start.total, 0
        for _ in itertools.islice(views, start.steps * steps):  # the views of earlier steps
            pass
        sharded = zip(self.batches.shards(), ahead(self.train_loader), strict=True)
        for step, (shard, batch) in enumerate(sharded, start.steps + 1):
            simulated = [
                self.step(self.objective.view_loss, view, self.view_shard) for view in itertools.islice(views, steps)
            ]
            if simulated:
                total += sum(simulated) / len(simulated) * shard.total
            if self.objective.trains_on_images:
                total += self.step(self.objective.image_loss, batch, shard) * shard.total
            images += shard.total
            self._save_within(epoch, Partial(step, total, torch.get_rng_state()))
        if not math.isfinite(total):
            raise UserError(f"epoch {epoch}: the loss is no longer finite; lower TRAIN.learning_rate and train again")
        return total / self.batches.images, images

    def _save_within(self, epoch: int, partial: Partial) -> None:
        """Writes model.pt within an epoch if it is due or Ctrl-C was pressed; raises KeyboardInterrupt in the latter case."""
        stopping = self.stop_requested()
        if stopping or partial.steps % CHECKPOINT_STEPS == 0:
            self._save_last(epoch - 1, partial)
        if stopping:
            raise KeyboardInterrupt

    def step(self, loss_of: Callable[[Sample], torch.Tensor], batch: Sample, shard: BatchShard) -> float:
        """Makes one optimizer step on this process's shard of a batch; returns the loss of the whole batch."""
        set_shard(self.network, shard)
        loss = loss_of(batch) * shard.weight
        self.optimizer.zero_grad()
        self.fabric.backward(loss)
        sum_gradients(self.network)
        self.optimizer.step()
        return sum_processes(loss.detach()).item()

    def simulated_views(self, epoch: int, steps: int) -> Iterator[Sample]:
        """Returns an iterator over this process's shard of each batch of simulated views; empty without a simulator."""
        if self.objective.simulator is None:
            return iter(())
        rng = np.random.default_rng([self.config.SEED.random_seed, epoch])
        return simulated_batches(self.objective.simulator, rng, steps, self.view_shard, self.fabric.device)

    def validate(self) -> Evaluation:
        """Evaluates the network on the validation rows."""
        rows, released = self.validation_rows, self.job.released
        return validate(self.recipe, self.objective, self.validation_loader, rows, self.metric, released)

    def _save(self, epoch: int, evaluation: Evaluation, improved: bool) -> None:
        best = self.folder / f"best_{self.stopper.best_epoch:02d}.pt"
        if improved:
            facts = self.recipe.facts | evaluation.facts
            stored = {BLENDED: self.job.released.content} if self.job.released and "blend" in facts else {}
            best_of = {"facts": facts, "epoch": epoch, "score": evaluation.score, **stored}
            checkpoints.save_checkpoint(best, {**self._weights(), **best_of})
        self._save_last(epoch)
        folders.drop_older_best(self.folder, best.name)  # after model.pt is written, since an older one refers to them

    def _weights(self) -> dict[str, Any]:
        """Returns the entries of a checkpoint that prediction needs."""
        return {
            "spec": self.recipe.spec.as_dict(), "config": self.config.model_dump(mode="json"),
            "facts": self.recipe.facts, "model": self.network.state_dict(), "key": self.job.key,
            "fingerprint": self.job.fingerprint,
        }  # fmt: skip

    def _save_last(self, epoch: int, partial: Partial | None = None) -> None:
        """Writes model.pt, from which training resumes after `epoch` whole epochs and, if given, a part of the next."""
        if not self.fabric.is_global_zero:
            return
        checkpoints.save_checkpoint(self.folder / folders.LAST, {
            **self._weights(), "epoch": epoch, "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(), "stopper": self.stopper.state_dict(),
            "record": self.recorder.rows, "partial": partial and asdict(partial),
        })  # fmt: skip

    def resume(self, path: Path) -> None:
        """Resumes from a model.pt: after its last whole epoch, or within the next."""
        content = checkpoints.load_training(path)
        if content["key"] != self.job.key:
            raise UserError(f"{path}: it was trained with another config or cache; train again without --resume")
        self.network.load_state_dict(content["model"])
        self.optimizer.load_state_dict(content["optimizer"])
        self.scheduler.load_state_dict(content["scheduler"])
        self.stopper.load_state_dict(content["stopper"])
        self.recorder.rows = content["record"]
        self.partial = content["partial"] and Partial(**content["partial"])
        self.next_epoch = content["epoch"] + 1
        steps = f" and {self.partial.steps} steps" if self.partial else ""
        log.info("resuming after epoch %d%s", content["epoch"], steps)

    def _finish(self) -> dict[str, Any]:
        if self.stopper.best_epoch < 0:
            raise UserError(
                f"{self.folder}: no epoch had a finite validation score; lower TRAIN.learning_rate and train again"
            )
        if not self.fabric.is_global_zero:
            return {}
        summary: dict[str, Any] = {
            "best": f"best_{self.stopper.best_epoch:02d}.pt", "best_epoch": self.stopper.best_epoch,
            "metric": self.config.TRAIN.metric_function, "best_score": self.stopper.best_score,
            "extractor_score": self.baseline, "released_score": self.job.released and self.job.released.score,
            "epochs": self.recorder.rows[-1]["epoch"], "minutes": sum(row["seconds"] for row in self.recorder.rows) / 60,
        }  # fmt: skip
        self.recorder.draw()
        folders.drop_older_best(self.folder, summary["best"])  # which a kill after the last model.pt has left
        write_json(self.folder / folders.COMPLETE, summary)
        return summary


def fit(fabric: Fabric, job: TrainingJob, resumes: bool, quiet: bool) -> dict[str, Any]:
    """Trains in one of the training's processes, or resumes the run folder's model.pt; returns the summary."""
    if fabric.world_size > 1:  # a child process has no log yet, and only the first one logs
        use_threads(job.config.TRAIN.devices)
        start_logging(job.folder / "train_log.log" if fabric.is_global_zero else None, quiet)
        log.setLevel(logging.DEBUG if fabric.is_global_zero else logging.ERROR)
    keep_freed_memory()
    trainer = Trainer(job, fabric)
    if resumes:
        trainer.resume(job.folder / folders.LAST)
    return trainer.fit()
