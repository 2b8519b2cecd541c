"""The typed configuration: one YAML file, `--set SECTION.key=value` on top, unknown keys refused by name."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from modules.utils import UserError

PROJECT_ROOT = Path(__file__).resolve().parent.parent
DEFAULT_CONFIG = "config/train_config.yml"

ModelType = Literal["image+pose", "pose", "image"]
Metric = Literal["world_mpjpe", "root", "root_relative_mpjpe", "pa_mpjpe", "competition_mse"]
Column = Literal[
    "epoch", "train_loss", "validation_loss", "validation_score", "validation_root", "validation_root_relative",
    "learning_rate", "images_per_second", "seconds",
]  # fmt: skip


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Seed(_Section):
    random_seed: int = Field(42, ge=0, description="Seeds every random choice: weights, order, augmentation.")


class Data(_Section):
    root: str = Field("data/demo/test_camera_4", description="The folder that holds task04_train and task04_test.")
    cache: str | None = Field(None, description="Where extraction writes its cache; null: <root>/cache.")
    validation: Literal["list", "person", "pose", "sequence", "camera"] = Field(
        "list",
        description="What validates: the data set's own list, or whole persons, poses, sequences (one moment of one "
        "recording, seen by all cameras) or cameras held out by the seed.",
    )
    validation_share: float = Field(0.1, gt=0, lt=1, description="The share of groups held out; not used by `list`.")


class Extract(_Section):
    extractor: str = Field("blazepose", description="The pretrained pose model: a name in modules/extractors.")
    weights: str = Field("full", description="Which weights of it; blazepose: full or heavy.")
    batch_size: int = Field(8, ge=1, description="Images decoded and estimated at a time.")


class Dataloader(_Section):
    num_workers: int = Field(0, ge=0, description="Processes that prepare training images; 0: the training process.")
    pin_memory: bool = Field(False, description="Page-locked batches, for a GPU.")


class Train(_Section):
    num_epochs: int = Field(20, ge=1, description="At most so many passes over the training images.")
    batch_size: int = Field(16, ge=2, description="Images per step.")
    learning_rate: float = Field(1e-3, gt=0, description="The optimizer's first step size.")
    early_stopping_patience: int = Field(
        10, ge=1, description="Epochs without a better validation score until the end."
    )
    checkpoint_steps: int = Field(
        500, ge=1, description="Steps within an epoch after which model.pt is written, beside every epoch's end."
    )
    model: Literal["PoseNet"] = Field("PoseNet", description="The network.")
    optimizer: Literal["adamw", "adam", "sgd"] = Field("adamw", description="The update rule.")
    scheduler: Literal["cosine", "step", "plateau", "none"] = Field(
        "cosine",
        description="Learning rate: a cosine down to 1 % at num_epochs, x0.3 every 7 epochs, x0.3 where 3 epochs did not "
        "better the validation score, or constant.",
    )
    gradient_clip: float = Field(0.0, ge=0, description="Longest gradient of a step; longer ones are cut. 0: none is.")
    momentum: float = Field(0.9, ge=0, lt=1, description="Momentum of sgd; the first beta of adam and adamw.")
    weight_decay: float = Field(0.01, ge=0, description="Weight decay of every optimizer.")
    loss_function: Literal["l1", "smooth_l1", "mse"] = Field("l1", description="The distance that the loss sums.")
    metric_function: Metric = Field(
        "world_mpjpe", description="The validation score: selects best_XX.pt and stops early."
    )
    input_shape: Literal[128, 256] = Field(128, description="Side of the person crop in px.")
    output_shape: Literal[32, 64] = Field(32, description="Side of the heat volume: a quarter of input_shape.")
    output_depth: Literal[32, 64] = Field(32, description="Depth cells of the heat volume over the root ± 1000 mm.")
    resnet_type: Literal[18] = Field(18, description="Depth of the ResNet backbone.")
    model_type: ModelType = Field("image+pose", description="What PoseNet sees: the crop and the cached pose, or one.")
    pretrained: bool = Field(False, description="Start the backbone from ImageNet weights (downloaded by torchvision).")
    pose_jitter: float = Field(
        20.0, ge=0, description="Training on the images' own poses shifts each joint by up to this (px, px, mm)."
    )
    root_jitter: float = Field(
        0.03,
        ge=0,
        lt=0.5,
        description="Training on the images' own poses scales the cached root depth by up to this share.",
    )
    simulated_views: int = Field(
        48,
        ge=0,
        description="Simulated views per training image that the pose branch learns from; 0: the images' own poses.",
    )
    simulated_mirror: float = Field(0.0, ge=0, le=1, description="How often a simulated view is of a mirrored scene.")
    mirror: float = Field(0.5, ge=0, le=1, description="How often training shows an image mirrored, scene and all.")
    rotation: float = Field(20.0, ge=0, le=180, description="Training turns the crop by up to so many degrees.")
    zoom: float = Field(0.2, ge=0, lt=1, description="Training zooms the crop by up to this share.")
    shift: float = Field(0.1, ge=0, lt=0.5, description="Training shifts the crop by up to this share of its side.")
    occlusion: float = Field(0.3, ge=0, le=1, description="How often training hides a rectangle of the crop.")
    colour_jitter: float = Field(
        0.2, ge=0, lt=1, description="Training varies brightness, contrast and channels by this share."
    )
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = Field(
        "bf16-mixed", description="Arithmetic of the network: full, or mixed with bfloat16 or float16."
    )
    accelerator: Literal["auto", "cpu", "gpu", "mps"] = Field(
        "auto", description="The device; auto takes what is there."
    )

    @model_validator(mode="after")
    def _volume_fits_crop(self) -> Train:
        if self.output_shape * 4 != self.input_shape:
            raise ValueError(f"output_shape must be input_shape / 4 = {self.input_shape // 4}, not {self.output_shape}")
        return self


class PerformanceRecord(_Section):
    column_list: list[Column] = Field(list(get_args(Column)), min_length=1, description="The columns of record.csv.")


class Test(_Section):
    sample_submission: str | None = Field(
        None, description="The images to answer, in order; null: <DATA.root>/sample_submission.json."
    )
    output: str = Field("pred_submission.json", description="Where test.py writes the submission.")
    batch_size: int = Field(32, ge=1, description="Images per forward pass.")
    overlays: int = Field(8, ge=0, description="How many images test.py draws prediction and reference on.")


class Results(_Section):
    root: str = Field("results", description="The folder of the run folders train/ and test/.")


class Config(_Section):
    """All of it. Paths are relative to the project's root, or absolute."""

    SEED: Seed = Seed()
    DATA: Data = Data()
    EXTRACT: Extract = Extract()
    DATALOADER: Dataloader = Dataloader()
    TRAIN: Train = Train()
    PERFORMANCE_RECORD: PerformanceRecord = PerformanceRecord()
    TEST: Test = Test()
    RESULTS: Results = Results()

    @property
    def data_root(self) -> Path:
        return project_path(self.DATA.root)

    @property
    def results_root(self) -> Path:
        return project_path(self.RESULTS.root)

    @property
    def cache_root(self) -> Path:
        return project_path(self.DATA.cache) if self.DATA.cache else self.data_root / "cache"


def project_path(text: str) -> Path:
    """A path of the configuration: relative ones start at the project's root, wherever the command was started."""
    return PROJECT_ROOT / text


def _nearest(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"


def _explain(error: ValidationError) -> str:
    """The first of pydantic's complaints as a sentence: the field and what it may be."""
    detail = error.errors()[0]
    where = [str(part) for part in detail["loc"]]
    if detail["type"] == "extra_forbidden":
        section = Config.model_fields.get(where[0]) if len(where) > 1 else None
        fields = section.annotation.model_fields if section is not None and section.annotation else Config.model_fields
        return f"the key {'.'.join(where)} is unknown; {_nearest(where[-1], list(fields))}"
    message = detail["msg"].removeprefix("Value error, ")
    return f"{'.'.join(where)}: {message} (it is {detail['input']!r})" if detail["type"] != "value_error" else message


def _overlay(tree: dict[str, Any], assignment: str) -> None:
    """Apply one `SECTION.key=value`; the value is read as YAML."""
    target, separator, text = assignment.partition("=")
    section, dot, key = target.strip().partition(".")
    if not (separator and dot and section and key):
        raise UserError(f"--set {assignment}: write SECTION.key=value, such as TRAIN.num_epochs=5")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise UserError(f"--set {assignment}: the value is no valid YAML") from None
    branch = tree.setdefault(section, {})
    if not isinstance(branch, dict):
        raise UserError(f"--set {assignment}: {section} is not a section of keys")
    branch[key] = value


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: this config file is missing; start from {DEFAULT_CONFIG}") from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UserError(f"{path}: this is not a readable YAML file ({' '.join(str(error).split())})") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise UserError(f"{path}: a config holds sections such as TRAIN, each with its keys")
    return {section: {} if keys is None else keys for section, keys in tree.items()}


def load_config(path: Path, assignments: Sequence[str] = ()) -> Config:
    """Read a config file, lay the `SECTION.key=value` assignments over it, check all. UserError says what is wrong."""
    tree = _read_yaml(path)
    for assignment in assignments:
        _overlay(tree, assignment)
    return parse_config(tree, str(path))


def parse_config(tree: Any, source: str) -> Config:
    """Check a mapping against the schema; `source` names it in the error."""
    try:
        return Config.model_validate(_whole_floats(tree))
    except ValidationError as error:
        raise UserError(f"{source}: {_explain(error)}") from None


def _whole_floats(tree: Any) -> Any:
    """YAML 1.1 reads `1e-3` as text: turn such numbers into what the writer meant."""
    if isinstance(tree, dict):
        return {key: _whole_floats(value) for key, value in tree.items()}
    if isinstance(tree, str) and tree[:1].isdigit() and "e" in tree.lower():
        try:
            return float(tree)
        except ValueError:
            return tree
    return tree


def dump_config(config: Config) -> str:
    """The resolved config as YAML, in the order of the schema."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """The two arguments that every script takes."""
    parser.add_argument("--config", metavar="FILE", default=DEFAULT_CONFIG, help=f"config file ({DEFAULT_CONFIG})")
    parser.add_argument("--set", metavar="SECTION.key=value", dest="assignments", action="append", default=[],
                        help="override one key; may be repeated")  # fmt: skip


def config_from_arguments(arguments: argparse.Namespace) -> Config:
    """The config that the two arguments name; a relative file may lie in the working folder or the project."""
    path = Path(arguments.config)
    return load_config(path if path.exists() else project_path(arguments.config), arguments.assignments)
