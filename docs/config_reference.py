"""Generates the config reference, docs/config.md, from the schema of modules/config.

python -m docs.config_reference            writes docs/config.md
python -m docs.config_reference --check    only checks that the page is up to date
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from modules.config.paths import DEFAULT_CONFIG, PROJECT_ROOT
from modules.config.schema import Config
from modules.console import run_script
from modules.files.atomic import write_text
from modules.utils import UserError

PAGE = PROJECT_ROOT / "docs" / "config.md"
HEAD = f"""# Config reference

Generated from the schema in [`modules/config`](../modules/config) by `python -m docs.config_reference`; do not edit by hand.
The file to edit is [`{DEFAULT_CONFIG}`](../{DEFAULT_CONFIG}), which lists every key with its default, except
those of `METRABS` ([MeTRAbs](metrabs.md)). A key that a config file leaves out has the default below. `--set SECTION.key=value`
changes one key for one run, with every script; the value is read as YAML, a text as it stands. An unknown key is refused with
the nearest valid name, a value outside its range with the range.

Relative paths of the config start at the project's folder, wherever a command is started. `--run`, `--resume` and `--config`
start at the working folder; a config file that does not exist there is searched in the project's folder.

The resolved config is written into the run folder (`train_config.yaml`) before the first step, and into every checkpoint.
"""
# Names of bounds in a JSON schema, and how the page writes them.
BOUNDS = {
    "minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<",
    "minItems": "at least", "maxItems": "at most",
    "minLength": "length ≥", "maxLength": "length ≤", "pattern": "matches",
}  # fmt: skip


def resolve(schema: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """Returns the target of a JSON schema's `$ref`, overlaid with the keys beside it; a schema without `$ref` unchanged."""
    if "$ref" not in schema:
        return schema
    target: Any = whole
    for part in schema["$ref"].removeprefix("#/").split("/"):
        target = target[part]
    return {**resolve(target, whole), **{key: value for key, value in schema.items() if key != "$ref"}}


def describe(schema: dict[str, Any], whole: dict[str, Any]) -> str:
    """Returns a key's type or choices with their bounds, in Markdown."""
    schema = resolve(schema, whole)
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        return " or ".join(describe(option, whole) for option in options)
    bounds = [f"{sign} {schema[name]:g}" if not isinstance(schema[name], str) else f"{sign} `{schema[name]}`"
              for name, sign in BOUNDS.items() if name in schema]  # fmt: skip
    return ", ".join([_kind(schema, whole), *bounds])


def _kind(schema: dict[str, Any], whole: dict[str, Any]) -> str:
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{_value(choice)}`" for choice in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of: {describe(schema.get('items', {}), whole)}"
    if schema.get("type") == "object":
        return f"mapping to: {describe(schema.get('additionalProperties', {}), whole)}"
    names = {
        "integer": "whole number",
        "number": "number",
        "string": "text",
        "boolean": "`true`, `false`",
        "null": "`null`",
    }
    return names.get(schema.get("type", ""), "any value")


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _default(schema: dict[str, Any], default: Any) -> str:
    if default is None or isinstance(default, str | int | float | bool):
        return f"`{_value(default)}`"
    every = isinstance(default, list) and default == schema.get("items", {}).get("enum")
    return "all of them, in this order" if every else f"`{_value(default)}`"


def section_table(name: str, whole: dict[str, Any], defaults: dict[str, Any]) -> str:
    """Returns a section's heading, its description, and a row per key."""
    section = resolve(whole["properties"][name], whole)
    lines = [f"## {name}", "", *([section["description"], ""] if section.get("description") else [])]
    lines += ["| key | type or choices | default | what it does |", "| --- | --- | --- | --- |"]
    for key, field in section["properties"].items():
        cells = (f"`{name}.{key}`", describe(field, whole), _default(resolve(field, whole), defaults[key]),
                 resolve(field, whole).get("description", "").replace("<", "&lt;"))  # fmt: skip
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def render() -> str:
    """Returns the whole page."""
    whole = Config.model_json_schema()
    defaults = Config().model_dump(mode="json")
    return "\n".join([HEAD, *(f"{section_table(name, whole, defaults[name])}\n" for name in Config.model_fields)])


def main() -> None:
    """Writes the page, or checks it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 2 if the page is out of date")
    arguments = parser.parse_args()
    text = render()
    if not arguments.check:
        write_text(PAGE, text)
    elif PAGE.read_text(encoding="utf-8") != text:
        raise UserError(f"{PAGE}: this page is out of date; run python -m docs.config_reference")


if __name__ == "__main__":
    run_script(main)
