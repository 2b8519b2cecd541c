"""Parses JSON, and says in one sentence what keeps a file from being JSON: line, column, what is written there, the fix."""

from __future__ import annotations

import codecs
import json
import re
from typing import Any

from modules.utils import brief

_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"), (codecs.BOM_UTF32_BE, "UTF-32"), (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)  # fmt: skip
_WORDS = {"None": "null", "True": "true", "False": "false", "nan": "the measured number", "inf": "the measured number"}
_WORD = re.compile(r"[^\W\d]\w*(?:\.\w+)*")
_QUOTES = tuple("'\u2018\u2019\u201c\u201d")


def parse_json(data: bytes) -> Any:
    """Returns the value of a JSON file in UTF-8, with or without a byte order mark.

    Raises ValueError, whose message ends with the fix, if the bytes are no UTF-8 text or the text is no JSON.
    """
    text = _decoded(data)
    try:
        return json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        problem = _cause(text, error)
        raise ValueError(f"line {error.lineno}, column {error.colno}: {problem}") from None
    except RecursionError:
        raise ValueError("its brackets are nested too deeply; write it again") from None
    except _RepeatedKeyError as error:
        raise ValueError(f"the key {brief(str(error))} is written twice; remove one of them") from None
    except ValueError:  # Python reads no integer of thousands of digits
        raise ValueError("it holds a number of thousands of digits; write the measured one") from None


class _RepeatedKeyError(Exception):
    """A key is written twice in one object."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Returns an object; raises if a key is repeated, since the first value would be lost silently."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _RepeatedKeyError(next(name for name in names if names.count(name) > 1))
    return found


def _decoded(data: bytes) -> str:
    """Returns the text of UTF-8 bytes; raises ValueError, which names the encoding if it is another known one."""
    marked = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    unmarked = {"utf-8": None, "utf-8-sig": None}.get(found := json.detect_encoding(data[:4]), found[:6].upper())
    other = marked or unmarked
    if other:
        raise ValueError(f"it is {other} text; save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        is_cp949 = _is_cp949(data)  # some of its syllables are UTF-8 by chance
        start = next(at for at, byte in enumerate(data) if byte > 127) if is_cp949 else error.start
        line, column = data.count(b"\n", 0, start) + 1, start - data.rfind(b"\n", 0, start)
        name = "CP949 text, as Korean Windows writes it" if is_cp949 else "not UTF-8 text"
        raise ValueError(f"line {line}, column {column}: it is {name}; save it as UTF-8") from None


def _is_cp949(data: bytes) -> bool:
    """Returns whether the bytes are text in CP949 with Korean syllables."""
    try:
        return any("가" <= letter <= "힣" for letter in data.decode("cp949"))
    except UnicodeDecodeError:
        return False


def _cause(text: str, error: json.JSONDecodeError) -> str:
    """Returns what is wrong at the error's place, and the fix."""
    rest, before = text[error.pos :].lstrip(), text[: error.pos].rstrip()
    first, shown = rest[:1], _shown(rest)
    after_comma = rest[1:].lstrip() if first == "," else ""
    word = _WORD.match(rest)
    is_number = first in ("+", ".") or (first.isdigit() and text[: error.pos][-1:].isdigit())
    ends_value = before[-1:] in tuple('}]"0123456789el')
    causes = (
        ((first in ("}", "]") and before.endswith(",")) or after_comma[:1] in ("}", "]"),
         "a comma stands before the closing bracket; remove the comma"),
        (error.msg.startswith("Unterminated string"), 'the text that begins here has no closing "; add it'),
        (error.msg.startswith("Invalid control"), 'a text in quotes does not end on its line; add the closing "'),
        (error.msg.startswith("Invalid \\"), "a backslash stands in a text; write two, or / in a path"),
        (not rest, "the file ends before its brackets are closed; it is cut off, so restore it whole"),
        (error.msg.startswith("Extra data"), f"{shown} follows the end of the JSON value; remove it"),
        (rest.startswith(("//", "/*", "#")), "JSON has no comments; remove it"),
        (is_number, "a number begins with a plus or a zero, or lacks a digit beside its point; write it as 0.5"),
        (first in _QUOTES, f'the quote {first} is no JSON; write "'),
        (first in ("(", ")"), f"the bracket {first} is no JSON; write lists in [ and ]"),
        (word and word.group() in _WORDS, f"{shown} is no JSON; write {_WORDS.get(word.group() if word else '')}"),
        (error.msg.startswith("Expecting ','") and ends_value,
         f"a comma or a closing bracket is missing before {shown}; add it"),
        (error.msg.startswith("Expecting ':'"), f"a colon is missing before {shown}; add it"),
        (error.msg.startswith("Expecting property"), f'{shown} is no key; write the key\'s name in "'),
        (True, f'{shown} is no JSON value; write a number, a list, or text in "'),
    )  # fmt: skip
    return next(sentence for holds, sentence in causes if holds)


def _shown(rest: str) -> str:
    """Returns the beginning of a text, up to its next separator, as one short line."""
    return brief(re.split(r"[\s,\]}]", rest, maxsplit=1)[0] or rest[:1])
