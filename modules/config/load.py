"""Reads a config file, overlays `--set` assignments, and checks the result."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import yaml
from pydantic import ValidationError

from modules.config.messages import explain
from modules.config.paths import DEFAULT_CONFIG, project_path
from modules.config.schema import Config
from modules.config.yaml_text import parse_exponents, parse_yaml, read_yaml
from modules.utils import UserError, one_line


def _overlay(tree: dict[str, Any], assignment: str) -> None:
    """Applies one `SECTION.key=value`; the value is read as YAML, or as it stands where the key holds a text."""
    target, separator, text = assignment.partition("=")
    section, dot, key = target.strip().partition(".")
    if not (separator and dot and section and key):
        raise UserError(f"--set {one_line(assignment)}: write SECTION.key=value, such as TRAIN.num_epochs=5")
    try:
        value = text.strip() if _is_text(section, key, text.strip()) else parse_yaml(text)
    except ValueError as error:
        raise UserError(
            f"--set {one_line(assignment)}: the value is not valid YAML ({error}); put text in quotes"
        ) from None
    branch = tree.setdefault(section, {})
    if not isinstance(branch, dict):
        raise UserError(
            f"--set {one_line(assignment)}: {section} is not a section of keys in the config file; fix it there"
        )
    branch[key] = value


def _is_text(section: Any, key: Any, text: str) -> bool:
    """Returns whether the value of a key is taken as it stands: it holds a text, and `text` is neither quoted nor null."""
    described = Config.model_fields.get(section)
    fields = described.annotation.model_fields if described is not None and described.annotation else {}
    if key not in fields:
        return False
    kind = fields[key].annotation
    kinds = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    kinds = tuple(getattr(kind, "__origin__", kind) for kind in kinds)  # Annotated[str, ...] is str
    is_null = type(None) in kinds and text in ("", "null", "Null", "NULL")
    is_quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    return str in kinds and not is_null and not is_quoted


def load_config(path: Path, assignments: Sequence[str] = ()) -> Config:
    """Reads a config file and overlays the `SECTION.key=value` assignments. Raises UserError for an invalid value."""
    tree = read_yaml(path)
    for assignment in assignments:
        _overlay(tree, assignment)
    return parse_config(tree, str(path), assignments)


def parse_config(tree: Any, source: str, assignments: Sequence[str] = ()) -> Config:
    """Checks a mapping against the schema. The UserError names `source`, or the assignment that caused it."""
    try:
        return Config.model_validate(_with_exponents(tree))
    except ValidationError as error:
        raise UserError(f"{_cause(error, assignments) or source}: {explain(error)}") from None


def _with_exponents(tree: Any) -> Any:
    """Returns the tree with numbers such as `1e-3` as floats, except where a key holds a text."""
    if not isinstance(tree, dict):
        return tree
    return {
        section: {
            k: v if isinstance(v, str) and _is_text(section, k, v) else parse_exponents(v) for k, v in keys.items()
        }
        if isinstance(keys, dict)
        else parse_exponents(keys)
        for section, keys in tree.items()
    }


def _cause(error: ValidationError, assignments: Sequence[str]) -> str | None:
    """Returns the assignment that caused an error, as `--set ...`; None if the config file did."""
    where = [str(part) for part in error.errors()[0]["loc"][:2]]
    is_section = len(where) == 1 and where[0] not in Config.model_fields
    for assignment in reversed(assignments):
        target = assignment.partition("=")[0].strip()
        if target.split(".", 1) == where or (is_section and target.split(".")[0] == where[0]):
            return f"--set {one_line(assignment)}"
    return None


def dump_config(config: Config) -> str:
    """Returns the resolved config as YAML, in the order of the schema."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


class _OneFile(argparse.Action):
    """Keeps the value of --config, and refuses a second one, which would replace the first without a word."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        if getattr(namespace, self.dest) is not self.default:
            parser.error(f"--config: one config file at a time, not {values} too; put the keys into one, or use --set")
        setattr(namespace, self.dest, values)


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --config and --set to a parser."""
    parser.add_argument("--config", metavar="FILE", default=DEFAULT_CONFIG, action=_OneFile,
                        help=f"config file ({DEFAULT_CONFIG})")  # fmt: skip
    parser.add_argument("--set", metavar="SECTION.key=value", dest="assignments", action="append", default=[],
                        help="override one key; may be repeated")  # fmt: skip


def config_arguments(file: str, assignments: Sequence[str]) -> list[str]:
    """Returns the arguments --config and --set for a child process."""
    return ["--config", file, *(part for assignment in assignments for part in ("--set", assignment))]


def shown_arguments(arguments: argparse.Namespace) -> list[str]:
    """Returns the given --config and --set for a command in a message; the default config file is left out."""
    words = config_arguments(arguments.config, arguments.assignments)
    return words[2:] if arguments.config == DEFAULT_CONFIG else words


def config_from_arguments(arguments: argparse.Namespace) -> Config:
    """Returns the config of --config and --set; a relative file is searched in the working folder, then the project."""
    path = Path(arguments.config).expanduser()
    return load_config(path if path.exists() else project_path(arguments.config), arguments.assignments)
