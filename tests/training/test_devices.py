"""Several processes train the same network as one; an impossible device is refused in a sentence."""

import csv
import os
import platform
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from lightning_fabric import Fabric
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.data import DataLoader, TensorDataset

from model import image_branch
from model.distributed import SyncBatchNorm2d
from modules.cache.table import Rows
from modules.config.paths import PROJECT_ROOT
from modules.config.schema import Config
from modules.config.train import Train
from modules.dataset import Sample
from modules.runs import checkpoints, folders
from modules.trainer import Trainer, TrainingJob, fit
from modules.training.devices import check_shards, make_fabric, prediction_device, run_on_devices, use_threads
from modules.utils import UserError
from tests.builders import make_rows
from tests.trainings import use_backbone

pytestmark = pytest.mark.filterwarnings("ignore:.*:UserWarning")

# SGD, because Adam divides rounding errors of tiny gradients by their own size.
COMMON: dict[str, Any] = {
    "batch_size": 8, "num_epochs": 2, "optimizer": "sgd", "learning_rate": 0.05, "precision": "32-true",
    "accelerator": "cpu",
}  # fmt: skip
TRAININGS: dict[str, dict[str, Any]] = {
    "both": {"model_type": "image+pose", "view_steps": 1},
    "image": {"model_type": "image", "num_epochs": 1, "learning_rate": 0.001},
    "pose": {"model_type": "pose", "view_steps": 0},
}
DIVERGING: dict[str, Any] = {"model_type": "pose", "loss_function": "mse", "learning_rate": 1e6, "num_epochs": 30}
Result = tuple[dict[str, Any], list[dict[str, str]]]


def normalised_backbone(pretrained: bool = False) -> nn.Sequential:
    """Stands for ResNet18: its processes depend on each other through batch normalisation alone."""
    first = (nn.AvgPool2d(8), nn.Conv2d(3, 8, 3, padding=1), SyncBatchNorm2d(8), nn.ReLU(inplace=True))
    return nn.Sequential(*first, nn.AvgPool2d(4), nn.Conv2d(8, image_branch.RESNET_CHANNELS, 1))


def fit_each(fabric: Fabric, jobs: list[TrainingJob]) -> None:
    """Trains one after the other in one of the trainings' processes, whose starts take longer than they do."""
    with pytest.MonkeyPatch.context() as patch:
        use_backbone(patch, normalised_backbone)
        for job in jobs:
            fit(fabric, job, False, True)


def job_of(folder: Path, rows: tuple[Rows, Rows], devices: int, train: dict[str, Any]) -> TrainingJob:
    """Returns a training on these rows, which validates on the second ones, in so many processes."""
    config = Config(TRAIN=Train(**{**COMMON, **train, "devices": devices}))
    run = folder / f"on_{devices}"
    run.mkdir(parents=True)
    return TrainingJob(config, *rows, run, "key", "fingerprint")


def result_of(folder: Path) -> Result:
    """Returns the last checkpoint and the record of a training."""
    with open(folder / "record.csv", encoding="utf-8") as handle:
        return checkpoints.load_checkpoint(folder / folders.LAST), list(csv.DictReader(handle))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, UserError | None]:
    """The folder of all trainings, by one and by two processes, and the error of the last, which diverges in two."""
    folder = tmp_path_factory.mktemp("trained")
    rows = (make_rows(folder / "train", 22, seed=1, size=0.85), make_rows(folder / "validation", 6, seed=2))
    error = None
    for devices in (1, 2):
        jobs = [job_of(folder / name, rows, devices, train) for name, train in TRAININGS.items()]
        if devices == 2:
            jobs.append(job_of(folder / "diverging", rows, devices, DIVERGING))
        fabric = make_fabric(jobs[0].config.TRAIN, devices)
        try:
            run_on_devices(fabric, fit_each, jobs)
        except UserError as raised:
            error = raised
    return folder, error


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAININGS)
def test_two_processes_train_the_same_network_as_one(trained: tuple[Path, UserError | None], name: str) -> None:
    """The same global batches (8, 8, 6): weights, running statistics and losses are equal up to float32's rounding."""
    (one, record_of_one), (two, record_of_two) = (result_of(trained[0] / name / f"on_{n}") for n in (1, 2))
    assert one["model"].keys() == two["model"].keys()
    assert name == "pose" or any("running_var" in key for key in one["model"])
    for key, value in one["model"].items():
        torch.testing.assert_close(two["model"][key], value, rtol=2e-3, atol=2e-5, msg=lambda m, n=key: f"{n}: {m}")
    for a, b in zip(record_of_one, record_of_two, strict=True):
        for column in ("train_loss", "validation_loss", "validation_score"):
            assert float(a[column]) == pytest.approx(float(b[column]), rel=1e-3), column


def test_resnet18_normalises_over_all_processes() -> None:
    """Every one of its batch normalisations is that of the stand-in above."""
    layers = [layer for layer in image_branch.resnet18(False).modules() if isinstance(layer, _BatchNorm)]
    assert len(layers) == 20 and all(isinstance(layer, SyncBatchNorm2d) for layer in layers)


@pytest.mark.slow
def test_an_error_in_a_child_process_is_one_sentence(trained: tuple[Path, UserError | None]) -> None:
    error = trained[1]
    assert error is not None and "lower TRAIN.learning_rate" in str(error) and "\n" not in str(error)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the GPU that is missing here")
def test_devices_that_this_machine_lacks_are_refused() -> None:
    for make in (make_fabric, prediction_device):
        with pytest.raises(UserError, match="16-mixed needs a GPU"):
            make(Train(precision="16-mixed"))
        with pytest.raises(UserError, match=r"TRAIN.accelerator=gpu"):
            make(Train(accelerator="gpu"))
    with pytest.raises(UserError, match=r"TRAIN.accelerator=gpu, TRAIN.devices=2"):
        make_fabric(Train(accelerator="gpu", batch_size=4), 2)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_prediction_uses_fabrics_device_and_precision(precision: Any) -> None:
    train = Train(precision=precision, accelerator="cpu")
    alone, fabric = prediction_device(train), make_fabric(train)
    assert alone.device == fabric.device
    kinds = []
    for one in (alone, fabric):
        with one.autocast():
            kinds.append((torch.ones(2, 2) @ torch.ones(2, 2)).dtype)
    assert kinds == [{"32-true": torch.float32, "bf16-mixed": torch.bfloat16}[precision]] * 2


@pytest.mark.parametrize(
    ("has", "precision"),
    [
        ({"avx512_bf16": True}, "bf16-mixed"),
        ({"amx_bf16": True}, "bf16-mixed"),
        ({"avx512_f": True}, "32-true"),
        ({}, "32-true"),
    ],
)
def test_bfloat16_is_used_where_the_processor_has_it(
    has: dict[str, bool], precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Emulated, it is ten times as slow as float32."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: has)
    train = Train(accelerator="cpu")
    assert train.precision == "auto" and prediction_device(train).precision == precision
    with make_fabric(train).autocast():
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == {"32-true": torch.float32, "bf16-mixed": torch.bfloat16}[precision]


def test_more_devices_than_images_in_a_batch_are_refused() -> None:
    with pytest.raises(ValueError, match="devices x num_nodes must be at most batch_size = 4"):
        Train(devices=5, batch_size=4)


@pytest.mark.parametrize(
    ("processes", "environment", "expected"),
    [(1, None, 4), (2, None, 2), (16, None, 1), (1, "6", None), (2, "6", None)],
)
def test_threads_are_half_of_the_processors_or_those_of_omp_num_threads(
    monkeypatch: pytest.MonkeyPatch, processes: int, environment: str | None, expected: int | None
) -> None:
    """torch itself reads OMP_NUM_THREADS when it is imported, so that nothing is set then."""
    calls: list[int] = []
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(8)))
    monkeypatch.setattr("torch.set_num_threads", calls.append)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if environment is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", environment)
    use_threads(processes)
    assert calls == ([] if expected is None else [expected])


def test_omp_num_threads_sets_the_threads_of_a_training() -> None:
    """In a new process, to one per core, twice the default; in this one to those of tests/conftest.py."""
    code = (
        "import torch; from modules.config.train import Train; from modules.training.devices import make_fabric\n"
        "make_fabric(Train(accelerator='cpu')); print(torch.get_num_threads())"
    )
    threads = str(len(os.sched_getaffinity(0)))  # torch takes no more
    environment = {**os.environ, "OMP_NUM_THREADS": threads}
    printed = subprocess.check_output([sys.executable, "-c", code], cwd=PROJECT_ROOT, env=environment, text=True)
    assert printed.strip() == threads
    make_fabric(Train(accelerator="cpu"))
    assert str(torch.get_num_threads()) == os.environ["OMP_NUM_THREADS"]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="keep_freed_memory needs glibc")
def test_freed_memory_is_reused_without_mapping_its_pages_again() -> None:
    code = """
import resource, torch
from modules.training.devices import keep_freed_memory

def faults():
    for _ in range(20):  # until blocks and gaps fit: a freed block is a little too small for the next one at first
        torch.ones(2**24)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.ones(2**24)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

usual = faults()
keep_freed_memory()
print(usual, faults())
"""
    printed = subprocess.check_output([sys.executable, "-c", code], cwd=PROJECT_ROOT, text=True)
    usual, kept = map(int, printed.split())
    assert kept < usual / 5


def test_each_device_needs_an_image() -> None:
    check_shards(Train(devices=3, batch_size=4), 3)
    with pytest.raises(
        UserError,
        match=r"TRAIN.devices=3, TRAIN.num_nodes=1: there are only 2 training images.*TRAIN.devices to 2 or less",
    ):
        check_shards(Train(devices=3, batch_size=4), 2)


@pytest.mark.parametrize("device", ["cuda", "cpu", "mps"])
def test_batches_are_pinned_for_a_cuda_gpu_alone(device: str) -> None:
    """So that they are copied while it computes; elsewhere pinning fails, or costs a copy."""
    fabric = SimpleNamespace(device=torch.device(device), setup_dataloaders=lambda loader, **_: loader)
    of_samples: DataLoader[Any] = DataLoader(TensorDataset(torch.zeros(3)))
    found = Trainer._loader(cast(Trainer, SimpleNamespace(fabric=fabric)), cast(DataLoader[Sample], of_samples))
    assert found.pin_memory == (device == "cuda")
