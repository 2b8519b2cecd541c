"""Writes the rig of the examples as every format's own tools write it, by the rules of their public readers.

Nothing here is shared with the readers under test: rotations are turned into vectors and quaternions by SciPy, matrices are
inverted in full, and YAML is written by OpenCV.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from modules.pose_utils import Camera

Rig = Mapping[str, Camera]
Writer = Callable[[Path, Rig], Path]
OPENGL = np.diag([1.0, -1.0, -1.0])


def lens_of(camera: Camera) -> list[float]:
    return [0.0] * 5 if camera.distortion is None else camera.distortion.tolist()


def rodrigues(R: np.ndarray) -> list[float]:
    return Rotation.from_matrix(R).as_rotvec().tolist()


def wxyz(R: np.ndarray) -> list[float]:
    return np.roll(Rotation.from_matrix(R).as_quat(), 1).tolist()


def world2cam(camera: Camera, unit_mm: float) -> np.ndarray:
    M = np.eye(4)
    M[:3, :3], M[:3, 3] = camera.R, camera.t / unit_mm
    return M


def size(camera: Camera) -> tuple[int, int]:
    assert camera.image_size is not None
    return camera.image_size


def words(numbers: Any) -> str:
    return " ".join(repr(float(number)) for number in np.ravel(numbers))


def toml(path: Path, rig: Rig, unit_mm: float, extra: Callable[[str, Camera], str] = lambda name, camera: "") -> Path:
    text = ""
    for name, camera in rig.items():
        text += (
            f'[{name}]\nname = "{name}"\nsize = {[float(s) for s in size(camera)]}\nmatrix = {camera.K.tolist()}\n'
            f"distortions = {lens_of(camera)}\nrotation = {rodrigues(camera.R)}\n"
            f"translation = {(camera.t / unit_mm).tolist()}\n{extra(name, camera)}\n"
        )
    path.write_text(text + "[metadata]\nadjusted = false\nerror = 0.0\n")
    return path


def pose2sim(folder: Path, rig: Rig) -> Path:
    return toml(folder / "Calib.toml", rig, 1000, lambda name, camera: "fisheye = false")


def anipose(folder: Path, rig: Rig) -> Path:
    return toml(folder / "calibration.toml", rig, 1)


def freemocap(folder: Path, rig: Rig) -> Path:
    return toml(
        folder / "x_camera_calibration.toml", rig, 1,
        lambda name, camera: f"world_position = {(-camera.R.T @ camera.t).tolist()}\nworld_orientation = {camera.R.T.tolist()}",
    )  # fmt: skip


def caliscope(folder: Path, rig: Rig) -> Path:
    text = "[cameras.0]\ncam_id = 0\nsize = [1280, 720]\n"
    for index, camera in enumerate(rig.values(), 1):
        text += (
            f"[cameras.{index}]\ncam_id = {index}\nsize = {list(size(camera))}\nmatrix = {camera.K.tolist()}\n"
            f"distortions = {lens_of(camera)}\nrotation = {camera.R.tolist()}\ntranslation = {(camera.t / 1000).tolist()}\n"
            "fisheye = false\nrotation_count = 1\n"
        )
    (folder / "camera_array.toml").write_text(text)
    return folder / "camera_array.toml"


def lens_attributes(camera: Camera) -> str:
    k1, k2, p1, p2, k3 = lens_of(camera)
    return (
        f'radialDistortion1="{k1!r}" radialDistortion2="{k2!r}" radialDistortion3="{k3!r}" '
        f'tangentalDistortion1="{p1!r}" tangentalDistortion2="{p2!r}"'
    )


def matrix_attributes(M: np.ndarray) -> str:
    return " ".join(f'r{i + 1}{j + 1}="{float(M[i, j])!r}"' for i in range(3) for j in range(3))


def qualisys(folder: Path, rig: Rig) -> Path:
    text = "<calibration qtm-version='2024.3'><cameras>"
    for index, (name, camera) in enumerate(rig.items()):
        left, top = 64 * index, 32 * index
        (width, height), C, K = size(camera), (-camera.R.T @ camera.t).tolist(), (camera.K * 64).tolist()
        text += (
            f'<camera serial="{name}" model="Miqus Video" viewrotation="0">'
            f'<fov_video left="{left}" top="{top}" right="{left + width - 1}" bottom="{top + height - 1}"/>'
            f'<transform x="{C[0]!r}" y="{C[1]!r}" z="{C[2]!r}" {matrix_attributes(OPENGL @ camera.R)}/>'
            f'<intrinsic focalLengthU="{K[0][0]!r}" focalLengthV="{K[1][1]!r}" centerPointU="{K[0][2] + 64 * left!r}" '
            f'centerPointV="{K[1][2] + 64 * top!r}" {lens_attributes(camera)}/></camera>'
        )
    text += '<camera serial="9" model="Oqus 700"><intrinsic/></camera>'
    (folder / "rig.qca.txt").write_text(text + "</cameras></calibration>")
    return folder / "rig.qca.txt"


def theia(folder: Path, rig: Rig) -> Path:
    text = '<calibration third_party="false"><cameras>'
    for name, camera in rig.items():
        (width, height), K, t = size(camera), camera.K.tolist(), camera.t.tolist()
        text += (
            f'<camera serial="{name}"><transform x="{t[0]!r}" y="{t[1]!r}" z="{t[2]!r}" {matrix_attributes(camera.R)}/>'
            f'<intrinsic sensorMaxU="{width}" sensorMaxV="{height}" focalLengthU="{K[0][0]!r}" focalLengthV="{K[1][1]!r}" '
            f'centerPointU="{K[0][2]!r}" centerPointV="{K[1][2]!r}" {lens_attributes(camera)}/></camera>'
        )
    (folder / "theia.xml").write_text(text + "</cameras></calibration>")
    return folder / "theia.xml"


def easymocap(folder: Path, rig: Rig) -> Path:
    """As EasyMocap's FileStorage writes it, with OpenCV's full precision."""
    intri = cv2.FileStorage(str(folder / "intri.yml"), cv2.FileStorage_WRITE)
    extri = cv2.FileStorage(str(folder / "extri.yml"), cv2.FileStorage_WRITE)
    for storage in (intri, extri):
        storage.startWriteStruct("names", cv2.FileNode_SEQ)
        for name in rig:
            storage.write("", name)
        storage.endWriteStruct()
    for name, camera in rig.items():
        intri.write(f"K_{name}", camera.K)
        intri.write(f"dist_{name}", np.array([lens_of(camera)]))
        intri.write(f"W_{name}", size(camera)[0])
        intri.write(f"H_{name}", size(camera)[1])
        extri.write(f"R_{name}", np.array(rodrigues(camera.R))[:, None])
        extri.write(f"Rot_{name}", camera.R)
        extri.write(f"T_{name}", camera.t[:, None] / 1000)
    intri.release()
    extri.release()
    return folder


def panoptic(folder: Path, rig: Rig) -> Path:
    cameras = [
        {
            "name": name, "type": "hd", "resolution": size(camera), "panel": 0, "node": index, "K": camera.K.tolist(),
            "distCoef": lens_of(camera), "R": camera.R.tolist(), "t": (camera.t[:, None] / 10).tolist(),
        }
        for index, (name, camera) in enumerate(rig.items())
    ]  # fmt: skip
    return _json(folder / "calibration.json", {"calibDataSource": "x", "cameras": cameras})


def _json(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value))
    return path


def _pickle(path: Path, value: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(value, protocol=2))
    return path


def aist(folder: Path, rig: Rig) -> Path:
    return _json(folder / "setting1.json", [
        {
            "name": name, "size": size(camera), "matrix": camera.K.tolist(), "rotation": rodrigues(camera.R),
            "translation": (camera.t / 10).tolist(), "distortions": lens_of(camera),
        }
        for name, camera in rig.items()
    ])  # fmt: skip


def mpi(folder: Path, rig: Rig) -> Path:
    """Without distortion."""
    text = "Skeletool Camera Calibration File V1.0\n"
    for index, camera in enumerate(rig.values()):
        K = np.eye(4)
        K[:3, :3] = camera.K
        text += (
            f"name          {index}\n  sensor      10 10\n  size        {size(camera)[0]} {size(camera)[1]}\n  animated    0\n"
            f"  intrinsic   {words(K)} \n  extrinsic   {words(world2cam(camera, 1))} \n  radial      0\n"
        )
    (folder / "camera.calibration").write_text(text)
    return folder / "camera.calibration"


def h36m(folder: Path, rig: Rig) -> Path:
    ids = [str(index) for index in range(len(rig))]
    return _json(folder / "camera-parameters.json", {
        "intrinsics": {
            key: {"calibration_matrix": camera.K.tolist(), "distortion": lens_of(camera)}
            for key, camera in zip(ids, rig.values(), strict=True)
        },
        "extrinsics": {"S1": {
            key: {"R": camera.R.tolist(), "t": camera.t[:, None].tolist()}
            for key, camera in zip(ids, rig.values(), strict=True)
        }},
    })  # fmt: skip


def videopose3d(folder: Path, rig: Rig) -> Path:
    intrinsic, extrinsic = [], []
    for name, camera in rig.items():
        k1, k2, p1, p2, k3 = lens_of(camera)
        intrinsic.append({
            "id": name, "center": camera.K[:2, 2].tolist(), "focal_length": [camera.K[0, 0], camera.K[1, 1]],
            "radial_distortion": [k1, k2, k3], "tangential_distortion": [p2, p1],
            "res_w": size(camera)[0], "res_h": size(camera)[1],
        })  # fmt: skip
        extrinsic.append(
            {"orientation": wxyz(camera.R.T), "translation": np.linalg.inv(world2cam(camera, 1))[:3, 3].tolist()}
        )
    return _json(folder / "cameras.json", {"intrinsic": intrinsic, "extrinsic": {"S1": extrinsic, "S2": [{}, {}, {}]}})


def mmpose(folder: Path, rig: Rig) -> Path:
    cameras = {}
    for name, camera in rig.items():
        (k1, k2, p1, p2, k3), cam2world = lens_of(camera), np.linalg.inv(world2cam(camera, 1000))
        cameras["S1", name] = {
            "R": cam2world[:3, :3], "T": cam2world[:3, 3:], "f": camera.K[[0, 1], [0, 1]][:, None], "c": camera.K[:2, 2:],
            "k": np.array([[k1], [k2], [k3]]), "p": np.array([[p1], [p2]]), "w": size(camera)[0], "h": size(camera)[1],
        }  # fmt: skip
    return _pickle(folder / "cameras.pkl", cameras)


def biocv(folder: Path, rig: Rig) -> Path:
    for name, camera in rig.items():
        lines = [
            str(size(camera)[0]),
            str(size(camera)[1]),
            *map(words, camera.K),
            "",
            *map(words, world2cam(camera, 1)),
            "",
        ]
        (folder / f"{name}.calib").write_text("\n".join([*lines, words(lens_of(camera))]))
    return folder


def colmap(folder: Path, rig: Rig) -> Path:
    """In a unit of 2 mm."""
    cameras, images = "# Camera list\n", "# Image list with two lines of data per image\n"
    for index, (name, camera) in enumerate(rig.items(), 1):
        K, q = camera.K, wxyz(camera.R)
        lens = lens_of(camera)[:4]
        cameras += (
            f"{index} OPENCV {size(camera)[0]} {size(camera)[1]} "
            f"{words([K[0, 0], K[1, 1], K[0, 2] + 0.5, K[1, 2] + 0.5, *lens])}\n"
        )
        images += f"{index} {words([*q, *(camera.t / 2)])} {index} {name}.jpg\n\n"
    (folder / "cameras.txt").write_text(cameras)
    (folder / "images.txt").write_text(images)
    return folder


def nerfstudio(folder: Path, rig: Rig) -> Path:
    """In a unit of 2 mm."""
    frames = []
    for name, camera in rig.items():
        k1, k2, p1, p2, _ = lens_of(camera)
        frames.append({
            "file_path": f"images/{name}.jpg", "w": size(camera)[0], "h": size(camera)[1],
            "fl_x": camera.K[0, 0], "fl_y": camera.K[1, 1], "cx": camera.K[0, 2] + 0.5, "cy": camera.K[1, 2] + 0.5,
            "k1": k1, "k2": k2, "p1": p1, "p2": p2,
            "transform_matrix": (np.linalg.inv(world2cam(camera, 2)) @ np.diag([1.0, -1, -1, 1])).tolist(),
        })  # fmt: skip
    return _json(folder / "transforms.json", {"camera_model": "OPENCV", "frames": frames})


def opencap(folder: Path, rig: Rig) -> Path:
    for name, camera in rig.items():
        width, height = size(camera)
        _pickle(folder / "Videos" / name / "cameraIntrinsicsExtrinsics.pickle", {
            "intrinsicMat": camera.K, "distortion": np.array([lens_of(camera)]), "imageSize": np.array([[height], [width]]),
            "rotation": camera.R, "translation": camera.t[:, None], "rotation_EulerAngles": np.array(rodrigues(camera.R)),
        })  # fmt: skip
    return folder


def threedpw(folder: Path, rig: Rig) -> Path:
    """With the first camera's K, and without distortion or size."""
    first = next(iter(rig.values()))
    poses = [world2cam(camera, 1000) for camera in rig.values()]
    return _pickle(folder / "walk_00.pkl", {
        b"cam_intrinsics": first.K, "cam_poses": np.array([*poses, np.eye(4)]), "campose_valid": [np.array([1, 1, 1, 0])],
    })  # fmt: skip


def vicon(folder: Path, rig: Rig) -> Path:
    """Without distortion."""
    text = "<Cameras>"
    for index, (name, camera) in enumerate(rig.items()):
        K, C, q = camera.K, np.linalg.inv(world2cam(camera, 1))[:3, 3], Rotation.from_matrix(camera.R).as_quat()
        text += (
            f'<Camera DEVICEID="{index}" USERID="{name}" SYSTEM="DV" SENSOR_SIZE="{size(camera)[0]} {size(camera)[1]}" '
            f'PIXEL_ASPECT_RATIO="{float(K[0, 0] / K[1, 1])!r}"><KeyFrames><KeyFrame FOCAL_LENGTH="{float(K[0, 0])!r}" '
            f'PRINCIPAL_POINT="{words(K[:2, 2])}" ORIENTATION="{words(q)}" POSITION="{words(C)}" VICON_RADIAL="0 0"/>'
            "</KeyFrames></Camera>"
        )
    text += '<Camera DEVICEID="99" SENSOR_SIZE="10 10"/>'
    (folder / "rig.xcp").write_text(text + "</Cameras>")
    return folder / "rig.xcp"


WRITERS: dict[str, Writer] = {
    writer.__name__: writer
    for writer in (
        pose2sim, anipose, freemocap, caliscope, qualisys, theia, easymocap, panoptic, aist, mpi, h36m, videopose3d, mmpose,
        biocv, colmap, nerfstudio, opencap, threedpw, vicon,
    )
}  # fmt: skip
PINHOLE = ("mpi", "threedpw", "vicon")  # formats without distortion
SCALES = {"colmap": 2.0, "nerfstudio": 2.0}  # mm per unit
