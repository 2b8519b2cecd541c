"""The Korean README says what the English one says: same sections, code, tables, links, names and numbers."""

import re
from pathlib import Path

import pytest

from benchmarks import rotations
from modules.utils import read_json
from tests.docs import pages

ENGLISH, KOREAN = (path.read_text(encoding="utf-8") for path in pages.READMES)
ONLY_KOREAN = re.compile(r"<!-- glossary: begin -->.*?<!-- glossary: end -->\n", re.DOTALL)  # explains English headers


def parts(text: str) -> list[str]:
    """The prose of each section, before the first heading and from heading to heading."""
    return re.split(r"^#+ .+$", pages.prose(ONLY_KOREAN.sub("", text)), flags=re.MULTILINE)


def names(text: str) -> set[str]:
    """What stands in code spans."""
    return set(re.findall(r"`([^`]+)`", text))


def numbers(text: str) -> set[str]:
    """Every number outside code spans and link targets."""
    plain = re.sub(r"`[^`]+`|\]\([^)]*\)", " ", text)
    return set(re.findall(r"\d+(?:\.\d+)*", plain))


PAIRS = list(zip(parts(ENGLISH), parts(KOREAN), strict=False))


def test_the_readmes_have_the_same_sections() -> None:
    assert [level for level, _ in pages.headings(ENGLISH)] == [level for level, _ in pages.headings(KOREAN)]
    assert len(parts(ENGLISH)) == len(parts(KOREAN))


def test_the_readmes_have_the_same_code_and_the_same_measured_table() -> None:
    assert pages.blocks(ENGLISH) == pages.blocks(KOREAN)
    made = f"{rotations.BEGIN}\n{rotations.format_table(read_json(rotations.RESULT))}\n{rotations.END}"
    assert made in ENGLISH and made in KOREAN


@pytest.mark.parametrize(("english", "korean"), PAIRS, ids=range(len(PAIRS)))
def test_a_section_names_and_counts_the_same(english: str, korean: str) -> None:
    assert names(english) == names(korean)
    assert numbers(english) == numbers(korean)
    shape = [[line.count("|") for line in text.splitlines() if line.startswith("|")] for text in (english, korean)]
    assert shape[0] == shape[1]
    for mark in (r"^- ", r"^\d\. "):
        assert len(re.findall(mark, english, re.MULTILINE)) == len(re.findall(mark, korean, re.MULTILINE))


def test_the_readmes_link_to_the_same_places_and_to_each_other() -> None:
    here, there = pages.READMES
    found = [[pages.resolve(page, target) for target in pages.links(page.read_text("utf-8"))] for page in (here, there)]
    assert found[0][0][0] == there and found[1][0][0] == here
    assert sorted(map(str, found[0][1:])) == sorted(map(str, found[1][1:]))


def test_the_table_goes_into_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copies = [tmp_path / page.name for page in pages.READMES]
    for copy in copies:
        copy.write_text(f"before\n{rotations.BEGIN}\nold\n{rotations.END}\nafter\n")
    monkeypatch.setattr(rotations, "READMES", copies)
    monkeypatch.setattr(rotations, "RESULT", tmp_path / "rotations.json")
    monkeypatch.setattr(
        rotations, "gather", lambda: read_json(Path(rotations.__file__).parents[1] / "docs/results/rotations.json")
    )
    monkeypatch.setattr("sys.argv", ["rotations", "--table-only"])
    rotations.main()
    for copy in copies:
        text = copy.read_text()
        assert text.startswith("before\n") and text.endswith("after\n") and "| PoseNet |" in text and "old" not in text
