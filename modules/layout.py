"""The competition's data layout on disk: which images there are, and how cameras, labels and lists are written.

<root>/task04_<split>/images/<POSE>_<PERSON>_<CAM>/<POSE>_<PERSON>_<CAM>_<SEQ>.jpg
<root>/task04_<split>/camera/<POSE>_<PERSON>_<CAM>.json
<root>/task04_<split>/labels/<POSE>_<PERSON>/3D_<POSE>_<PERSON>_<SEQ>.json
<root>/task04_train/validation.json      (optional: the image names that validate)
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from modules.pose_utils import Camera, project_rotation
from modules.skeleton import JOINT_NAMES, NUM_JOINTS, joint_order
from modules.utils import UserError, brief, read_json, write_json

IMAGE_SCALE = 1920.0  # what the competition divides the first two rows of K by
LARGEST = 1e9  # mm or px: what lies beyond is a mistake in the file, and overflows further on
FOCAL_PX = (1.0, 1e7)  # outside, K cannot be inverted in double precision, or all rays are one
LONGEST_SIDE = 2**20  # px, OpenCV's own limit
IMAGE_NAME = re.compile(
    r"(?P<pose>[A-Za-z0-9-]+)_(?P<person>[A-Za-z0-9-]+)_(?P<camera>[A-Za-z0-9-]+)_(?P<sequence>[A-Za-z0-9-]+)"
    r"\.(?:jpg|jpeg|png)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Frame:
    """One image of a split: where it lies, and the four fields of its name."""

    root: Path
    split: str
    file_name: str
    pose: str
    person: str
    camera: str
    sequence: str

    @property
    def folder(self) -> Path:
        return split_folder(self.root, self.split)

    @property
    def view(self) -> str:
        """`<POSE>_<PERSON>_<CAM>`: one recording by one camera."""
        return f"{self.pose}_{self.person}_{self.camera}"

    @property
    def recording(self) -> str:
        """`<POSE>_<PERSON>`: one recording by all its cameras, which share one world."""
        return f"{self.pose}_{self.person}"

    @property
    def image_path(self) -> Path:
        return self.folder / "images" / self.view / self.file_name

    @property
    def camera_path(self) -> Path:
        return self.folder / "camera" / f"{self.view}.json"

    @property
    def label_path(self) -> Path:
        return self.folder / "labels" / self.recording / f"3D_{self.recording}_{self.sequence}.json"


def split_folder(root: Path, split: str) -> Path:
    """The folder of `train` or `test` below a data root."""
    return root / f"task04_{split}"


def parse_image_name(name: str, where: object) -> dict[str, str]:
    """The fields pose, person, camera, sequence of an image name. UserError, which says `where`, where it has another form."""
    match = IMAGE_NAME.fullmatch(name)
    if match is None:
        raise UserError(
            f"{where}: an image is named <POSE>_<PERSON>_<CAM>_<SEQ>.jpg, such as 30_F160A_1_4.jpg, not {brief(name)}; "
            "rename it"
        )
    return match.groupdict()


def _natural(text: str) -> list[tuple[int, int | str]]:
    return [(0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"(\d+)", text) if part]


def list_frames(root: Path, split: str) -> list[Frame]:
    """Every image of a split, numbers in natural order. UserError where there is none or one is misplaced."""
    images = split_folder(root, split) / "images"
    if not images.is_dir():
        raise UserError(f"{images}: this folder is missing; DATA.root must hold task04_{split}/images")
    frames = []
    for path in images.glob("*/*"):
        if path.name.startswith(".") or path.suffix.lower() not in (".jpg", ".jpeg", ".png"):
            continue
        frame = Frame(root, split, path.name, **parse_image_name(path.name, path))
        if frame.view != path.parent.name:
            raise UserError(f"{path}: this image belongs in the folder {frame.view}; move it there")
        frames.append(frame)
    if not frames:
        raise UserError(f"{images}: there is no image in here; put <POSE>_<PERSON>_<CAM>/*.jpg into it")
    return sorted(frames, key=lambda frame: _natural(frame.file_name))


def _flaw(name: str, value: Any, shape: tuple[int, ...]) -> str | None:
    """What keeps a value from being nested lists of this shape that hold numbers alone: null, true and "1" are none."""
    if not shape and isinstance(value, int | float) and not isinstance(value, bool):
        return None
    if not shape or not isinstance(value, list):
        return f"{name} is {brief(value) if value not in (None, True, False) else json.dumps(value)}"
    if len(value) != shape[0]:
        return f"{name} is {len(value)} long, not {shape[0]}"
    flaws = (_flaw(f"{name}[{index}]", part, shape[1:]) for index, part in enumerate(value))
    return next((flaw for flaw in flaws if flaw), None)


def _shape(value: Any, depth: int = 4) -> tuple[int, ...] | None:
    """The shape of nested lists, down to `depth`; () of anything else, None where their lengths differ."""
    if not isinstance(value, list) or not depth:
        return ()
    inner = {_shape(part, depth - 1) for part in value} or {()}
    return None if len(inner) > 1 or None in inner else (len(value), *(inner.pop() or ()))


def _flaw_sentence(field: str, value: Any, shape: tuple[int, ...]) -> str | None:
    """What is wrong with a field that should hold numbers in this shape, and the mend; None where nothing is."""
    flaw = _flaw(field, value, shape)
    if flaw is None:
        return None
    written = _shape(value)
    if field == "extrinsics" and written == (4, 4):
        if value[3] == [0, 0, 0, 1]:
            return "extrinsics is 4x4; leave out its last row"
        return "extrinsics is 4x4, and its last row is not 0, 0, 0, 1; write [R|t], 3x4, with t as the last column"
    if written and len(written) > 1 and written != shape:
        flaw = f"{field} is {'x'.join(map(str, written))}"
    elif written != shape and len(shape) == 1:
        flaw = f"{field} is {brief(value)}"
    wanted = f"lists of {'x'.join(map(str, shape))} numbers" if shape else "one number"
    return f"{flaw}; write {wanted}, without text and null"


def _numbers(path: Path, field: str, value: Any, shape: tuple[int, ...]) -> np.ndarray:
    flaw = _flaw_sentence(field, value, shape)
    if flaw:
        raise UserError(f"{path}: {flaw}")
    try:
        array = np.array(value, dtype=np.float64)
    except OverflowError:
        array = np.full(shape, np.inf)
    if not (np.abs(array) <= LARGEST).all():
        raise UserError(
            f"{path}: {field} holds NaN, infinity or a number beyond {LARGEST:.0e}; write the measured ones"
        )
    return array


def _object(path: Path, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UserError(f"{path}: the file must hold a JSON object, but it holds {brief(value)}; write {{...}}")
    return value


@dataclass(frozen=True)
class CameraNumbers:
    """A camera file's numbers as they are written: right shapes and finite, and nothing else is promised."""

    intrinsics: np.ndarray  # (3, 3)
    image_scale: float
    extrinsics: np.ndarray  # (3, 4)
    optional: dict[str, Any]  # the other fields of modules.pose_utils.Camera


def read_camera_numbers(path: Path) -> CameraNumbers:
    """What a camera file says, before it is asked whether that can be. UserError where a field is missing or unreadable."""
    data = _object(path, read_json(path, "write this camera's calibration into it; it is never guessed"))
    for field in ("intrinsics", "extrinsics"):
        if field not in data:
            raise UserError(f"{path}: the field {field} is missing; add it, for world coordinates need it")
    scale = float(_numbers(path, "image_scale", data.get("image_scale", IMAGE_SCALE), ()))
    if scale <= 0:
        raise UserError(f"{path}: image_scale is {scale:g}; write what the first two rows of intrinsics are divided by")
    intrinsics = _numbers(path, "intrinsics", data["intrinsics"], (3, 3))
    extrinsics = _numbers(path, "extrinsics", data["extrinsics"], (3, 4))
    return CameraNumbers(intrinsics, scale, extrinsics, _optional_fields(path, data))


def read_camera(path: Path) -> Camera:
    """Read a camera file; K comes out in px. UserError names the field that is missing or cannot be."""
    numbers = read_camera_numbers(path)
    K = np.diag([numbers.image_scale, numbers.image_scale, 1.0]) @ numbers.intrinsics
    focal = np.array([K[0, 0], K[1, 1]])
    if not ((focal > 0).all() and np.allclose(K[2], [0, 0, 1]) and abs(K[1, 0]) < 1e-9):
        raise UserError(
            f"{path}: intrinsics cannot be inverted; write [[fx, s, cx], [0, fy, cy], [0, 0, 1]] with positive focal lengths"
        )
    if (focal < FOCAL_PX[0]).any() or (focal > FOCAL_PX[1]).any():
        raise UserError(
            f"{path}: intrinsics come to focal lengths of {focal[0]:.4g} and {focal[1]:.4g} px; "
            f"write px divided by image_scale ({numbers.image_scale:g})"
        )
    R = numbers.extrinsics[:, :3]
    if not np.allclose(R @ R.T, np.eye(3), atol=1e-3):
        raise UserError(f"{path}: the rotation in extrinsics is not orthonormal; write [R|t], world to camera, in mm")
    if np.linalg.det(R) < 0:
        raise UserError(f"{path}: the rotation in extrinsics is a mirror image (determinant -1); flip one axis")
    return Camera(K=K, R=project_rotation(R), t=numbers.extrinsics[:, 3], **numbers.optional)


def _optional_fields(path: Path, data: dict[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if data.get("image_size") is not None:
        fields["image_size"] = _image_size(path, data["image_size"])
    if data.get("distortion") is not None:
        count = len(data["distortion"]) if isinstance(data["distortion"], list) else 0
        if count not in (4, 5):
            raise UserError(
                f"{path}: distortion must be OpenCV's k1, k2, p1, p2 and optionally k3; write 4 or 5 numbers"
            )
        fields["distortion"] = np.append(
            _numbers(path, "distortion", data["distortion"], (count,)), [0.0] * (5 - count)
        )
    if data.get("world_up") is not None:
        up = _numbers(path, "world_up", data["world_up"], (3,))
        if abs(np.linalg.norm(up) - 1) > 1e-3:
            raise UserError(
                f"{path}: world_up must be a unit vector, but its length is {np.linalg.norm(up):.4g}; divide it by that"
            )
        fields["world_up"] = up / np.linalg.norm(up)
    if data.get("floor_height_mm") is not None:
        if "world_up" not in fields:
            raise UserError(f"{path}: floor_height_mm needs world_up beside it; add the unit vector that points up")
        fields["floor_height_mm"] = float(_numbers(path, "floor_height_mm", data["floor_height_mm"], ()))
    return fields


def _image_size(path: Path, value: Any) -> tuple[int, int]:
    sides = _numbers(path, "image_size", value, (2,))
    if not ((sides >= 1) & (sides <= LONGEST_SIDE) & (sides == sides.round())).all():
        raise UserError(f"{path}: image_size is {brief(value)}; write the image's [width, height] in whole px")
    return int(sides[0]), int(sides[1])


def write_camera(path: Path, camera: Camera, image_scale: float = IMAGE_SCALE) -> None:
    """Write a camera file; what the camera does not know is left out."""
    data: dict[str, Any] = {
        "intrinsics": (np.diag([1 / image_scale, 1 / image_scale, 1.0]) @ camera.K).tolist(),
        "extrinsics": np.column_stack([camera.R, camera.t]).tolist(),
        "image_scale": image_scale,
    }
    if camera.image_size is not None:
        data["image_size"] = list(camera.image_size)
    if camera.distortion is not None:
        data["distortion"] = camera.distortion.tolist()
    if camera.world_up is not None:
        data["world_up"] = camera.world_up.tolist()
    if camera.floor_height_mm is not None:
        data["floor_height_mm"] = camera.floor_height_mm
    write_json(path, data)


def read_label(path: Path) -> np.ndarray:
    """Read a label file: (24, 3) world mm in SMPL order. UserError names what does not fit."""
    return read_named_label(path)[0]


def read_named_label(path: Path) -> tuple[np.ndarray, bool]:
    """Read a label file as `read_label`, and say whether its joint names are known; else they are taken in SMPL order."""
    data = _object(path, read_json(path, "restore it, or delete it to leave its images without a label"))
    try:
        names, values = data["info"]["3d_pos"], data["annotations"]["3d_pos"]
    except (KeyError, TypeError):
        raise UserError(
            f"{path}: info.3d_pos (24 names) or annotations.3d_pos (24x3x1 mm) is missing; add it"
        ) from None
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise UserError(f"{path}: info.3d_pos must be a list of joint names; write the 24 of SMPL")
    try:
        order, recognised = joint_order(names)
    except ValueError as error:
        raise UserError(f"{path}: info.3d_pos {error}; write each SMPL joint once") from None
    nested = isinstance(values, list) and values and isinstance(values[0], list) and values[0]
    column = bool(nested) and isinstance(values[0][0], list)
    shape = (NUM_JOINTS, 3, 1) if column else (NUM_JOINTS, 3)
    return _numbers(path, "annotations.3d_pos", values, shape).reshape(NUM_JOINTS, 3)[order], recognised


def write_label(path: Path, joints_world_mm: np.ndarray, extra: dict[str, Any] | None = None) -> None:
    """Write a label file from (24, 3) world mm; `extra` fields of annotations are ours and ignored by readers."""
    annotations = {"3d_pos": np.asarray(joints_world_mm, dtype=float)[..., None].tolist(), **(extra or {})}
    write_json(path, {"info": {"3d_pos": list(JOINT_NAMES)}, "annotations": annotations}, indent=None)


def validation_path(root: Path) -> Path:
    """Where a data set lists the training images that validate."""
    return split_folder(root, "train") / "validation.json"


def read_validation_list(root: Path) -> set[str] | None:
    """The image names that validate, or None where the data set has no such list."""
    path = validation_path(root)
    if not os.path.lexists(path):  # a link to nothing is a mistake, not a missing list
        return None
    mend = "restore it, or set DATA.validation to person, pose, sequence or camera"
    names = read_json(path, mend)
    if not (isinstance(names, list) and names and all(isinstance(name, str) for name in names)):
        raise UserError(f"{path}: this must be a non-empty JSON list of image names, but it is {brief(names)}; {mend}")
    return set(names)
