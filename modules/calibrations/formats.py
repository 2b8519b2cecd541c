"""Lists the calibration formats, in the order in which they are recognised."""

from __future__ import annotations

from modules.calibrations import (
    aist,
    biocv,
    colmap,
    easymocap,
    h36m,
    h36m_derived,
    intrinsics_yaml,
    mpi_inf_3dhp,
    nerfstudio,
    opencap,
    panoptic,
    qualisys,
    theia,
    threedpw,
    toml_family,
    vicon,
)
from modules.calibrations.base import Format

_ALL: tuple[Format, ...] = (
    toml_family, qualisys, theia, easymocap, panoptic, h36m, h36m_derived, aist, mpi_inf_3dhp, biocv, colmap, nerfstudio,
    opencap, threedpw, intrinsics_yaml, vicon,
)  # fmt: skip
FORMATS: dict[str, Format] = {format_.NAME: format_ for format_ in _ALL}
