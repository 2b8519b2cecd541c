"""Reading our own Markdown pages: fenced blocks, headings, tables, links."""

from __future__ import annotations

import re
from pathlib import Path

from modules.config.paths import PROJECT_ROOT

READMES = (PROJECT_ROOT / "README.md", PROJECT_ROOT / "README.ko.md")
PAGES = (
    *READMES, PROJECT_ROOT / "CONTRIBUTING.md", PROJECT_ROOT / "CHANGELOG.md", *sorted((PROJECT_ROOT / "docs").glob("*.md")),
)  # fmt: skip
FENCE = re.compile(
    r"^(?P<fence>```+)(?P<language>\w*)[^\n]*\n(?P<body>.*?)^(?P=fence)[ ]*$\n?", re.MULTILINE | re.DOTALL
)


def read_page(name: str) -> str:
    """A page of docs/ by its name."""
    return (PROJECT_ROOT / "docs" / name).read_text(encoding="utf-8")


def blocks(text: str, language: str | None = None) -> list[str]:
    """The bodies of fenced code blocks, of one language or of all."""
    return [match["body"] for match in FENCE.finditer(text) if language in (None, match["language"])]


def prose(text: str) -> str:
    """The page without its fenced blocks and comments."""
    return re.sub(r"<!--.*?-->", "", FENCE.sub("", text), flags=re.DOTALL)


def headings(text: str) -> list[tuple[int, str]]:
    """Level and title of every heading."""
    return [(len(marks), title) for marks, title in re.findall(r"^(#+) (.+)$", prose(text), re.MULTILINE)]


def anchor(title: str) -> str:
    """The anchor that GitHub gives a heading."""
    plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title).replace("`", "").strip().lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def section(text: str, title: str) -> str:
    """Returns the text below a heading, up to the next of its level or higher."""
    found = re.search(rf"^(#+) {re.escape(title)}$", text, re.MULTILINE)
    assert found, f"no heading {title!r}"
    after = text[found.end() :]
    end = re.search(rf"^#{{1,{len(found[1])}}} ", FENCE.sub(lambda block: "x" * len(block[0]), after), re.MULTILINE)
    return after[: end.start()] if end else after


def table(text: str) -> list[list[str]]:
    """The first table's rows as cells, without its header."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rules = [index for index, line in enumerate(lines) if re.fullmatch(r"[|\s:-]+", line)]
    assert rules, "no table"
    end = rules[1] - 1 if len(rules) > 1 else len(lines)
    return [
        [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in lines[rules[0] + 1 : end]
    ]


def links(text: str) -> list[str]:
    """Targets of all links and pictures."""
    return re.findall(r"\]\(([^)\s]+)\)", prose(text))


def resolve(page: Path, target: str) -> tuple[Path, str]:
    """A relative link's file and anchor."""
    path, _, fragment = target.partition("#")
    return (page.parent / path).resolve() if path else page, fragment
