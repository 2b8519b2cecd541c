"""The sections of the config except TRAIN: names, types, ranges, defaults and descriptions of their keys."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from modules.config.engines import Engine, EngineChoice, chosen_engine
from modules.config.paths import project_path

MAX_COUNT = 1_000_000  # upper bound of all counts; a larger number is a typing error, and would overflow later
Column = Literal[
    "epoch", "train_loss", "validation_loss", "validation_score", "validation_root", "validation_root_relative",
    "learning_rate", "images_per_second", "seconds",
]  # fmt: skip


def _plain_path(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError(f"a path is one line of visible characters, not {text!r}")
    return text


PathText = Annotated[str, AfterValidator(_plain_path)]
Fraction = Annotated[float, Field(ge=0, le=1)]
TestTimeAugmentation = bool | Literal["adaptive"]


class Section(BaseModel):
    """A section of the config: frozen, strictly typed, no unknown keys, no NaN."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Seed(Section):
    """Random numbers."""

    random_seed: int = Field(42, ge=0, lt=2**32, description="Seeds weights, order, augmentation and simulated views.")


class Data(Section):
    """The images for training, validation and testing."""

    root: PathText = Field("data/demo/test_camera_4", description="The folder that holds task04_train and task04_test.")
    validation: Literal["list", "person", "pose", "sequence", "camera"] = Field(
        "list",
        description="The validation images: the data set's own list, or whole persons, poses, sequences (one moment of one "
        "recording, all cameras) or cameras, chosen at random by the seed.",
    )
    validation_share: float = Field(0.1, gt=0, lt=1, description="The share of groups held out; not used by `list`.")
    cache: PathText | None = Field(None, description="Where extraction writes its cache; null: <root>/cache.")
    floor: Literal["auto", "declared", "none"] = Field(
        "auto",
        description="Up and floor: auto, those of the camera files, measured where they declare none (on the training "
        "labels, or in several views of a test image); declared, those of the camera files alone; none, neither.",
    )
    extra_roots: list[PathText] = Field(
        [],
        description="Extra data sets to train on. Images on their own validation lists are left out. Validation and the "
        "mean pelvis height come from `root` alone.",
    )

    @model_validator(mode="after")
    def _names_each_once(self) -> Data:
        paths = [project_path(root) for root in (self.root, *self.extra_roots)]
        repeated = next((path for index, path in enumerate(paths) if path in paths[:index]), None)
        if repeated is not None:
            raise ValueError(f"extra_roots: {repeated} is named twice; name each data set once")
        return self


class Extract(Section):
    """The pretrained pose model of stage 1."""

    extractor: str = Field("blazepose", description="The pretrained pose model: blazepose or metrabs.")
    weights: PathText = Field(
        "heavy", description="Its weights; blazepose: heavy or full; metrabs: a folder, or a name in pre_models."
    )
    test_time_augmentation: TestTimeAugmentation = Field(
        "adaptive",
        description="blazepose: average the estimates of several crops of an image; true: of all (rotated, mirrored, "
        "re-centred), which takes three times as long as one and loses a third fewer people; adaptive: of two, "
        "where the first is certain; metrabs has METRABS.num_aug instead.",
    )
    engine: EngineChoice = Field(
        "auto",
        description="blazepose: what runs its landmark network: openvino, openvino-bf16 (bfloat16: faster, other numbers, a "
        "cache of its own) or litert (the numbers of openvino); auto is openvino where it is installed and there are many "
        "images, else litert.",
    )
    batch_size: int = Field(8, ge=1, le=MAX_COUNT, description="Images decoded and estimated at a time.")
    workers: int = Field(
        0,
        ge=0,
        le=MAX_COUNT,
        description="blazepose: processes that extract side by side; 0: one per processor where there are enough images. "
        "metrabs uses all processors, or the GPU, in one.",
    )

    @model_validator(mode="after")
    def _workers_fit(self) -> Extract:
        if self.extractor == "metrabs" and self.workers > 1:
            raise ValueError("workers: metrabs runs in one process, which uses all processors or the GPU; set it to 0")
        return self

    @property
    def tta(self) -> TestTimeAugmentation:
        """How BlazePose averages several crops; False for another extractor."""
        return self.test_time_augmentation if self.extractor == "blazepose" else False

    @property
    def chosen_engine(self) -> Engine:
        """The engine of BlazePose's landmark network on this machine; in float32 for another extractor."""
        return chosen_engine(self.engine) if self.extractor == "blazepose" else "litert"


class Metrabs(Section):
    """Options of EXTRACT.extractor: metrabs; each is part of the cache's fingerprint."""

    detector: PathText | None = Field(
        None,
        description="The person detector: own (the model's own), blazepose, or another model with a detector (a folder, or a "
        "name in pre_models); null: own, or else <weights>_combined, or else blazepose.",
    )
    detector_thresholds: list[Fraction] | None = Field(
        None,
        min_length=1,
        description="Tried in turn until a person is found; null: 0.005, 0.0001 for the 2021 models, 0.3, 0.01 for "
        "the current ones.",
    )
    detector_nms_iou: Fraction | None = Field(
        None, description="Detections that overlap by more are one person; null: the model's own default."
    )
    region: list[Fraction] = Field(
        [0.0, 0.0, 1.0, 1.0],
        min_length=4,
        max_length=4,
        description="Where to search for people: left, top, right, bottom as shares of the image's width and height.",
    )
    person: Literal["confident", "largest", "nearest"] = Field(
        "confident",
        description="Which of several people is used: the most confident detection, the largest box, or the box nearest "
        "to the region's centre.",
    )
    num_aug: int = Field(
        5, ge=1, le=MAX_COUNT, description="Crops per person (rotated, scaled, mirrored) whose estimates are averaged."
    )
    internal_batch_size: int = Field(64, ge=1, le=MAX_COUNT, description="Crops per forward pass of the model.")
    world_up: list[float] | None = Field(
        None,
        min_length=3,
        max_length=3,
        description="The up direction for cameras without world_up, so that crops are upright (current models only); "
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


class Dataloader(Section):
    """Loading of training images."""

    num_workers: int = Field(
        0, ge=0, le=MAX_COUNT, description="Processes that prepare training images; 0: the training process."
    )


class PerformanceRecord(Section):
    """What training records."""

    column_list: list[Column] = Field(list(get_args(Column)), min_length=1, description="The columns of record.csv.")


class Test(Section):
    """What testing reads and writes."""

    sample_submission: PathText | None = Field(
        None,
        description="The images to predict, in order; null: <DATA.root>/sample_submission.json, or all test images where "
        "it is missing.",
    )
    output: PathText = Field("pred_submission.json", description="Where test.py writes the submission.")


class Results(Section):
    """Where results are written."""

    root: PathText = Field("results", description="The folder of the run folders train/ and test/.")
