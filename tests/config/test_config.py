"""The config: the shipped YAML, `--set`, and refusals as one sentence that names the key."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.cache.store import cache_folder
from modules.config.load import dump_config, load_config, parse_config
from modules.config.paths import DEFAULT_CONFIG, PROJECT_ROOT
from modules.config.schema import Config
from modules.simulation.scene import CalibrationError
from modules.utils import UserError
from tests.strategies import broken_bytes, mutations, read_or_refused, scalars

SHIPPED = PROJECT_ROOT / "config" / "train_config.yml"


def yaml_of(value: Any) -> str:
    return yaml.safe_dump(value, allow_unicode=True)


def test_shipped_file_shows_every_key_and_the_defaults() -> None:
    """METRABS apart, which docs/metrabs.md documents."""
    assert load_config(SHIPPED) == Config()
    written = yaml.safe_load(SHIPPED.read_text())
    assert sum(len(keys) for keys in written.values()) <= 49
    documented = (PROJECT_ROOT / "docs" / "metrabs.md").read_text(encoding="utf-8")
    for section, field in Config.model_fields.items():
        assert field.annotation is not None
        keys = set(field.annotation.model_fields)
        if section == "METRABS":
            assert section not in written and all(key in documented for key in keys)
        else:
            assert keys == set(written[section]), section


def test_names_that_users_know_stay() -> None:
    names = (
        "SEED.random_seed DATALOADER.num_workers TRAIN.num_epochs TRAIN.batch_size TRAIN.learning_rate "
        "TRAIN.early_stopping_patience TRAIN.model TRAIN.optimizer TRAIN.scheduler TRAIN.momentum TRAIN.weight_decay "
        "TRAIN.loss_function TRAIN.metric_function TRAIN.input_shape TRAIN.output_depth DATA.floor "
        "TRAIN.model_type PERFORMANCE_RECORD.column_list DATA.root EXTRACT.extractor EXTRACT.weights EXTRACT.batch_size "
        "TEST.sample_submission TEST.output"
    )
    tree = Config().model_dump()
    for name in names.split():
        section, key = name.split(".")
        assert key in tree[section], name


@pytest.mark.parametrize(
    "text",
    ["/data/set #1", "/data/a: b", "2024-01-01", "1e5", "[a, b]", "{x}", "yes", "null set", "007", "- a", "&x", "*"],
)
def test_a_text_on_the_command_line_is_taken_as_it_stands(text: str) -> None:
    """None of these is a text in YAML, or not the whole of it."""
    config = load_config(SHIPPED, [f"DATA.root={text}", f"DATA.cache={text}", f"EXTRACT.extractor={text}"])
    assert config.DATA.root == config.DATA.cache == config.EXTRACT.extractor == text
    assert load_config(SHIPPED, [f"DATA.root='{text}'"]).DATA.root == text


@pytest.mark.parametrize(("text", "value"), [("null", None), ("", None), ("~", "~")])
def test_nothing_on_the_command_line(text: str, value: str | None) -> None:
    assert load_config(SHIPPED, [f"DATA.cache={text}"]).DATA.cache == value


def test_home_and_variables_are_expanded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MY_SETS", str(tmp_path))
    monkeypatch.setenv("HOME", "/home/me")
    config = load_config(
        SHIPPED, ["DATA.root=$MY_SETS/a", "DATA.cache=~/cache", "RESULTS.root=${MY_SETS}/$no_variable"]
    )
    assert config.data_root == tmp_path / "a" and config.cache_root == Path("/home/me/cache")
    assert config.results_root == tmp_path / "$no_variable"
    with pytest.raises(UserError, match="named twice"):
        load_config(SHIPPED, ["DATA.root=$MY_SETS/a", f"DATA.extra_roots=[{tmp_path}/a]"])


def test_set_overrides_the_file() -> None:
    config = load_config(SHIPPED, ["TRAIN.learning_rate=1e-4", "TRAIN.num_epochs=3", "DATA.root=/some/where"])
    assert (config.TRAIN.learning_rate, config.TRAIN.num_epochs) == (1e-4, 3)
    assert config.data_root == Path("/some/where")


def test_dump_round_trip(tmp_path: Path) -> None:
    config = load_config(SHIPPED, ["TRAIN.model_type=pose", "SEED.random_seed=7"])
    (tmp_path / "c.yml").write_text(dump_config(config))
    assert load_config(tmp_path / "c.yml") == config


def test_config_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Config().TRAIN.num_epochs = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("assignment", "says"),
    [
        ("TRAIN.num_epoch=3", "TRAIN.num_epoch is unknown; did you mean num_epochs"),
        ("TRIAN.num_epochs=3", "TRIAN is unknown; did you mean TRAIN"),
        ("TRAIN.num_epochs=many", "TRAIN.num_epochs is 'many'.*integer, such as 20"),
        ("TRAIN.num_epochs=2.5", "TRAIN.num_epochs.*integer"),
        ("TRAIN.num_epochs=0", "greater than or equal to 1"),
        ("TRAIN.batch_size=true", "TRAIN.batch_size.*integer"),
        ("TRAIN.model_type=both", "image\\+pose"),
        ("TRAIN.input_shape=192", "TRAIN.input_shape is 192; input should be 128 or 256"),
        ("DATA.floor=measured", "DATA.floor is 'measured'; input should be 'auto', 'declared' or 'none'"),
        ("TRAIN.augmentation=1", "TRAIN.augmentation is 1.*boolean, such as True"),
        ("TRAIN.learning_rate=-1", "greater than 0"),
        ("TRAIN.pretrained=true", "pose has no backbone that pretrained could start; set model_type to image\\+pose"),
        ("PERFORMANCE_RECORD.column_list=[speed]", "column_list"),
        ("TRAIN=3", "SECTION.key=value"),
        ("num_epochs=3", "SECTION.key=value"),
        ("TRAIN.num_epochs", "SECTION.key=value"),
        ("TRAIN.num_epochs=[", "not valid YAML"),
        ("TRAIN.batch_size=010", "010 is another number in YAML; write it in decimals"),  # 8
        ("TRAIN.learning_rate=1:30.5", "another number in YAML"),  # 90.5
    ],
)
def test_refusals_name_the_key(assignment: str, says: str) -> None:
    with pytest.raises(UserError, match=says) as caught:
        load_config(SHIPPED, [assignment])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["[1, 2]", "3", "TRAIN: 3", "TRAIN: {num_epochs: {}}", "a: b: c", "!!python/object:os.system x"]
)
def test_files_that_hold_no_config_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.yml").write_text(text)
    with pytest.raises(UserError, match="c.yml"):
        load_config(tmp_path / "c.yml")


def test_missing_file_and_empty_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="missing"):
        load_config(tmp_path / "none.yml")
    (tmp_path / "c.yml").write_text("TRAIN:\n")
    assert load_config(tmp_path / "c.yml") == Config()


@pytest.mark.parametrize(
    ("assignment", "fix"),
    [
        ("DATA.root=''", "; write another value, such as 'data/demo/test_camera_4'"),
        ("TRAIN.calibration_error=[0.5, 600.0]", "; write another value, such as [0.5, 20.0]"),
        ("METRABS.region=[0.5, 0, 0.5, 1]", "; write another value"),
        ("TRAIN.model=OriginalPoseNet", "; set it to 0, or start from config/original.yml"),
    ],
)
def test_a_value_that_breaks_a_rule_is_refused_with_a_fix(assignment: str, fix: str) -> None:
    with pytest.raises(UserError) as refused:
        load_config(PROJECT_ROOT / DEFAULT_CONFIG, [assignment])
    assert str(refused.value).endswith(fix)


def test_test_time_augmentation_names_the_cache_of_blazepose_alone() -> None:
    """MeTRAbs ignores the key, so that its cache folder stays."""
    folders = {
        name: cache_folder(load_config(PROJECT_ROOT / DEFAULT_CONFIG, [f"EXTRACT.{part}" for part in keys]), "train")
        for name, keys in {
            "tta": ("test_time_augmentation=true",), "plain": ("test_time_augmentation=false",), "adaptive": (),
            "metrabs": ("extractor=metrabs", "weights=metrabs_s"),
        }.items()
    }  # fmt: skip
    names = {name: folder.parent.name for name, folder in folders.items()}
    assert names == {
        "tta": "blazepose-heavy-tta", "plain": "blazepose-heavy", "adaptive": "blazepose-heavy-adaptive",
        "metrabs": "metrabs-metrabs_s",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("[0.5]", "at least 2 items"),
        ("[0.5, 20.0, 1.0]", "at most 2 items"),
        ("0.5", "valid list, such as"),
        ("[-0.1, 20.0]", "calibration_error must be"),
        ("[10.1, 20.0]", "calibration_error must be"),
        ("[0.5, -1.0]", "calibration_error must be"),
        ("[0.5, 500.1]", "calibration_error must be"),
        ("[.nan, 20.0]", "finite number"),
        ("[a, 20.0]", "valid number"),
    ],
)
def test_calibration_error_is_degrees_and_mm_within_reason(value: str, says: str) -> None:
    with pytest.raises(UserError, match=says) as refused:
        load_config(SHIPPED, [f"TRAIN.calibration_error={value}"])
    sentence = str(refused.value)
    assert sentence.startswith(f"--set TRAIN.calibration_error={value}: ") and "\n" not in sentence


def test_calibration_error_may_be_zero_and_as_large_as_its_bounds() -> None:
    for value in ([0.0, 0.0], [10.0, 500.0]):
        assert load_config(SHIPPED, [f"TRAIN.calibration_error={value}"]).TRAIN.calibration_error == value
    assert CalibrationError.of(load_config(SHIPPED, ["TRAIN.calibration_error=[1.5, 40]"]).TRAIN) == CalibrationError(
        1.5, 40.0
    )


@pytest.mark.parametrize(
    ("assignments", "says"),
    [
        (["TRAIN.joint_features=heavy"], "set real_view_share above 0, or joint_features to none"),
        (
            ["TRAIN.joint_features=heavy", "TRAIN.model_type=image"],
            "model_type: image has no pose branch to use joint_features; set joint_features to none",
        ),
        (["TRAIN.devices=17"], "devices x num_nodes must be at most batch_size = 16, not 17"),
        (["TRAIN.devices=6", "TRAIN.num_nodes=3"], "devices x num_nodes must be at most batch_size = 16, not 18"),
        (["DATA.extra_roots=[a, a]"], "is named twice; name each data set once"),
    ],
)
def test_values_that_do_not_fit_together_are_refused(assignments: list[str], says: str) -> None:
    with pytest.raises(UserError, match=says):
        load_config(SHIPPED, assignments)


YAML_TRAPS = (
    "!!int", "!!bool x", "!!timestamp x", "!!float x", "!!binary é", "&a [*a]", "? [a]\n: b", "<<: 3", "0x" + "f" * 5000,
    "2001-13-45", "9999-12-31T23:59:59-23:59", "1:99", "'", "\t", "\x00", "{[", "- -", "--- a\n--- b", "%", "1: {2: 3}",
    "0b_", "*x",
    "[" * 3000, "1e400", "1e-3e",
)  # fmt: skip
keys = st.sampled_from(["TRAIN", "DATA", "num_epochs", "root", "x", "a\nb"]) | st.integers() | st.booleans() | st.none()
trees = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=10
)
FULL = Config().model_dump(mode="json")


@given(trees | mutations(FULL))
@settings(max_examples=150, deadline=None)
def test_any_tree_is_a_config_or_refused_in_a_sentence(tree: Any) -> None:
    try:
        assert isinstance(parse_config(tree, "tree"), Config)
    except UserError as error:
        assert str(error).startswith("tree: ") and "\n" not in str(error)


texts = (
    mutations(FULL).map(yaml_of) | trees.map(yaml_of) | st.text(max_size=30) | st.sampled_from(YAML_TRAPS)
    | st.sampled_from(YAML_TRAPS).map(lambda trap: f"TRAIN: {{num_epochs: {trap}}}")
)  # fmt: skip


@given(texts.map(lambda text: text.encode("utf-8", "surrogatepass")) | broken_bytes(FULL) | st.binary(max_size=30))
@settings(max_examples=200, deadline=None)
def test_any_config_file_is_a_config_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    config = read_or_refused(load_config, tmp_path_factory.getbasetemp() / "config.yml", data)
    if config is not None:
        assert parse_config(yaml.safe_load(dump_config(config)), "dump") == config
        degrees, floor_mm = config.TRAIN.calibration_error
        assert 0 <= degrees <= 10 and 0 <= floor_mm <= 500


values = st.text(max_size=12) | st.sampled_from(YAML_TRAPS)


@given(values | values.map("TRAIN.num_epochs={}".format) | values.map("DATA.root={}".format))
@settings(max_examples=150, deadline=None)
def test_any_assignment_is_applied_or_refused(assignment: str) -> None:
    try:
        load_config(SHIPPED, [assignment])
    except UserError as error:
        assert str(error).startswith("--set ") and "\n" not in str(error)


@pytest.mark.parametrize("text", YAML_TRAPS)
def test_traps_of_yaml_are_refused(tmp_path: Path, text: str) -> None:
    assert read_or_refused(load_config, tmp_path / "config.yml", text.encode()) is None


@pytest.mark.parametrize(
    "tree", [{"a\nb": {}}, {"TRAIN": {"a\nb": 3}}, {"TRAIN": {3: 3}}, [], {"DATA": {"root": "a\nb"}}]
)
def test_every_refusal_is_one_line(tree: Any) -> None:
    with pytest.raises(UserError) as caught:
        parse_config(tree, "tree")
    assert "\n" not in str(caught.value)


def test_an_assignment_is_not_blamed_for_the_file(tmp_path: Path) -> None:
    path = tmp_path / "config.yml"
    path.write_text("TRAIN: {num_epochs: many}")
    with pytest.raises(UserError, match="config.yml: TRAIN.num_epochs"):
        load_config(path, ["TRAIN.batch_size=4"])
    with pytest.raises(UserError, match="--set TRAIN.num_epochs=few: TRAIN.num_epochs is 'few'"):
        load_config(path, ["TRAIN.batch_size=4", "TRAIN.num_epochs=few"])


@pytest.mark.parametrize("path", sorted((PROJECT_ROOT / "config").glob("*.yml")), ids=lambda path: path.name)
def test_every_shipped_config_is_read(path: Path) -> None:
    assert load_config(path).DATA.root
