"""Reads the demo's Qualisys calibration (Calib.qca.txt)."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from modules.pose_utils import Camera, project_rotation
from modules.utils import UserError

SUBPIXELS = 64.0  # focal lengths and centres are in units of 1/64 px; the distortion is not scaled
WORLD_UP = np.array([0.0, 0.0, 1.0])  # z is up
_QTM_TO_OPENCV = np.diag([1.0, -1.0, -1.0])  # the file's camera axes: x right, y up, z backward


def _numbers(path: Path, element: ElementTree.Element, names: str) -> np.ndarray:
    """Returns the attributes `names` (separated by spaces) as numbers. Raises UserError if one is missing or no number."""
    try:
        values = np.array([float(element.attrib[name]) for name in names.split()])
    except KeyError as error:
        raise UserError(f"{path}: <{element.tag}> has no attribute {error.args[0]}; fetch the file again") from None
    except ValueError as error:
        raise UserError(f"{path}: <{element.tag}> holds {error}; fetch the file again") from None
    if not np.isfinite(values).all():
        raise UserError(f"{path}: <{element.tag}> holds NaN or infinity; fetch the file again")
    return values


def _part(path: Path, camera: ElementTree.Element, tag: str) -> ElementTree.Element:
    """Returns a camera's child element. Raises UserError if it is missing."""
    part = camera.find(tag)
    if part is None:
        raise UserError(f"{path}: camera {camera.get('serial')} has no <{tag}>; fetch the file again")
    return part


def _read_camera(path: Path, element: ElementTree.Element) -> Camera:
    """Returns one camera in OpenCV's conventions, in px and mm. Raises UserError if it is malformed."""
    lens, pose = _part(path, element, "intrinsic"), _part(path, element, "transform")
    fx, fy, cx, cy = _numbers(path, lens, "focalLengthU focalLengthV centerPointU centerPointV") / SUBPIXELS
    k1, k2, k3 = _numbers(path, lens, "radialDistortion1 radialDistortion2 radialDistortion3")
    p1, p2 = _numbers(path, lens, "tangentalDistortion1 tangentalDistortion2")
    M = _numbers(path, pose, "r11 r12 r13 r21 r22 r23 r31 r32 r33").reshape(3, 3)
    if fx <= 0 or fy <= 0 or not np.allclose(M @ M.T, np.eye(3), atol=1e-3) or np.linalg.det(M) < 0:
        raise UserError(f"{path}: camera {element.get('serial')} has no usable lens or rotation; fetch the file again")
    R = _QTM_TO_OPENCV @ project_rotation(M)
    left, top, right, bottom = _numbers(path, _part(path, element, "fov_video"), "left top right bottom")
    return Camera(
        K=np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]]),
        R=R,
        t=-R @ _numbers(path, pose, "x y z"),
        image_size=(int(right - left + 1), int(bottom - top + 1)),
        distortion=np.array([k1, k2, p1, p2, k3]),
        world_up=WORLD_UP,
    )


def read_calibration(path: Path) -> dict[str, Camera]:
    """Returns the calibrated cameras by serial (`cam01`, …). Raises UserError if the file is missing or malformed."""
    try:
        root = ElementTree.parse(path).getroot()
    except FileNotFoundError:
        raise UserError(f"{path}: this file is missing; remove its folder to fetch it again") from None
    except (OSError, ElementTree.ParseError) as error:
        raise UserError(f"{path}: this is not readable XML ({error}); fetch the file again") from None
    cameras = {str(element.get("serial")): _read_camera(path, element) for element in root.iter("camera")}
    if not cameras:
        raise UserError(f"{path}: there is no <camera> in this file; fetch the file again")
    return cameras
