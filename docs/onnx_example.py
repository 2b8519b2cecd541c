"""Runs an exported network with NumPy and onnxruntime alone: cached numbers in, world millimetres out.

python export.py --onnx released            # writes results/onnx/posenet
python docs/onnx_example.py results/onnx/posenet
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime


def main(folder: Path) -> None:
    """Predicts the cached images and compares with what PyTorch predicted for them."""
    session = onnxruntime.InferenceSession(str(folder / "posenet.onnx"))
    for entry in session.get_inputs():
        print(f"{entry.name:40} {entry.type:16} {entry.shape}")
    with np.load(folder / "inputs.npz") as file:
        inputs = {entry.name: file[entry.name] for entry in session.get_inputs()}
        by_torch = file["torch_joints_world_mm"]
    joints_world_mm = session.run(["joints_world_mm"], inputs)[0]  # (images, 24, 3)

    names = json.loads(session.get_modelmeta().custom_metadata_map["joint_names"])
    for name, (x, y, z) in zip(names, joints_world_mm[0], strict=True):
        print(f"{name:16} {x:9.1f} {y:9.1f} {z:9.1f} mm")
    distance = np.linalg.norm(joints_world_mm - by_torch, axis=-1)
    print(f"{len(by_torch)} images, at most {distance.max():.5f} mm from PyTorch")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
