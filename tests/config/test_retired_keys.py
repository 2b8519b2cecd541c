"""Keys of earlier releases: each is refused with its new name, or with the reason why it is gone."""

import re
from pathlib import Path

import pytest
import yaml

from modules.config.load import load_config
from modules.config.paths import PROJECT_ROOT
from modules.config.retired import REMOVED, RENAMED, retired_sentence
from modules.config.schema import Config
from modules.utils import UserError

SHIPPED = PROJECT_ROOT / "config" / "train_config.yml"
RETIRED = {
    **{key: f"the key {key} was renamed; write {new}" for key, new in RENAMED.items()},
    **{key: f"the key {key} was removed; {why}" for key, why in REMOVED.items()},
}
# All that this release has renamed or removed; a key that is missing in modules.config.retired would be "unknown".
KEYS = [
    "DATA.also",
    "EXTRACT.crops",
    "TRAIN.looks",
    "TRAIN.members",
    "TRAIN.heat_cells",
    "TRAIN.own_views",
    "TRAIN.floor_error",
    "DATALOADER.pin_memory",
    "TRAIN.backbone",
    "TRAIN.backbone_rate",
    "TRAIN.resnet_type",
    "TRAIN.output_shape",
    "TRAIN.gradient_clip",
    "TRAIN.loss_space",
    "TRAIN.checkpoint_steps",
    "TRAIN.simulated_views",
    "TRAIN.num_threads",
    "TRAIN.pose_jitter",
    "TRAIN.root_jitter",
    "TRAIN.mirror",
    "TRAIN.rotation",
    "TRAIN.zoom",
    "TRAIN.shift",
    "TRAIN.occlusion",
    "TRAIN.colour_jitter",
    "TEST.batch_size",
    "TEST.overlays",
]


def exists(key: str) -> bool:
    section, name = key.split(".")
    return name in Config().model_dump()[section]


def test_every_former_key_is_retired_and_none_is_in_use() -> None:
    assert set(RETIRED) == set(KEYS) and not set(RENAMED) & set(REMOVED)
    assert not [key for key in KEYS if exists(key)]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("value", ["1", "several", "[a, b]"])
def test_a_retired_key_is_refused_in_a_file_and_by_set(tmp_path: Path, key: str, value: str) -> None:
    section, name = key.split(".")
    path = tmp_path / "config.yml"
    path.write_text(yaml.safe_dump({section: {name: yaml.safe_load(value)}}))
    for source, config, assignments in (
        (path, path, []),
        (f"--set {key}={value}", SHIPPED, ["TRAIN.num_epochs=3", f"{key}={value}"]),
    ):
        with pytest.raises(UserError) as refused:
            load_config(config, assignments)
        assert str(refused.value) == f"{source}: {RETIRED[key]}"
        assert "\n" not in str(refused.value) and ";" in str(refused.value)


@pytest.mark.parametrize("key", RENAMED)
def test_the_new_name_of_a_renamed_key_exists(key: str) -> None:
    named = re.search(r"[A-Z]+\.[a-z_]+", RENAMED[key])
    assert named is not None and exists(named[0])


@pytest.mark.parametrize("key", REMOVED)
def test_what_replaces_a_removed_key_exists(key: str) -> None:
    named = re.findall(r"[A-Z]{2,}\.[a-z_]+", REMOVED[key])
    assert all(exists(name) for name in named)
    assert named or "leave it out" in REMOVED[key] or "OMP_NUM_THREADS" in REMOVED[key]


def test_other_keys_are_not_retired() -> None:
    assert retired_sentence("TRAIN.num_epochs") is None and retired_sentence("TRAIN.nonsense") is None
    with pytest.raises(UserError, match="the key TRAIN.nonsense is unknown"):
        load_config(SHIPPED, ["TRAIN.nonsense=1"])
    with pytest.raises(UserError, match="the key DATA.looks is unknown"):  # of another section
        load_config(SHIPPED, ["DATA.looks=full"])
