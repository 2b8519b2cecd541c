"""Loads a SavedModel with TensorFlow and recognises which kind of MeTRAbs model it is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from modules.console import no_chatter
from modules.extractors.metrabs.base import Model
from modules.extractors.metrabs.current import CurrentModel
from modules.extractors.metrabs.models_2021 import CombinedModel, MultipersonModel
from modules.extractors.metrabs.saved_model import argument_names, first_line
from modules.extractors.metrabs.singleperson import SinglepersonModel
from modules.utils import UserError


def load_model(folder: Path) -> Model:
    """Loads the model in a SavedModel's folder.

    Raises UserError if TensorFlow is not installed, the files are damaged, or it is no MeTRAbs model with SMPL's joints.
    """
    with no_chatter():
        loaded = _load(folder)
    return recognise(loaded, folder)


def _load(folder: Path) -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # no log lines about devices
    try:
        import tensorflow as tf  # noqa: PLC0415
    except ImportError:
        raise UserError(
            "EXTRACT.extractor=metrabs: TensorFlow is not installed; run python -m pip install -r requirements-metrabs.txt"
        ) from None
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)
    try:
        return tf.saved_model.load(str(folder))
    except Exception as error:  # TensorFlow raises anything from OSError to IndexError
        raise UserError(
            f"{folder}: this SavedModel cannot be loaded ({first_line(error)}); it is damaged, so fetch it again"
        ) from None


def recognise(loaded: Any, folder: Path) -> Model:
    """Returns the model of the kind that the loaded object's functions and arguments imply.

    Raises UserError if it is no MeTRAbs model.
    """
    if hasattr(loaded, "detect_poses_batched") and hasattr(loaded, "estimate_poses_batched"):
        return CurrentModel(loaded, folder)
    if hasattr(loaded, "predict_single_image"):
        has_detector = any(name.startswith("detector") for name in argument_names(loaded.predict_single_image))
        return CombinedModel(loaded, folder) if has_detector else MultipersonModel(loaded, folder)
    if callable(loaded):
        return SinglepersonModel(loaded, folder)
    raise UserError(
        f"{folder}: this SavedModel is no MeTRAbs model: it has neither detect_poses_batched, nor predict_single_image, "
        "nor a call on crops; set EXTRACT.weights to one"
    )
