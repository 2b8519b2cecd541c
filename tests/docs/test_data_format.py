"""The data format page lists what the code reads and writes: no file, field or column more or less."""

import ast
import json
import re
from pathlib import Path

import pytest

from modules.cache.table import NUMBER_COLUMNS, SCHEMA, TEXT_COLUMNS
from modules.config.load import dump_config
from modules.config.paths import PROJECT_ROOT
from modules.config.schema import Config, Train
from modules.evaluation import task as evaluation_task
from modules.evaluation import testing
from modules.evaluation.methods import compare
from modules.files import cameras
from modules.files.atomic import write_json, write_text
from modules.metrics import METRICS
from modules.recipes.facts import training_facts
from modules.runs import checkpoints, folders
from modules.trainer import Trainer, TrainingJob
from tests.builders import make_rows
from tests.docs import pages

PAGE = pages.read_page("data-format.md")


def marked(name: str) -> list[list[str]]:
    """The rows of the table between two marks."""
    return pages.table(PAGE.split(f"<!-- {name}: begin -->")[1].split(f"<!-- {name}: end -->")[0])


def names(name: str) -> list[str]:
    return [row[0].strip("`") for row in marked(name)]


def kind(column: str) -> str:
    if column in TEXT_COLUMNS:
        return "text"
    if column not in NUMBER_COLUMNS:
        return "true or false"
    return str(NUMBER_COLUMNS[column]) if NUMBER_COLUMNS[column] else "number"


def test_cache_columns() -> None:
    assert [(row[0].strip("`"), row[1]) for row in marked("columns")] == [(name, kind(name)) for name in SCHEMA.names]
    assert all(row[2] for row in marked("columns"))


def test_metrics() -> None:
    assert names("metrics") == list(METRICS)


def test_the_camera_of_the_page_is_read(tmp_path: Path) -> None:
    written = json.loads(pages.blocks(PAGE, "json")[0])
    (tmp_path / "c.json").write_text(json.dumps(written))
    camera = cameras.read_camera(tmp_path / "c.json")
    assert camera.floor_height_mm == 65.7 and camera.image_size == (1088, 1920)
    listed = [row[0].strip("`") for row in pages.table(pages.section(PAGE, "Camera"))]
    assert listed == list(written)
    cameras.write_camera(tmp_path / "again.json", camera)
    assert set(json.loads((tmp_path / "again.json").read_text())) == set(listed)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of one epoch on made-up rows, with what train.py itself writes beside the trainer."""
    base = tmp_path_factory.mktemp("format")
    folder = base / "run"
    config = Config(TRAIN=Train(model_type="pose", batch_size=4, num_epochs=1, view_steps=0))
    train, validation = make_rows(base / "train", 4, seed=1), make_rows(base / "validation", 2, seed=2)
    Trainer(TrainingJob(config, train, validation, folder, "key", "fingerprint")).fit()
    write_text(folder / "train_config.yaml", dump_config(config))
    write_json(folder / folders.STARTED, {"key": "key", **folders.origin(config)})
    write_text(folder / "train_log.log", "")
    return folder


def test_run_folder(run: Path) -> None:
    written = {re.sub(r"best_\d+", "best_XX", path.name) for path in run.iterdir()}
    assert set(names("run")) == written
    for file in (folders.STARTED, folders.COMPLETE):
        row = next(row for row in marked("run") if row[0] == f"`{file}`")
        assert set(re.findall(r"`(\w+)`", row[1])) == set(json.loads((run / file).read_text())), file


def test_what_train_py_writes_is_what_the_fixture_stands_in_for() -> None:
    source = (PROJECT_ROOT / "train.py").read_text()
    assert set(re.findall(r'folder / "([^"]+)"', source)) == {"train_log.log", "train_config.yaml"}
    assert "folder / folders.STARTED" in source


def test_checkpoints(run: Path) -> None:
    best = next(run.glob("best_*.pt"))
    for path, kind_of in ((best, "best_XX.pt"), (run / folders.LAST, "model.pt")):
        listed = {row[0].strip("`") for row in marked("checkpoint") if row[1] in ("both", kind_of)}
        assert listed == set(checkpoints.load_checkpoint(path)), kind_of
    content = checkpoints.load_checkpoint(best)
    for entry in ("spec", "facts"):
        row = next(row for row in marked("checkpoint") if row[0] == f"`{entry}`")
        assert set(re.findall(r"`(\w+)`", row[2])) == set(content[entry]), entry


def test_weights(run: Path) -> None:
    """The entries of the key `weights` in reports."""
    path = next(run.glob("best_*.pt"))
    weights = checkpoints.weights_of(path, checkpoints.load_checkpoint(path))
    assert names("weights") == list(weights) and weights["epoch"] == 1


def joined_names(source: str) -> set[str]:
    """Returns what a module joins to a folder by `folder / name`, as texts; a constant's name as its value."""
    tree = ast.parse(source)
    constants = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    rights = [
        constants.get(node.right.id) if isinstance(node.right, ast.Name) else node.right
        for node in ast.walk(tree)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
        and isinstance(node.left, ast.Name) and node.left.id in ("folder", "new_folder")
    ]  # fmt: skip
    return {right.value for right in rights if isinstance(right, ast.Constant)}


def test_results_folder() -> None:
    """Every name that evaluation joins to its folder is on the page, and no other."""
    folder = PROJECT_ROOT / "modules" / "evaluation"
    joined = set().union(*(joined_names(path.read_text(encoding="utf-8")) for path in folder.glob("*.py")))
    assert set(names("results")) == joined


def test_metrics_json(tmp_path: Path) -> None:
    rows = make_rows(tmp_path / "rows", 3)
    task = evaluation_task.Task([str(name) for name in rows["file_name"]], [], rows, "key", "fingerprint")
    methods = compare(rows, rows["joints_world_mm"], training_facts(rows))
    table = testing.score(tmp_path, task, methods, {"path": "best_01.pt"})
    written = json.loads((tmp_path / "metrics.json").read_text())
    text = pages.section(PAGE, "Results folder")
    assert set(written) == {"images", "weights", "methods"} and all(f"`{name}`" in text for name in written)
    for method, result in written["methods"].items():
        assert f"`{method}`" in " ".join(text.split())
        assert set(result) == {"overall", "per_camera", "per_joint"}
        assert list(result["overall"]) == names("metrics")
        assert set(result["per_joint"]["pelvis"]) == {"world_mpjpe", "root_relative_mpjpe"}
    assert all(method in table for method in written["methods"])
