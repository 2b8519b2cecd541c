"""Writes .trc files, the text format of OpenSim: metres, y up, a file per person."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from modules.export.axes import need_up, to_y_up
from modules.export.description import Y_UP, describe
from modules.export.markers import markers
from modules.export.poses import Poses
from modules.export.tracks import Sequence, about_path, evenly_timed, track_paths
from modules.files.atomic import write_json, write_text

MM_PER_M = 1000.0


def write_trc(poses: Poses, folder: Path, names: str = "smpl") -> Path:
    """Writes poses.trc and its description, poses.trc.json; with several people poses_person0.trc and so on.

    `names` is smpl or halpe26. Cells of frames without the person are empty. Raises UserError if up is not known.
    Format: OpenSim's documentation, "Marker (.trc) Files".
    """
    rotation = to_y_up(need_up(poses, "trc"))
    sequence = evenly_timed(poses, "trc")
    joints, labels = markers(names)
    paths = track_paths(folder, sequence.tracks, ".trc")
    for path, track in zip(paths, sequence.tracks, strict=True):
        points_m = track.joints_mm[:, joints] @ rotation.T / MM_PER_M
        write_text(path, _header(path.name, sequence, labels) + _lines(sequence, points_m))
        write_json(about_path(path), {**describe(poses, "m", rotation, Y_UP), "person": track.person, "names": names})
    return paths[0]


def _header(file_name: str, sequence: Sequence, labels: list[str]) -> str:
    """Returns the five lines of the header and the empty line below them."""
    rate, count = f"{sequence.rate_hz:.6g}", len(sequence)
    values = {
        "DataRate": rate, "CameraRate": rate, "NumFrames": count, "NumMarkers": len(labels), "Units": "m",
        "OrigDataRate": rate, "OrigDataStartFrame": 1, "OrigNumFrames": count,
    }  # fmt: skip
    axes = [f"{axis}{number}" for number in range(1, len(labels) + 1) for axis in "XYZ"]
    rows: list[Iterable[object]] = [
        ["PathFileType", "4", "(X/Y/Z)", file_name],
        values.keys(),
        values.values(),
        ["Frame#", "Time", *(cell for label in labels for cell in (label, "", ""))],
        ["", "", *axes],
        [],
    ]
    return "".join("\t".join(map(str, row)) + "\n" for row in rows)


def _lines(sequence: Sequence, points_m: np.ndarray) -> str:
    """Returns a line per frame: number from 1, time in s, then x, y, z of each marker."""
    lines = []
    for number, (time, points) in enumerate(zip(sequence.time_s, points_m, strict=True), 1):
        cells = ["" if np.isnan(value) else f"{value:.6f}" for value in points.ravel()]
        lines.append("\t".join([str(number), f"{time:.6f}", *cells]) + "\n")
    return "".join(lines)
