"""The config reference says what the schema says, whatever is added to it."""

import argparse
from pathlib import Path
from typing import Literal

import pytest
import yaml
from pydantic import Field

from docs import config_reference
from modules.config import load
from modules.config.paths import PROJECT_ROOT
from modules.config.schema import Config
from modules.config.sections import Section
from tests.docs import pages

SHIPPED = (PROJECT_ROOT / load.DEFAULT_CONFIG).read_text(encoding="utf-8")
RARELY = "# Rarely needed from here on."
MOST_KEYS, FIRST_KEYS = 49, 22


def test_the_committed_page_is_the_generated_one() -> None:
    text = config_reference.PAGE.read_text(encoding="utf-8")
    assert text == config_reference.render(), "run python -m docs.config_reference"


def test_the_page_holds_every_key_once() -> None:
    page = config_reference.render()
    for section, keys in Config().model_dump(mode="json").items():
        for key in keys:
            assert page.count(f"\n| `{section}.{key}` |") == 1, f"{section}.{key}"


def test_the_shipped_file_holds_every_key_but_metrabs_with_its_default() -> None:
    defaults = Config().model_dump(mode="json")
    on_metrabs = {f"METRABS.{key}" for key in defaults.pop("METRABS")}
    assert yaml.safe_load(SHIPPED) == defaults
    assert sum(len(keys) for keys in defaults.values()) <= MOST_KEYS
    page = pages.read_page("metrabs.md")
    assert {key for key in on_metrabs if f"`{key}`" not in page} == set()


def test_the_keys_that_people_edit_come_first() -> None:
    assert SHIPPED.count(RARELY) == 1
    first = yaml.safe_load(SHIPPED.split(RARELY)[0])
    assert sum(len(keys) for keys in first.values()) == FIRST_KEYS


def test_every_kind_of_key_is_worded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kinds that the schema does not use yet: a key of one must not break the page, nor vanish from it."""

    class Odd(Section):
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
    load.add_config_arguments(parser)
    shipped = load.config_from_arguments(parser.parse_args([]))  # not in the working folder
    assert shipped.data_root == PROJECT_ROOT / shipped.DATA.root
    (tmp_path / "own.yml").write_text("DATA: {root: mine, cache: kept}")
    own = load.config_from_arguments(parser.parse_args(["--config", "own.yml"]))
    assert (own.data_root, own.cache_root) == (PROJECT_ROOT / "mine", PROJECT_ROOT / "kept")
