"""Reads Vicon's .xcp: quaternions x, y, z, w from world to camera, and centres in mm, without radial distortion.

Vicon's radial numbers map raw to ideal pixels, which is not OpenCV's direction; files in which they are not 0 are refused.
Sources: Pose2Sim calibration.py, read_vicon; IMS ViconReader.py.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element

from modules.calibrations import values
from modules.calibrations.base import CENTRES, FileCamera, FileRig
from modules.calibrations.source import Source
from modules.calibrations.xml_numbers import parsed
from modules.utils import UserError

NAME, TITLE = "vicon", "Vicon .xcp"
_VIDEO = "DV"


def sniff(source: Source) -> bool:
    """See Format."""
    return source.xml is not None and any("SENSOR_SIZE" in camera.attrib for camera in source.xml.iter("Camera"))


def read(source: Source) -> FileRig:
    """See Format."""
    elements = [] if source.xml is None else list(source.xml.iter("Camera"))
    video = [element for element in elements if element.get("SYSTEM") == _VIDEO]
    cameras, notes = {}, []
    for element in video or elements:
        name = element.get("USERID") or element.get("DEVICEID") or ""
        if not name or name in cameras:
            name = element.get("DEVICEID", "")
        if not name or name in cameras:
            raise UserError(
                f"{source.path}: two cameras have the DEVICEID {name}, or one has none; export the file again"
            )
        frames = list(element.iter("KeyFrame"))
        if not frames:
            notes.append(f"camera {name} has no KeyFrame, so it was not calibrated, and is left out")
        elif len(frames) > 1:
            notes.append(f"camera {name} has {len(frames)} KeyFrames, so it moved, and is left out")
        else:
            cameras[name] = _camera(source.path, name, element, frames[0])
    if not cameras:
        raise UserError(f"{source.path}: no camera has one KeyFrame; calibrate the cameras, and export the file again")
    if video and len(video) < len(elements):
        notes.append(f"{len(elements) - len(video)} cameras record markers, and are left out")
    return FileRig(cameras, "mm", "z", tuple(notes), CENTRES)


def _camera(path: Path, name: str, element: Element, frame: Element) -> FileCamera:
    _refuse_lens(path, name, frame)

    def numbers(owner: Element, key: str, count: int, default: str = "") -> list[float]:
        values_: list[float] = parsed(path, f"{key} of camera {name}", owner.get(key, default), count).tolist()
        return values_

    (focal,), (aspect,) = numbers(frame, "FOCAL_LENGTH", 1), numbers(element, "PIXEL_ASPECT_RATIO", 1, "1")
    if aspect <= 0:
        raise UserError(f"{path}: PIXEL_ASPECT_RATIO of camera {name} is {aspect:g}; export the file again")
    x, y, z, w = numbers(frame, "ORIENTATION", 4)
    R = values.quaternion(path, f"ORIENTATION of camera {name}", [w, x, y, z])
    return FileCamera(
        values.matrix(path, f"camera {name}", [focal, focal / aspect, *numbers(frame, "PRINCIPAL_POINT", 2)]),
        R,
        -R @ numbers(frame, "POSITION", 3),
        values.size(path, f"SENSOR_SIZE of camera {name}", numbers(element, "SENSOR_SIZE", 2)),
    )


def _refuse_lens(path: Path, name: str, frame: Element) -> None:
    """Raises UserError unless the radial numbers are 0."""
    words = frame.get("VICON_RADIAL2", "").split()[3:] + frame.get("VICON_RADIAL", "").split()
    radial = parsed(path, f"VICON_RADIAL of camera {name}", " ".join(words), len(words))
    if radial.any():
        raise UserError(
            f"{path}: camera {name} has a lens in Vicon's own model, which maps raw to ideal pixels and is not supported; "
            "undistort its video in Vicon's software, or calibrate its lens with OpenCV"
        )
