"""docs/architecture.md against the code: every path exists, every name is defined, every layer is in the contract."""

import ast
import re
import tomllib

import pytest

from modules.cache.table import NUMBER_COLUMNS
from modules.config.paths import PROJECT_ROOT
from modules.config.schema import Config

PAGE = (PROJECT_ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
CODE = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL))
PATHS = sorted({text for text in CODE if ("/" in text or text.endswith((".py", ".toml"))) and "<" not in text})
NAMES = sorted({text for text in CODE if re.fullmatch(r"[A-Za-z]\w*(\.[a-z]\w*)?", text)} - set(PATHS))
SYMBOLS = {"K", "model"}  # the intrinsics; the package of the networks


def definitions() -> set[str]:
    """Every class, function, method (Class.method) and constant of the library and the networks."""
    found: set[str] = set()
    for room in ("modules", "model"):
        for path in (PROJECT_ROOT / room).rglob("*.py"):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.FunctionDef | ast.ClassDef):
                    found.add(node.name)
                    inner = node.body if isinstance(node, ast.ClassDef) else []
                    found |= {f"{node.name}.{one.name}" for one in inner if isinstance(one, ast.FunctionDef)}
                targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
                found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


def test_every_name_is_defined() -> None:
    assert len(NAMES) > 40
    keys = {
        f"{section}.{key}" for section, field in Config.model_fields.items() for key in field.annotation.model_fields
    }
    assert not set(NAMES) - definitions() - set(NUMBER_COLUMNS) - keys - SYMBOLS


@pytest.mark.parametrize("path", [path for path in PATHS if path != "__init__.py"])
def test_every_path_exists(path: str) -> None:
    assert (PROJECT_ROOT / path).exists()


def test_the_layers_are_those_of_the_contract_in_its_order() -> None:
    contracts = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(one["layers"] for one in contracts if one.get("containers") == ["modules"])
    rows = [line for line in PAGE.splitlines() if line.startswith("| `modules/")]
    rooms = [re.findall(r"`modules/(\w+)(?:\.py)?`", row.split("|")[1]) for row in rows]
    in_page = [set(room) for room in rooms if room][: len(layers)]
    assert in_page == [set(layer.split(" | ")) for layer in layers]


def test_each_way_has_at_most_eight_steps() -> None:
    for title in ("The way of one joint", "The way of one camera"):
        section = PAGE.split(f"## {title}")[1].split("\n## ")[0]
        steps = re.findall(r"^\d\. \*\*`([^`]+)`\*\*", section, flags=re.MULTILINE)
        assert 1 < len(steps) <= 8 and len(set(steps)) == len(steps)
