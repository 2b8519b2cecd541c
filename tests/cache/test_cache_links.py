"""A data set that somebody else has made must not lead the cache's writes elsewhere by links in it."""

from pathlib import Path

import pytest

from modules.cache import store
from modules.cache.extraction import extract_split
from modules.config.schema import Config
from modules.config.sections import Data
from modules.utils import UserError
from tests.cache.conftest import MadeUpExtractor


@pytest.mark.parametrize(
    "link", ["cache", "cache/blazepose-heavy-adaptive", "cache/blazepose-heavy-adaptive/train/poses"]
)
def test_a_link_in_a_data_set_is_not_written_through(
    made: tuple[Config, MadeUpExtractor], tmp_path_factory: pytest.TempPathFactory, link: str
) -> None:
    config, extractor = made
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "part-00009.parquet").write_text("mine")
    path = config.data_root / link
    assert str(store.cache_folder(config, "train")).startswith(str(config.data_root / "cache/blazepose-heavy-adaptive"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(elsewhere)
    with pytest.raises(UserError, match=f"a link leads .* to {elsewhere}.*; remove the link, or set DATA.cache"):
        extract_split(config, "train")
    assert [one.name for one in elsewhere.iterdir()] == ["part-00009.parquet"] and extractor.calls == 0


def test_a_data_set_and_a_named_cache_may_be_links(made: tuple[Config, MadeUpExtractor], tmp_path: Path) -> None:
    config, _ = made
    (tmp_path / "set").symlink_to(config.data_root)
    (tmp_path / "real").mkdir()
    (tmp_path / "cache").symlink_to(tmp_path / "real")
    linked = config.model_copy(update={"DATA": Data(root=str(tmp_path / "set"), cache=str(tmp_path / "cache"))})
    assert extract_split(linked, "train").extracted == 6
    (tmp_path / "cache").unlink()
    assert extract_split(config.model_copy(update={"DATA": Data(root=str(tmp_path / "set"))}), "train").extracted == 6
