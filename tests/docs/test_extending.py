"""The examples of the extending page work when they are put where the page says, and its places agree in the code."""

import csv
import importlib
import json
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from modules import config, evaluation, extractors, losses, metrics
from modules.cache import open_cache
from modules.config import Config, Data, Extract, Train
from modules.extraction import extract_split
from modules.extractors.base import Estimate
from modules.layout import list_frames
from modules.pose_utils import Camera, cam2pixel, distort, world2cam
from modules.trainer import Trainer, training_facts
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


@pytest.fixture
def twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The page's extractor as a file of modules/extractors and a line in EXTRACTORS."""
    file, line = page_blocks("An extractor")
    name = re.findall(r"`modules/extractors/(\w+)\.py`:", PAGE)[0]
    (tmp_path / "new" / f"{name}.py").parent.mkdir()
    (tmp_path / "new" / f"{name}.py").write_text(file)
    monkeypatch.setattr(extractors, "__path__", [*extractors.__path__, str(tmp_path / "new")])
    monkeypatch.setattr(extractors, "EXTRACTORS", dict(extractors.EXTRACTORS))
    put_into(extractors, line)
    monkeypatch.delitem(importlib.import_module("sys").modules, f"modules.extractors.{name}", raising=False)
    return importlib.import_module(f"modules.extractors.{name}")


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
    both = extractors.create_extractor("blazepose_twice", "full"), extractors.create_extractor("blazepose", "full")
    assert both[0].fingerprint != both[1].fingerprint


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


def test_the_extractor_keeps_the_surer_answer(twice: Any, rng: np.random.Generator) -> None:
    camera = looking_camera(rng)
    answers: list[Estimate | None] = []

    class Model:
        def estimate(self, images: Any, cameras: Any) -> list[Estimate | None]:
            return [answers.pop(0)]

    extractor = object.__new__(twice.BlazePoseTwice)
    extractor._model = Model()
    sure, image = estimate_of(standing_person(rng), camera, rng, 0), np.zeros((1080, 1920, 3), np.uint8)
    unsure = twice.replace(sure, confidence=sure.confidence / 2)
    for pair, expected in (((sure, unsure), sure), ((sure, None), sure), ((None, None), None)):
        answers[:] = list(pair)
        assert extractor.estimate([image], [camera]) == [expected]
    answers[:] = [unsure, sure]
    assert extractor.estimate([image], [camera])[0].confidence.mean() == sure.confidence.mean()


def test_the_loss_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, line = page_blocks("A loss")
    monkeypatch.setitem(losses.DISTANCES, "charbonnier", losses.DISTANCES["l1"])  # taken out again at the end
    put_into(losses, code)
    extended = put_into(config, "class Extended(Train):\n" + textwrap.indent(line, "    "))["Extended"]
    before, after = (set(get_args(kind.model_fields["loss_function"].annotation)) for kind in (Train, extended))
    assert after == before | {"charbonnier"}
    default = (kind.model_fields["loss_function"].default for kind in (Train, extended))
    assert len(set(default)) == 1
    train = extended(model_type="pose", loss_function="charbonnier", num_epochs=2, batch_size=4, simulated_views=0)
    rows = make_rows(tmp_path / "rows", 8, seed=1)
    trainer = Trainer(Config(TRAIN=train), rows, rows, tmp_path, "key", "fingerprint")
    trainer.fit()
    with open(tmp_path / "record.csv", encoding="utf-8") as handle:
        first, second = (float(row["train_loss"]) for row in csv.DictReader(handle))
    assert trainer.distance is losses.DISTANCES["charbonnier"] and second < first


@pytest.fixture
def bone_length(monkeypatch: pytest.MonkeyPatch) -> Callable[[np.ndarray, np.ndarray], float]:
    """The page's metric where the page puts it."""
    code, column, _ = page_blocks("A metric")
    for module, name in ((metrics, "METRICS"), (evaluation, "COLUMNS")):
        monkeypatch.setattr(module, name, dict(getattr(module, name)))
    put_into(metrics, code)
    put_into(evaluation, column)
    metric: Callable[[np.ndarray, np.ndarray], float] = metrics.METRICS["bone_length"]
    return metric


def test_the_metric_is_computed_written_and_shown(
    bone_length: Callable[[np.ndarray, np.ndarray], float], tmp_path: Path, rng: np.random.Generator
) -> None:
    person = standing_person(rng)[None]
    assert bone_length(person, person) == 0 and bone_length(person + 100, person) == pytest.approx(0, abs=1e-9)
    assert bone_length(2 * person, person) > 50
    rows = make_rows(tmp_path / "rows", 2)
    task = evaluation.Task([str(name) for name in rows["file_name"]], [], rows, "key", "fingerprint")
    table = evaluation._score(tmp_path, task, 2 * rows["joints_world_mm"], training_facts(rows))
    written = json.loads((tmp_path / "metrics.json").read_text())["methods"]["PoseNet"]
    assert written["overall"]["bone_length"] > 50 and "bone_length" in next(iter(written["per_camera"].values()))
    assert "| bones |" in table.splitlines()[0]


def test_the_metrics_name_is_added_to_those_there_are() -> None:
    named = put_into(config, page_blocks("A metric")[-1])["Metric"]
    assert set(get_args(named)) == set(get_args(config.Metric)) | {"bone_length"}


def test_places_that_must_agree_do(rng: np.random.Generator) -> None:
    choices = get_args(Train.model_fields["loss_function"].annotation)
    assert set(choices) == set(losses.DISTANCES), "Train.loss_function and DISTANCES"
    person = standing_person(rng)[None]
    less_is_better = {name for name, metric in metrics.METRICS.items() if metric(person, person) < 1e-6}
    assert set(get_args(config.Metric)) == less_is_better, "Metric and METRICS"
    assert set(evaluation.COLUMNS) == set(metrics.METRICS), "COLUMNS and METRICS"


def test_every_named_extractor_is_one() -> None:
    for name, target in extractors.EXTRACTORS.items():
        module, _, cls = target.partition(":")
        found = getattr(importlib.import_module(module), cls)
        assert found.name == name and callable(found.estimate)
