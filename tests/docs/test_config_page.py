"""The config reference says what the schema says, whatever is added to it."""

import argparse
from pathlib import Path
from typing import Literal

import pytest
import yaml
from pydantic import Field

from docs import config_reference
from modules import config
from modules.config import PROJECT_ROOT, Config


def test_the_committed_page_is_the_generated_one() -> None:
    text = config_reference.PAGE.read_text(encoding="utf-8")
    assert text == config_reference.render(), "run python -m docs.config_reference"


def test_the_page_and_the_shipped_file_hold_every_key_with_its_default() -> None:
    page = config_reference.render()
    shipped = yaml.safe_load((PROJECT_ROOT / config.DEFAULT_CONFIG).read_text(encoding="utf-8"))
    for section, keys in Config().model_dump(mode="json").items():
        assert shipped[section] == keys, section
        for key in keys:
            assert page.count(f"\n| `{section}.{key}` |") == 1, f"{section}.{key}"


def test_every_kind_of_key_is_worded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kinds that the schema does not use yet: a key of one must not break the page, nor vanish from it."""

    class Odd(config._Section):
        maybe: Literal["a", "b"] | None = Field(None, description="a | b")
        pairs: dict[str, int] = Field({}, description="by <name>")
        few: list[float] = Field([0.5], min_length=1, max_length=3, description="numbers")
        either: int | str = 3

    class Wider(Config):
        ODD: Odd = Odd()

    monkeypatch.setattr(config_reference, "Config", Wider)
    page = config_reference.render()
    for row in (
        "| `ODD.maybe` | `a`, `b` or `null` | `null` | a \\| b |",
        "| `ODD.pairs` | mapping to: whole number | `{}` | by &lt;name> |",
        "| `ODD.few` | list of: number, at least 1, at most 3 | `[0.5]` | numbers |",
        "| `ODD.either` | whole number or text | `3` |  |",
    ):
        assert row in page.splitlines(), page.split("## ODD")[1]


def test_paths_start_where_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Relative paths of the config start at the project's folder" in config_reference.render()
    monkeypatch.chdir(tmp_path)
    parser = argparse.ArgumentParser()
    config.add_config_arguments(parser)
    shipped = config.config_from_arguments(parser.parse_args([]))  # not in the working folder
    assert shipped.data_root == PROJECT_ROOT / shipped.DATA.root
    (tmp_path / "own.yml").write_text("DATA: {root: mine, cache: kept}")
    own = config.config_from_arguments(parser.parse_args(["--config", "own.yml"]))
    assert (own.data_root, own.cache_root) == (PROJECT_ROOT / "mine", PROJECT_ROOT / "kept")
