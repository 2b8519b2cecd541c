"""Writes poses in the file formats that other programs read.

In: `Poses`, one row per image and person. Out: files that say their units, axes and origin, one format per writer.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from modules.export.arrays import write_npz
from modules.export.bvh import write_bvh
from modules.export.c3d import write_c3d
from modules.export.document import write_document
from modules.export.glb import write_glb
from modules.export.poses import Poses
from modules.export.tables import write_csv, write_parquet
from modules.export.trc import write_trc

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
}
"""By the name in --save. A writer writes below a folder and returns its file, or the first person's of several."""
NAMED = ("trc", "c3d")  # these writers also take `names`: smpl, the default, or halpe26
