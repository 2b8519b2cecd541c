"""The tests of in_tensorflow/ on the stand-ins of a folder: tests/extractors/run_in_tensorflow.py FOLDER.

Started by tests/extractors/test_metrabs.py in a process that has TensorFlow and no torch.
"""

import os
import sys
from pathlib import Path

import pytest

if __name__ == "__main__":
    os.environ["GROUNDPOSE_STANDINS"] = sys.argv[1]
    tests = str(Path(__file__).parent / "in_tensorflow")
    sys.exit(pytest.main(["--no-header", "-p", "no:cacheprovider", "-o", "addopts=", tests]))
