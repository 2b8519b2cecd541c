"""Reads Qualisys's calibration export (.qca.txt), an XML file of camera centres and of pixels in units of 1/64.

The matrix maps world to axes x right, y up, z backward; x, y, z are the centre in mm. The lens's numbers are not in 1/64
(Pose2Sim divides them, too, which makes the lens vanish). Source: Pose2Sim calibration.py, read_qca.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from modules.calibrations import values
from modules.calibrations.base import CENTRES, FileCamera, FileRig
from modules.calibrations.source import Source
from modules.calibrations.xml_numbers import attributes, child
from modules.utils import UserError

NAME, TITLE = "qualisys", "Qualisys .qca.txt"
SUBPIXELS = 64.0
_QTM_TO_OPENCV = np.diag([1.0, -1.0, -1.0])
_LENS = "radialDistortion1 radialDistortion2 tangentalDistortion1 tangentalDistortion2 radialDistortion3"
_MATRIX = "r11 r12 r13 r21 r22 r23 r31 r32 r33"
_KINDS = ("video", "hybrid", "none")  # in the names of models that record video, or of an unknown model
_LEAST_FOCAL = 20.0  # times the width: a larger focal length is not in px


def sniff(source: Source) -> bool:
    """See Format."""
    return source.xml is not None and source.xml.find(".//camera/intrinsic") is not None and not in_px(source.xml)


def in_px(root: Element) -> bool:
    """Whether a file of this structure is Theia's, with focal lengths in px."""
    for camera in root.iter("camera"):
        lens, fov = camera.find("intrinsic"), camera.find("fov_video")
        try:
            focal = float("nan" if lens is None else lens.get("focalLengthU", "nan"))
            width = float("nan" if fov is None else fov.get("right", "nan"))
        except ValueError:
            continue
        if focal > _LEAST_FOCAL * width:
            return False
    return "third_party" in root.attrib or any("sensorDimU" in lens.attrib for lens in root.iter("intrinsic"))


def read(source: Source) -> FileRig:
    """See Format."""
    cameras, notes = {}, []
    for element in camera_elements(source):
        name = str(element.get("serial"))
        model = element.get("model", "none").lower()
        if not any(kind in model for kind in _KINDS):
            notes.append(f"camera {name} is a {element.get('model')}, which records markers, and is left out")
            continue
        cameras[name] = _camera(source.path, name, element, notes)
    if not cameras:
        raise UserError(f"{source.path}: all cameras record markers alone; export the calibration of video cameras")
    return FileRig(cameras, "mm", "z", tuple(notes), f"{CENTRES}, in axes y up, z backward")


def camera_elements(source: Source) -> list[Element]:
    """Returns the cameras of the file. Raises UserError if two have one serial."""
    elements = [] if source.xml is None else list(source.xml.iter("camera"))
    serials = [element.get("serial") for element in elements]
    twice = next((serial for serial in serials if serial is None or serials.count(serial) > 1), "")
    if twice != "":
        raise UserError(f"{source.path}: two cameras have the serial {twice}, or one has none; export the file again")
    return elements


def distortion(path: Path, name: str, intrinsic: Element) -> np.ndarray:
    """Returns the lens in OpenCV's order: (5,)."""
    return values.lens(path, f"the lens of camera {name}", attributes(path, name, intrinsic, _LENS).tolist())


def rotation(path: Path, name: str, transform: Element) -> np.ndarray:
    """Returns the matrix of r11 to r33, row by row: (3, 3)."""
    M = attributes(path, name, transform, _MATRIX).reshape(3, 3)
    return values.rotation(path, f"<transform> of camera {name}", M.tolist())


def _camera(path: Path, name: str, element: Element, notes: list[str]) -> FileCamera:
    lens, pose = child(path, name, element, "intrinsic"), child(path, name, element, "transform")
    numbers = attributes(path, name, lens, "focalLengthU focalLengthV centerPointU centerPointV") / SUBPIXELS
    left, top, right, bottom = attributes(
        path, name, child(path, name, element, "fov_video"), "left top right bottom"
    ).tolist()
    width, height = right - left + 1, bottom - top + 1
    binning = _binning(element.get("video_resolution", ""), min(width, height))
    if binning > 1:
        notes.append(f"camera {name} was recorded with half of its rows and columns, so its K is halved")
    fx, fy, cx, cy = (numbers - [0, 0, left, top]) / binning
    R = _QTM_TO_OPENCV @ rotation(path, name, pose)
    return FileCamera(
        values.matrix(path, f"<intrinsic> of camera {name}", [fx, fy, cx, cy]),
        R,
        -R @ attributes(path, name, pose, "x y z"),
        values.size(path, f"fov_video of camera {name}", [width // binning, height // binning]),
        distortion(path, name, lens),
    )


def _binning(resolution: str, shorter_side: float) -> int:
    """Returns 2 if the video has half of the window's rows, such as 540p of 1080, else 1."""
    rows = resolution.removesuffix("p")
    return 2 if rows.isdigit() and int(rows) and abs(shorter_side / int(rows) - 2) < 0.05 else 1
