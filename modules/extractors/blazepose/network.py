"""A tflite model with one image input, run by OpenVINO or by LiteRT."""

from __future__ import annotations

import functools
import warnings
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from modules.config.engines import Engine, check_engine, float32_engine
from modules.console import no_chatter

HEATMAPS = (64, 64, 39)  # an output of the landmark networks
FEATURES = (64, 64, 48)  # the layer that it is made of
MASK = (256, 256, 1)  # their output of the person's outline, which nothing reads


class Network(Protocol):
    """A tflite model with one image input, whose outputs are identified by their number of values.

    Of a network whose features are wanted, no other output may be read.
    """

    def run(self, image: np.ndarray) -> None:
        """Runs the network on one float32 image (H, W, 3)."""
        ...

    def output(self, *shape: int) -> np.ndarray:
        """Returns the last run's output with this shape, without the batch axis."""
        ...

    def features(self) -> np.ndarray:
        """Returns the last run's layer before the heatmaps, with the shape FEATURES."""
        ...


def load_network(path: Path, threads: int, engine: Engine | None = None, features_of: str | None = None) -> Network:
    """Loads a model to run on so many threads; without an engine, by the best one in float32.

    `features_of` is the name of the layer before the heatmaps, if its features are wanted and nothing else. Raises UserError
    if this machine cannot run the engine.
    """
    engine = engine or float32_engine()
    check_engine(engine)
    if engine == "litert":
        return _LiteRtNetwork(path, threads, features_of)
    return _OpenVinoNetwork(path, threads, engine == "openvino-bf16", features_of is not None)


class _LiteRtNetwork:
    """Keeping the features makes a run half as long again."""

    def __init__(self, path: Path, threads: int, features_of: str | None) -> None:
        from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415  (training imports this without LiteRT)

        with no_chatter(), warnings.catch_warnings():
            # LiteRT warns that preserved tensors take memory: 0.3 GB for the heavy network.
            warnings.simplefilter("ignore", UserWarning)
            self._interpreter = Interpreter(
                model_path=str(path), num_threads=threads, experimental_preserve_all_tensors=features_of is not None
            )
            self._interpreter.allocate_tensors()
        tensors = [] if features_of is None else self._interpreter.get_tensor_details()
        self._features = next((tensor["index"] for tensor in tensors if tensor["name"] == features_of), None)
        self._input = self._interpreter.get_input_details()[0]["index"]
        details = self._interpreter.get_output_details()
        self._outputs = {int(np.prod(detail["shape"])): detail["index"] for detail in details}

    def run(self, image: np.ndarray) -> None:
        """See Network."""
        self._interpreter.set_tensor(self._input, image[None])
        self._interpreter.invoke()

    def output(self, *shape: int) -> np.ndarray:
        """See Network."""
        values: np.ndarray = self._interpreter.get_tensor(self._outputs[int(np.prod(shape))]).reshape(shape)
        return values

    def features(self) -> np.ndarray:
        """See Network."""
        values: np.ndarray = self._interpreter.get_tensor(self._features)[0]
        return values


class _OpenVinoNetwork:
    """Computes only what leads to a wanted output: not the mask, and of a network whose features are wanted nothing else."""

    def __init__(self, path: Path, threads: int, in_bf16: bool, with_features: bool) -> None:
        model = _model_of(_core().read_model(path), with_features)
        options = {
            # Never by itself: OpenVINO takes bfloat16 where the processor has it.
            "INFERENCE_PRECISION_HINT": "bf16" if in_bf16 else "f32",
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,  # pinned, several processes share one processor
        }
        compiled = _core().compile_model(model, "CPU", options)
        self._request = compiled.create_infer_request()
        self._outputs = {int(np.prod(output.shape)): i for i, output in enumerate(compiled.outputs)}

    def run(self, image: np.ndarray) -> None:
        """See Network."""
        self._request.infer([image[None]])

    def output(self, *shape: int) -> np.ndarray:
        """See Network."""
        values: np.ndarray = self._request.get_output_tensor(self._outputs[int(np.prod(shape))]).data.reshape(shape)
        return values.copy()  # the next run overwrites it

    def features(self) -> np.ndarray:
        """See Network."""
        height, width, channels = FEATURES
        return self.output(channels, height, width).transpose(1, 2, 0)


def _model_of(model: Any, with_features: bool) -> Any:
    """Returns the model of the wanted outputs alone."""
    import openvino  # noqa: PLC0415

    results = [output for output in model.outputs if int(np.prod(output.shape)) != np.prod(MASK)]
    wanted = [_input_of_last_convolution(model)] if with_features else [one.node.input_value(0) for one in results]
    return openvino.Model(wanted, model.get_parameters())


@functools.cache
def _core() -> Any:
    import openvino  # noqa: PLC0415  (training imports this without OpenVINO)

    return openvino.Core()


def _input_of_last_convolution(model: Any) -> Any:
    """Returns what the convolution that makes the heatmaps reads, (1, 48, 64, 64); OpenVINO drops its name."""
    node = next(output.node for output in model.outputs if int(np.prod(output.shape)) == np.prod(HEATMAPS))
    while node.get_type_name() != "Convolution":
        node = node.input_value(0).get_node()
    return node.input_value(0)
