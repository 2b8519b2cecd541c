"""The pages hold together: links and pictures exist, their Python runs, their tables and layers are the code's."""

import re
import tomllib
from pathlib import Path

import pytest

from model.skeleton import JOINT_NAMES, MIRROR, PARENTS
from modules.config.paths import PROJECT_ROOT
from tests.docs import pages

RUN_ELSEWHERE = {"extending.md"}  # its blocks are files; test_extending.py runs them


@pytest.mark.parametrize("page", pages.PAGES, ids=lambda page: page.name)
def test_links_and_pictures_exist(page: Path) -> None:
    for target in pages.links(page.read_text(encoding="utf-8")):
        if target.startswith(("http://", "https://")):
            continue
        path, fragment = pages.resolve(page, target)
        assert path.exists() and PROJECT_ROOT in (path, *path.parents), f"{page.name}: {target}"
        if fragment:
            anchors = [pages.anchor(title) for _, title in pages.headings(path.read_text(encoding="utf-8"))]
            assert fragment in anchors, f"{page.name}: {target}; anchors are {anchors}"


def test_every_page_can_be_reached_from_both_readmes() -> None:
    for readme in pages.READMES:
        linked = {pages.resolve(readme, target)[0] for target in pages.links(readme.read_text(encoding="utf-8"))}
        assert set(pages.PAGES) - {readme} <= linked, readme.name


def test_every_picture_is_shown_somewhere() -> None:
    shown = {pages.resolve(page, target)[0] for page in pages.PAGES for target in pages.links(page.read_text("utf-8"))}
    assert set((PROJECT_ROOT / "docs" / "images").iterdir()) <= shown


@pytest.mark.parametrize("page", [page for page in pages.PAGES if page.name not in RUN_ELSEWHERE], ids=lambda p: p.name)
def test_python_on_the_pages_runs(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Block after block in one namespace, from the project's root, as the page says."""
    monkeypatch.chdir(PROJECT_ROOT)
    names: dict[str, object] = {}
    for block in pages.blocks(page.read_text(encoding="utf-8"), "python"):
        exec(compile(block, f"{page.name}", "exec"), names)  # noqa: S102  (our own page)


def test_the_joint_table_is_the_skeleton() -> None:
    rows = pages.table(pages.section(pages.read_page("conventions.md"), "Joints"))
    expected = [
        [str(joint), name, str(PARENTS[joint]) if joint else "", str(MIRROR[joint])]
        for joint, name in enumerate(JOINT_NAMES)
    ]
    assert rows == expected


def test_the_layers_are_those_of_the_contracts() -> None:
    text = (PROJECT_ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    _, outer, modules = pages.blocks(pages.section(text, "Layers"))[0].split("\n", maxsplit=2)
    found = [
        re.split(r"\s*>\s*", " ".join(block.removeprefix("modules:").split())) for block in (outer, modules.strip())
    ]
    settings = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    layers = [one["layers"] for one in contracts if one.get("containers") in (None, ["modules"]) and "layers" in one]
    assert found == layers


def test_the_reader_of_pages_sees_what_is_broken(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A `b` (c)\n[x](gone.md) [y](#a-b-c)\n```python\n# no heading\n[z](no_link.md)\n```\n| a |\n| --- |\n| 1 |\n"
    )
    text = page.read_text()
    assert pages.links(text) == ["gone.md", "#a-b-c"] and pages.headings(text) == [(1, "A `b` (c)")]
    assert pages.anchor("A `b` (c)") == "a-b-c" and not pages.resolve(page, "gone.md")[0].exists()
    assert pages.table(text) == [["1"]] and pages.blocks(text, "python")[0].startswith("# no heading")
