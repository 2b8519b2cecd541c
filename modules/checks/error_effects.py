"""What the findings about cameras, and a person's distance by floor and by size, imply for the expected error of each image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.skeleton import FEET
from modules.checks.measures import USUAL_RATIO
from modules.checks.recordings import Finding

AGREES = (0.9, 1.1)  # distance by the floor over that by the size, and over the usual ratio of the two
SHARE = 0.15  # of the distances' difference; fits the errors of synthetic images (python -m benchmarks.off_floor)
MOST = 0.5  # share of images from which on floor or camera may be wrong; of sound sets 0-29 % are outside AGREES


@dataclass(frozen=True)
class ErrorEffects:
    """Per image: why its expected error is withheld, by how much it is raised (mm), and why; None where it is not."""

    withheld: list[str | None]
    raised_mm: np.ndarray  # (B,)
    raised_by: list[str | None]


def effects_of(rows: Mapping[str, np.ndarray], findings: Sequence[Finding]) -> ErrorEffects:
    """Returns the effects of findings on cache rows (columns). A problem withholds the expected error, a note raises it."""
    columns = (rows[name] for name in ("pose", "person", "camera"))
    views = np.array([f"{pose}_{person}_{camera}" for pose, person, camera in zip(*columns, strict=True)], dtype=str)
    wrong = {name: one.sentence for one in findings if one.is_problem for name in one.views}
    distance = np.nan_to_num(np.linalg.norm(rows["root_cam_mm"].astype(float), axis=-1))
    ratio = floor_over_size(rows)
    apart = is_apart(ratio)
    share = 1.0 if apart.mean() > MOST else SHARE
    raised = np.where(apart, share * distance * difference(ratio), 0.0)
    by: list[str | None] = [_apart_note(x) if is_so else None for x, is_so in zip(ratio, apart, strict=True)]
    for one in findings:
        if one.is_problem:
            continue
        implied = one.off_mm + one.off_share * distance
        for row in np.flatnonzero(np.isin(views, one.views) & (implied > raised)).tolist():
            raised[row], by[row] = implied[row], one.sentence
    return ErrorEffects([wrong.get(str(view)) for view in views], raised, by)


def floor_over_size(rows: Mapping[str, np.ndarray]) -> np.ndarray:
    """Returns each person's distance by the floor over that by the size, over the usual ratio: (B,), NaN if unknown.

    It is 1 for people who stand on the floor; above 1 their feet are in the air or on a step, or they are small; below 1 the
    feet are below the floor, or they are tall.
    """
    people = rows["root_cam_mm"][:, None] + rows["joints_rel_mm"]
    up = np.einsum("bij,bj->bi", rows["R"], rows["world_up"])
    centre = -np.einsum("bji,bj->bi", rows["R"], rows["t"])
    height = (rows["world_up"] * centre).sum(-1) - rows["floor_height_mm"]
    drop = -np.einsum("bni,bi->bn", people[:, FEET], up).min(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(height / drop / USUAL_RATIO)


def is_apart(ratio: np.ndarray) -> np.ndarray:
    """Returns whether floor and size disagree by more than a tenth: (B,)."""
    return np.asarray(np.isfinite(ratio) & ((ratio < AGREES[0]) | (ratio > AGREES[1])))


def difference(ratio: np.ndarray) -> np.ndarray:
    """Returns the difference of two distances of this ratio, as a share of the larger one: (B,), 1 where it is negative."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(ratio > 0, np.minimum(np.abs(1 - ratio), np.abs(1 - 1 / ratio)), 1.0))


def apart_sentence(names: Sequence[str], ratio: np.ndarray, list_path: Path) -> str | None:
    """Returns one sentence about the images in which floor and size disagree; None if there are none.

    `names` and `ratio` are of all images. In most of them it is no matter of people.
    """
    apart = np.flatnonzero(is_apart(ratio))
    if not apart.size:
        return None
    where = f"in {apart.size} of {len(names)} images the person's distances by the floor and by the size differ by over a tenth"
    if apart.size > MOST * len(names):
        return (
            f"{where} (by the floor {np.median(ratio[apart]):.2f} times as far away); right if these are children or people "
            "off the floor, otherwise check floor_height_mm and K (of this zoom, this crop?); their expected error is raised"
        )
    most = int(apart[np.argmax(difference(ratio[apart]))])
    return (
        f"{where}, most in {names[most]} ({_apart_note(ratio[most])}), as of people who jump, lie or stand on a step; their "
        f"expected error is raised; name those off the floor in {list_path}"
    )


def _apart_note(ratio: float) -> str:
    if ratio <= 0:
        return "by the floor the person is behind the camera"
    return f"by the floor the person is {ratio:.2f} times as far away as by the size"
