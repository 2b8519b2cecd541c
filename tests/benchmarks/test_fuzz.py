"""A hundredth of `python -m benchmarks.fuzz`: a thousand broken files for every reader, and what the harness itself finds."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.fuzz import corpus
from benchmarks.fuzz.mutations import broken
from benchmarks.fuzz.run import failure_of, limited_memory
from benchmarks.fuzz.targets import TARGETS, Target

FILES = 1000
# Of 100,000: a traceback, and brackets for which PyYAML takes quadratic time.
ONCE_FAILED = {"checkpoints": (25_935,), "config files": (86_129, 98_593)}


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_any_file_is_read_or_refused_in_a_sentence(target: Target, tmp_path: Path) -> None:
    with limited_memory():
        numbers = (*range(FILES), *ONCE_FAILED.get(target.name, ()))
        failures = {number: failure_of(target, number, tmp_path) for number in numbers}
    assert not {number: failure for number, failure in failures.items() if failure}


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_the_corpus_is_read_as_it_is(target: Target, tmp_path: Path) -> None:
    """Otherwise every file of a thousand might be refused for one and the same reason."""
    taken = 0
    for data in corpus.read_corpus(target.corpus):
        path = tmp_path / target.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        try:
            target.read(path)
            taken += 1
        except Exception as error:
            assert "there is no such file" in str(error) or target.name == "images"  # lists of files that are not there
    assert taken or "lists" in target.name


def test_the_same_number_gives_the_same_file() -> None:
    files = corpus.read_corpus("camera")
    made = [broken(number, files) for number in range(50)]
    assert made == [broken(number, files) for number in range(50)] and len(set(made)) > 30


def reading(read: Any) -> Target:
    return replace(TARGETS[0], read=read)


def forever(path: Path) -> None:
    while True:
        pass


@pytest.mark.parametrize(
    ("read", "says"),
    [(forever, "more than 0.05 s"), (lambda path: bytearray(2**31), "MemoryError"), (lambda path: 1 / 0, "ZeroDivisionError")],
)  # fmt: skip
def test_the_harness_finds_what_it_looks_for(
    read: Any, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.fuzz.run.MOST_SECONDS", 0.05)
    with limited_memory():
        assert says in str(failure_of(reading(read), 0, tmp_path))
