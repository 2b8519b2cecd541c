"""Arguments, results and errors of a SavedModel's functions, as NumPy arrays and plain text.

TensorFlow is imported only when it is needed, so that training can import this beside torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

MAX_REASON = 160  # characters of TensorFlow's error message


def argument_names(function: Any) -> tuple[str, ...]:
    """Returns the names of the arguments that a function of a SavedModel takes."""
    return tuple(function.function_type.parameters)


def first_line(error: BaseException) -> str:
    """Returns the first line of an error's message, as a part of a sentence."""
    lines = str(error).strip().splitlines()
    return lines[0].strip().rstrip(".")[:MAX_REASON] if lines else type(error).__name__


def float32(values: ArrayLike) -> np.ndarray:
    """Returns the values as a float32 array."""
    return np.asarray(values, dtype=np.float32)


def ragged_boxes(rows: Sequence[np.ndarray]) -> Any:
    """Returns the boxes (n, 4) of each image as a ragged tensor [images, None, 4] float32."""
    import tensorflow as tf  # noqa: PLC0415

    flat = np.concatenate([np.zeros((0, 4)), *rows])
    return tf.RaggedTensor.from_row_lengths(float32(flat), [len(row) for row in rows])


def take_rows(ragged: Any, indices: Sequence[int]) -> Any:
    """Returns some rows of a ragged tensor."""
    import tensorflow as tf  # noqa: PLC0415

    return tf.gather(ragged, list(indices))


def row(values: Any, index: int) -> np.ndarray:
    """Returns one image's part of a result, ragged or not, as an array."""
    part = values[index]
    return part.to_tensor().numpy() if hasattr(part, "to_tensor") else np.asarray(part)
