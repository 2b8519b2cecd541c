"""Joint features: where they are sampled, that the network's heatmaps follow from them, their cache, and their use."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import default_collate

from benchmarks.branches import permuted_scores
from model.heatmaps import marginals
from model.inputs import CROP_SIZE, FEATURE_CHANNELS
from model.model import PoseNetSpec, PoseOutput, make_posenet
from model.pose_branch import MIRRORED
from model.pose_member import FEATURE_AXES
from model.skeleton import MIRROR, ROOT
from modules.cache import joint_features, store
from modules.cache.crop_joints import cached_crop_pose
from modules.cache.joint_features import (
    NECK,
    JointFeatureExtractor,
    fill_joint_features,
    have_joint_features,
    joint_features_path,
    read_joint_features,
    sample,
    upright_square,
)
from modules.cache.store import open_cache
from modules.cache.table import Rows
from modules.config.engines import Engine, EngineChoice
from modules.config.load import load_config
from modules.config.paths import DEFAULT_CONFIG, project_path
from modules.config.schema import Config
from modules.dataset import PoseDataset
from modules.extractors.blazepose.network import load_network
from modules.extractors.blazepose.weights import BLAZEPOSE_FOLDER, check_weights
from modules.files.layout import list_frames
from modules.metrics import evaluate
from modules.pose_utils import cam2pixel
from modules.recipes.posenet import PoseNetRecipe
from modules.recipes.statistics import fit_feature_axes, fit_input_scale, row_inputs
from modules.simulation.augmentation import Augmentation, mirror_rows
from modules.simulation.views import RealViews, SimulationSettings, ViewSimulator
from modules.utils import UserError
from tests.conftest import FAST, RunScript, options
from tests.model.samples import randomise, randomise_ensemble

ENGINES: tuple[Engine, ...] = ("openvino", "litert")


@pytest.fixture(scope="module")
def config(small_root: Path, finished: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Config:
    """The config of a small, extracted part of the demo with a cache of its own."""
    cache = tmp_path_factory.mktemp("joint_features") / "cache"
    shutil.copytree(small_root / "cache", cache)
    return load_config(project_path(DEFAULT_CONFIG), [f"DATA.root={small_root}", f"DATA.cache={cache}", *FAST])


@pytest.fixture(scope="module")
def rows(config: Config) -> Rows:
    found, _ = open_cache(config, "train", list_frames(config.data_root, "train"))
    fill_joint_features(found, "full")
    return found.take(found["found"].astype(bool))


def joints_in_crop(rows: Rows) -> np.ndarray:
    """Returns the cached joints in crop px: (B, 24, 2)."""
    return np.asarray(cam2pixel(cached_crop_pose(rows.columns).joints_mm, rows["K_crop"]))


points = st.lists(st.tuples(st.floats(20, 230), st.floats(20, 230)), min_size=24, max_size=24, unique=True)


@given(points, st.floats(-3, 3), st.floats(0.3, 3))
def test_the_square_rotates_and_scales_with_the_person(
    joints: list[tuple[float, float]], angle: float, size: float
) -> None:
    joints_px = np.array(joints)
    if np.linalg.norm(joints_px[NECK] - joints_px[ROOT]) < 1:
        joints_px[NECK] = joints_px[ROOT] - [0, 50]
    warp = upright_square(joints_px)
    in_square = joints_px @ warp[:, :2].T + warp[:, 2]
    np.testing.assert_allclose(in_square[ROOT], [127.5, 127.5], atol=1e-6)
    assert abs(in_square[NECK, 0] - 127.5) < 1e-6 and in_square[NECK, 1] < 127.5  # straight above the pelvis
    farthest = np.linalg.norm(in_square - 127.5, axis=1).max()
    assert farthest == pytest.approx(128 / joint_features.MARGIN, abs=1e-6)
    turn = size * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = joints_px @ turn.T + [7, -3]
    warp = upright_square(moved)
    np.testing.assert_allclose(moved @ warp[:, :2].T + warp[:, 2], in_square, atol=1e-6)


def test_the_square_of_joints_on_one_point_is_finite() -> None:
    assert np.isfinite(upright_square(np.full((24, 2), 100.0))).all()


@given(st.integers(2, 64), points)
def test_a_feature_map_is_interpolated_between_its_cells(cells: int, at: list[tuple[float, float]]) -> None:
    centres = (np.arange(cells) + 0.5) * (256 / cells) - 0.5  # px
    grid = np.stack(np.meshgrid(centres, centres), -1)
    expected = np.clip(np.array(at), centres[0], centres[-1])
    np.testing.assert_allclose(sample(grid, np.array(at)), expected, atol=1e-9)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("weights", ["full", pytest.param("heavy", marks=pytest.mark.slow)])
def test_the_heatmaps_are_a_linear_layer_on_the_features(weights: str, engine: Engine, rows: Rows) -> None:
    """The 1x1 convolution is fitted on one image and predicts the heatmaps of another."""
    path = BLAZEPOSE_FOLDER / f"pose_landmark_{weights}.tflite"
    if not path.is_file():
        pytest.skip(f"{path.name} has not been fetched")
    keeps, plain = (load_network(path, 1, engine, name) for name in (joint_features.DECODER_LAYER[weights], None))
    features, heatmaps = [], []
    for index in (0, 5):
        image = rows.read_crop(index) * np.float32(1 / 255)
        keeps.run(image)
        plain.run(image)
        decoder = keeps.features()
        assert decoder.shape == (64, 64, FEATURE_CHANNELS)
        features.append(np.column_stack([decoder.reshape(-1, FEATURE_CHANNELS).astype(float), np.ones(64 * 64)]))
        heatmaps.append(plain.output(64, 64, 39).reshape(-1, 39).copy())
        for shape in ((39, 5), (39, 3), (1,)):
            if engine == "litert":
                np.testing.assert_allclose(keeps.output(*shape), plain.output(*shape), atol=2e-3)
            else:  # what nothing reads is not computed
                with pytest.raises(KeyError):
                    keeps.output(*shape)
    layer = np.linalg.lstsq(features[0], heatmaps[0], rcond=None)[0]
    assert heatmaps[1].std() > 1
    np.testing.assert_allclose(features[1] @ layer, heatmaps[1], atol=4e-3)


def test_both_engines_give_the_same_features(rows: Rows) -> None:
    """They share a cache, which holds features in half precision."""
    path, name = check_weights("full", BLAZEPOSE_FOLDER)[1], joint_features.DECODER_LAYER["full"]
    found = []
    for engine in ENGINES:
        network = load_network(path, 1, engine, name)
        network.run(rows.read_crop(0) * np.float32(1 / 255))
        found.append(network.features())
    assert found[0].std() > 0.1
    np.testing.assert_allclose(found[0], found[1], atol=2e-3 * float(np.abs(found[0]).max()))


def test_the_features_of_the_mirrored_crop_are_cached_beside_the_crops_own(rows: Rows) -> None:
    check_weights("full", BLAZEPOSE_FOLDER)
    extractor, joints = JointFeatureExtractor("full", 1, "litert"), joints_in_crop(rows)[0]
    both = extractor.features(rows.read_crop(0), joints)
    assert both.shape == (2, 24, FEATURE_CHANNELS) and both.dtype == np.float16 and np.isfinite(both).all()
    mirrored = joints[list(MIRROR)] * [-1, 1] + [CROP_SIZE - 1, 0]
    np.testing.assert_array_equal(extractor.features(rows.read_crop(0)[:, ::-1], mirrored)[::-1], both)
    assert np.abs(both[0] - both[1]).max() > 0.1  # the network is not equivariant to mirroring
    np.testing.assert_array_equal(read_joint_features(rows, "full")[0], both)
    columns = {**rows.columns, "joint_features": read_joint_features(rows, "full")}
    np.testing.assert_array_equal(mirror_rows(columns, CROP_SIZE)["joint_features"][0], both[::-1])


def test_features_hardly_depend_on_the_persons_rotation_in_the_crop(rows: Rows) -> None:
    extractor, crop = JointFeatureExtractor("full", 1), rows.read_crop(0)
    joints, other = joints_in_crop(rows)[[0, 5]]
    turn = cv2.getRotationMatrix2D((127.5, 127.5), 25, 0.8)
    turned = joints @ turn[:, :2].T + turn[:, 2]
    unturned = extractor.features(crop, joints).astype(float)
    of_turning = np.abs(extractor.features(cv2.warpAffine(crop, turn, (256, 256)), turned) - unturned).mean()
    of_another_image = np.abs(extractor.features(rows.read_crop(5), other) - unturned).mean()
    assert of_turning < 0.5 * of_another_image


def test_parts_are_kept_and_made_again_where_missing_damaged_or_stale(
    rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, before = joint_features_path(rows.crop_files[0], "full"), read_joint_features(rows, "full")
    assert fill_joint_features(rows, "full") == 0
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(UserError, match="missing or stale; run python extract_train_info.py --joint-features full"):
        read_joint_features(rows, "full")
    assert fill_joint_features(rows, "full") == len(rows)
    path.unlink()
    with pytest.raises(UserError, match="joint_features-full/part-00000.npz: .* missing or stale"):
        read_joint_features(rows, "full")
    assert fill_joint_features(rows, "full") == len(rows)
    np.testing.assert_array_equal(read_joint_features(rows, "full"), before)
    monkeypatch.setattr(joint_features, "FEATURES_VERSION", joint_features.FEATURES_VERSION + 1)
    with pytest.raises(UserError, match="missing or stale"):
        read_joint_features(rows, "full")


@pytest.mark.parametrize(
    ("choice", "used"), [("auto", "openvino"), ("openvino-bf16", "openvino"), ("litert", "litert")]
)
def test_the_chosen_engine_computes_them_in_float32(
    rows: Rows, monkeypatch: pytest.MonkeyPatch, choice: EngineChoice, used: str
) -> None:
    engines: list[Engine | None] = []

    class Told(JointFeatureExtractor):
        def __init__(self, weights: str, threads: int | None = None, engine: Engine | None = None) -> None:
            engines.append(engine)
            super().__init__(weights, threads, "litert")

    monkeypatch.setattr(joint_features, "JointFeatureExtractor", Told)
    monkeypatch.setattr(
        joint_features, "float32_engine", lambda images: "openvino" if images == len(rows) else "litert"
    )
    joint_features_path(rows.crop_files[0], "full").unlink()
    assert fill_joint_features(rows, "full", choice) == len(rows) and engines == [used]


def test_rows_are_added_to_those_that_are_cached(rows: Rows) -> None:
    path = joint_features_path(rows.crop_files[0], "full")
    whole = path.read_bytes()
    path.unlink()
    some = np.isin(np.arange(len(rows)), [1, 4, 7])
    assert fill_joint_features(rows.take(some), "full") == 3 and fill_joint_features(rows.take(some), "full") == 0
    np.testing.assert_array_equal(have_joint_features(rows, "full"), some)
    with pytest.raises(UserError, match="joint_features-full/part-00000.npz: .* missing or stale"):
        read_joint_features(rows, "full")
    assert fill_joint_features(rows, "full") == len(rows) - 3
    assert path.read_bytes() == whole


def test_rows_in_any_order_read_their_own_features(rows: Rows) -> None:
    order = np.array([3, 0, 7, 3])
    features = read_joint_features(rows, "full")
    np.testing.assert_array_equal(read_joint_features(rows.take(order), "full"), features[order])
    second = PoseDataset(rows.take(order), 128, joint_features="full")[2]
    np.testing.assert_array_equal(second["joint_features"].numpy(), features[7, 0].astype(np.float32))
    assert second["has_joint_features"].item() == 1 and second["joint_features"].dtype == torch.float32


def test_a_damaged_table_of_the_part_is_reported(rows: Rows, tmp_path: Path) -> None:
    folder = tmp_path / "train"
    shutil.copytree(rows.crop_files[0].parent.parent, folder)
    poses, crops = store.part_paths(folder, 0)
    poses.write_bytes(b"no table")
    with pytest.raises(UserError, match=r"part-00000\.parquet: this part is damaged or missing"):
        read_joint_features(Rows(rows.columns, (crops,) * len(rows)), "full")


@pytest.mark.slow
def test_the_three_scripts_train_and_predict_with_joint_features(
    small_root: Path, tmp_path: Path, run_script: RunScript
) -> None:
    root = tmp_path / "data"
    shutil.copytree(small_root, root)
    shutil.rmtree(root / "cache", ignore_errors=True)
    keys = ("TRAIN.joint_features=full", "TRAIN.model_type=pose", "TRAIN.real_view_share=0.5", "TRAIN.num_epochs=1")
    arguments = options(root, tmp_path, *keys)
    run_script("extract_train_info.py", *options(root, tmp_path), "--split", "train")
    refused = run_script("train.py", *arguments, check=False)
    assert refused.returncode == 2 and "extract_train_info.py --joint-features full" in refused.stderr
    assert not (tmp_path / "train").exists() or not list((tmp_path / "train").iterdir())
    run_script("extract_train_info.py", *arguments, "--split", "train")
    run_script("train.py", *arguments)
    # The run decides which features the test needs, whatever its config says.
    run = next((tmp_path / "train").iterdir())
    run_script("test.py", *options(root, tmp_path), "--run", str(run))
    assert list((root / "cache").glob("*/test/joint_features-full/part-00000.npz"))
    assert (tmp_path / "pred_submission.json").exists()


def batch_of(rows: Rows, count: int) -> dict[str, torch.Tensor]:
    samples = PoseDataset(rows, 128, joint_features="full")
    return default_collate([samples[index] for index in range(count)])


def without_mirrored(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: x for name, x in batch.items() if not name.startswith(MIRRORED)}


def test_an_image_and_its_mirror_image_give_the_same_pose(rows: Rows) -> None:
    network = make_posenet(PoseNetSpec(model_type="pose", root="learned", joint_features="full"))
    fit_input_scale(network.pose, row_inputs(rows))
    fit_feature_axes(network.pose, rows, "full")
    torch.manual_seed(0)
    randomise_ensemble(network.pose)
    network.eval()
    batch = batch_of(rows, 4)
    one = network(batch)
    inputs = [name for name in batch if MIRRORED + name in batch]
    assert {
        "joints", "pose_features", "has_floor", "has_up", "joints_level", "camera", "up_crop", "root_mm",
        "joint_features", "has_joint_features",
    } <= set(inputs)  # fmt: skip
    other = network(
        {**{name: batch[MIRRORED + name] for name in inputs}, **{MIRRORED + name: batch[name] for name in inputs}}
    )
    back = other.uvd[:, list(MIRROR)] * torch.tensor([-1.0, 1, 1])
    torch.testing.assert_close(back, one.uvd, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(other.root_mm, one.root_mm, atol=0.1, rtol=1e-5)
    torch.testing.assert_close(other.log_error[:, list(MIRROR)], one.log_error, atol=1e-5, rtol=1e-5)
    alone = network(without_mirrored(batch))
    assert (alone.uvd - one.uvd).abs().max() > 1e-3


def test_features_are_whitened_and_those_of_no_image_have_no_effect(rows: Rows) -> None:
    network = make_posenet(PoseNetSpec(model_type="pose", root="learned", joint_features="full")).eval()
    branch = network.pose
    fit_feature_axes(branch, rows, "full")
    cached = torch.from_numpy(read_joint_features(rows, "full")[:, 0].astype(np.float32))
    whitened = ((cached - branch.features_mean) @ branch.features_axes).flatten(0, 1).double()
    torch.testing.assert_close(whitened.mean(0), torch.zeros(FEATURE_AXES).double(), atol=1e-4, rtol=0)
    torch.testing.assert_close(whitened.T.cov(correction=0), torch.eye(FEATURE_AXES).double(), atol=2e-3, rtol=0)
    torch.nn.init.normal_(branch.ensemble[0].shift.weight)
    batch = without_mirrored(batch_of(rows, 4))
    outputs: dict[float, list[torch.Tensor]] = {0.0: [], 1.0: []}
    for present, found in outputs.items():
        for features in (batch["joint_features"], batch["joint_features"].flip(0)):
            changed = {**batch, "joint_features": features, "has_joint_features": torch.full((4, 1), present)}
            found.append(network(changed).uvd)
    assert torch.equal(*outputs[0.0])
    assert not torch.allclose(*outputs[1.0], atol=1e-3)


def test_simulated_views_have_no_features_and_real_views_those_of_their_image(rows: Rows) -> None:
    settings = SimulationSettings(mirror=0.5)
    real = RealViews(rows, settings, Augmentation(), joint_features="full")
    drawn = ViewSimulator(rows, settings, real, 0.25).draw(np.random.default_rng(0), 80)
    present = drawn["has_joint_features"][:, 0] > 0
    assert present.sum() == 20 and not drawn["joint_features"][~present].any()
    cached = read_joint_features(rows, "full").reshape(-1, 24 * FEATURE_CHANNELS).astype(np.float32)
    found = (drawn["joint_features"][present].reshape(20, 1, -1) == cached).all(2)
    assert found.any(1).all()
    assert len(set(found.argmax(1) % 2)) == 2  # of images and of their mirror images


def test_permuted_scores_permute_features_and_score_the_pose_branch_alone(rows: Rows) -> None:
    torch.manual_seed(0)
    network = make_posenet(PoseNetSpec(root="learned", joint_features="full"))
    fit_input_scale(network.pose, row_inputs(rows))
    fit_feature_axes(network.pose, rows, "full")
    randomise(network.pose.ensemble[0].shift)
    randomise(network.image.head[-1], std=3.0)  # confident heatmaps
    network.prior.width.fill_(0.3)
    few = rows.take(np.arange(6))
    found = permuted_scores(network, few, times=2)
    scores = {case: values["world_mpjpe"] for case, values in found.items()}
    assert len({round(score, 3) for score in scores.values()}) == 5, scores
    with torch.no_grad():
        uniform = marginals(torch.zeros(6, 24, 32, 32, 32))  # uniform heatmaps leave the pose branch's output
        by_pose = network.pose(batch_of(few, 6))
        uvd = network.prior.fuse(by_pose.uvd, uniform)
    output = PoseOutput(uvd, by_pose.root_mm, None, by_pose.log_error)
    world = PoseNetRecipe(network.spec, {}).lift([output], few)
    assert scores["pose branch alone"] == pytest.approx(evaluate(world, few["joints_world_mm"])["world_mpjpe"], abs=0.1)
