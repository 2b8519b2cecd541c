"""Compares the speed of an exported network in onnxruntime with PyTorch's, from cached numbers to world mm.

    python export.py --onnx released
    python -m benchmarks.onnx_speed results/onnx/posenet released

Both use the same number of threads, OMP_NUM_THREADS if it is set. Each figure is the fastest of several repetitions, since
other programs on the machine disturb it least.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from modules.export.onnx_export import INPUTS, NAME
from modules.export.world_network import CAMERA, WorldNetwork, input_name
from modules.inference.uncertainty import Calibration
from modules.runs.checkpoints import RELEASED, load_checkpoint, restore_network
from modules.runs.folders import best_checkpoint

REPETITIONS, WARM_UP = 30, 3
SAMPLE = (
    "image", "joints", "pose_features", "has_floor", "has_up", "K_crop", "root_mm", "joints_level", "camera", "up_crop",
    "joint_features", "has_joint_features",
)  # fmt: skip


def main() -> None:
    """Prints a Markdown table of milliseconds per image."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the folder that export.py --onnx has written")
    parser.add_argument("run", type=Path, help="the run that was exported, or `released`")
    arguments = parser.parse_args()
    threads = torch.get_num_threads()
    run = RELEASED if arguments.run == Path("released") else arguments.run
    print(
        f"| images per batch | onnxruntime {onnxruntime.__version__}, ms per image | torch {torch.__version__}, ms per image |"
    )
    print("| --- | --- | --- |")
    with np.load(arguments.folder / INPUTS) as file:
        arrays = {name: file[name] for name in file.files if not name.startswith("torch_")}
    by_onnx, by_torch = onnx_predictor(arguments.folder / NAME, threads), torch_predictor(run)
    for batch in sorted({1, len(arrays["R_cam2crop"])}):
        part = {name: values[:batch] for name, values in arrays.items()}
        times = [milliseconds(predict, part) / batch for predict in (by_onnx, by_torch)]
        print(f"| {batch} | {times[0]:.3f} | {times[1]:.3f} |")
    print(f"\n{threads} threads, fastest of {REPETITIONS} repetitions")


def onnx_predictor(path: Path, threads: int) -> Callable[[dict[str, np.ndarray]], object]:
    """Returns a function that predicts with onnxruntime."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options)
    return lambda arrays: session.run(None, arrays)


def torch_predictor(run: Path) -> Callable[[dict[str, np.ndarray]], object]:
    """Returns a function that predicts with PyTorch from the same arrays."""
    path = best_checkpoint(run)
    checkpoint = load_checkpoint(path)
    numbers = checkpoint["facts"].get("uncertainty")
    world = WorldNetwork(restore_network(checkpoint, path), None if numbers is None else Calibration.of(numbers)).eval()
    names = {input_name(name): name for name in (*SAMPLE, *(f"mirrored_{one}" for one in SAMPLE), *CAMERA)}

    def predict(arrays: dict[str, np.ndarray]) -> object:
        with torch.inference_mode():
            return world({names[name]: torch.from_numpy(values) for name, values in arrays.items()})

    return predict


def milliseconds(predict: Callable[[dict[str, np.ndarray]], object], arrays: dict[str, np.ndarray]) -> float:
    """Returns the shortest time of a prediction."""
    times = []
    for _ in range(WARM_UP + REPETITIONS):
        start = time.perf_counter()
        predict(arrays)
        times.append((time.perf_counter() - start) * 1000)
    return min(times[WARM_UP:])


if __name__ == "__main__":
    main()
