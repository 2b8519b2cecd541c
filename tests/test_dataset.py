"""Samples: what they hold, that augmentation keeps target and input consistent, and that groups never mix."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from modules.augmentation import Augmentation
from modules.cache import Rows
from modules.config import Config, Data
from modules.dataset import PoseDataset, from_uvd, split_rows, tell_split
from modules.lifting import cached_joints_cam, lift
from modules.losses import joints_crop_mm
from modules.pose_utils import cam2world
from modules.utils import UserError
from tests.builders import make_rows


def test_sample_shapes_and_types(tmp_path: Path) -> None:
    sample = PoseDataset(make_rows(tmp_path, 2), 128)[1]
    shapes = {name: tuple(value.shape) for name, value in sample.items()}
    assert shapes == {
        "image": (3, 128, 128), "joints": (24, 3), "features": (24, 5), "floor": (1,), "level": (24, 7), "view": (6,),
        "K_crop": (3, 3), "root_mm": (),
        "target": (24, 3), "target_root_mm": (),
    }  # fmt: skip
    assert sample["image"].dtype == torch.uint8
    assert all(value.dtype == torch.float32 for name, value in sample.items() if name != "image")


def test_input_and_target_lift_to_extractor_and_truth(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 4)
    samples = [PoseDataset(rows, 128)[i] for i in range(4)]
    stack = {name: np.stack([s[name].numpy() for s in samples]).astype(float) for name in samples[0]}
    truth = lift(from_uvd(stack["target"], stack["target_root_mm"]), rows.columns)
    np.testing.assert_allclose(truth, rows["joints_world_mm"], atol=0.05)
    cached = lift(from_uvd(stack["joints"], stack["root_mm"]), rows.columns)
    np.testing.assert_allclose(cached, cam2world(cached_joints_cam(rows.columns), rows["R"], rows["t"]), atol=0.05)
    in_torch = joints_crop_mm(*(torch.tensor(stack[name]) for name in ("target", "target_root_mm", "K_crop")))
    in_numpy = (rows["joints_world_mm"] @ rows["R"].swapaxes(-1, -2) + rows["t"][:, None]) @ rows[
        "R_cam2crop"
    ].swapaxes(-1, -2)
    np.testing.assert_allclose(in_torch, in_numpy, atol=0.05)


def test_without_a_floor_heights_are_zero_and_flagged(tmp_path: Path) -> None:
    sample = PoseDataset(make_rows(tmp_path, 1, floor=False), 128)[0]
    assert sample["floor"] == 0 and (sample["features"][:, 3:] == 0).all() and (sample["features"][:, 0] > 0).all()
    assert PoseDataset(make_rows(tmp_path, 1), 128)[0]["floor"] == 1


def test_unlabelled_rows_have_no_target(tmp_path: Path) -> None:
    sample = PoseDataset(make_rows(tmp_path, 1).without_truth(), 128)[0]
    assert "target" not in sample and all(torch.isfinite(v.float()).all() for v in sample.values())


VARIED = Augmentation(20, 0.03, 0.5, 30, 0.2, 0.1, 0.5, 0.2)


def test_jitter_moves_the_pose_alone_within_its_bounds(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 3)
    plain, varied = PoseDataset(rows, 128), PoseDataset(rows, 128, Augmentation(20, 0.03, colour_jitter=0.2), seed=1)
    a, b = plain[0], varied[0]
    for name in ("target", "target_root_mm", "K_crop"):
        torch.testing.assert_close(a[name], b[name])
    scale = rows["K_crop"][0, 0, 0] / rows["K"][0, 0, 0] * 2 / 256
    moved = (b["joints"] - a["joints"]).abs()
    assert 0 < moved[:, :2].max() <= 20 * scale * 1.001
    assert 0 < moved[:, 2].max() <= 0.0201
    assert 0 < abs(b["root_mm"] / a["root_mm"] - 1) <= 0.0301
    assert not torch.equal(a["image"], b["image"])
    assert (a["image"].float().mean() - b["image"].float().mean()).abs() < 60


def test_augmentation_depends_on_seed_epoch_and_index_alone(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 3)
    one, two = (PoseDataset(rows, 128, VARIED, seed=5) for _ in range(2))
    two[2], two[0]  # another order
    assert torch.equal(one[1]["joints"], two[1]["joints"]) and torch.equal(one[1]["image"], two[1]["image"])
    two.epoch = 1
    assert not torch.equal(one[1]["joints"], two[1]["joints"])


def test_rows_without_person_are_refused(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 2)
    with pytest.raises(ValueError, match="person was found"):
        PoseDataset(Rows({**rows.columns, "found": np.array([True, False])}, rows.crop_files), 128)


def config_for(root: Path, **data: Any) -> Config:
    (root / "task04_train").mkdir(exist_ok=True)
    return Config(DATA=Data(root=str(root), **data))


def test_split_by_list(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 5)
    config = config_for(tmp_path)
    with pytest.raises(UserError, match=r"validation.json: this list is missing"):
        split_rows(rows, config)
    listed = rows["file_name"][[1, 4]].tolist()
    path = tmp_path / "task04_train" / "validation.json"
    path.write_text(json.dumps(listed))
    train, validation = split_rows(rows, config)
    assert validation["file_name"].tolist() == listed and len(train) == 3
    path.write_text(json.dumps([*listed, "1_F1_1_77.jpg"]))
    with pytest.raises(UserError, match="1_F1_1_77.jpg is not among"):
        split_rows(rows, config)
    path.write_text("[]")
    with pytest.raises(UserError, match="non-empty"):
        split_rows(rows, config)


def test_split_by_person_keeps_people_whole(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 15)
    train, validation = split_rows(rows, config_for(tmp_path, validation="person", validation_share=0.4))
    assert len(set(validation["person"])) == 2
    assert not set(train["person"]) & set(validation["person"])
    assert len(train) + len(validation) == 15


@pytest.mark.parametrize("how", ["pose", "camera", "sequence"])
def test_other_groups_stay_whole_too(tmp_path: Path, how: str) -> None:
    rows = make_rows(tmp_path, 12)
    moments = np.array([str(i // 3) for i in range(12)], object)  # 4 groups of three rows
    rows = Rows({**rows.columns, how: moments, "person": np.array(["F150A"] * 12, object)}, rows.crop_files)
    train, validation = split_rows(rows, config_for(tmp_path, validation=how, validation_share=0.25))
    assert len(train) == 9 and len(validation) == 3
    assert len(set(validation[how])) == 1 and not set(train[how]) & set(validation[how])


def test_sequences_of_two_people_are_two_groups(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 10)  # five people
    rows = Rows(
        {**rows.columns, "sequence": np.array(["1"] * 10, object), "pose": np.array(["1"] * 10, object)},
        rows.crop_files,
    )
    train, validation = split_rows(rows, config_for(tmp_path, validation="sequence", validation_share=0.2))
    assert len(set(validation["person"])) == 1 and not set(train["person"]) & set(validation["person"])


def test_split_needs_two_groups(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a single pose"):
        split_rows(make_rows(tmp_path, 4), config_for(tmp_path, validation="pose"))


def test_unlabelled_and_unseen_are_left_out_and_told(tmp_path: Path, said: list[logging.LogRecord]) -> None:
    """For people their number and an example; by name, at the level that only the log file keeps."""
    rows = make_rows(tmp_path, 10)
    found, labelled = np.ones(10, bool), np.ones(10, bool)
    found[0], labelled[1:3] = False, False
    rows = Rows({**rows.columns, "found": found, "labelled": labelled}, rows.crop_files)
    config = config_for(tmp_path, validation="person")
    train, validation = split_rows(rows, config)
    assert len(train) + len(validation) == 7
    tell_split(rows, validation, config)
    told = {level: [r.getMessage() for r in said if r.levelname == level] for level in ("INFO", "DEBUG")}
    name = rows["file_name"]
    assert told["INFO"] == [
        f"validation persons: {validation['person'][0]}",
        f"not trained on: 2 images (no label), such as {name[1]}",
        f"not trained on: 1 images (no person found), such as {name[0]}",
    ]
    assert told["DEBUG"] == [
        *(f"not trained on: {name[i]} (no label)" for i in (1, 2)),
        f"not trained on: {name[0]} (no person found)",
    ]


def test_nothing_left_to_train_on(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 4).without_truth()
    with pytest.raises(UserError, match=r"no labelled image.*\(4 of 4 images have no label, 0 show nobody\)"):
        split_rows(rows, config_for(tmp_path, validation="person"))
