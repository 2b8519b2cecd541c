"""The stages that are killed: the command of each, what it starts from, and what it leaves.

To add one, add a `Stage` to STAGES: inputs are made once and shared, the work folder is emptied after every round.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.kills.fetching import FETCHED, serve_model
from benchmarks.kills.victims import (
    cluster,
    complete_cluster,
    kill_main_or_worker,
    kill_main_scheduler_or_worker,
)
from data.demo.frames import frame_path
from data.demo.prepare import prepare_demo
from data.demo.source import CALIBRATION, fetch_demo_source
from modules.config.paths import PROJECT_ROOT
from modules.files.hashing import digest
from modules.files.video import VideoWriter, open_video, read_frames
from pre_models.blazepose import fetch_blazepose

TRAINED_FRAMES, VALIDATION_FRAME, TESTED_FRAMES = {"0", "18", "36", "54"}, "65", {"75", "83", "91"}
VIDEO_FRAMES, DEMO_FRAMES = 12, 20
RIG_CAMERAS, RIG_FRAMES = ("cam01", "cam02", "cam03"), range(0, 100, 10)
# Small parts, networks and demos, so that kills fall between writes: what is killed is how files are written.
SMALL_PARTS = "import modules.cache.extraction; modules.cache.extraction.PART_ROWS = 4"
SMALL_NETWORK = "from benchmarks.kills.small_network import use_small_network; use_small_network()"
OFTEN = f"{SMALL_NETWORK}; import modules.trainer; modules.trainer.CHECKPOINT_STEPS = 1"
SHORT_DEMO = "from benchmarks.kills.short_demo import use_short_demo; use_short_demo({})"
Run = Callable[..., object]  # runs a script to its end, as `Killer.finish` does


@dataclass(frozen=True)
class Place:
    """The folders of all stages, with names that stay the same from round to round."""

    inputs: Path
    work: Path

    @property
    def root(self) -> Path:
        """The data set."""
        return self.inputs / "set"

    def options(self, *extra: str) -> list[str]:
        """Returns the --set arguments of this place, of small networks and few steps."""
        assignments = [
            f"DATA.root={self.root}", f"DATA.cache={self.work / 'cache'}", f"RESULTS.root={self.work}",
            f"TEST.sample_submission={self.root / 'sample_submission.json'}", f"TEST.output={self.work / 'answer.json'}",
            "EXTRACT.weights=full", "EXTRACT.test_time_augmentation=false", "TRAIN.num_epochs=2", "TRAIN.batch_size=4",
            "TRAIN.view_steps=6", *extra,
        ]  # fmt: skip
        return [word for assignment in assignments for word in ("--set", assignment)]


@dataclass(frozen=True)
class Stage:
    """One command, and what its work folder must hold before it starts."""

    name: str
    script: str
    arguments: Callable[[Place], list[str]]
    starts_from: Callable[[Place, Run], None] = lambda place, run: None
    setup: Callable[[Place], str] = lambda place: ""
    # Kills one of several processes, given the script's, and returns whether it was another; None: all of the script's.
    kill: Callable[[int], bool] | None = None


def small_set(place: Place, run: Run) -> None:
    """Copies a few images of the demo, of three cameras to train and validate, and of one to test."""
    if place.root.exists():
        return
    (demo,) = prepare_demo(PROJECT_ROOT / "data" / "demo", [4])
    for split, wanted in (("train", {*TRAINED_FRAMES, VALIDATION_FRAME}), ("test", TESTED_FRAMES)):
        for path in (demo / f"task04_{split}").rglob("*"):
            if path.is_file() and (path.parent.name == "camera" or path.stem.split("_")[-1] in wanted):
                copy = place.root / path.relative_to(demo)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, copy)
    names = [f"1_demo_{camera}_{VALIDATION_FRAME}.jpg" for camera in (1, 2, 3)]
    (place.root / "task04_train" / "validation.json").write_text(json.dumps(names))
    sample = [{"file_name": f"1_demo_4_{frame}.jpg"} for frame in sorted(TESTED_FRAMES)]
    (place.root / "sample_submission.json").write_text(json.dumps(sample))


def after(*steps: tuple[str, list[str]]) -> Callable[[Place, Run], None]:
    """Returns a function that fills the work folder by scripts with these arguments, once, and from then on by a copy."""

    def fill(place: Place, run: Run) -> None:
        small_set(place, run)
        kept = place.inputs / f"after-{digest(steps)}"
        if not kept.exists():
            if steps[1:]:
                after(*steps[:-1])(place, run)
            script, arguments = steps[-1]
            run(script, *arguments, *place.options())
            shutil.copytree(place.work, kept)
        shutil.copytree(kept, place.work, dirs_exist_ok=True)

    return fill


def small_video(place: Place, run: Run) -> None:
    """Writes a video of a few frames of the demo, and its camera; fetches the weights that predict.py uses."""
    small_set(place, run)
    fetch_blazepose("heavy")
    path = place.inputs / "walk.mp4"
    if not path.exists():
        frames = list(range(30, 30 + VIDEO_FRAMES))
        images = [np.ascontiguousarray(i) for i in read_frames(open_video(fetch_demo_source() / "cam04.mp4"), frames)]
        with VideoWriter(path, (images[0].shape[1], images[0].shape[0]), 30) as writer:
            for index, image in enumerate(images):
                writer.write(image, index / 30)


def rig_recording(place: Place, run: Run) -> None:
    """Copies a tenth of the demo's frames of three cameras, and its calibration."""
    folder = place.inputs / "walk"
    if folder.exists():
        return
    demo = PROJECT_ROOT / "data" / "demo"
    prepare_demo(demo, [4])
    for camera in RIG_CAMERAS:
        (folder / camera).mkdir(parents=True)
        for frame in RIG_FRAMES:
            shutil.copy(frame_path(demo, camera, frame), folder / camera)
    shutil.copy(fetch_demo_source() / CALIBRATION, folder)


def with_cluster(place: Place) -> str:
    """Starts what is missing of the cluster before the script."""
    complete_cluster()
    return SMALL_PARTS


def training(name: str, *extra: str) -> Stage:
    """Returns the stage of a training with these settings."""
    starts_from = WITH_FEATURES if FEATURES in extra else EXTRACTED
    return Stage(
        f"training, {name}", "train.py", lambda place: ["--reuse", *place.options(*extra)], starts_from, lambda place: OFTEN
    )  # fmt: skip


EXTRACT = ("extract_train_info.py", ["--split", "train"])
EXTRACTED = after(EXTRACT)
WITH_FEATURES = after(EXTRACT, ("extract_train_info.py", ["--split", "train", "--joint-features", "full"]))
FEATURES = "TRAIN.joint_features=full"
POSE = "TRAIN.model_type=pose"
TRAIN = ("train.py", ["--set", POSE])
TRAINED = after(EXTRACT, TRAIN)
TESTED = after(EXTRACT, TRAIN, ("test.py", ["--set", POSE]))
STAGES = (
    Stage(
        "preparation of the demo", "data/demo/prepare.py", lambda place: ["--out", str(place.work)],
        setup=lambda place: SHORT_DEMO.format(DEMO_FRAMES),
    ),
    Stage(
        "preparation of a rig's recording", "data/rig/prepare.py",
        lambda place: [str(place.inputs / "walk"), "--out", str(place.work / "set"), "--fit-width", "--image-rate=15",
                       "--test-camera=last", "--people=1", "--offsets=none"],
        rig_recording, lambda place: "import data.rig.landmarks; data.rig.landmarks.PART = 5\n"
        "import data.rig.network_joints; data.rig.network_joints.BATCH = 3",
    ),
    Stage("extraction", "extract_train_info.py", lambda place: place.options(), small_set, lambda place: SMALL_PARTS),
    Stage(
        "extraction by two workers", "extract_train_info.py", lambda place: place.options("EXTRACT.workers=2"), small_set,
        lambda place: SMALL_PARTS, kill_main_or_worker,
    ),
    Stage(
        "extraction by two workers with OpenVINO", "extract_train_info.py",
        lambda place: place.options("EXTRACT.workers=2", "EXTRACT.engine=openvino"), small_set, lambda place: SMALL_PARTS,
        kill_main_or_worker,
    ),
    Stage(
        "extraction by Dask", "extract_train_info.py",
        lambda place: ["--scheduler", cluster().address, *place.options("EXTRACT.batch_size=2")], small_set, with_cluster,
        kill_main_scheduler_or_worker,
    ),
    Stage(
        "fetching weights", "pre_models/fetch.py",
        lambda place: [FETCHED, "--from", serve_model(), "--trust"],
        setup=lambda place: f"import functools; from pathlib import Path; import pre_models.metrabs as metrabs\n"
        f"metrabs.fetch_metrabs = functools.partial(metrabs.fetch_metrabs, folder=Path({str(place.work)!r}))",
    ),
    Stage(
        "joint features", "extract_train_info.py",
        lambda place: ["--split", "train", "--joint-features", "full", *place.options()], EXTRACTED,
    ),
    training("pose", POSE, FEATURES, "TRAIN.real_view_share=0.5"),
    training("image and pose", "TRAIN.model_type=image+pose"),
    training("ensemble of 3", POSE, "TRAIN.ensemble_size=3"),
    Stage("testing", "test.py", lambda place: ["--reuse", *place.options(POSE)], TRAINED),
    Stage(
        "predict.py on a video", "predict.py",
        lambda place: [
            str(place.inputs / "walk.mp4"), "--camera", str(place.root / "task04_test/camera/1_demo_4.json"),
            "--output", str(place.work / "walk"), "--save", "csv", "npz", "json", "report",
        ],
        small_video, lambda place: "import modules.predict.parts; modules.predict.parts.PART_IMAGES = 3",
    ),
    Stage(
        "export", "export.py",
        lambda place: [str(place.work / "answer.json"), "--save", "csv,npz,parquet,json,trc,glb", "--output",
                       str(place.work / "exported"), "--up=z", *place.options(POSE)],
        TESTED,
    ),
)  # fmt: skip
