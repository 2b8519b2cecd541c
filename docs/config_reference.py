"""The config reference, docs/config.md, generated from the schema of modules/config.py.

python -m docs.config_reference      writes docs/config.md; --check says whether it is as the schema has it
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from modules.config import DEFAULT_CONFIG, PROJECT_ROOT, Config
from modules.utils import UserError, run_script, write_text

PAGE = PROJECT_ROOT / "docs" / "config.md"
HEAD = f"""# Config reference

Generated from the schema in [`modules/config.py`](../modules/config.py) by `python -m docs.config_reference`; do not edit
by hand. [`{DEFAULT_CONFIG}`](../{DEFAULT_CONFIG}) holds every key with its default and is the file to edit; a key that a
config file leaves out has the default below. One key for one run: `--set SECTION.key=value`, on every script, read as YAML.
An unknown key is refused with the nearest right name, a value outside its range with the range.

Relative paths of the config start at the project's folder, wherever a command is started. `--run`, `--resume` and `--config`
start at the working folder; a config file that is not there is looked for in the project's.

The resolved config goes into the run folder (`train_config.yaml`) and into every checkpoint before the first step.
"""
# How JSON schema words a bound, and how this page does.
BOUNDS = {
    "minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<",
    "minItems": "at least", "maxItems": "at most",
    "minLength": "length ≥", "maxLength": "length ≤", "pattern": "matches",
}  # fmt: skip


def resolve(schema: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """What a `$ref` of a JSON schema points to, its neighbours laid over it; anything else as it is."""
    if "$ref" not in schema:
        return schema
    target: Any = whole
    for part in schema["$ref"].removeprefix("#/").split("/"):
        target = target[part]
    return {**resolve(target, whole), **{key: value for key, value in schema.items() if key != "$ref"}}


def describe(schema: dict[str, Any], whole: dict[str, Any]) -> str:
    """A key's type or choices with their bounds, in Markdown."""
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
    """One section's heading, what its class says of it, and a row per key."""
    section = resolve(whole["properties"][name], whole)
    lines = [f"## {name}", "", *([section["description"], ""] if section.get("description") else [])]
    lines += ["| key | type or choices | default | what it does |", "| --- | --- | --- | --- |"]
    for key, field in section["properties"].items():
        cells = (f"`{name}.{key}`", describe(field, whole), _default(resolve(field, whole), defaults[key]),
                 resolve(field, whole).get("description", "").replace("<", "&lt;"))  # fmt: skip
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def render() -> str:
    """The whole page."""
    whole = Config.model_json_schema()
    defaults = Config().model_dump(mode="json")
    return "\n".join([HEAD, *(f"{section_table(name, whole, defaults[name])}\n" for name in Config.model_fields)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; end with 2 where the page is stale")
    arguments = parser.parse_args()
    text = render()
    if not arguments.check:
        write_text(PAGE, text)
    elif PAGE.read_text(encoding="utf-8") != text:
        raise UserError(f"{PAGE}: the schema says otherwise; run python -m docs.config_reference")


if __name__ == "__main__":
    run_script(main)
