"""The Korean README has the English one's sections, code, tables, links, names and numbers; both have the measured table."""

import re
from pathlib import Path

import pytest

from benchmarks import pages as benchmark_pages
from benchmarks import rotations
from benchmarks.accuracy import tables
from benchmarks.accuracy.rows import gather
from modules.files.atomic import read_json
from tests.docs import pages

LONGEST = 1500  # words
ENGLISH, KOREAN = (path.read_text(encoding="utf-8") for path in pages.READMES)
ONLY_KOREAN = re.compile(r"<!-- glossary: begin -->.*?<!-- glossary: end -->\n", re.DOTALL)  # explains English headers


def parts(text: str) -> list[str]:
    """Returns the prose before the first heading, and of each section."""
    return re.split(r"^#+ .+$", pages.prose(ONLY_KOREAN.sub("", text)), flags=re.MULTILINE)


def names(text: str) -> set[str]:
    """Returns the code spans."""
    return set(re.findall(r"`([^`]+)`", text))


def numbers(text: str) -> set[str]:
    """Returns every number outside code spans and link targets."""
    plain = re.sub(r"`[^`]+`|\]\([^)]*\)", " ", text)
    return set(re.findall(r"\d+(?:\.\d+)*", plain))


PAIRS = list(zip(parts(ENGLISH), parts(KOREAN), strict=False))


def test_the_readmes_have_the_same_sections() -> None:
    assert [level for level, _ in pages.headings(ENGLISH)] == [level for level, _ in pages.headings(KOREAN)]
    assert len(parts(ENGLISH)) == len(parts(KOREAN))


def test_the_readmes_have_the_same_code_and_the_same_measured_table() -> None:
    assert pages.blocks(ENGLISH) == pages.blocks(KOREAN)
    made = benchmark_pages.marked("accuracy", tables.main_table(gather(), tables.README_ROWS))
    assert made in ENGLISH and made in KOREAN


def test_the_tables_of_the_rotations_are_on_the_accuracy_page() -> None:
    made = benchmark_pages.marked("rotations", rotations.format_tables(read_json(rotations.RESULT)))
    assert made in pages.read_page("accuracy.md")


def test_the_english_readme_is_short() -> None:
    assert len(ENGLISH.split()) <= LONGEST


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


def test_the_table_is_written_into_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin, end = benchmark_pages.marks("accuracy")
    copies = [tmp_path / page.name for page in pages.READMES]
    for copy in copies:
        copy.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    monkeypatch.setattr(tables, "READMES", copies)
    monkeypatch.setattr(tables, "ACCURACY_PAGE", tmp_path / "accuracy.md")
    tables.write_tables(gather())
    for copy in copies:
        text = copy.read_text()
        assert text.startswith("before\n") and text.endswith("after\n") and "| PoseNet, pose only |" in text
        assert "old" not in text.split()


def test_the_tables_of_the_rotations_are_written_into_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin, end = benchmark_pages.marks("rotations")
    page = tmp_path / "accuracy.md"
    page.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    committed = read_json(rotations.RESULT)
    monkeypatch.setattr(rotations, "ACCURACY_PAGE", page)
    monkeypatch.setattr(rotations, "RESULT", tmp_path / "rotations.json")
    monkeypatch.setattr(rotations, "gather", lambda: committed)
    monkeypatch.setattr("sys.argv", ["rotations", "--table-only"])
    rotations.main()
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("after\n")
    assert "| PoseNet |" in text and "old" not in text.split()
