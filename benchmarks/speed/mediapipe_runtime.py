"""Times mediapipe's own pose runtime image by image; started by benchmarks.speed.extraction in its own environment.

Prints a line of JSON with its versions; then, for each line of JSON with "images" on stdin, a line with the summed seconds
of decoding and of landmark estimation, and the number of images with a person. Imports nothing of GroundPose.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import cv2


def time_images(pose: Any, paths: list[str]) -> dict[str, float]:
    """Decodes each image and estimates its landmarks with mediapipe; returns the summed seconds of both."""
    decoding = finding = 0.0
    found = 0
    for path in paths:
        started = time.perf_counter()
        image = cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)
        decoded = time.perf_counter()
        found += pose.process(image).pose_landmarks is not None
        finding += time.perf_counter() - decoded
        decoding += decoded - started
    return {"decoding": decoding, "finding": finding, "found": found}


def main() -> None:
    """Answers requests until stdin ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # output of libraries must not mix with the answers
    import mediapipe  # noqa: PLC0415  (after the redirection of stdout)

    # The detector on every image and the full model, as in GroundPose.
    with mediapipe.solutions.pose.Pose(static_image_mode=True, model_complexity=1) as pose:
        print(json.dumps({"version": mediapipe.__version__, "opencv": cv2.__version__}), file=answers, flush=True)
        for line in sys.stdin:
            print(json.dumps(time_images(pose, json.loads(line)["images"])), file=answers, flush=True)


if __name__ == "__main__":
    main()
