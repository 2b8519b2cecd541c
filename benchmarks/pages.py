"""Writes generated tables into Markdown pages, between two marks."""

from __future__ import annotations

from pathlib import Path

from modules.config.paths import PROJECT_ROOT
from modules.files.atomic import write_text

READMES = (PROJECT_ROOT / "README.md", PROJECT_ROOT / "README.ko.md")
ACCURACY_PAGE = PROJECT_ROOT / "docs" / "accuracy.md"
SPEED_PAGE = PROJECT_ROOT / "docs" / "speed.md"


def marks(name: str) -> tuple[str, str]:
    """Returns the two lines between which a page holds a generated table."""
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"


def marked(name: str, table: str) -> str:
    """Returns a table between its marks."""
    begin, end = marks(name)
    return f"{begin}\n{table}\n{end}"


def insert_between(page: Path, name: str, table: str) -> None:
    """Replaces the text between the two marks of a page; a page without the marks is left unchanged."""
    begin, end = marks(name)
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    if begin in text and end in text:
        head, tail = text.split(begin)[0], text.split(end)[1]
        write_text(page, f"{head}{marked(name, table)}{tail}")
