"""The typed configuration: one YAML file, `--set SECTION.key=value` on top, unknown keys refused by name."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from modules.utils import UserError, brief

PROJECT_ROOT = Path(__file__).resolve().parent.parent
DEFAULT_CONFIG = "config/train_config.yml"
ORIGINAL_CONFIG = "config/original.yml"

ModelType = Literal["image+pose", "pose", "image"]
Metric = Literal["world_mpjpe", "root", "root_relative_mpjpe", "pa_mpjpe", "competition_mse"]
Column = Literal[
    "epoch", "train_loss", "validation_loss", "validation_score", "validation_root", "validation_root_relative",
    "learning_rate", "images_per_second", "seconds",
]  # fmt: skip


def _plain_path(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError(f"a path is one line of visible characters, not {text!r}")
    return text


PathText = Annotated[str, AfterValidator(_plain_path)]
MOST = 1_000_000  # of anything counted: what lies beyond is a slip of the finger, and overflows further on


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Seed(_Section):
    random_seed: int = Field(42, ge=0, lt=2**32, description="Seeds every random choice: weights, order, augmentation.")


class Data(_Section):
    root: PathText = Field("data/demo/test_camera_4", description="The folder that holds task04_train and task04_test.")
    cache: PathText | None = Field(None, description="Where extraction writes its cache; null: <root>/cache.")
    validation: Literal["list", "person", "pose", "sequence", "camera"] = Field(
        "list",
        description="What validates: the data set's own list, or whole persons, poses, sequences (one moment of one "
        "recording, seen by all cameras) or cameras held out by the seed.",
    )
    validation_share: float = Field(0.1, gt=0, lt=1, description="The share of groups held out; not used by `list`.")
    also: list[PathText] = Field(
        [],
        description="Further data sets whose training images are learned from, too, but for those that they list for "
        "validation; each has its cache in <its root>/cache. What validates is of `root` alone, and "
        "so is the height at which people carry their pelvis.",
    )

    @model_validator(mode="after")
    def _names_each_once(self) -> Data:
        paths = [PROJECT_ROOT / root for root in (self.root, *self.also)]
        twice = next((path for index, path in enumerate(paths) if path in paths[:index]), None)
        if twice is not None:
            raise ValueError(f"also: {twice} is learned from already; name each data set once")
        return self


Crops = Literal["one", "several"]


class Extract(_Section):
    extractor: str = Field(
        "blazepose", description="The pretrained pose model: a name in modules/extractors (blazepose, metrabs)."
    )
    weights: PathText = Field(
        "heavy",
        description="Which weights of it; blazepose: heavy or full; metrabs: a folder, or a name in pre_models.",
    )
    crops: Crops = Field(
        "several",
        description="blazepose: how many crops of an image are estimated: one, as MediaPipe does, or several, whose answers "
        "are averaged: further turns of the image where it is unsure, the mirror image, and the square that its landmarks "
        "span. Of those that it loses (bent double, upside down) a third are found, in three times the time. It says "
        "nothing of other extractors; metrabs has METRABS.num_aug.",
    )
    batch_size: int = Field(8, ge=1, le=MOST, description="Images decoded and estimated at a time.")

    @property
    def takes_several(self) -> bool:
        """Whether the extractor is one that `crops` speaks of, and is to estimate several."""
        return self.extractor == "blazepose" and self.crops == "several"


Share = Annotated[float, Field(ge=0, le=1)]


class Metrabs(_Section):
    """What EXTRACT.extractor: metrabs is asked. Every value is part of what a stale cache is known by."""

    detector: PathText | None = Field(
        None,
        description="What finds the person: own (the model's own detector), blazepose, or a model that detects (a folder, "
        "or a name in pre_models); null: own, or else <weights>_combined, or else blazepose.",
    )
    detector_thresholds: list[Share] | None = Field(
        None,
        min_length=1,
        description="Tried in turn until somebody is found; null: 0.005, 0.0001 for the 2021 models, 0.3, 0.01 for "
        "the current ones.",
    )
    detector_nms_iou: Share | None = Field(
        None, description="Detections that overlap by more are one person; null: the model's own default."
    )
    region: list[Share] = Field(
        [0.0, 0.0, 1.0, 1.0],
        min_length=4,
        max_length=4,
        description="Where people are looked for: left, top, right and bottom as shares of the image's width and height.",
    )
    person: Literal["confident", "largest", "nearest"] = Field(
        "confident",
        description="Who is taken where several are found: the surest detection, the largest box, or the box nearest to "
        "the region's centre.",
    )
    num_aug: int = Field(
        5, ge=1, le=MOST, description="Turned, scaled and mirrored crops per person, whose answers the model averages."
    )
    internal_batch_size: int = Field(64, ge=1, le=MOST, description="Crops that the model works on at a time.")
    world_up: list[float] | None = Field(
        None,
        min_length=3,
        max_length=3,
        description="Which way is up, for cameras without world_up, so that crops are upright (current models only); "
        "null: the axis nearest to the cameras' mean up direction.",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Metrabs:
        left, top, right, bottom = self.region
        if left >= right or top >= bottom:
            raise ValueError(f"region must be left < right and top < bottom, not {self.region}")
        if self.world_up is not None and not any(self.world_up):
            raise ValueError("world_up must be a direction, such as [0, 0, 1], not zero")
        return self


class Dataloader(_Section):
    num_workers: int = Field(
        0, ge=0, le=MOST, description="Processes that prepare training images; 0: the training process."
    )
    pin_memory: bool = Field(False, description="Page-locked batches, for a GPU.")


# What TRAIN says of what the original recipe leaves out.
ORIGINAL_KEEPS = {
    "loss_space": "normalised", "root": "height", "heat_cells": 3.0, "backbone": "resnet", "backbone_rate": None,
    "root_jitter": 0.0, "simulated_views": 0, "simulated_mirror": 0.0, "simulated_errors": "fitted", "own_views": 0.0,
    "looks": "none", "members": 1,
    "calibration_error": 0.5, "floor_error": 20.0,
    "mirror": 0.0, "rotation": 0.0, "zoom": 0.0, "shift": 0.0, "occlusion": 0.0,
}  # fmt: skip


class Train(_Section):
    num_epochs: int = Field(20, ge=1, le=MOST, description="At most so many passes over the training images.")
    batch_size: int = Field(16, ge=2, le=MOST, description="Images per step, over all devices.")
    learning_rate: float = Field(1e-3, gt=0, description="The optimizer's first step size.")
    early_stopping_patience: int = Field(
        10, ge=1, le=MOST, description="Epochs without a better validation score until the end."
    )
    checkpoint_steps: int = Field(
        500,
        ge=1,
        le=MOST,
        description="Steps within an epoch after which model.pt is written, beside every epoch's end.",
    )
    model: Literal["PoseNet", "OriginalPoseNet"] = Field(
        "PoseNet",
        description="The network and its recipe; OriginalPoseNet: the original entry's, which wants config/original.yml.",
    )
    optimizer: Literal["adamw", "adam", "sgd", "madgrad"] = Field("adamw", description="The update rule.")
    scheduler: Literal["cosine", "step", "plateau", "none"] = Field(
        "cosine",
        description="Learning rate: a cosine down to 1 % at num_epochs, x0.3 every 7 epochs, x0.3 where 3 epochs did not "
        "better the validation score, or constant.",
    )
    gradient_clip: float = Field(0.0, ge=0, description="Longest gradient of a step; longer ones are cut. 0: none is.")
    momentum: float = Field(0.9, ge=0, lt=1, description="Momentum of sgd, madgrad; the first beta of adam and adamw.")
    weight_decay: float = Field(0.01, ge=0, description="Weight decay of every optimizer.")
    loss_function: Literal["l1", "smooth_l1", "mse"] = Field("l1", description="The distance that the loss sums.")
    loss_space: Literal["both", "normalised", "world"] = Field(
        "both",
        description="Where the loss measures: crop coordinates and the log of the root's depth, joints in metres, or both.",
    )
    metric_function: Metric = Field(
        "world_mpjpe", description="The validation score: selects best_XX.pt and stops early."
    )
    input_shape: Literal[128, 256] = Field(128, description="Side of the person crop in px.")
    output_shape: Literal[32, 64] = Field(32, description="Side of the heat volume: a quarter of input_shape.")
    output_depth: Literal[32, 64] = Field(
        32,
        description="Depth cells of the heat volume, over the root ± 1000 mm; OriginalPoseNet: over the world's origin ± "
        "the largest distance of training.",
    )
    backbone: Literal["resnet", "blazepose"] = Field(
        "resnet",
        description="What sees the crop: a ResNet with heat volumes, or BlazePose's landmark network, taught further, which "
        "wants input_shape 256 and has no heat volumes: output_shape, output_depth and heat_cells say nothing of it.",
    )
    backbone_rate: float | None = Field(
        None,
        gt=0,
        le=1,
        description="The backbone's part of the learning rate; null: 1 of a ResNet, 0.02 of BlazePose's network, which "
        "unlearns what it knows in larger steps.",
    )
    looks: Literal["none", "heavy", "full"] = Field(
        "none",
        description="Which of BlazePose's networks tells the pose branch what each joint looks like in the image; none: "
        "it is told the pose alone. It learns them from own_views, of which there must be many.",
    )
    resnet_type: Literal[18] = Field(18, description="Depth of the ResNet backbone.")
    model_type: ModelType = Field("image+pose", description="What PoseNet sees: the crop and the cached pose, or one.")
    root: Literal["height", "learned"] = Field(
        "height",
        description="What corrects the root's depth where a floor is declared: the training people's pelvis height, weighed "
        "against the extractor's own depth, or the network, for which training must show many people.",
    )
    members: int = Field(
        1,
        ge=1,
        le=16,
        description="How many networks the pose branch is made of, each taught by itself; their mean is the answer.",
    )
    heat_cells: float = Field(
        3.0,
        ge=0.5,
        le=16,
        description="How sure the image branch may become: the width (SD) that its densities are taught, in cells of the "
        "heat volume. Few images are learnt by heart and want it wide; many can teach a narrow one.",
    )
    init_from: PathText | None = Field(
        None,
        description="Trained weights to start from: a run folder, or a .safetensors file such as the released "
        "pre_models/posenet/posenet.safetensors; null: none. The network's shape must be theirs.",
    )
    pretrained: bool = Field(False, description="Start the backbone from ImageNet weights (downloaded by torchvision).")
    pose_jitter: float = Field(
        20.0,
        ge=0,
        description="Training on the images' own poses shifts each joint by up to this (px, px, mm); OriginalPoseNet: all "
        "joints of an image alike.",
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
        le=MOST,
        description="Simulated views per training image that the pose branch learns from; 0: the images' own poses.",
    )
    simulated_mirror: float = Field(0.0, ge=0, le=1, description="How often a simulated view is of a mirrored scene.")
    simulated_errors: Literal["fitted", "drawn"] = Field(
        "fitted",
        description="The extractor's errors in simulated views: drawn from spreads fitted to the training images, or whole, "
        "each from another training image, for which there must be many.",
    )
    own_views: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="The share of simulated views that are training images' own, mirrored, jittered, and in turned crops.",
    )
    calibration_error: float = Field(
        0.5,
        ge=0,
        le=10,
        description="By how many degrees (SD) the cameras that training shows are off: about as much as yours may be.",
    )
    floor_error: float = Field(
        20.0, ge=0, le=500, description="By how many mm (SD) the floor that training shows is off: likewise."
    )
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
    num_threads: int = Field(
        0,
        ge=0,
        le=MOST,
        description="Processor threads that compute on a CPU; 0: half of the processors, for threads that wait for one that "
        "is busy elsewhere lose far more than the rest gain.",
    )
    devices: int = Field(1, ge=1, description="How many devices (on a CPU: processes) share each batch of batch_size.")

    @model_validator(mode="after")
    def _keeps_to_the_original(self) -> Train:
        """A key that the original recipe has no use for may not seem to do something."""
        foreign = [key for key, only in ORIGINAL_KEEPS.items() if getattr(self, key) != only]
        if self.model == "OriginalPoseNet" and foreign:
            key = foreign[0]
            raise ValueError(
                f"OriginalPoseNet knows no {key}; set it to {ORIGINAL_KEEPS[key]}, or start from {ORIGINAL_CONFIG}"
            )
        return self

    @model_validator(mode="after")
    def _fits_together(self) -> Train:
        if self.backbone == "blazepose" and self.input_shape != 256:
            raise ValueError(f"input_shape must be 256 for the blazepose backbone, not {self.input_shape}")
        if self.backbone == "resnet" and self.output_shape * 4 != self.input_shape:
            raise ValueError(f"output_shape must be input_shape / 4 = {self.input_shape // 4}, not {self.output_shape}")
        if self.looks != "none" and self.model_type == "image":
            raise ValueError("looks are told the pose branch, which model_type: image leaves out; set looks to none")
        if self.looks != "none" and self.simulated_views > 0 and self.own_views == 0:
            raise ValueError("looks are learned from images' own views: set own_views above 0, or looks to none")
        if self.devices > self.batch_size:
            raise ValueError(f"devices must be at most batch_size = {self.batch_size}, not {self.devices}")
        return self


class PerformanceRecord(_Section):
    column_list: list[Column] = Field(list(get_args(Column)), min_length=1, description="The columns of record.csv.")


class Test(_Section):
    sample_submission: PathText | None = Field(
        None,
        description="The images to answer, in order; null: <DATA.root>/sample_submission.json, or where "
        "there is none, all test images.",
    )
    output: PathText = Field("pred_submission.json", description="Where test.py writes the submission.")
    batch_size: int = Field(32, ge=1, le=MOST, description="Images per forward pass.")
    overlays: int = Field(8, ge=0, le=MOST, description="How many images test.py draws prediction and reference on.")


class Results(_Section):
    root: PathText = Field("results", description="The folder of the run folders train/ and test/.")


class Config(_Section):
    """All of it. Paths are relative to the project's root, or absolute."""

    SEED: Seed = Seed()
    DATA: Data = Data()
    EXTRACT: Extract = Extract()
    METRABS: Metrabs = Metrabs()
    DATALOADER: Dataloader = Dataloader()
    TRAIN: Train = Train()
    PERFORMANCE_RECORD: PerformanceRecord = PerformanceRecord()
    TEST: Test = Test()
    RESULTS: Results = Results()

    @property
    def data_root(self) -> Path:
        return project_path(self.DATA.root)

    def with_crops(self, crops: Crops) -> Config:
        """The same but for how many crops of each image are estimated."""
        return self.model_copy(update={"EXTRACT": self.EXTRACT.model_copy(update={"crops": crops})})

    @property
    def further(self) -> list[Config]:
        """This config for each of the further data sets that are learned from."""
        return [
            self.model_copy(update={"DATA": Data(root=root, validation=self.DATA.validation)})
            for root in self.DATA.also
        ]

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


def _one_line(text: str) -> str:
    return text if text.isprintable() else repr(text)


def _explain(error: ValidationError) -> str:
    """The first of pydantic's complaints as a sentence: the field and what it may be."""
    detail = error.errors()[0]
    where = [_one_line(str(part)) for part in detail["loc"]]
    if detail["type"] == "extra_forbidden":
        section = Config.model_fields.get(where[0]) if len(where) > 1 else None
        fields = section.annotation.model_fields if section is not None and section.annotation else Config.model_fields
        return f"the key {'.'.join(where)} is unknown; {_nearest(where[-1], list(fields))}"
    if detail["type"] == "value_error":
        message = detail["msg"].removeprefix("Value error, ")
        mend = "" if ";" in message else f"; write another value{_default(where)}"
        return f"{'.'.join(where)}: {message}{mend}"
    if detail["type"] in ("model_type", "model_attributes_type"):
        return f"{'.'.join(where)} is {brief(detail['input'])}; write a section of keys, each with its value"
    return f"{'.'.join(where)} is {brief(detail['input'])}; {_wanted(detail['msg'])}{_default(where)}"


def _wanted(message: str) -> str:
    return message[:1].lower() + message[1:]


def _default(where: Sequence[str]) -> str:
    """The default of a key, as an example of what may be written."""
    section = Config.model_fields.get(where[0])
    fields = section.annotation.model_fields if section is not None and section.annotation else {}
    field = fields.get(where[1]) if len(where) > 1 else None
    return f", such as {brief(field.default)}" if field is not None else ""


def _overlay(tree: dict[str, Any], assignment: str) -> None:
    """Apply one `SECTION.key=value`; the value is read as YAML."""
    target, separator, text = assignment.partition("=")
    section, dot, key = target.strip().partition(".")
    if not (separator and dot and section and key):
        raise UserError(f"--set {_one_line(assignment)}: write SECTION.key=value, such as TRAIN.num_epochs=5")
    try:
        value = _parse_yaml(text)
    except ValueError as error:
        raise UserError(
            f"--set {_one_line(assignment)}: the value is no valid YAML ({error}); put text in quotes"
        ) from None
    branch = tree.setdefault(section, {})
    if not isinstance(branch, dict):
        raise UserError(
            f"--set {_one_line(assignment)}: {section} is not a section of keys in the config file; mend it there"
        )
    branch[key] = value


class _PlainLoader(yaml.SafeLoader):
    """YAML without its traps: a key that stands twice would lose the first one's value, and an alias can be endless."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        doubled = next((name for name in names if names.count(name) > 1), None)
        if doubled is not None:
            raise yaml.MarkedYAMLError(problem=f"the key {doubled} stands twice", problem_mark=node.start_mark)
        return super().construct_mapping(node, deep)

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem="write values, not aliases", problem_mark=self.peek_event().start_mark)
        return super().compose_node(parent, index)


def _parse_yaml(text: str) -> Any:
    """The value that a YAML text holds. ValueError, whose text is one line, where it is none."""
    try:
        return yaml.load(text, _PlainLoader)
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, OverflowError) as error:
        # PyYAML lets through what int(), dict and datetime say of `!!int`, `!!bool x`, `!!timestamp x`.
        raise ValueError(
            " ".join(str(error).split()) if isinstance(error, yaml.YAMLError) else "a value is not what it looks like"
        ) from None
    except RecursionError:
        raise ValueError("its values are nested too deeply") from None


def _read_yaml(path: Path) -> dict[str, Any]:
    mend = f"mend it, or start again from {DEFAULT_CONFIG}"
    try:
        tree = _parse_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: this config file is missing; start from {DEFAULT_CONFIG}") from None
    except OSError as error:
        raise UserError(f"{path}: this config file cannot be read ({error.strerror}); {mend}") from None
    except ValueError as error:
        raise UserError(f"{path}: this is not a readable YAML file ({error}); {mend}") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise UserError(f"{path}: a config holds sections such as TRAIN, each with its keys; {mend}")
    return {section: {} if keys is None else keys for section, keys in tree.items()}


def load_config(path: Path, assignments: Sequence[str] = ()) -> Config:
    """Read a config file, lay the `SECTION.key=value` assignments over it, check all. UserError says what is wrong."""
    tree = _read_yaml(path)
    for assignment in assignments:
        _overlay(tree, assignment)
    return parse_config(tree, str(path), assignments)


def parse_config(tree: Any, source: str, assignments: Sequence[str] = ()) -> Config:
    """Check a mapping against the schema; `source` names it in the error, or the assignment that is to blame."""
    try:
        return Config.model_validate(_whole_floats(tree))
    except ValidationError as error:
        raise UserError(f"{_to_blame(error, assignments) or source}: {_explain(error)}") from None


def _to_blame(error: ValidationError, assignments: Sequence[str]) -> str | None:
    where = [str(part) for part in error.errors()[0]["loc"][:2]]
    is_section = len(where) == 1 and where[0] not in Config.model_fields
    for assignment in reversed(assignments):
        target = assignment.partition("=")[0].strip()
        if target.split(".", 1) == where or (is_section and target.split(".")[0] == where[0]):
            return f"--set {_one_line(assignment)}"
    return None


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


def config_arguments(file: str, assignments: Sequence[str]) -> list[str]:
    """The two arguments again, for a child process."""
    return ["--config", file, *(part for assignment in assignments for part in ("--set", assignment))]


def config_from_arguments(arguments: argparse.Namespace) -> Config:
    """The config that the two arguments name; a relative file may lie in the working folder or the project."""
    path = Path(arguments.config)
    return load_config(path if path.exists() else project_path(arguments.config), arguments.assignments)
