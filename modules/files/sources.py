"""Finds the images or the video that a user names: files, folders, globs, and lists in text or CSV files."""

from __future__ import annotations

import csv
import glob
import os
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

from modules.files import video
from modules.files.layout import natural_order
from modules.utils import UserError, brief, printable

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
LIST_SUFFIXES = (".txt", ".csv")
NAME_COLUMNS = ("file_name", "image", "image_path", "path", "file")


def find_sources(named: Sequence[str]) -> list[Path]:
    """Returns the image files that the arguments name, each once, or a single video.

    A folder stands for the images in it, a glob for what it matches, both in natural order; a text or CSV file for the paths
    that it lists, relative to its folder. Raises UserError for a missing file, an unknown type, or images beside a video.
    """
    by_place: dict[Path, Path] = {}  # a relative and an absolute path may name the same file
    for path in (path for name in named for path in _expand(name)):
        by_place.setdefault(path.parent.resolve() / path.name, path)
    found = list(by_place.values())
    videos = [path for path in found if is_video(path)]
    if videos and len(found) > 1:
        other = next(path for path in found if path != videos[0])
        raise UserError(f"{videos[0]}: a video is predicted alone, not beside {other}; start predict.py once for each")
    return found


def is_video(path: Path) -> bool:
    """Returns whether a file's name is that of a video."""
    return path.suffix.lower() in video.SUFFIXES


def names_below(paths: Sequence[Path]) -> tuple[Path, list[str]]:
    """Returns the deepest folder that holds all of these files, and their paths from it."""
    folder = Path(os.path.commonpath([path.absolute().parent for path in paths]))
    return folder, [path.absolute().relative_to(folder).as_posix() for path in paths]


def _expand(name: str) -> Iterator[Path]:
    path = Path(name)
    if not path.exists():
        path = _other_normalisation(path) or path
    if path.is_dir():
        yield from _images_in(path)
    elif path.is_file() and path.suffix.lower() in LIST_SUFFIXES:
        yield from _listed(path)
    elif path.is_file():
        yield _known(path)
    else:
        matches = sorted(
            (Path(match) for match in glob.glob(name, recursive=True)), key=lambda path: natural_order(str(path))
        )
        if not matches:
            raise UserError(f"{name}: there is no such file, folder or glob; name images, a folder, a video or a list")
        files = [match for match in matches if match.is_file()]
        if not files:
            raise UserError(f"{name}: this glob matches folders alone; name the images in them, such as '{name}/*.jpg'")
        yield from map(_known, files)


def _known(path: Path) -> Path:
    """Returns the path. Raises UserError if it is neither an image nor a video by its name, or if that is no text."""
    if printable(path.name) != path.name or "\n" in path.name:
        raise UserError(f"{path}: this name holds characters that are not printable; rename it")
    if is_video(path) or path.suffix.lower() in IMAGE_SUFFIXES:
        return path
    raise UserError(
        f"{path}: {path.suffix or 'a name without an ending'} is no image or video that can be read; convert it to "
        "JPEG, PNG or MP4"
    )


def _images_in(folder: Path) -> list[Path]:
    """Returns the images of a folder, in natural order. Raises UserError if there is none."""
    inside = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
    images = [path for path in inside if path.suffix.lower() in IMAGE_SUFFIXES]
    if images:
        return sorted(map(_known, images), key=lambda path: natural_order(path.name))
    videos = sorted(path.name for path in inside if is_video(path))
    hint = f"name one of its videos, such as {videos[0]}" if videos else "name the folder that holds the images"
    raise UserError(f"{folder}: there is no image in this folder; {hint}")


def _listed(path: Path) -> Iterator[Path]:
    """Yields the files that a text file lists, one a line, or the first known column of a CSV file."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        raise UserError(f"{path}: this list is not readable UTF-8 text; save it as UTF-8") from None
    try:
        names = _csv_column(lines) if path.suffix.lower() == ".csv" else [line.strip() for line in lines]
    except csv.Error as error:
        raise UserError(f"{path}: this list is no CSV ({error}); write one path per line") from None
    names = [name for name in names if name]
    if not names:
        raise UserError(f"{path}: this list names no file; write one path per line")
    for name in names:
        entry = path.parent / name
        entry = entry if entry.is_file() else _other_normalisation(entry) or entry
        if not entry.is_file():
            raise UserError(
                f"{path}: {brief(name)} is listed, but there is no such file; paths are relative to the list"
            )
        try:
            yield _known(entry)
        except UserError as error:  # which names the file; this list names it
            raise UserError(f"{path}: {error}") from None


def _csv_column(lines: Sequence[str]) -> list[str]:
    rows = [row for row in csv.reader(lines) if row]
    titles = [title.strip().lower() for title in rows[0]] if rows else []
    column = next((titles.index(name) for name in NAME_COLUMNS if name in titles), None)
    if column is None:
        return [row[0].strip() for row in rows]
    return [row[column].strip() for row in rows[1:] if len(row) > column]


def _other_normalisation(path: Path) -> Path | None:
    """Returns the existing path whose name differs in Unicode normalisation alone: macOS stores NFD, others type NFC."""
    if not path.parent.is_dir():
        return None
    wanted = unicodedata.normalize("NFC", path.name)
    return next((one for one in path.parent.iterdir() if unicodedata.normalize("NFC", one.name) == wanted), None)
