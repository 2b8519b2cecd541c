"""What a busy neighbour costs a training: images per second with one thread and with all, alone and beside other work.

    python -m benchmarks.threads [--rounds 3]      prints medians and ratios of one run

The same training step (PoseNet on made-up crops, the default batch and precision) is timed in turn: one thread, all
threads, each alone and beside processes that keep processors busy. Times of other machines will differ; the ratios say
whether TRAIN.num_threads is worth setting on yours.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time

import torch

from model.model import PoseNet, PoseNetSpec

BATCH, STEPS = 16, 12
BUSY = "while True: pass"
COMPANY = {"alone": 0, "beside a busy process": 1, "beside two": 2, "beside four": 4}


def images_per_second(network: torch.nn.Module, crops: torch.Tensor, threads: int, seconds: float = 8.0) -> float:
    """Forward and backward through the image branch with so many threads, for about so many seconds."""
    torch.set_num_threads(threads)
    begun, done = time.perf_counter(), 0
    while done < STEPS or time.perf_counter() - begun < seconds / 4:
        with torch.autocast("cpu", torch.bfloat16):
            volumes = network(crops)
        volumes.float().square().mean().backward()
        done += 1
        if time.perf_counter() - begun > seconds:
            break
    return done * len(crops) / (time.perf_counter() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    net = PoseNet(PoseNetSpec(model_type="image"))
    network = torch.nn.Sequential(net.backbone, net.head)
    crops, processors = torch.rand(BATCH, 3, 128, 128), len(os.sched_getaffinity(0))
    images_per_second(network, crops, 1, 2.0)
    found: dict[tuple[str, int], list[float]] = {}
    for _ in range(arguments.rounds):
        for company, count in COMPANY.items():
            neighbours = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(count)]
            for threads in (1, processors):
                found.setdefault((company, threads), []).append(images_per_second(network, crops, threads))
            for neighbour in neighbours:
                neighbour.kill()
                neighbour.wait()
    print(
        f"| images/s, median of {arguments.rounds}, {processors} processors | 1 thread | {processors} threads | ratio |"
    )
    print("| --- | --- | --- | --- |")
    for company in COMPANY:
        one, all_threads = (statistics.median(found[company, threads]) for threads in (1, processors))
        print(f"| {company} | {one:.1f} | {all_threads:.1f} | {all_threads / one:.2f} |")


if __name__ == "__main__":
    main()
