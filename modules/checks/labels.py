"""Compares where labels project with the extractor's 2D joints, as cached."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from modules.checks.agreement import CALM

FITS = 0.1  # of the person's size in the image: the two definitions of the joints differ by less than this


def label_misfits(rows: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Returns how far labels project from the extractor's joints, by view: share of the person's size.

    It is the lower quartile of the images: a wrong camera shows in all of them, a failing extractor in some.
    `rows` are columns of the cache; views without a labelled image that shows a person are left out.
    """
    usable = np.flatnonzero(rows["labelled"].astype(bool) & rows["found"].astype(bool))
    px, truth = rows["joints_px"][usable], rows["true_joints_px"][usable]
    person = np.ptp(px, axis=1).max(-1)
    misfits = np.median(np.linalg.norm(truth - px, axis=-1), axis=-1) / np.maximum(person, 1.0)
    columns = (rows[name][usable] for name in ("pose", "person", "camera"))
    names = np.array([f"{pose}_{who}_{camera}" for pose, who, camera in zip(*columns, strict=True)], dtype=str)
    unique, inverse = np.unique(names, return_inverse=True)
    return {str(name): float(np.quantile(misfits[inverse == index], CALM)) for index, name in enumerate(unique)}


def label_warning(rows: Mapping[str, np.ndarray], split: str) -> str | None:
    """Returns one sentence if the labels of some views project too far from the extractor's joints; None otherwise."""
    misfits = label_misfits(rows)
    wrong = {name: share for name, share in misfits.items() if share > FITS}
    if not wrong:
        return None
    name = max(wrong, key=lambda one: wrong[one])
    return (
        f"labels and images disagree in {len(wrong)} of {len(misfits)} views: through camera/{name}.json labels project "
        f"{_share(wrong[name])} from the extractor's joints, where at most {FITS} is usual; run python check_data.py "
        f"--split {split}, which names the mistake, before anything is trained or scored on them"
    )


def _share(share: float) -> str:
    return f"{share:.2f} of the person's size" if share < 10 else "more than ten times the person's size"
