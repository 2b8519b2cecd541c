"""Reads Theia3D's calibration, which is written like Qualisys's but is in px, and whose x, y, z are t, not the centre.

Source: Theia3D's documentation of calibration files; mc_core calib2Theia.py.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

from modules.calibrations import values
from modules.calibrations.base import FileCamera, FileRig
from modules.calibrations.qualisys import camera_elements, distortion, in_px, rotation
from modules.calibrations.source import Source
from modules.calibrations.xml_numbers import attributes, child

NAME, TITLE = "theia", "Theia3D calibration"


def sniff(source: Source) -> bool:
    """See Format."""
    return source.xml is not None and source.xml.find(".//camera/intrinsic") is not None and in_px(source.xml)


def read(source: Source) -> FileRig:
    """See Format."""
    return FileRig({str(camera.get("serial")): _camera(source, camera) for camera in camera_elements(source)}, "mm")


def _camera(source: Source, element: Element) -> FileCamera:
    path, name = source.path, str(element.get("serial"))
    lens, pose = child(path, name, element, "intrinsic"), child(path, name, element, "transform")
    sides = "sensorMaxU sensorMaxV" if "sensorMaxU" in lens.attrib else "sensorDimU sensorDimV"
    focal_centre = attributes(path, name, lens, "focalLengthU focalLengthV centerPointU centerPointV")
    return FileCamera(
        values.matrix(path, f"<intrinsic> of camera {name}", focal_centre.tolist()),
        rotation(path, name, pose),
        attributes(path, name, pose, "x y z"),
        values.size(path, f"{sides} of camera {name}", attributes(path, name, lens, sides).tolist()),
        distortion(path, name, lens),
    )
