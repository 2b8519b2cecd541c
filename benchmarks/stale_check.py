"""How long the check for a stale cache takes: every file read, no file changed, one image in a hundred changed.

    python -m benchmarks.stale_check [--images 40000] [--folder /tmp] [--cold]

Makes a set of four cameras in a temporary folder, with images of 64 KiB of random bytes and a label for each moment, and
deletes it afterwards: 2.9 GB for 40,000 images. The three ways take turns. With --cold, each is also measured after the
system's disk caches were emptied, which only root can do, and which slows down every other program for a while.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.record import machine, made_by
from modules.cache.inputs import SETTLED_NS, inputs_digest, read_remembered, remembered_path
from modules.console import progress, run_script
from modules.files.layout import Frame, list_frames, split_folder

CAMERAS, RECORDINGS = 4, 10
IMAGE_BYTES, LABEL_BYTES, CAMERA_BYTES = 65536, 2048, 512
CHANGED_SHARE = 0.01
REPEATS = 3
DROP_CACHES = Path("/proc/sys/vm/drop_caches")
WAYS = {
    "all": "every file is read, as in the first run",
    "none": "remembered, nothing changed",
    "some": f"remembered, {CHANGED_SHARE:.0%} of the images changed",
}


def main() -> None:
    """Makes the set, measures, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=40000, help="default: %(default)s")
    parser.add_argument("--folder", type=Path, default=None, help="make the set in here (default: the system's)")
    parser.add_argument("--cold", action="store_true", help="also with empty disk caches (as root)")
    arguments = parser.parse_args()
    made = f"commit {made_by()['commit']}, {machine()}"
    with tempfile.TemporaryDirectory(dir=arguments.folder) as place:
        root, cache = Path(place) / "set", Path(place) / "cache"
        make_set(root, arguments.images)
        time.sleep(SETTLED_NS / 1e9)  # so that every file may be remembered
        frames = list_frames(root, "train")
        inputs_digest(frames, cache)
        print(
            f"| {len(frames)} images, {len(read_remembered(remembered_path(cache)))} files | median, s | all, s | ratio |"
        )
        print("| --- | --- | --- | --- |")
        print(rows("disk cache warm", measure(frames, cache, lambda: None)))
        if arguments.cold and not empty_disk_caches():
            print(f"\n{DROP_CACHES} cannot be written, so nothing is measured with a cold disk.")
        elif arguments.cold:
            print(rows("disk cache empty", measure(frames, cache, empty_disk_caches)))
    print(f"\n{made}")


def make_set(root: Path, images: int) -> None:
    """Writes files of random bytes in the layout of a data set: `images` images, a label per moment, a camera per view."""
    folder = split_folder(root, "train")
    moments = max(1, images // (CAMERAS * RECORDINGS))
    for recording in progress(range(1, RECORDINGS + 1), "make the set", "recording"):
        name = f"{recording}_F"
        for moment in range(moments):
            write(folder / "labels" / name / f"3D_{name}_{moment}.json", LABEL_BYTES)
        for view in (f"{name}_{camera}" for camera in range(1, CAMERAS + 1)):
            write(folder / "camera" / f"{view}.json", CAMERA_BYTES)
            for moment in range(moments):
                write(folder / "images" / view / f"{view}_{moment}.jpg", IMAGE_BYTES)


def write(path: Path, size: int) -> None:
    """Writes random bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.urandom(size))


def measure(frames: Sequence[Frame], cache: Path, prepare: Callable[[], object]) -> dict[str, list[float]]:
    """Returns the seconds of every repeat of every way; `prepare` is called before each."""
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(REPEATS):
        for way in WAYS:
            if way == "some":
                for frame in frames[:: round(1 / CHANGED_SHARE)]:
                    write(frame.image_path, IMAGE_BYTES)
            prepare()
            started = time.perf_counter()
            inputs_digest(frames, None if way == "all" else cache)
            seconds[way].append(time.perf_counter() - started)
        time.sleep(SETTLED_NS / 1e9)
        inputs_digest(frames, cache)  # remembers the changed images
    return seconds


def empty_disk_caches() -> bool:
    """Empties the system's caches of files, folders and inodes; returns whether that is allowed."""
    os.sync()
    try:
        DROP_CACHES.write_text("3", encoding="ascii")
    except OSError:
        return False
    return True


def rows(title: str, seconds: dict[str, list[float]]) -> str:
    """Formats one line per way; the ratio is to reading every file."""
    medians = {way: statistics.median(values) for way, values in seconds.items()}
    return "\n".join(
        f"| {title}: {WAYS[way]} | {medians[way]:.2f} | {', '.join(f'{value:.2f}' for value in seconds[way])} | "
        f"{medians['all'] / medians[way]:.1f} |"
        for way in WAYS
    )


if __name__ == "__main__":
    run_script(main)
