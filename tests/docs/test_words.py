"""The retired words of the glossary do not return: not as identifiers or config keys, in messages or on the pages."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from modules.config.paths import PROJECT_ROOT
from modules.config.retired import REMOVED, RENAMED
from modules.config.schema import Config
from tests.docs import pages

CODE = ("model", "modules", "pre_models", "data", "benchmarks", "docs")

# Whole identifiers: a pattern, and for each of its alternatives an identifier that it must find.
IDENTIFIERS = {
    r"looks?|looked|(looks?|LOOKS?)_(?!at$|up$)\w+|\w+_looks?|\w*Looks?": "looks looked look_axes LOOK_CHANNELS fill_looks",
    r"\w*[Ss]eer": "Seer BlazePoseSeer seer",
    r"members|MEMBERS": "members MEMBERS",
    r"\w*[Dd]oubt(s|ful)?|DOUBTS?": "doubt doubts told_doubt doubtful DOUBT",
    r"told|asked|held|believed|BELIEVED|further|also|beside": "told asked held believed BELIEVED further also beside",
    r"Answer|Placed|Reading|Judge|\w+_answers": "Answer Placed Reading Judge lift_answers",
    r"detect_in_several|takes_several|with_crops|crops_of": "detect_in_several takes_several with_crops crops_of",
    r"\w*[Ll]essons?": "Lessons PoseLessons lesson",
    r"as_learned|at_rest": "as_learned at_rest",
    r"\w*(exchanged|EXCHANGED)\w*": "are_exchanged EXCHANGED_SIDES",
    r"own_views|OwnViews": "own_views OwnViews",
    r"heat_cells|heat_volumes?": "heat_cells heat_volume",
    r"mend(s|ed|ing)?|to_mend": "mend mends mended to_mend",
    r"FOREIGN|foreign|complaints?|witness": "FOREIGN foreign complaints witness",
    r"Share|share_of|Shared\w+": "Share share_of SharedDropout SharedBatchNorm2d",
    r"\w*(worldpose|WorldPose|WORLDPOSE)\w*": "worldpose WORLDPOSE_PYTHON worldpose_key",
}
# Words of pages, messages, docstrings and comments: a pattern, and texts in which it must find something.
WORDS = {
    r"\b(to )?mend(s|ed|ing)?\b": ["to mend: …", "once mended", "nothing to mend"],
    r"worldpose": ["WorldPose", "WORLDPOSE_PYTHON", "groundpose and worldpose_key"],
    r"\bput right\b": ["left and right put right first"],
    r"\bexchanged?\b": ["sides exchanged", "exchange fx with fy"],
    r"\bspreads\b(?!\()": ["its inputs about their mean, in spreads"],
    r"\b(the|its|no|of|with|these|cached|whose|'s) looks\b|[`\"]looks?[`\"]|\blooks-|--looks|\.looks\b": [
        "the looks are stale", "BlazePose's looks", "run --looks heavy", "TRAIN.looks", "looks-heavy/", "`looks`"
    ],
    r"\bdoubt(s|ful|ed)?\b": ["its doubt", "doubtful joints"],
    r"\bcrops: (several|one)\b|\bcrops=(several|one)\b|-several\b|[`\"]several[`\"]": [
        "EXTRACT.crops: several", "EXTRACT.crops=one", "blazepose-heavy-several", '{"several": 1}'
    ],
    r"\btold\b(?! apart)": ["the error that is told", "told to be closer"],
    r"\b(asked|believed)\b": ["the images asked for", "a believed pelvis"],
    r"\blessons?\b": ["the lessons of the pose branch"],
    r"\b(own|seen) views\b|\bheat (cells|volumes?)\b": ["a share of own views", "the heat volume"],
    r"\bas (it|they) (answers?|learns?)\b|\bas learned\b": ["the network as it answers, not as it learns"],
    r"\b(complaints?|witness(es)?|foreign)\b": ["a complaint", "the witness", "foreign rows"],
}  # fmt: skip
# Places that must name the past: a path, and the patterns that it may match; None: all.
READS_OLD_FILES = {
    r"\w*(worldpose|WorldPose|WORLDPOSE)\w*",
    r"worldpose",
    r"\bcrops: (several|one)\b|\bcrops=(several|one)\b|-several\b|[`\"]several[`\"]",
}
EXEMPT: dict[str, set[str] | None] = {
    "CHANGELOG.md": None,  # its tables list the old names
    "modules/config/retired.py": None,  # refuses the old keys
    "modules/cache/store.py": READS_OLD_FILES,
    "modules/extractors/blazepose/extractor.py": READS_OLD_FILES,  # the fingerprint of existing caches
    "modules/extractors/metrabs/weights.py": READS_OLD_FILES,
    "docs/troubleshooting.md": {"worldpose"},  # quotes the refusal of old checkpoints
    "docs/accuracy.md": {"worldpose"},  # the note on results that were recorded under the old name
    "data": {r"as_learned|at_rest", r"members|MEMBERS"},  # a body in its rest pose; files of an archive
    "docs": {r"as_learned|at_rest"},
    "pre_models": {r"members|MEMBERS"},  # files of an archive
    "scripts/environment.sh": {"worldpose"},  # says that the variables were renamed
}


def may_match(path: str, pattern: str) -> bool:
    """Returns whether a pattern is exempt in a file or in one of its folders."""
    places = [path, *(folder.as_posix() for folder in Path(path).parents)]
    listed = [EXEMPT[place] for place in places if place in EXEMPT]
    return any(patterns is None or pattern in patterns for patterns in listed)


def identifiers(source: str) -> Iterator[tuple[int, str]]:
    """Yields line and text of every name in Python source."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME:
            yield token.start[0], token.string


def spoken(source: str) -> Iterator[tuple[int, str]]:
    """Yields line and text of every string, docstring and comment in Python source."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def python_files() -> list[Path]:
    """Returns the scripts at the root and all code below the folders of CODE."""
    inside = [path for name in CODE for path in (PROJECT_ROOT / name).rglob("*.py")]
    return [*PROJECT_ROOT.glob("*.py"), *inside]


def text_files() -> list[Path]:
    """Returns all pages, config files and shell scripts."""
    shell = [*PROJECT_ROOT.glob("*.sh"), *(PROJECT_ROOT / "scripts").glob("*.sh")]
    others = [*(PROJECT_ROOT / "config").glob("*.yml"), PROJECT_ROOT / "pre_models" / "posenet" / "README.md"]
    return [*pages.PAGES, *shell, *others]


def relative(path: Path) -> str:
    return path.relative_to(PROJECT_ROOT).as_posix()


def find(pattern: str, places: dict[str, list[tuple[int, str]]], whole: bool) -> list[str]:
    """Returns path:line: text of each place that a pattern matches and may not; `whole`: from end to end."""
    matches = re.compile(pattern).fullmatch if whole else re.compile(pattern, re.IGNORECASE).search
    return [
        f"{path}:{line}: {' '.join(text.split())[:100]}"
        for path, texts in places.items()
        if not may_match(path, pattern)
        for line, text in texts
        if matches(text)
    ]


@pytest.fixture(scope="module")
def names() -> dict[str, list[tuple[int, str]]]:
    """Every identifier of the code, by file."""
    return {relative(path): list(identifiers(path.read_text(encoding="utf-8"))) for path in python_files()}


@pytest.fixture(scope="module")
def texts() -> dict[str, list[tuple[int, str]]]:
    """Every string and comment of the code, and every line of the pages, by file."""
    found = {relative(path): list(spoken(path.read_text(encoding="utf-8"))) for path in python_files()}
    for path in text_files():
        found[relative(path)] = list(enumerate(path.read_text(encoding="utf-8").splitlines(), 1))
    return found


@pytest.mark.parametrize("pattern", IDENTIFIERS)
def test_no_identifier_is_retired(pattern: str, names: dict[str, list[tuple[int, str]]]) -> None:
    assert find(pattern, names, whole=True) == []


@pytest.mark.parametrize("pattern", WORDS)
def test_no_text_has_a_retired_word(pattern: str, texts: dict[str, list[tuple[int, str]]]) -> None:
    assert find(pattern, texts, whole=False) == []


def test_no_config_key_is_retired(texts: dict[str, list[tuple[int, str]]]) -> None:
    sections = Config().model_dump()
    keys = {f"{section}.{key}" for section, values in sections.items() for key in values}
    assert not keys & {*RENAMED, *REMOVED}
    for pattern in IDENTIFIERS:
        assert not [key for key in keys if re.fullmatch(pattern, key.split(".")[1])]
    retired = "|".join(re.escape(key) for key in {*RENAMED, *REMOVED})
    assert find(rf"\b({retired})\b", texts, whole=False) == []


def test_every_pattern_finds_what_it_is_for() -> None:
    for pattern, examples in IDENTIFIERS.items():
        for example in examples.split():
            assert find(pattern, {"x.py": [(1, example)]}, whole=True), (pattern, example)
    for pattern, sentences in WORDS.items():
        for sentence in sentences:
            assert find(pattern, {"x.md": [(1, sentence)]}, whole=False), (pattern, sentence)


def test_allowed_texts_are_not_found() -> None:
    for name in ("look_at", "look_up", "joint_features", "held_out", "member_outputs", "BatchShard", "shard_of"):
        assert not [pattern for pattern in IDENTIFIERS if re.fullmatch(pattern, name)], name
    for text in (
        "the camera looks along +z",
        "cannot be told apart",
        "held out",
        "several crops of an image",
        "recommend",
    ):
        assert not [pattern for pattern in WORDS if re.search(pattern, text, re.IGNORECASE)], text


def test_exempt_places_exist_and_need_it(
    names: dict[str, list[tuple[int, str]]], texts: dict[str, list[tuple[int, str]]]
) -> None:
    """An exemption that nothing needs any more is removed."""
    for place, patterns in EXEMPT.items():
        assert (PROJECT_ROOT / place).exists(), place
        here = [
            text
            for found in (names, texts)
            for path, lines in found.items()
            if path == place or path.startswith(f"{place}/")
            for _, text in lines
        ]
        used = [
            pattern
            for pattern in {*IDENTIFIERS, *WORDS}
            if (patterns is None or pattern in patterns)
            and any(re.search(pattern, text, re.IGNORECASE) for text in here)
        ]
        assert used, place
