"""What BlazePose's network holds at each joint: where it is read, that it is what the network decides on, and what stands."""

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
from model.blazepose import read_convolutions
from model.model import LOOK_AXES, MIRRORED, Answer, PoseNet, PoseNetSpec, marginals
from modules import cache, looks
from modules.augmentation import Augmentation, mirror_rows
from modules.cache import CROP_SIZE, Rows, open_cache
from modules.config import DEFAULT_CONFIG, Config, load_config, project_path
from modules.dataset import PoseDataset
from modules.extractors.blazepose import Network, check_weights
from modules.layout import list_frames
from modules.lifting import cached_crop_pose
from modules.looks import LOOK_CHANNELS, NECK, Seer, fill_looks, looks_path, read_looks, sample, upright
from modules.metrics import evaluate
from modules.posenet import fit_inputs, fit_looks
from modules.prediction import lift_answers
from modules.simulation import OwnViews, ViewSimulator
from modules.skeleton import MIRROR, ROOT
from modules.utils import UserError
from pre_models.fetch import BLAZEPOSE_FOLDER
from tests.conftest import FAST, RunScript, options


@pytest.fixture(scope="module")
def config(small_root: Path, finished: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A small data set of the demo that is extracted, with a cache of its own."""
    kept = tmp_path_factory.mktemp("looks") / "cache"
    shutil.copytree(small_root / "cache", kept)
    return load_config(project_path(DEFAULT_CONFIG), [f"DATA.root={small_root}", f"DATA.cache={kept}", *FAST])


@pytest.fixture(scope="module")
def rows(config: Config) -> Rows:
    found, _ = open_cache(config, "train", list_frames(config.data_root, "train"))
    fill_looks(config, "train", "full")
    return found.take(found["found"].astype(bool))


points = st.lists(st.tuples(st.floats(20, 230), st.floats(20, 230)), min_size=24, max_size=24, unique=True)


@given(points, st.floats(-3, 3), st.floats(0.3, 3))
def test_the_square_turns_and_grows_with_the_person(
    joints: list[tuple[float, float]], angle: float, size: float
) -> None:
    joints_px = np.array(joints)
    if np.linalg.norm(joints_px[NECK] - joints_px[ROOT]) < 1:
        joints_px[NECK] = joints_px[ROOT] - [0, 50]
    seen = joints_px @ upright(joints_px)[:, :2].T + upright(joints_px)[:, 2]
    np.testing.assert_allclose(seen[ROOT], [127.5, 127.5], atol=1e-6)
    assert abs(seen[NECK, 0] - 127.5) < 1e-6 and seen[NECK, 1] < 127.5  # straight above the pelvis
    assert np.linalg.norm(seen - 127.5, axis=1).max() == pytest.approx(128 / looks.BORDER, abs=1e-6)
    turn = size * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = joints_px @ turn.T + [7, -3]
    warp = upright(moved)
    np.testing.assert_allclose(moved @ warp[:, :2].T + warp[:, 2], seen, atol=1e-6)


def test_the_square_of_joints_on_one_point_is_finite() -> None:
    assert np.isfinite(upright(np.full((24, 2), 100.0))).all()


@given(st.integers(2, 64), points)
def test_a_grid_is_read_between_its_cells(cells: int, at: list[tuple[float, float]]) -> None:
    centres = (np.arange(cells) + 0.5) * (256 / cells) - 0.5  # px
    grid = np.stack(np.meshgrid(centres, centres), -1)
    wanted = np.clip(np.array(at), centres[0], centres[-1])
    np.testing.assert_allclose(sample(grid, np.array(at)), wanted, atol=1e-9)


@pytest.mark.parametrize("weights", ["full", pytest.param("heavy", marks=pytest.mark.slow)])
def test_what_is_kept_is_what_the_heatmaps_are_made_of(weights: str, rows: Rows) -> None:
    path = BLAZEPOSE_FOLDER / f"pose_landmark_{weights}.tflite"
    if not path.is_file():
        pytest.skip(f"{path.name} has not been fetched")
    image = rows.read_crop(0) * np.float32(1 / 255)
    keeps, plain = Network(path, 1, keeps=looks.DECODED[weights]), Network(path, 1)
    keeps.run(image)
    plain.run(image)
    weight, bias = next((w, b) for w, b in read_convolutions(path) if w.shape == (39, LOOK_CHANNELS, 1, 1))
    heatmaps = keeps.kept() @ weight[:, :, 0, 0].T + bias
    np.testing.assert_allclose(heatmaps, plain.output(64, 64, 39), atol=2e-3)
    for shape in ((39, 5), (39, 3), (1,)):
        np.testing.assert_allclose(keeps.output(*shape), plain.output(*shape), atol=2e-3)


def test_a_mirrored_crop_looks_as_its_mirror_image_was_cached(rows: Rows) -> None:
    check_weights("full", BLAZEPOSE_FOLDER)
    seer, joints = Seer("full", 1), cached_crop_pose(rows.columns).joints_px[0]
    both = seer.looks(rows.read_crop(0), joints)
    assert both.shape == (2, 24, LOOK_CHANNELS) and both.dtype == np.float16 and np.isfinite(both).all()
    mirrored = joints[list(MIRROR)] * [-1, 1] + [CROP_SIZE - 1, 0]
    np.testing.assert_array_equal(seer.looks(rows.read_crop(0)[:, ::-1], mirrored)[::-1], both)
    assert np.abs(both[0] - both[1]).max() > 0.1  # the network does not see its mirror image alike
    np.testing.assert_array_equal(read_looks(rows, "full")[0], both)  # whichever part they came from
    columns = {**rows.columns, "looks": read_looks(rows, "full")}
    np.testing.assert_array_equal(mirror_rows(columns, CROP_SIZE)["looks"][0], both[::-1])


def test_how_a_person_is_turned_in_the_crop_hardly_matters(rows: Rows) -> None:
    seer, crop = Seer("full", 1), rows.read_crop(0)
    joints = cached_crop_pose(rows.columns).joints_px[0]
    turn = cv2.getRotationMatrix2D((127.5, 127.5), 25, 0.8)
    turned = joints @ turn[:, :2].T + turn[:, 2]
    other = cached_crop_pose(rows.columns).joints_px[5]
    as_it_is = seer.looks(crop, joints).astype(float)
    by_turning = np.abs(seer.looks(cv2.warpAffine(crop, turn, (256, 256)), turned) - as_it_is).mean()
    by_another = np.abs(seer.looks(rows.read_crop(5), other) - as_it_is).mean()
    assert by_turning < 0.5 * by_another


def test_what_stands_is_kept_and_what_is_missing_damaged_or_stale_made_anew(
    config: Config, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, before = looks_path(rows.crop_files[0], "full"), read_looks(rows, "full")
    assert fill_looks(config, "train", "full") == 0
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(UserError, match="missing or stale; run python extract_train_info.py --looks full"):
        read_looks(rows, "full")
    assert fill_looks(config, "train", "full") == len(rows)
    path.unlink()
    with pytest.raises(UserError, match="looks-full/part-00000.npz: .* missing or stale"):
        read_looks(rows, "full")
    assert fill_looks(config, "train", "full") == len(rows)
    np.testing.assert_array_equal(read_looks(rows, "full"), before)
    monkeypatch.setattr(looks, "LOOKS_VERSION", looks.LOOKS_VERSION + 1)
    with pytest.raises(UserError, match="missing or stale"):
        read_looks(rows, "full")


def test_rows_in_any_order_find_their_own_looks(rows: Rows) -> None:
    order = np.array([3, 0, 7, 3])
    np.testing.assert_array_equal(read_looks(rows.take(order), "full"), read_looks(rows, "full")[order])
    samples = PoseDataset(rows.take(order), 128, looks="full")
    np.testing.assert_array_equal(samples[2]["looks"].numpy(), read_looks(rows, "full")[7, 0].astype(np.float32))
    assert samples[2]["looked"].item() == 1 and samples[2]["looks"].dtype == torch.float32


def test_an_image_whose_looks_are_not_in_the_file_is_named(rows: Rows) -> None:
    changed = {**rows.columns, "crop_offset": rows["crop_offset"] + 1}
    with pytest.raises(UserError, match="an image's looks are not in it"):
        read_looks(Rows(changed, rows.crop_files), "full")


def test_a_damaged_table_of_the_part_is_named(rows: Rows, tmp_path: Path) -> None:
    folder = tmp_path / "train"
    shutil.copytree(rows.crop_files[0].parent.parent, folder)
    poses, crops = cache.part_paths(folder, 0)
    poses.write_bytes(b"no table")
    with pytest.raises(UserError, match=r"part-00000\.parquet: this part is damaged or missing"):
        read_looks(Rows(rows.columns, (crops,) * len(rows)), "full")


@pytest.mark.slow
def test_the_three_scripts_learn_and_answer_with_looks(small_root: Path, tmp_path: Path, run_script: RunScript) -> None:
    root = tmp_path / "data"
    shutil.copytree(small_root, root)
    shutil.rmtree(root / "cache", ignore_errors=True)
    asked = ("TRAIN.looks=full", "TRAIN.model_type=pose", "TRAIN.own_views=0.5", "TRAIN.num_epochs=1")
    given = options(root, tmp_path, *asked)
    run_script("extract_train_info.py", *options(root, tmp_path), "--split", "train")
    refused = run_script("train.py", *given, check=False)
    assert refused.returncode == 2 and "extract_train_info.py --looks full" in refused.stderr
    assert not (tmp_path / "train").exists() or not list((tmp_path / "train").iterdir())
    run_script("extract_train_info.py", *given, "--split", "train")
    run_script("train.py", *given)
    # The run says what it wants, whatever the config of the test does.
    run = next((tmp_path / "train").iterdir())
    run_script("test.py", *options(root, tmp_path), "--run", str(run))
    assert list((root / "cache").glob("*/test/looks-full/part-00000.npz"))
    assert (tmp_path / "pred_submission.json").exists()


def test_the_answer_to_a_picture_and_to_its_mirror_image_are_one(rows: Rows) -> None:
    network = PoseNet(PoseNetSpec(model_type="pose", root="learned", looks="full"))
    fit_inputs(network, rows)
    fit_looks(network, rows)
    torch.manual_seed(0)
    for layer in (network.members[0].shift, network.members[0].root, network.members[0].doubt[2]):
        torch.nn.init.normal_(layer.weight, std=0.05)
    network.eval()
    batch = default_collate([PoseDataset(rows, 128, looks="full")[k] for k in range(4)])
    one = network(batch)
    inputs = [name for name in batch if MIRRORED + name in batch]
    assert {"joints", "features", "floor", "level", "view", "root_mm", "looks", "looked"} <= set(inputs)
    other = network(
        {**{name: batch[MIRRORED + name] for name in inputs}, **{MIRRORED + name: batch[name] for name in inputs}}
    )
    back = other.uvd[:, list(MIRROR)] * torch.tensor([-1.0, 1, 1])
    torch.testing.assert_close(back, one.uvd, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(other.root_mm, one.root_mm, atol=0.1, rtol=1e-5)
    torch.testing.assert_close(other.doubt[:, list(MIRROR)], one.doubt, atol=1e-5, rtol=1e-5)
    alone = network({name: x for name, x in batch.items() if not name.startswith(MIRRORED)})
    assert (alone.uvd - one.uvd).abs().max() > 1e-3


def test_looks_are_told_in_spreads_and_what_no_image_shows_tells_nothing(rows: Rows) -> None:
    network = PoseNet(PoseNetSpec(model_type="pose", root="learned", looks="full")).eval()
    fit_looks(network, rows)
    seen = torch.from_numpy(read_looks(rows, "full")[:, 0].astype(np.float32))
    told = ((seen - network.looks_mean) @ network.looks_axes).flatten(0, 1).double()
    torch.testing.assert_close(told.mean(0), torch.zeros(LOOK_AXES).double(), atol=1e-4, rtol=0)
    torch.testing.assert_close(told.T.cov(correction=0), torch.eye(LOOK_AXES).double(), atol=2e-3, rtol=0)
    torch.nn.init.normal_(network.members[0].shift.weight)
    batch = default_collate([PoseDataset(rows, 128, looks="full")[k] for k in range(4)])
    batch = {name: x for name, x in batch.items() if not name.startswith(MIRRORED)}
    answers = {}
    for looked in (0.0, 1.0):
        for shown in (batch["looks"], batch["looks"].flip(0)):
            given = {**batch, "looks": shown, "looked": torch.full((4, 1), looked)}
            answers.setdefault(looked, []).append(network(given).uvd)
    assert torch.equal(*answers[0.0])
    assert not torch.allclose(*answers[1.0], atol=1e-3)


def test_simulated_views_have_no_looks_and_own_ones_their_image_s(rows: Rows) -> None:
    own = OwnViews(rows, 0.5, Augmentation(), looks="full")
    drawn = ViewSimulator(rows, mirror=0.5, own=own, own_share=0.25).draw(np.random.default_rng(0), 80)
    looked = drawn["looked"][:, 0] > 0
    assert looked.sum() == 20 and not drawn["looks"][~looked].any()
    cached = read_looks(rows, "full").reshape(-1, 24 * LOOK_CHANNELS).astype(np.float32)
    found = (drawn["looks"][looked].reshape(20, 1, -1) == cached).all(2)
    assert found.any(1).all()
    assert len(set(found.argmax(1) % 2)) == 2  # of images and of their mirror images


def test_branches_are_looked_at_with_looks_and_the_pose_by_itself(rows: Rows) -> None:
    torch.manual_seed(0)
    network = PoseNet(PoseNetSpec(root="learned", looks="full"))
    fit_inputs(network, rows)
    fit_looks(network, rows)
    torch.nn.init.normal_(network.members[0].shift.weight, std=0.1)
    torch.nn.init.normal_(network.head[-1].weight, std=3.0)  # an image branch that is sure of something
    network.prior.width.fill_(0.3)
    few = rows.take(np.arange(6))
    found = permuted_scores(network, few, times=2)
    scores = {what: values["world_mpjpe"] for what, values in found.items()}
    assert len({round(score, 3) for score in scores.values()}) == 5, scores
    with torch.no_grad():
        blind = marginals(torch.zeros(6, 24, 32, 32, 32))  # an image that says nothing leaves the pose branch alone
        batch = default_collate([PoseDataset(few, 128, looks="full")[k] for k in range(6)])
        placed = network.place(batch)
        uvd = network.prior.fuse(placed.uvd, blind)
    world = lift_answers([Answer(uvd, placed.root_mm, None, placed.doubt)], few)
    assert scores["pose branch alone"] == pytest.approx(evaluate(world, few["joints_world_mm"])["world_mpjpe"], abs=0.1)
