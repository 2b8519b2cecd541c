"""Makes a test set of a few made-up images with its cache, and the files that test.py would leave of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from modules.cache import store
from modules.cache.inputs import inputs_digest
from modules.cache.table import NUMBER_COLUMNS
from modules.config.load import parse_config
from modules.config.schema import Config
from modules.files.atomic import write_json
from modules.files.hashing import sha256_file
from modules.files.layout import list_frames
from modules.files.submission import write_submission
from tests.builders import make_row
from tests.conftest import looking_camera

NOBODY_IN = "1_F151A_1_1.jpg"
EXTRACTOR = ("image_size", "K", "R", "t", "world_up", "floor_height_mm")  # columns of an image without a person


def make_set(folder: Path, count: int = 4) -> Config:
    """A config whose data set has `count` images of people F150A, F151A, …, by one camera; in NOBODY_IN is nobody."""
    config = parse_config(
        {
            "DATA": {"root": str(folder / "set")},
            "RESULTS": {"root": str(folder / "results")},
            "TEST": {"output": str(folder / "pred_submission.json")},
        },
        "test",
    )
    rng = np.random.default_rng(5)
    camera, rows, crops = looking_camera(rng), [], []
    for index in range(count):
        row, crop = make_row(rng, index, 8.0, camera, sum(map(len, crops)))
        name = str(row["file_name"])
        image = config.data_root / "task04_test" / "images" / name.rpartition("_")[0] / name
        image.parent.mkdir(parents=True, exist_ok=True)
        image.write_bytes(crop)
        if name == NOBODY_IN:
            row |= {column: None for column in NUMBER_COLUMNS if column not in EXTRACTOR} | {"found": False}
            row["labelled"] = False
        rows.append({**row, "image_path": str(image.relative_to(config.data_root))})
        crops.append(crop)
    frames, cache = list_frames(config.data_root, "test"), store.cache_folder(config, "test")
    store.write_part(cache, 0, rows, crops, "cache key")
    store.write_manifest(cache, {
        "options": store.cache_options(), "inputs": inputs_digest(frames, cache), "parts": 1, "key": "cache key",
        "fingerprint": "0",
    })  # fmt: skip
    return config


def make_result(config: Config) -> tuple[Path, np.ndarray]:
    """Leaves what test.py leaves: the submission, its uncertainty, the results folder; returns that and the joints."""
    names = [frame.file_name for frame in list_frames(config.data_root, "test")][::-1]  # the sample's order is its own
    joints = np.random.default_rng(6).normal(size=(len(names), 24, 3)) * 1000
    output = Path(config.TEST.output)
    write_submission(output, names, joints)
    errors = [None if name == NOBODY_IN else [float(index + 20)] * 24 for index, name in enumerate(names)]
    uncertainty = [{"file_name": name, "expected_error_mm": error} for name, error in zip(names, errors, strict=True)]
    write_json(output.with_name("pred_submission_uncertainty.json"), uncertainty)
    folder = config.results_root / "test" / "POSENET_20260101000000-set"
    write_submission(folder / "pred_submission.json", names, joints)
    weights = {"path": "best_07.pt", "released": False, "epoch": 7, "config": config.model_dump(mode="json")}
    marker = {"key": f"run/best_07.pt/cache key/{','.join(names)}", "weights": weights, "output": sha256_file(output)}
    write_json(folder / "tested.json", marker)
    return folder, joints
