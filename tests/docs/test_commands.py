"""Commands, options, config keys and paths on the pages exist in the project."""

import re
from pathlib import Path

import pytest

from modules.config.load import load_config
from modules.config.paths import DEFAULT_CONFIG, PROJECT_ROOT
from modules.config.schema import Config
from tests.docs import pages

RELEASED = PROJECT_ROOT / "pre_models" / "posenet" / "README.md"
CURRENT = [path for path in (*pages.PAGES, RELEASED) if path.name != "CHANGELOG.md"]  # which lists what is gone
SHARED = ("modules/console.py", "modules/config/load.py")  # the options of every script
TOOLS = {"ruff", "mypy", "pytest", "pip", "venv", "dask"}  # run by python -m
EXAMPLES = {"ConfidentPoseNet", "charbonnier", "blazepose_twice"}  # added on the extending page
SETS = ("data/synthetic/set", "data/synthetic/many", "data/synthetic/barefoot", "data/synthetic/more")
MADE = ("results/", "data/demo/test_camera_", "pre_models/downloads", *SETS)
TOP = ("modules", "model", "benchmarks", "docs", "data", "pre_models", "config", "scripts", "tests")


def joined(text: str) -> str:
    """Returns the page without quoted messages, continued lines joined, and line breaks in code spans as spaces."""
    text = re.sub(r"^> .*$", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    return re.sub(r"`[^`]+`", lambda span: " ".join(span[0].split()), text)


def commands(text: str) -> list[str]:
    """Returns every command that starts a Python module or a script: from its name to the end of line or code span."""
    return re.findall(r"(?:python |\./)[^`\n#|]+", joined(text))


def source_of(command: str) -> Path | None:
    """Returns the file that a command starts; None for a tool of others."""
    words = command.split()
    if words[0].startswith("./"):
        return PROJECT_ROOT / words[0]
    if words[1] != "-m":
        return PROJECT_ROOT / words[1].rstrip(",")
    if words[2] in TOOLS:
        return None
    path = PROJECT_ROOT / words[2].replace(".", "/")
    module = path.with_suffix(".py")
    return module if module.exists() else path / "__main__.py"


def started(text: str) -> list[tuple[str, Path]]:
    """Returns the commands of a page that start a file of the project, with that file."""
    found = [(command, source_of(command)) for command in commands(text) if len(command.split()) > 1 or "./" in command]
    return [(command, path) for command, path in found if path is not None and path.suffix in (".py", ".sh")]


@pytest.mark.parametrize("page", CURRENT, ids=lambda page: page.name)
def test_commands_start_a_file_and_have_its_options(page: Path) -> None:
    shared = "".join((PROJECT_ROOT / name).read_text() for name in SHARED)
    for command, path in started(page.read_text(encoding="utf-8")):
        assert path.exists(), command
        if path.suffix == ".py":
            known = path.read_text() + shared
            for option in re.findall(r"(?<=[\s\[])--[a-z][a-z-]*", command):
                assert f'"{option}"' in known or f"{option[2:]}=" in known, (
                    command
                )  # a generator's names its options so


@pytest.mark.parametrize("page", CURRENT, ids=lambda page: page.name)
def test_config_keys_exist(page: Path) -> None:
    sections = {name: set(field.annotation.model_fields) for name, field in Config.model_fields.items()}
    text = page.read_text(encoding="utf-8")
    mentioned = {(section, key) for section, key in re.findall(r"\b([A-Z_]+)\.([a-z]\w*)", text) if section in sections}
    assert not {f"{section}.{key}" for section, key in mentioned if key not in sections[section]}


@pytest.mark.parametrize("page", CURRENT, ids=lambda page: page.name)
def test_settings_are_accepted(page: Path) -> None:
    for command in commands(page.read_text(encoding="utf-8")):
        found = re.findall(r"--set '?([A-Z_]+\.[a-z_]+=[^\s']+)", command)
        settings = [one for one in found if one.split("=")[1] not in EXAMPLES and "..." not in one and "…" not in one]
        file = re.search(r"--config (config/\w+\.yml)", command)
        load_config(PROJECT_ROOT / (file[1] if file else DEFAULT_CONFIG), settings)


@pytest.mark.parametrize("page", CURRENT, ids=lambda page: page.name)
def test_paths_exist(page: Path) -> None:
    spans = re.findall(r"`([^`\s]+)`", pages.prose(page.read_text(encoding="utf-8")))
    paths = [text for text in spans if text.split("/")[0] in TOP and "/" in text and not set("<{*…") & set(text)]
    for path in paths:
        if not path.startswith(MADE) and "blazepose_twice" not in path and "confident" not in path:
            assert (PROJECT_ROOT / path).exists(), path


def test_links_of_the_released_weights_page_exist() -> None:
    for target in pages.links(RELEASED.read_text(encoding="utf-8")):
        assert pages.resolve(RELEASED, target)[0].exists(), target


def test_the_reader_of_commands_sees_what_is_wrong() -> None:
    block = "```bash\npython -m docs.config_reference --check  # x\n./run.sh \\\n  --json\n```"
    text = f"`python train.py --set A.b=1\n--quiet`\n> `run python test.py, or not`\n{block}"
    assert [command.split() for command in commands(text)] == [
        ["python", "train.py", "--set", "A.b=1", "--quiet"],
        ["python", "-m", "docs.config_reference", "--check"],
        ["./run.sh", "--json"],
    ]
    assert [path.name for _, path in started(text)] == ["train.py", "config_reference.py", "run.sh"]
    assert source_of("python -m pytest -q") is None and source_of("python -m benchmarks.speed").name == "__main__.py"
