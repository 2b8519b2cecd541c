"""The MeTRAbs weights that are known by name: where their author keeps them, under what licence, what is known of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PRE_MODELS = Path(__file__).resolve().parent
SAVED_MODEL = "saved_model.pb"  # the file by which TensorFlow knows a SavedModel's folder
RECORD = "worldpose.json"  # what we write beside it; TensorFlow reads only the names that it knows
LICENCE = "non-commercial use only, by its training data"
_AUTHORS_SERVER = "https://omnomnom.vision.rwth-aachen.de/data/metrabs/"


@dataclass(frozen=True)
class Known:
    """One archive with one SavedModel. None stands for what nobody has told us."""

    name: str
    url: str
    what: str
    size_bytes: int | None = None
    sha256: str | None = None
    licence: str = LICENCE


_MODELS = (
    # The models of 2021, as the README of the public MeTRAbs repository lists them.
    Known("metrabs_singleperson_smpl", f"{_AUTHORS_SERVER}metrabs_singleperson_smpl.zip", "2021, crops of one person"),
    Known("metrabs_multiperson_smpl", f"{_AUTHORS_SERVER}metrabs_multiperson_smpl.zip", "2021, images with boxes"),
    Known(
        "metrabs_multiperson_smpl_combined",
        f"{_AUTHORS_SERVER}metrabs_multiperson_smpl_combined.zip",
        "2021, images, with a detector",
    ),
    # The current ones: short links that the author publishes as tensorflow-hub handles, each to a tar.gz on that server.
    Known(
        "metrabs_s",
        "https://bit.ly/metrabs_s",
        "EfficientNetV2-S at 384 px",
        # A third party's record: the deployment notes of a public repository, never verified by us. It tells whether an
        # archive is the one that they had, which is more than nothing and less than the author's word.
        size_bytes=344_181_307,
        sha256="a1c5d020911b62598131a42c6a550aaa96abb346b43b4a341d9977942525dc4e",
    ),
    Known("metrabs_l", "https://bit.ly/metrabs_l", "EfficientNetV2-L at 384 px"),
    Known("metrabs_xl", "https://bit.ly/metrabs_xl", "EfficientNetV2-XL at 384 px"),
)
METRABS: dict[str, Known] = {model.name: model for model in _MODELS}


def stands(name: str, folder: Path = PRE_MODELS) -> bool:
    """Whether a SavedModel lies where this name is looked for."""
    return (folder / name / SAVED_MODEL).is_file()


def missing_sentence(name: str, folder: Path = PRE_MODELS) -> str:
    """That the weights of this name are absent, and all the ways to have them or to do without."""
    path = folder / name / SAVED_MODEL
    command, by_hand = f"python -m pre_models.fetch {name}", "unpack an archive of it"
    if name in METRABS:
        by_hand = f"unpack {METRABS[name].url}"
    else:
        command += " --from ARCHIVE"
    return (
        f"{path}: these weights are missing; run `{command}`, or {by_hand} by hand so that this file exists; "
        "EXTRACT.extractor=blazepose needs nothing of it"
    )
