"""The split into training and validation rows, by group."""

from __future__ import annotations

import numpy as np

from modules.cache.table import VALIDATED_ROWS, Rows
from modules.config.schema import Config
from modules.files.labels import read_validation_list, validation_path
from modules.files.names import nfc
from modules.utils import UserError, log


def split_rows(rows: Rows, config: Config) -> tuple[Rows, Rows]:
    """Splits the labelled rows with a person into training and validation, by group. Raises UserError if one is empty.

    Of many validation rows, VALIDATED_ROWS validate, always the same ones; the others are not trained on either.
    """
    usable = rows["found"] & rows["labelled"]
    validates = _validation_mask(rows, config)
    train, validation = rows.take(usable & ~validates), rows.take(usable & validates)
    if not rows["found"].any():
        raise UserError(f"{config.data_root}: no person is found in any training image; use images that show one")
    for part, what in ((train, "train"), (validation, "validate")):
        if len(part) == 0:
            raise UserError(
                f"{config.data_root}: no labelled image with a person is left to {what} on ({(~rows['labelled']).sum()} "
                f"of {len(rows)} images have no label, in {(~rows['found']).sum()} no person was found); add labels, "
                "or change the validation list or DATA.validation"
            )
    if len(validation) > VALIDATED_ROWS:
        log.info("%d of the %d validation images validate, drawn at random", VALIDATED_ROWS, len(validation))
    return train, validation.sample(VALIDATED_ROWS)


def holds_out_people(train: Rows, validation: Rows) -> bool:
    """Returns whether nobody in the validation rows is in the training rows too."""
    return not set(train["person"].astype(str)) & set(validation["person"].astype(str))


def extra_rows(rows: Rows, config: Config) -> Rows:
    """Returns the training rows of an extra data set: labelled, with a person, not on its validation list."""
    listed = read_validation_list(config.data_root) or set()
    kept = rows["found"] & rows["labelled"] & ~np.isin(_listed_names(rows), list(listed))
    if not kept.any():
        raise UserError(
            f"{config.data_root}: no labelled image with a person is left to train on; add labels, or remove it "
            "from DATA.extra_roots"
        )
    return rows.take(kept)


def log_split(rows: Rows, validation: Rows, config: Config) -> None:
    """Logs the validation groups and the images left out: their count on the console, every name in the log file."""
    grouping = config.DATA.validation
    if grouping != "list":
        log.info("validation %ss: %s", grouping, ", ".join(sorted(set(_groups(validation, grouping)))))
    for why, left_out in (
        ("no label", rows["found"] & ~rows["labelled"]),
        ("no person found", ~rows["found"].astype(bool)),
    ):
        names = rows["file_name"][left_out]
        if len(names):
            log.info("not trained on: %d images (%s), such as %s", len(names), why, names[0])
        for name in names:
            log.debug("not trained on: %s (%s)", name, why)


def _listed_names(rows: Rows) -> list[str]:
    """Returns the rows' image names in the form in which a validation list is read."""
    return [nfc(str(name)) for name in rows["file_name"]]


def _groups(rows: Rows, grouping: str) -> np.ndarray:
    """Returns the name of each row's group; a group is held out as a whole."""
    names = rows[grouping].astype(str)
    if grouping == "sequence":  # one moment of one recording: its views share a label
        names = np.array(["_".join(parts) for parts in zip(rows["pose"], rows["person"], names, strict=True)])
    return names


def _validation_mask(rows: Rows, config: Config) -> np.ndarray:
    """Returns which rows validate."""
    grouping = config.DATA.validation
    if grouping == "list":
        listed = read_validation_list(config.data_root)
        path = validation_path(config.data_root)
        if listed is None:
            raise UserError(
                f"{path}: this list is missing; write it, or set DATA.validation to person, pose, sequence or camera"
            )
        own = _listed_names(rows)
        unknown = listed - set(own)
        if unknown:
            raise UserError(f"{path}: {min(unknown)} is not among the training images; remove it from the list")
        return np.isin(own, list(listed))
    names = _groups(rows, grouping)
    groups = sorted(set(names))
    if len(groups) < 2:
        raise UserError(
            f"DATA.validation={grouping}: the training images have only one {grouping}; use list, or another group"
        )
    count = min(max(1, round(config.DATA.validation_share * len(groups))), len(groups) - 1)
    held_out = np.random.default_rng(config.SEED.random_seed).permutation(groups)[:count]
    return np.isin(names, held_out)
