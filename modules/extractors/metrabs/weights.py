"""The MeTRAbs weights that are known by name: their addresses, sizes, hashes and licence."""

from __future__ import annotations

from pathlib import Path

from modules.extractors.weights import PRE_MODELS, KnownWeights

SAVED_MODEL = "saved_model.pb"  # the file that makes a folder a SavedModel
RECORD = "groundpose.json"  # written beside it by pre_models.fetch: source, hash and trust; TensorFlow ignores it
OLD_RECORD = "worldpose.json"  # the same, written under the project's old name
_LICENCE = "non-commercial use only, by its training data"
_SERVER = "https://omnomnom.vision.rwth-aachen.de/data/metrabs/"  # the author's


def _model_2021(name: str, what: str) -> KnownWeights:
    return KnownWeights(name, f"{_SERVER}{name}.zip", what, _LICENCE)


_MODELS = (
    # The models of 2021, as listed in the README of the public MeTRAbs repository.
    _model_2021("metrabs_singleperson_smpl", "2021, crops of one person"),
    _model_2021("metrabs_multiperson_smpl", "2021, images with boxes"),
    _model_2021("metrabs_multiperson_smpl_combined", "2021, images, with a detector"),
    # The current models: short links that the author publishes as tensorflow-hub handles, each to a tar.gz on that server.
    KnownWeights(
        "metrabs_s",
        "https://bit.ly/metrabs_s",
        "EfficientNetV2-S at 384 px",
        _LICENCE,
        # Size and hash are from the deployment notes of a third party's public repository; the author publishes none, and
        # we have not verified them. They only tell whether an archive is the one that this third party used.
        size_bytes=344_181_307,
        sha256="a1c5d020911b62598131a42c6a550aaa96abb346b43b4a341d9977942525dc4e",
    ),
    KnownWeights("metrabs_l", "https://bit.ly/metrabs_l", "EfficientNetV2-L at 384 px", _LICENCE),
    KnownWeights("metrabs_xl", "https://bit.ly/metrabs_xl", "EfficientNetV2-XL at 384 px", _LICENCE),
)
METRABS: dict[str, KnownWeights] = {model.name: model for model in _MODELS}


def is_present(name: str, folder: Path = PRE_MODELS) -> bool:
    """Returns whether `folder` holds a SavedModel of this name."""
    return (folder / name / SAVED_MODEL).is_file()


def missing_sentence(name: str, folder: Path = PRE_MODELS) -> str:
    """Returns the message that the weights of this name are missing, with the ways to get them or to do without."""
    path = folder / name / SAVED_MODEL
    command, by_hand = f"python -m pre_models.fetch {name}", "unpack an archive of it"
    if name in METRABS:
        by_hand = f"unpack {METRABS[name].url}"
    else:
        command += " --from ARCHIVE"
    return (
        f"{path}: these weights are missing; run `{command}`, or {by_hand} by hand so that this file exists; "
        "EXTRACT.extractor=blazepose does not need them"
    )
