"""The lists of a finished set: validation images, sample submission, manifest and contact sheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from data.synthetic import plan
from data.synthetic.recording.contact_sheet import make_sheet
from modules.files.atomic import read_json, write_json, write_text
from modules.files.labels import validation_path
from modules.utils import UserError
from modules.vis import write_image

_REMAKE = "delete it and start the same command again, which makes it again"


def write_lists(root: Path, options: plan.Options) -> None:
    """Writes the validation list, sample submission, manifest and contact sheet, and then marks the set as finished."""
    recordings = [_found(root, index) for index in range(options.people)]
    images = {recording: list(_image_names(recording, options)) for recording in recordings}
    held_out = [
        name for recording in recordings if plan.role_of(recording.index) == "validation" for name in images[recording]
    ]
    write_json(validation_path(root), held_out)
    zeros = [[0.0, 0.0, 0.0]] * 24
    tested = [name for recording in recordings if recording.split == "test" for name in images[recording]]
    write_json(root / plan.SAMPLE, [{"file_name": name, "3d_pos": zeros} for name in tested], indent=None)
    _write_manifest(root / plan.MANIFEST, recordings, options)
    write_image(root / plan.SHEET, make_sheet(recordings, options))
    plan.write_marker(root, options, finished=True)


def _found(root: Path, index: int) -> plan.Recording:
    recording = plan.find_recording(root, index)
    if recording is None:
        raise UserError(f"{root}: the recording of person {index} is missing; start the same command again")
    return recording


def _image_names(recording: plan.Recording, options: plan.Options) -> Iterator[str]:
    for frame in range(options.frames):
        for camera in range(1, options.cameras + 1):
            yield recording.image_path(camera, frame).name


def _write_manifest(path: Path, recordings: list[plan.Recording], options: plan.Options) -> None:
    """Writes one line per image: the person, the motion and the view. Benchmarks select images by it."""
    lines = []
    for recording in recordings:
        for frame in range(options.frames):
            facts = read_json(recording.label_path(frame), _REMAKE)["annotations"]
            for camera in range(1, options.cameras + 1):
                view = {key: value for key, value in facts["views"][str(camera)].items() if key != "visibility"}
                name = recording.image_path(camera, frame).name
                lines.append({"file_name": name, "role": plan.role_of(recording.index), **facts["moment"], **view})
    table = io.StringIO()
    writer = csv.DictWriter(table, list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    write_text(path, table.getvalue())
