"""Generates docs/reliability.md from the results of kills and broken files, and from the tests that refuse bad input.

python -m docs.reliability                 counts the tests' kinds of bad input and writes the page
python -m docs.reliability --kinds         prints every kind instead
python -m docs.reliability --table-only    writes the page from docs/results alone
"""

from __future__ import annotations

import argparse
import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.record import made_by
from modules.config.paths import PROJECT_ROOT
from modules.console import run_script
from modules.files.atomic import read_json, write_json, write_text
from modules.utils import UserError

PAGE, TEXT, RESULTS = (PROJECT_ROOT / "docs" / name for name in ("reliability.md", "reliability.txt", "results"))
# Whatever asserts that a reader refuses something in one sentence.
REFUSES = ("assert_refused", "refused", "refusal", "assert_every_script_refuses", "the_sentence", "read_or_refused")
ATTACKS = ("tests/attacks", "tests/pre_models/test_fetch_archives.py")
TOPICS = {
    "tests/scripts": "whole scripts: cameras, labels, images, lists, configs, disks", "tests/files": "files one by one",
    "tests/config": "configs", "tests/cache": "caches", "tests/runs": "runs and checkpoints", "tests/predict": "predict.py",
    "tests/export": "export.py", "tests/pre_models": "fetching weights", "tests/attacks": "attacks",
}  # fmt: skip


def kinds() -> list[str]:
    """Returns the ids of all test cases that assert a refusal, as pytest collects them."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-o", "addopts=", *TOPICS]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise UserError(f"tests: pytest cannot collect them ({done.stdout.splitlines()[-1]}); correct them")
    refusing = {
        path: _refusing_tests(PROJECT_ROOT / path) for path in {one.split("::")[0] for one in _ids(done.stdout)}
    }
    return [one for one in _ids(done.stdout) if one.split("::")[1].split("[")[0] in refusing[one.split("::")[0]]]


def _ids(listing: str) -> list[str]:
    return [line for line in listing.splitlines() if "::" in line]


def _refusing_tests(path: Path) -> set[str]:
    """Returns the names of a file's tests that assert a refusal: by a helper of REFUSES, or by raises(UserError)."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        calls = [part for part in ast.walk(node) if isinstance(part, ast.Call)]
        if isinstance(node, ast.FunctionDef) and any(_asserts_refusal(call) for call in calls):
            found.add(node.name)
    return found


def _asserts_refusal(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    errors = [part.id for argument in call.args for part in ast.walk(argument) if isinstance(part, ast.Name)]
    return name in REFUSES or (
        name == "raises" and any(error in ("UserError", "DamagedArchiveError") for error in errors)
    )


def count(found: list[str]) -> dict[str, Any]:
    """Returns the numbers of kinds by the folder of their tests, and of attacks."""
    by_topic = Counter(next(topic for topic in TOPICS if one.startswith(f"{topic}/")) for one in found)
    return {"kinds": dict(by_topic), "attacks": sum(one.startswith(ATTACKS) for one in found), "made_by": made_by()}


def render() -> str:
    """Returns the page: the text, with each %NAME% replaced by a table of docs/results."""
    page = TEXT.read_text(encoding="utf-8").partition("\n")[2]  # its first line says what it is
    for name, table in (("KILLS", _kills), ("DISKS", _disks), ("FUZZ", _fuzz), ("INPUTS", _inputs)):
        page = page.replace(f"%{name}%", table(read_json(RESULTS / f"{name.lower()}.json")))
    return page


def _kills(result: dict[str, Any]) -> str:
    rows = [
        f"| {name} | {one['kills']} | {one['rounds']} | {one['rounds_identical']} | {', '.join(one['differing']) or 'none'} | "
        f"{_commit(one)} |"
        for name, one in result["stages"].items()
    ]
    total = sum(one["kills"] for one in result["stages"].values())
    titles = ("stage", "kills", "rounds", "rounds with the same files", "files that differed", "commit")
    head = f"| {' | '.join(titles)} |\n|{' --- |' * len(titles)}"
    return "\n".join([head, *rows, f"| all | {total} | | | | |"])


def _disks(result: dict[str, Any]) -> str:
    rows = [
        f"| {name} | {one['writes']} | {one['kinds']} | {one['full']} | {one['one_sentence']} | {one['full_repaired']} | "
        f"{one['rename_kinds']} | {one['lost']} | {one['lost_repaired']} | {_commit(one)} |"
        for name, one in result["stages"].items()
    ]
    titles = (
        "stage",
        "writes",
        "kinds",
        "full at",
        "ended in a sentence or did without",
        "repaired",
        "kinds of renames",
        "lost",
        "repaired",
        "commit",
    )
    return "\n".join([f"| {' | '.join(titles)} |\n|{' --- |' * len(titles)}", *rows])


def _fuzz(result: dict[str, Any]) -> str:
    rows = [
        f"| {name} | {one['files']} | {one['failures']} | {_commit(one)} |" for name, one in result["targets"].items()
    ]
    total = sum(one["files"] for one in result["targets"].values())
    return "\n".join(
        ["| reader | files | failures | commit |\n| --- | --- | --- | --- |", *rows, f"| all | {total} | | |"]
    )


def _inputs(result: dict[str, Any]) -> str:
    rows = [f"| {TOPICS[topic]} | `{topic}` | {number} |" for topic, number in result["kinds"].items()]
    total = f"| all | | {sum(result['kinds'].values())} |\n\nAttacks among them: {result['attacks']}."
    return "\n".join(
        ["| what | tests | kinds |\n| --- | --- | --- |", *rows, f"{total} Counted at {_commit(result['made_by'])}."]
    )


def _commit(one: dict[str, Any]) -> str:
    return f"`{str(one['commit'])[:7]}`{'' if one['clean'] else ' and changes'}"


def main() -> None:
    """Writes or checks the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", action="store_true", help="print every kind of bad input that the tests refuse")
    parser.add_argument("--table-only", action="store_true", help="write the page from the committed results")
    arguments = parser.parse_args()
    if arguments.kinds:
        found = kinds()
        print("\n".join([*found, f"{len(found)} kinds"]))
        return
    if not arguments.table_only:
        write_json(RESULTS / "inputs.json", count(kinds()))
    write_text(PAGE, render())


if __name__ == "__main__":
    run_script(main)
