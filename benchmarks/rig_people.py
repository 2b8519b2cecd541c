"""Renders many people, each in a few poses, by a rig of their own with exact truth, for `benchmarks.rig_labels --still`.

    python -m benchmarks.rig_people --out results/rig_people [--people 160] [--frames 4] [--cameras 4] [--seed 101]

Every person is a recording of the form of `benchmarks.rig_recording`. Their poses are those of the synthetic set, but for the
clip of a walk, which `benchmarks.rig_recording` shows. An interrupted run resumes.
"""

from __future__ import annotations

import argparse
import os
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from benchmarks.rig_recording import CLIP, TRUTH, Plan, film, make_actor
from data.synthetic.body.people import people_model
from data.synthetic.pose.clips import fetch_clips, known_clips
from data.synthetic.pose.motion import draw_motion
from modules.console import progress_bar, run_script


def make_person(job: tuple[Path, Plan]) -> None:
    """Renders one person, unless that is finished."""
    out, plan = job
    if (out / TRUTH).is_file():
        return
    rng = np.random.default_rng(plan.seed)
    model = people_model()
    clips = [clip for clip in known_clips() if clip.name != CLIP]
    actor = make_actor(
        model,
        rng,
        lambda figure: [
            drawn.pose for drawn in draw_motion(rng, model, figure.shape, plan.frames, figure.sole_mm, clips)
        ],
    )
    film(out, [actor], plan, rng)


def main() -> None:
    """Renders the people that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("results/rig_people"))
    for option, value in (("--people", 160), ("--frames", 4), ("--cameras", 4), ("--seed", 101)):
        parser.add_argument(option, type=int, default=value)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    fetch_clips()
    jobs = [
        (arguments.out / f"1_{number}", Plan(arguments.frames, arguments.cameras, 1000 * arguments.seed + number))
        for number in range(arguments.people)
    ]
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "LP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"))
    with get_context("spawn").Pool(arguments.processes) as pool, progress_bar(len(jobs), "rendering", "person") as bar:
        for _ in pool.imap_unordered(make_person, jobs):
            bar.update()


if __name__ == "__main__":
    run_script(main)
