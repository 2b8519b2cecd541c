"""A tflite model with one image input, run by LiteRT."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from modules.console import no_chatter


class Network:
    """A tflite model with one image input, whose outputs are identified by their number of values.

    `intermediate` names an inner tensor that `intermediate_output` returns; keeping it makes a run half as long again.
    """

    def __init__(self, path: Path, threads: int, intermediate: str | None = None) -> None:
        from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415  (training imports this without LiteRT)

        with no_chatter(), warnings.catch_warnings():
            # LiteRT warns that preserved tensors take memory: 0.3 GB for the heavy network.
            warnings.simplefilter("ignore", UserWarning)
            self._interpreter = Interpreter(
                model_path=str(path), num_threads=threads, experimental_preserve_all_tensors=intermediate is not None
            )
            self._interpreter.allocate_tensors()
        tensors = [] if intermediate is None else self._interpreter.get_tensor_details()
        self._intermediate = next((tensor["index"] for tensor in tensors if tensor["name"] == intermediate), None)
        self._input = self._interpreter.get_input_details()[0]["index"]
        details = self._interpreter.get_output_details()
        self._outputs = {int(np.prod(detail["shape"])): detail["index"] for detail in details}

    def run(self, image: np.ndarray) -> None:
        """Runs the network on one float32 image (H, W, 3)."""
        self._interpreter.set_tensor(self._input, image[None])
        self._interpreter.invoke()

    def output(self, *shape: int) -> np.ndarray:
        """Returns the last run's output with this shape, without the batch axis."""
        values: np.ndarray = self._interpreter.get_tensor(self._outputs[int(np.prod(shape))]).reshape(shape)
        return values

    def intermediate_output(self) -> np.ndarray:
        """Returns the last run's intermediate tensor, without the batch axis."""
        values: np.ndarray = self._interpreter.get_tensor(self._intermediate)[0]
        return values
