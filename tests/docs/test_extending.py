"""The examples of the extending page work when they are put where the page says, and its places agree in the code."""

import csv
import importlib
import json
import re
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from modules import extractors, metrics, recipes
from modules.cache.extraction import extract_split
from modules.cache.store import open_cache
from modules.config import train as train_section
from modules.config.schema import Config
from modules.config.sections import Data, Extract
from modules.config.train import Train
from modules.evaluation import tables, testing
from modules.evaluation.methods import compare
from modules.evaluation.task import Task
from modules.extractors.base import Estimate
from modules.files.layout import list_frames
from modules.pose_utils import Camera, cam2pixel, distort, world2cam
from modules.recipes.facts import training_facts
from modules.runs.checkpoints import load_checkpoint
from modules.trainer import Trainer, TrainingJob
from modules.training import losses
from tests.builders import estimate_of, make_rows
from tests.conftest import copy_frames, looking_camera, standing_person
from tests.docs import pages

PAGE = pages.read_page("extending.md")


def page_blocks(title: str) -> list[str]:
    return pages.blocks(pages.section(PAGE, title), "python")


def put_into(module: Any, code: str) -> dict[str, Any]:
    """Run code as if it stood at the module's end."""
    names = dict(vars(module))
    exec(code, names)  # noqa: S102  (our own page)
    return names


def put_beside(package: Any, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Makes the page's file a module of the package; returns its name."""
    folder = package.__name__.replace(".", "/")
    name = re.findall(rf"`{folder}/(\w+)\.py`:", PAGE)[0]
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / f"{name}.py").write_text(file)
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path / "new")])
    monkeypatch.delitem(sys.modules, f"{package.__name__}.{name}", raising=False)
    return f"{package.__name__}.{name}"


@pytest.fixture
def twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The page's extractor as a module of modules/extractors and a function in EXTRACTORS."""
    file, entry = page_blocks("An extractor")
    name = put_beside(extractors, file, tmp_path, monkeypatch)
    monkeypatch.setattr(extractors, "EXTRACTORS", dict(extractors.EXTRACTORS))
    put_into(extractors, entry)
    return importlib.import_module(name)


@pytest.mark.slow
def test_the_extractor_fills_a_cache(twice: Any, demo_root: Path, tmp_path: Path) -> None:
    copy_frames(demo_root, tmp_path, "test", {"85"})
    settings = Config(
        DATA=Data(root=str(tmp_path)), EXTRACT=Extract(extractor=twice.BlazePoseTwice.name, weights="full")
    )
    summary = extract_split(settings, "test")
    assert summary.folder.parent.name == "blazepose_twice-full" and summary.not_found == ()
    rows, manifest = open_cache(settings, "test", list_frames(tmp_path, "test"))
    assert manifest["extractor"] == "blazepose_twice"
    assert np.median(np.linalg.norm(rows["joints_px"] - rows["true_joints_px"], axis=-1)) < 40
    of_blazepose = extractors.configured_fingerprint(Config(EXTRACT=Extract(weights="full")))
    assert extractors.configured_fingerprint(settings) not in (None, of_blazepose)


def test_the_extractor_mirrors_there_and_back(twice: Any, rng: np.random.Generator) -> None:
    camera, person = looking_camera(rng, distortion=True), standing_person(rng)
    mirror = twice.mirrored_camera(camera, 1920)
    mirrored_person = person[list(twice.MIRROR)] * [-1, 1, 1]

    def seen(joints: np.ndarray, by: Camera) -> np.ndarray:
        return distort(cam2pixel(world2cam(joints, by.R, by.t), by.K), by.K, by.distortion)

    raw, raw_mirrored = seen(person, camera), seen(mirrored_person, mirror)
    np.testing.assert_allclose(raw_mirrored[list(twice.MIRROR)], [1919, 0] + raw * [-1, 1], atol=1e-6)
    straight = estimate_of(person, camera, rng, 0)
    back: Estimate = twice.mirrored_back(estimate_of(mirrored_person, mirror, rng, 0), 1920)
    for field in ("joints_px", "joints_rel_mm", "confidence", "box_xywh"):
        np.testing.assert_allclose(getattr(back, field), getattr(straight, field), atol=1e-6, err_msg=field)


def test_the_extractor_keeps_the_more_confident_estimate(twice: Any, rng: np.random.Generator) -> None:
    camera = looking_camera(rng)
    estimates: list[Estimate | None] = []

    class Model:
        def estimate(self, images: Any, cameras: Any) -> list[Estimate | None]:
            return [estimates.pop(0)]

    extractor = object.__new__(twice.BlazePoseTwice)
    extractor._model = Model()
    sure, image = estimate_of(standing_person(rng), camera, rng, 0), np.zeros((1080, 1920, 3), np.uint8)
    unsure = twice.replace(sure, confidence=sure.confidence / 2)
    for pair, expected in (((sure, unsure), sure), ((sure, None), sure), ((None, None), None)):
        estimates[:] = list(pair)
        assert extractor.estimate([image], [camera]) == [expected]
    estimates[:] = [unsure, sure]
    assert extractor.estimate([image], [camera])[0].confidence.mean() == sure.confidence.mean()


def test_the_recipe_trains_and_is_found_by_its_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, entry, choice = page_blocks("A recipe")
    put_beside(recipes, file, tmp_path, monkeypatch)
    monkeypatch.setitem(recipes.RECIPES, "ConfidentPoseNet", recipes.RECIPES["PoseNet"])  # removed at the end
    confident = put_into(recipes, entry)["ConfidentRecipe"]
    extended = put_into(train_section, "class Extended(Train):\n" + textwrap.indent(choice, "    "))["Extended"]
    before, after = (set(get_args(kind.model_fields["model"].annotation)) for kind in (Train, extended))
    assert after == before | {"ConfidentPoseNet"} == set(recipes.RECIPES)
    rows = make_rows(tmp_path / "rows", 8, seed=1)
    rows.columns["confidence"] = np.linspace(0.9, 0.2, 8)[:, None].repeat(24, 1)
    kept = confident.training_rows(rows)
    assert kept["file_name"].tolist() == rows["file_name"][:7].tolist()
    train = extended(model="ConfidentPoseNet", model_type="pose", num_epochs=1, batch_size=4, view_steps=0)
    Trainer(TrainingJob(Config(TRAIN=train), rows, rows, tmp_path, "key", "fingerprint")).fit()
    recipe = recipes.recipe_of(load_checkpoint(next(tmp_path.glob("best_*.pt"))))
    assert isinstance(recipe, confident) and recipe.title == "PoseNet, confident images"


def test_the_loss_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, line = page_blocks("A loss")
    monkeypatch.setitem(losses.DISTANCES, "charbonnier", losses.DISTANCES["l1"])  # taken out again at the end
    put_into(losses, code)
    extended = put_into(train_section, "class Extended(Train):\n" + textwrap.indent(line, "    "))["Extended"]
    before, after = (set(get_args(kind.model_fields["loss_function"].annotation)) for kind in (Train, extended))
    assert after == before | {"charbonnier"}
    default = (kind.model_fields["loss_function"].default for kind in (Train, extended))
    assert len(set(default)) == 1
    train = extended(model_type="pose", loss_function="charbonnier", num_epochs=2, batch_size=4, view_steps=0)
    rows = make_rows(tmp_path / "rows", 8, seed=1)
    trainer = Trainer(TrainingJob(Config(TRAIN=train), rows, rows, tmp_path, "key", "fingerprint"))
    trainer.fit()
    with open(tmp_path / "record.csv", encoding="utf-8") as handle:
        first, second = (float(row["train_loss"]) for row in csv.DictReader(handle))
    assert trainer.distance is losses.DISTANCES["charbonnier"] and second < first


@pytest.fixture
def bone_length(monkeypatch: pytest.MonkeyPatch) -> Callable[[np.ndarray, np.ndarray], float]:
    """The page's metric where the page puts it."""
    code, column, _ = page_blocks("A metric")
    for module, name in ((metrics, "METRICS"), (tables, "COLUMNS")):
        monkeypatch.setattr(module, name, dict(getattr(module, name)))
    put_into(metrics, code)
    put_into(tables, column)
    metric: Callable[[np.ndarray, np.ndarray], float] = metrics.METRICS["bone_length"]
    return metric


def test_the_metric_is_computed_written_and_shown(
    bone_length: Callable[[np.ndarray, np.ndarray], float], tmp_path: Path, rng: np.random.Generator
) -> None:
    person = standing_person(rng)[None]
    assert bone_length(person, person) == 0 and bone_length(person + 100, person) == pytest.approx(0, abs=1e-9)
    assert bone_length(2 * person, person) > 50
    rows = make_rows(tmp_path / "rows", 2)
    task = Task([str(name) for name in rows["file_name"]], [], rows, "key", "fingerprint")
    table = testing.score(tmp_path, task, compare(rows, 2 * rows["joints_world_mm"], training_facts(rows)), {})
    written = json.loads((tmp_path / "metrics.json").read_text())["methods"]["PoseNet"]
    assert written["overall"]["bone_length"] > 50 and "bone_length" in next(iter(written["per_camera"].values()))
    assert "| bones |" in table.splitlines()[0]


def test_the_metrics_name_is_added_to_those_there_are() -> None:
    named = put_into(train_section, page_blocks("A metric")[-1])["Metric"]
    assert set(get_args(named)) == set(get_args(train_section.Metric)) | {"bone_length"}


def test_places_that_must_agree_do(rng: np.random.Generator) -> None:
    choices = get_args(Train.model_fields["loss_function"].annotation)
    assert set(choices) == set(losses.DISTANCES), "Train.loss_function and DISTANCES"
    person = standing_person(rng)[None]
    less_is_better = {name for name, metric in metrics.METRICS.items() if metric(person, person) < 1e-6}
    assert set(get_args(train_section.Metric)) == less_is_better, "Metric and METRICS"
    assert set(tables.COLUMNS) == set(metrics.METRICS), "COLUMNS and METRICS"


def test_every_named_extractor_is_one() -> None:
    for name, load in extractors.EXTRACTORS.items():
        found = load()
        assert found.name == name and callable(found.estimate)
