"""JSON files: what any editor writes is read, and what is no JSON is named by its place and its fix."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.files.json_text import parse_json
from tests.strategies import json_values

VALID = {"intrinsics": [[1.5, 0], [0, 2]], "memo": "카메라 1"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_byte_order_mark_is_no_part_of_the_text(encoding: str) -> None:
    assert parse_json(json.dumps(VALID, ensure_ascii=False).encode(encoding)) == VALID


@pytest.mark.parametrize(
    ("encoding", "says"),
    [
        ("utf-16", "it is UTF-16 text; save it as UTF-8"),
        ("utf-16-be", "it is UTF-16 text; save it as UTF-8"),
        ("utf-32", "it is UTF-32 text; save it as UTF-8"),
        ("cp949", "line 2, column 10: it is CP949 text, as Korean Windows writes it; save it as UTF-8"),
    ],
)
def test_other_encodings_are_named(encoding: str, says: str) -> None:
    with pytest.raises(ValueError, match="save it as UTF-8") as caught:
        parse_json('{\n"memo": "카메라"}'.encode(encoding))
    assert str(caught.value) == says


def test_bytes_of_no_known_text_are_placed() -> None:
    with pytest.raises(ValueError, match="line 3, column 2: it is not UTF-8 text"):
        parse_json(b'{"a":\n1,\n"\xff\xff"}')


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"a": 1,\n}', "a comma stands before the closing bracket; remove the comma"),
        ('{"a": [1, 2, ]}', "a comma stands before the closing bracket; remove the comma"),
        ("{'a': 1}", "line 1, column 2: the quote ' is no JSON; write \""),
        ("{“a”: 1}", "line 1, column 2: the quote “ is no JSON"),
        ('{"a": (1, 2)}', "line 1, column 7: the bracket ( is no JSON; write lists in [ and ]"),
        ('{"a": [1, 2)}', "line 1, column 12: the bracket ) is no JSON"),
        ('// K\n{"a": 1}', "line 1, column 1: JSON has no comments; remove it"),
        ('{"a": 1, # px\n "b": 2}', "line 1, column 10: JSON has no comments"),
        ('{"a": 1\n "b": 2}', "line 2, column 2: a comma or a closing bracket is missing before '\"b\":'; add it"),
        ('{"a": [1 2]}', "line 1, column 10: a comma or a closing bracket is missing before '2'; add it"),
        ('{"a": [1, 2}', "line 1, column 12: a comma or a closing bracket is missing before '}'; add it"),
        ('{"a" 1}', "line 1, column 6: a colon is missing before '1'; add it"),
        ('{"a": [1, 2', "the file ends before its brackets are closed; it is cut off"),
        ('{"a": ', "the file ends before its brackets are closed; it is cut off"),
        ('{"a": "b', 'line 1, column 7: the text that begins here has no closing "; add it'),
        ('{"a": "C:\\data"}', "a backslash stands in a text; write two, or / in a path"),
        ('{"a": "x\ny"}', 'a text in quotes does not end on its line; add the closing "'),
        ('{"a": 1}}', "line 1, column 9: '}' follows the end of the JSON value; remove it"),
        ('{"a": None}', "line 1, column 7: 'None' is no JSON; write null"),
        ('{"a": nan}', "line 1, column 7: 'nan' is no JSON; write the measured number"),
        ('{"a": .5}', "line 1, column 7: a number begins with a plus or a zero, or lacks a digit beside its point"),
        ('{"a": 5.}', "line 1, column 8: a number begins with a plus or a zero, or lacks a digit beside its point"),
        ('{"a": 05}', "line 1, column 8: a number begins with a plus or a zero"),
        ('{"a": np.float64(5)}', "line 1, column 7: 'np.float64(5)' is no JSON value; write a number"),
        ("{a: 1}", "line 1, column 2: 'a:' is no key; write the key's name in \""),
        ('{"a": 1, "a": 2}', "the key 'a' is written twice; remove one of them"),
        ("[" * 100_000, "its brackets are nested too deeply"),
        ('{"a": ' + "7" * 5000 + "}", "it holds a number of thousands of digits"),
    ],
)  # fmt: skip
def test_what_is_no_json_is_named_with_its_fix(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=".") as caught:
        parse_json(text.encode())
    assert says in str(caught.value) and "\n" not in str(caught.value)


@given(json_values, st.integers(0, 40), st.sampled_from([b"", b",", b"'", b"]", b"}", b"\n", b"x", b"(", b"\xb0"]))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_what_the_library_reads_or_a_sentence(value: object, place: int, inserted: bytes) -> None:
    data = json.dumps(value).encode()
    data = data[:place] + inserted + data[place:]
    try:
        found = parse_json(data)
    except ValueError as error:
        assert "\n" not in str(error) and ";" in str(error)
    else:
        assert json.dumps(found) == json.dumps(json.loads(data))
