"""Reads YAML strictly: no repeated keys, no aliases, and numbers such as 1e-3 as numbers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from modules.config.paths import DEFAULT_CONFIG
from modules.utils import UserError

DEEPEST = 100  # open brackets
NUMBER_TAGS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
NOT_DECIMAL = re.compile(r"[-+]?0[0-9_]+|.*:.*")


class _PlainLoader(yaml.SafeLoader):
    """Refuses repeated keys, whose first value would be lost, and aliases, which can refer to themselves."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        repeated = next((name for name in names if names.count(name) > 1), None)
        if repeated is not None:
            raise yaml.MarkedYAMLError(problem=f"the key {repeated} is written twice", problem_mark=node.start_mark)
        return super().construct_mapping(node, deep)

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            # types-PyYAML leaves this method untyped.
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="write values, not aliases", problem_mark=mark)
        return super().compose_node(parent, index)

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:
        """Refuses plain numbers that YAML 1.1 does not read in decimals: 010 is 8 there, and 1:30 is 90."""
        plain = isinstance(node, yaml.ScalarNode) and node.style is None
        if plain and node.tag in NUMBER_TAGS and NOT_DECIMAL.fullmatch(node.value):
            raise yaml.MarkedYAMLError(
                problem=f"{node.value} is another number in YAML; write it in decimals, or in quotes as a text",
                problem_mark=node.start_mark,
            )
        return super().construct_scalar(node)


def is_nested_deeply(text: str) -> bool:
    """Returns whether more than DEEPEST brackets are open in a YAML text, for which PyYAML takes quadratic time."""
    depth = 0
    for bracket in re.findall(r"[\[{\]}]", text):
        depth += 1 if bracket in "[{" else -1
        if depth > DEEPEST:
            return True
    return False


def parse_yaml(text: str) -> Any:
    """Returns the value of a YAML text. Raises ValueError with a message of one line if it is not valid."""
    if is_nested_deeply(text):
        raise ValueError("its values are nested too deeply")
    try:
        return yaml.load(text, _PlainLoader)
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, OverflowError) as error:
        # PyYAML does not catch the errors of int(), dict and datetime for tags such as `!!int` or `!!timestamp x`.
        raise ValueError(
            " ".join(str(error).split()) if isinstance(error, yaml.YAMLError) else "a value does not fit its type"
        ) from None
    except RecursionError:
        raise ValueError("its values are nested too deeply") from None


def read_yaml(path: Path) -> dict[str, Any]:
    """Returns a config file's sections, each with its keys. Raises UserError if it cannot be read."""
    fix = f"fix it, or start again from {DEFAULT_CONFIG}"
    try:
        tree = parse_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: this config file is missing; start from {DEFAULT_CONFIG}") from None
    except OSError as error:
        raise UserError(f"{path}: this config file cannot be read ({error.strerror}); {fix}") from None
    except ValueError as error:
        raise UserError(f"{path}: this is not a readable YAML file ({error}); {fix}") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise UserError(f"{path}: a config holds sections such as TRAIN, each with its keys; {fix}")
    return {section: {} if keys is None else keys for section, keys in tree.items()}


def parse_exponents(tree: Any) -> Any:
    """Returns the tree with numbers such as `1e-3`, which YAML 1.1 reads as text, as floats."""
    if isinstance(tree, dict):
        return {key: parse_exponents(value) for key, value in tree.items()}
    if isinstance(tree, str) and tree[:1].isdigit() and "e" in tree.lower():
        try:
            return float(tree)
        except ValueError:
            return tree
    return tree
