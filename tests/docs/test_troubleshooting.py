"""Every sentence that the troubleshooting page quotes is in the source."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from modules.checks.mistakes import FAMILIES, RATIOS
from modules.config.paths import PROJECT_ROOT
from tests.docs import pages

PAGE = pages.read_page("troubleshooting.md")
VARIES = "\0"  # stands for the parts of a string that vary
QUOTE = re.compile(r"`(?P<prefix>error: |to fix: |)(?P<text>.+)`")
LEAST = 15  # fixed characters: less would match anything


def quotes() -> list[re.Match[str]]:
    """Every blockquote of the page. One that is not in the form of a quotation is a mistake."""
    lines = [line.removeprefix("> ") for line in PAGE.splitlines() if line.startswith(">")]
    found = [QUOTE.fullmatch(line) for line in lines]
    assert all(found), [line for line, match in zip(lines, found, strict=True) if not match]
    return [match for match in found if match]


def templates(source: str) -> Iterator[str]:
    """Every string of Python source with VARIES for what is put into it, whether by f-string or by %s."""
    tree = ast.parse(source)
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else VARIES for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield re.sub(r"%(?:\.\d+)?[sdf]", VARIES, node.value)


def shell_templates(source: str) -> Iterator[str]:
    """What the shell scripts say through say_missing."""
    for said in re.findall(r'say_missing (".*")', re.sub(r"\$\([^)]*\)", VARIES, source)):
        yield "error: " + re.sub(r"\$(?:\w+|\*|\{[^}]*\})", VARIES, said.strip('"'))


def all_templates() -> list[str]:
    folders = [PROJECT_ROOT / name for name in ("modules", "model", "data", "pre_models")]
    sources = [*PROJECT_ROOT.glob("*.py"), *(path for folder in folders for path in folder.rglob("*.py"))]
    found = [template for path in sources for template in templates(path.read_text(encoding="utf-8"))]
    return found + list(shell_templates((PROJECT_ROOT / "scripts" / "environment.sh").read_text(encoding="utf-8")))


def matches(quoted: str, template: str) -> bool:
    """Whether a quotation with … for what varies is this whole string."""
    pattern = ".*".join(re.escape(part) for part in quoted.split("…"))
    return re.fullmatch(pattern, template, re.DOTALL) is not None


SOURCES = all_templates()


@pytest.mark.parametrize("quote", quotes(), ids=lambda quote: quote["text"][:60])
def test_a_quoted_sentence_is_in_the_source(quote: re.Match[str]) -> None:
    assert len(quote["text"].replace("…", "")) >= LEAST
    wanted = (quote["text"], quote["prefix"] + quote["text"])
    assert any(matches(text, template) for text in wanted for template in SOURCES)


def test_the_doctors_table_is_the_doctors(tmp_path: Path) -> None:
    rows = pages.table(pages.section(PAGE, "Labels land in the wrong place"))
    known = {mistake.what: mistake.fix for family in FAMILIES for mistake in family}
    for ratio in RATIOS:  # one row for all of them
        assert known.pop(f"intrinsics belong to an image {ratio} times as large").endswith(f" by {1 / ratio}")
    known["intrinsics belong to an image … times as large"] = "multiply their first two rows by its inverse"
    assert {what: fix.replace("`", "") for what, fix in rows} == known


def test_the_matcher_can_fail() -> None:
    source = 'raise UserError(f"{path}: this is " f"gone; {fix}")\nlog.info("%s: kept %d", a, b)'
    found = list(templates(source))
    assert matches("…: this is gone; …", found[0]) and matches("…: kept …", "".join(found[1:]))
    for wrong in ("…: this was gone; …", "this is gone", "…: this is x gone; …", "…: this is gone"):
        assert not any(matches(wrong, template) for template in found), wrong
    assert list(shell_templates('  say_missing "$bare has no $(basename "$x")-venv"')) == ["error: \0 has no \0-venv"]
