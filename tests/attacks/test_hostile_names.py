"""Names that steer a terminal or a page: every line that is printed, logged or shown holds them as text."""

import argparse
import json
import logging
from pathlib import Path

import pytest

from modules.console import print_summary, run_script, start_logging
from modules.files.atomic import write_json
from modules.files.layout import list_frames
from modules.files.sources import find_sources
from modules.files.strays import passed_over
from modules.utils import UserError, log, printable
from tests.attacks.program import refused

NAMES = {
    "a title": "a\x1b]0;owned\x07.jpg", "a colour": "a\x1b[31m.jpg", "a cursor": "a\x1b[2J\x1b[1;1H.jpg", "C1": "a\x9b31m.jpg",
    "a return": "a\rerror: none.jpg", "a backspace": "ab\b\b.jpg", "right to left": "a\u202egpj.exe.jpg",
    "a line separator": "a\u2028b.jpg", "bytes of no text": "a\udcff.jpg", "delete": "a\x7f.jpg",
}  # fmt: skip


def is_tame(text: str) -> bool:
    return printable(text) == text


@pytest.mark.parametrize("case", NAMES)
def test_a_name_is_printed_as_text(tmp_path: Path, case: str, capsys: pytest.CaptureFixture[str]) -> None:
    name, file = NAMES[case], tmp_path / "log.txt"
    start_logging(file)
    log.warning("%s: passed over", name)
    with pytest.raises(SystemExit):
        run_script(lambda: (_ for _ in ()).throw(UserError(f"{name}: no image\nerror: a second; remove it")))
    shown = capsys.readouterr()
    start_logging()
    for text in (shown.out, shown.err, file.read_text(encoding="utf-8")):
        assert is_tame(text) and text.count("\n") == 1, text
    assert shown.err.startswith("error: a") and "\\n" in shown.err


def test_a_summary_stays_json_with_the_same_names(capsys: pytest.CaptureFixture[str]) -> None:
    print_summary(argparse.Namespace(json=True), names=list(NAMES.values()))
    text = capsys.readouterr().out
    assert is_tame(text) and json.loads(text) == {"names": list(NAMES.values())}


def test_names_of_people_stay_as_they_are() -> None:
    for name in ("사람　1.jpg", "Ünï-çødé é.jpg", "می‌روم.jpg", "👩‍🚀.png", "a\tb"):
        assert printable(name) == name


@pytest.mark.parametrize("case", NAMES)
def test_predict_refuses_such_an_image(tmp_path: Path, case: str) -> None:
    (tmp_path / NAMES[case]).touch()
    with refused(tmp_path / NAMES[case], "characters that are not printable"):
        find_sources([str(tmp_path / NAMES[case])])


@pytest.mark.parametrize("case", NAMES)
def test_a_data_set_passes_such_files_over_and_says_so(tmp_path: Path, case: str) -> None:
    view = tmp_path / "task04_train/images/1_F_1"
    view.mkdir(parents=True)
    (view / "1_F_1_1.jpg").touch()
    (view / f"1_F_1_{NAMES[case]}").touch()
    (view.parent / NAMES[case]).mkdir()
    label = tmp_path / "task04_train/labels/1_F" / f"3D_1_F_{NAMES[case]}.json"
    label.parent.mkdir(parents=True)
    label.touch()
    assert [frame.file_name for frame in list_frames(tmp_path, "train")] == ["1_F_1_1.jpg"]
    said = passed_over(tmp_path, "train")
    assert len(said) == 3 and all(is_tame(sentence) for sentence in said)


def test_json_of_bytes_that_are_no_text_reads_back(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"source": "a\udcff"})
    assert json.loads((tmp_path / "x.json").read_bytes()) == {"source": "a\udcff"}


def test_a_log_that_is_a_link_is_not_written(tmp_path: Path) -> None:
    """A stranger's run folder, resumed, must not append to a file elsewhere."""
    target, link = tmp_path / "profile", tmp_path / "train_log.log"
    target.write_text("export A=1\n")
    link.symlink_to(target)
    with refused(link, "is a link to another file"):
        start_logging(link)
    assert target.read_text() == "export A=1\n" and all(type(one) is not logging.FileHandler for one in log.handlers)
    start_logging()
