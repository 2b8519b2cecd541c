"""mediapipe's own pose runtime, timed image by image: run in an environment of its own by benchmarks.speed_extraction.

First a line of JSON that says who answers; then, for each line of JSON with "images" on stdin, a line with the summed
seconds of decoding and of finding landmarks, and in how many images a person was found. Imports nothing of WorldPose.
"""

from __future__ import annotations

import json
import os
import sys
import time
from importlib import import_module
from typing import Any

import cv2


def time_images(pose: Any, paths: list[str]) -> dict[str, float]:
    """Decode each image and find its person's landmarks with mediapipe; the seconds of both, summed."""
    decoding = finding = 0.0
    found = 0
    for path in paths:
        begun = time.perf_counter()
        image = cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)
        decoded = time.perf_counter()
        found += pose.process(image).pose_landmarks is not None
        finding += time.perf_counter() - decoded
        decoding += decoded - begun
    return {"decoding": decoding, "finding": finding, "found": found}


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    mediapipe = import_module("mediapipe")
    # The detector on every image and the full model, as WorldPose does it.
    with mediapipe.solutions.pose.Pose(static_image_mode=True, model_complexity=1) as pose:
        print(json.dumps({"version": mediapipe.__version__, "opencv": cv2.__version__}), file=answers, flush=True)
        for line in sys.stdin:
            print(json.dumps(time_images(pose, json.loads(line)["images"])), file=answers, flush=True)


if __name__ == "__main__":
    main()
