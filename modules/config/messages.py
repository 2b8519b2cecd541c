"""Formats validation errors of the config as one sentence each."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from pydantic import ValidationError

from modules.config.retired import retired_sentence
from modules.config.schema import Config
from modules.utils import brief, one_line


def _nearest(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"


def explain(error: ValidationError) -> str:
    """Returns the first validation error as a sentence: the field, and its valid values."""
    detail = error.errors()[0]
    where = [one_line(str(part)) for part in detail["loc"]]
    if detail["type"] == "extra_forbidden":
        retired = retired_sentence(".".join(where[:2]))
        if retired is not None:
            return retired
        section = Config.model_fields.get(where[0]) if len(where) > 1 else None
        fields = section.annotation.model_fields if section is not None and section.annotation else Config.model_fields
        return f"the key {'.'.join(where)} is unknown; {_nearest(where[-1], list(fields))}"
    if detail["type"] == "value_error":
        message = detail["msg"].removeprefix("Value error, ")
        fix = "" if ";" in message else f"; write another value{_default(where)}"
        return f"{'.'.join(where)}: {message}{fix}"
    if detail["type"] in ("model_type", "model_attributes_type"):
        return f"{'.'.join(where)} is {brief(detail['input'])}; write a section of keys, each with its value"
    return f"{'.'.join(where)} is {brief(detail['input'])}; {_uncapitalised(detail['msg'])}{_default(where)}"


def _uncapitalised(message: str) -> str:
    return message[:1].lower() + message[1:]


def _default(where: Sequence[str]) -> str:
    """Returns the default of a key, as an example of a valid value."""
    section = Config.model_fields.get(where[0])
    fields = section.annotation.model_fields if section is not None and section.annotation else {}
    field = fields.get(where[1]) if len(where) > 1 else None
    return f", such as {brief(field.default)}" if field is not None else ""
