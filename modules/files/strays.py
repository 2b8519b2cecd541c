"""Says what in a data set's folders is read by nothing: files beside the images, and labels that fit no image."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from modules.files.layout import Frame, scan_images, split_folder, stray_sentences
from modules.files.names import nfc
from modules.utils import one_line


def passed_over(root: Path, split: str) -> list[str]:
    """Returns a sentence for each kind of file or folder below the images that is passed over, and one for the labels."""
    listing = scan_images(root, split)
    labels = unmatched_labels(root, split, listing.frames)
    return [*stray_sentences(root, split, listing), *([] if labels is None else [labels])]


def unmatched_labels(root: Path, split: str, frames: Sequence[Frame]) -> str | None:
    """Returns a sentence that counts the label files which fit no image, and names the likely reason; None without any."""
    folder = split_folder(root, split) / "labels"
    wanted = {frame.label_path.relative_to(folder).as_posix() for frame in frames}
    found = [path.relative_to(folder) for path in sorted(folder.rglob("*.json")) if not path.name.startswith(".")]
    unmatched = [path for path in found if path.as_posix() not in wanted]
    if not unmatched:
        return None
    by_key = {_loosely(Path(path)): path for path in wanted}
    near = next((path for path in unmatched if _loosely(path) in by_key), None)
    counted = f"{folder}: {len(unmatched)} of {len(found)} label files fit no image"
    if near is None:
        return f"{counted}, such as {one_line(unmatched[0].as_posix())}; add their images, or leave the labels out"
    return (
        f"{counted}: {one_line(near.as_posix())} is there where the images want {by_key[_loosely(near)]}, which differs in "
        "leading zeros, case, spaces, hyphens, the 3D_ or the folder; rename one of them"
    )


def _loosely(path: Path) -> str:
    """Returns a label's name without what people write in two ways: leading zeros, case, spaces, hyphens, and the 3D_."""
    without_zeros = re.sub(r"(?<!\d)0+(?=\d)", "", nfc(path.stem).lower().removeprefix("3d_"))
    return re.sub(r"[\s-]", "", without_zeros)
