"""Writes poses in the file formats that other programs read.

In: `Poses`, one row per image and person. Out: files that say their units, axes and origin, one format per writer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from modules.export.arrays import write_npz
from modules.export.bvh import write_bvh
from modules.export.c3d import write_c3d
from modules.export.document import write_document
from modules.export.glb import write_glb
from modules.export.nwb import write_nwb
from modules.export.poses import Poses
from modules.export.rrd import write_rrd
from modules.export.tables import write_csv, write_parquet
from modules.export.trc import write_trc
from modules.utils import UserError, log

Writer = Callable[[Poses, Path], Path]

WRITERS: dict[str, Writer] = {
    "csv": write_csv,
    "npz": write_npz,
    "parquet": write_parquet,
    "json": write_document,
    "trc": write_trc,
    "c3d": write_c3d,
    "bvh": write_bvh,
    "glb": write_glb,
    "rrd": write_rrd,
    "nwb": write_nwb,
}
"""By the name in --save. A writer writes below a folder and returns its file, or the first person's of several."""
_NAMED: dict[str, Callable[[Poses, Path, str], Path]] = {"trc": write_trc, "c3d": write_c3d}
NEED_UP = ("trc", "c3d", "bvh", "glb")
"""Formats that have an up axis of their own: they are refused as long as Poses.up is None."""


def parse_formats(text: str) -> list[str]:
    """Reads the value of --save, names of formats with commas between them. Raises UserError for an unknown name."""
    formats = [name.strip().lower() for name in text.split(",") if name.strip()]
    unknown = [name for name in formats if name not in WRITERS]
    if unknown or not formats:
        what = f"there is no format {unknown[0]!r}" if unknown else "no format is named"
        raise UserError(f"--save: {what}; name some of {', '.join(WRITERS)}, with commas between them")
    return list(dict.fromkeys(formats))


def save(poses: Poses, folder: Path, formats: Sequence[str], names: str = "smpl") -> list[Path]:
    """Writes poses in these formats; `names` is that of the markers in .trc and .c3d files: smpl or halpe26.

    A format that cannot be written does not stop the others; the UserError that says why is raised after them.
    """
    paths: list[Path] = []
    refusals: list[UserError] = []
    for name in formats:
        try:
            paths.append(_NAMED[name](poses, folder, names) if name in _NAMED else WRITERS[name](poses, folder))
        except UserError as error:
            refusals.append(error)
    for path in paths:
        log.info("%s is written", path)
    for refusal in refusals[1:]:
        log.warning("%s", refusal)
    if refusals:
        raise refusals[0]
    return paths
