"""Makes the corpus in benchmarks/fuzz/corpus: a few small valid files for every reader.

python -m benchmarks.fuzz.corpus
"""

from __future__ import annotations

import functools
import io
import json
import struct
import tempfile
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from safetensors.torch import save

from benchmarks.calibrations.rigs import make_rig
from benchmarks.calibrations.writers import WRITERS
from model.skeleton import JOINT_NAMES
from modules.config.paths import DEFAULT_CONFIG, PROJECT_ROOT
from modules.config.schema import Config
from modules.runs.folders import CHECKPOINT_VERSION

CORPUS = Path(__file__).with_name("corpus")
K, RT = [[0.87, 0, 0.28], [0, 0.87, 0.49], [0, 0, 1]], [[1, 0, 0, 10], [0, 0, -1, 1500], [0, 1, 0, 4000]]


@functools.cache
def read_corpus(name: str) -> tuple[bytes, ...]:
    """Returns the files of one folder of the corpus, in the order of their names."""
    return tuple(path.read_bytes() for path in sorted((CORPUS / name).iterdir()))


def json_files() -> dict[str, object]:
    """Returns the corpus's JSON files by path."""
    joints = np.arange(72.0).reshape(24, 3)
    entry = {"file_name": "1_F_1_1.jpg", "3d_pos": [[0, 0, 0]] * 24}
    opencv = {"K": [[1500, 0, 950], [0, 1490, 545], [0, 0, 1]], "rvec": [1.2, 0, 0], "tvec": [[0], [0], [4000]]}
    return {
        "camera/plain.json": {"intrinsics": K, "extrinsics": RT},
        "camera/full.json": {
            "intrinsics": K, "extrinsics": RT, "image_scale": 1920, "image_size": [1920, 1080],
            "distortion": [0.1, 0, 0, 0, 0], "world_up": [0, 0, 1], "floor_height_mm": 0,
        },
        "camera/crop.json": {
            "intrinsics": K, "extrinsics": RT, "image_size": [640, 480], "calibrated_size": [1920, 1080],
            "crop_offset": [10, 20],
        },
        "camera/opencv.json": {**opencv, "dist": [0.1, 0, 0, 0, 0]},
        "label/column.json": {"info": {"3d_pos": list(JOINT_NAMES)}, "annotations": {"3d_pos": joints[..., None].tolist()}},
        "label/flat.json": {"info": {"3d_pos": list(JOINT_NAMES)}, "annotations": {"3d_pos": joints.tolist()}},
        "sample/two.json": [entry, {**entry, "file_name": "1_F_1_2.jpg"}],
        "validation/two.json": ["1_F_1_1.jpg", "1_F_1_2.jpg"],
        "boxes/two.json": [
            {"file_name": "1_F_1_1.jpg", "person_box": [10, 20, 100, 200]},
            {"file_name": "1_F_1_2.jpg", "person_box": [1, 2, 3, 4]},
        ],
    }  # fmt: skip


def images() -> dict[str, bytes]:
    """Returns a small picture in every format, with and without EXIF."""
    cells = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    picture = cv2.resize(cells, (24, 16), interpolation=cv2.INTER_CUBIC)
    found = {
        f"images/plain{ending}": cv2.imencode(ending, picture)[1].tobytes()
        for ending in (".jpg", ".png", ".bmp", ".tif")
    }
    found["images/progressive.jpg"] = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    found["images/deep.png"] = cv2.imencode(".png", picture.astype(np.uint16) << 4)[1].tobytes()
    exif = Image.Exif()
    exif[0x0112] = 6
    for kind, options in (
        ("webp", {"lossless": True}),
        ("webp", {"exif": exif}),
        ("png", {"exif": exif}),
        ("jpeg", {"exif": exif}),
    ):
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, kind, **options)
        folder = "exif" if kind == "jpeg" else "images"
        found[f"{folder}/pillow-{len(found)}.{kind}"] = buffer.getvalue()
    plain = found["images/plain.jpg"]
    for order, mark in (("<", b"II"), (">", b"MM")):
        tiff = struct.pack(f"{order}2sHIHHHIHHI", mark, 42, 8, 1, 0x112, 3, 1, 8, 0, 0)
        header = b"\xff\xe1" + (len(tiff) + 8).to_bytes(2, "big") + b"Exif\0\0"
        found[f"exif/{mark.decode()}.jpg"] = plain[:2] + header + tiff + plain[2:]
    return found


def weights() -> dict[str, bytes]:
    """Returns a checkpoint and released weights with one small tensor, and arrays."""
    content = {
        "version": CHECKPOINT_VERSION, "spec": {"model_type": "pose"}, "config": Config().model_dump(mode="json"),
        "facts": {"mean_pose_crop_mm": [[0.0, 0.0, 0.0]] * 24, "pelvis_height_mm": 900.0},
        "key": "", "fingerprint": "",
    }  # fmt: skip
    checkpoint, arrays = io.BytesIO(), io.BytesIO()
    torch.save({**content, "model": {"w": torch.zeros(4)}}, checkpoint)
    np.savez(arrays, a=np.arange(6.0).reshape(2, 3), key=np.array("key"))
    released = save({"w": torch.zeros(4)}, {"groundpose": json.dumps(content)})
    return {
        "checkpoints/small.pt": checkpoint.getvalue(), "npz/small.npz": arrays.getvalue(),
        "weights/small.safetensors": released,
    }  # fmt: skip


SEVERAL_FILES = ("easymocap", "biocv", "colmap", "opencap")


def calibrations() -> dict[str, bytes]:
    """Returns a rig of three cameras in every calibration format; a file of several begins with a line of its own name."""
    found = {}
    with tempfile.TemporaryDirectory() as name:
        for kind, write in WRITERS.items():
            (folder := Path(name) / kind).mkdir()
            made = write(folder, make_rig(np.random.default_rng(0), 3))
            if kind not in SEVERAL_FILES:
                found[f"calibrations/{kind}{made.suffix}"] = made.read_bytes()
                continue
            for path in filter(Path.is_file, sorted(folder.rglob("*"))):
                place = str(path.relative_to(name))
                found[f"calibration_folders/{place.replace('/', '-')}"] = f"{place}\n".encode() + path.read_bytes()
    return found


def main() -> None:
    """Writes every file of the corpus."""
    config = (PROJECT_ROOT / DEFAULT_CONFIG).read_bytes()
    files = (
        {name: json.dumps(value).encode() for name, value in json_files().items()}
        | images()
        | weights()
        | calibrations()
    )
    files |= {
        "config/default.yml": b"\n".join(config.splitlines()[:40]),
        "config/small.yml": b"TRAIN: {num_epochs: 3, learning_rate: 1e-3}\nDATA:\n  root: data/demo\n",
        "list/names.txt": b"a.jpg\nb.png\n\nsub/c.tif\n", "list/column.csv": b"id,file_name\n1,a.jpg\n2,b.png\n",
    }  # fmt: skip
    for name, data in files.items():
        (CORPUS / name).parent.mkdir(parents=True, exist_ok=True)
        (CORPUS / name).write_bytes(data)


if __name__ == "__main__":
    main()
