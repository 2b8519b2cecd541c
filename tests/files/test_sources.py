"""Sources: whatever people name finds their images, once each and in order, or a sentence that says what to do."""

import unicodedata
from pathlib import Path

import pytest

from modules.files.sources import find_sources, names_below
from modules.utils import UserError

KOREAN = "사진 첫째.jpg"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("walk 10.jpg", "walk 9.JPG", "._walk 9.JPG", KOREAN, "notes.md", "a.png"):
        (tmp_path / name).touch()
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "b.mp4").touch()
    return tmp_path


def found(*named: object) -> list[str]:
    return [path.name for path in find_sources([str(name) for name in named])]


def test_a_folder_in_natural_order(folder: Path) -> None:
    assert found(folder) == ["a.png", "walk 9.JPG", "walk 10.jpg", KOREAN]


def test_files_and_globs_each_once(folder: Path) -> None:
    assert found(folder / "a.png", folder / "*.png", folder / "walk*") == ["a.png", "walk 9.JPG", "walk 10.jpg"]
    assert found(folder / "videos" / "b.mp4") == ["b.mp4"]


def test_one_file_by_several_spellings_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    paths = find_sources(["a.png", str(folder / "a.png"), "videos/../a.png"])
    assert paths == [Path("a.png")]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_name_in_another_unicode_normalisation(folder: Path, form: str) -> None:
    """macOS unpacks archives with decomposed names, and keyboards type composed ones."""
    (folder / KOREAN).rename(folder / unicodedata.normalize("NFD", KOREAN))
    (folder / "list.txt").write_text(unicodedata.normalize(form, KOREAN), encoding="utf-8")
    for named in (folder / unicodedata.normalize(form, KOREAN), folder / "list.txt"):
        assert [unicodedata.normalize("NFC", name) for name in found(named)] == [KOREAN]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.txt", "walk 10.jpg\n\n a.png \n"),
        ("list.csv", 'time,file_name\n0.1,walk 10.jpg\n0.2,"a.png"\n'),
        ("bare.csv", "walk 10.jpg,1\na.png,2\n"),
    ],
)
def test_lists_keep_their_order(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text("\ufeff" + text, encoding="utf-8")
    assert found(folder / name) == ["walk 10.jpg", "a.png"]


def test_names_are_paths_from_the_common_folder(folder: Path) -> None:
    assert names_below([folder / "a.png", folder / "videos" / "c.png"]) == (folder, ["a.png", "videos/c.png"])


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ("nothing", "there is no such file, folder or glob"),
        ("vid*", "this glob matches folders alone"),
        ("notes.md", r"\.md is no image or video"),
        ("videos", "there is no image in this folder; name one of its videos, such as b.mp4"),
        ("empty.txt", "this list names no file"),
        ("wrong.txt", "'gone.jpg' is listed, but there is no such file"),
        ("latin.txt", "not readable UTF-8"),
    ],
)
def test_what_cannot_be_found_is_named(folder: Path, named: str, says: str) -> None:
    (folder / "empty.txt").write_text("\n")
    (folder / "wrong.txt").write_text("a.png\ngone.jpg\n")
    (folder / "latin.txt").write_bytes("é.jpg".encode("latin-1"))
    with pytest.raises(UserError, match=says):
        found(folder / named)


@pytest.mark.parametrize("name", ["a\nb.jpg", "a\x1b[31m.jpg"])
def test_a_name_that_is_no_text_is_refused_in_a_folder_too(folder: Path, name: str) -> None:
    (folder / name).touch()
    for named in (folder, folder / name, folder / "a*.jpg"):
        with pytest.raises(UserError, match="this name holds characters that are not printable; rename it"):
            found(named)


def test_a_video_is_predicted_alone(folder: Path) -> None:
    with pytest.raises(UserError, match="a video is predicted alone"):
        found(folder / "a.png", folder / "videos" / "b.mp4")


def test_a_list_that_is_no_csv_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text('file_name\n"' + "x" * 140_000)
    with pytest.raises(UserError, match=r"list\.csv: this list is no CSV .*; write one path per line"):
        find_sources([str(path)])


def test_a_list_of_a_file_elsewhere_that_is_no_image_is_named(tmp_path: Path) -> None:
    """Found by benchmarks.fuzz: the sentence named the file alone."""
    (tmp_path / "elsewhere").write_text("no image")
    (tmp_path / "lists").mkdir()
    listed = tmp_path / "lists" / "list.csv"
    listed.write_text(f"file_name\n{tmp_path / 'elsewhere'}\n")
    with pytest.raises(UserError, match="^.*/lists/list.csv: .*/elsewhere: a name without an ending is no image"):
        find_sources([str(listed)])
