"""Limits on the code's size and documentation, which keep every file readable in one sitting."""

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

from modules.config.paths import PROJECT_ROOT

ROOMS = ("modules", "model", "pre_models")
MAX_FILE, MAX_MEDIAN, MAX_FUNCTION, MAX_PARAMETERS = 300, 120, 45, 6
MIN_DOCUMENTED = 0.97
Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources(*rooms: str) -> list[Path]:
    return [path for room in rooms or ROOMS for path in sorted((PROJECT_ROOT / room).rglob("*.py"))]


def functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, Function):
            yield node


def public_definitions(path: Path) -> Iterator[tuple[str, Function | ast.ClassDef]]:
    """Public functions, classes, and the public methods of public classes."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield f"{path.name}:{node.name}", node
            for inner in node.body if isinstance(node, ast.ClassDef) else ():
                if isinstance(inner, Function) and not inner.name.startswith("_"):
                    yield f"{path.name}:{node.name}.{inner.name}", inner


def test_files_are_short() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in sources()}
    assert not {str(path): length for path, length in lengths.items() if length > MAX_FILE}
    assert statistics.median(lengths.values()) <= MAX_MEDIAN


def test_functions_are_short() -> None:
    long = {
        f"{path.name}:{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in sources()
        for node in functions(path)
        if (node.end_lineno or 0) - node.lineno + 1 > MAX_FUNCTION
    }
    assert not long


def test_functions_take_few_parameters() -> None:
    """At most six; self and cls do not count. This holds for all code, the other limits for ROOMS."""
    many = {}
    for path in sources(*ROOMS, "data", "benchmarks", "docs"):
        for node in functions(path):
            names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
            count = len([name for name in names if name not in ("self", "cls")])
            if count > MAX_PARAMETERS:
                many[f"{path.name}:{node.name}"] = count
    assert not many


def test_public_code_is_documented() -> None:
    found = [(name, ast.get_docstring(node)) for path in sources() for name, node in public_definitions(path)]
    undocumented = [name for name, docstring in found if not docstring]
    assert 1 - len(undocumented) / len(found) >= MIN_DOCUMENTED, undocumented
    assert all(ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) for path in sources())
