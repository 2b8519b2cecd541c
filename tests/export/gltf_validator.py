"""Fetches Khronos's glTF validator, a JavaScript package, and runs it with Node."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from modules.config.paths import PROJECT_ROOT
from pre_models.packages import Member, fetch_npm

FOLDER = PROJECT_ROOT / "pre_models" / "downloads" / "gltf-validator"  # kept, so that it is fetched once
VERSION = "2.0.0-dev.3.10"
PACKAGE = "4e03dbdc3bc0d1342afd5d2d7ae341a7e3474502ccb872b02dbbaddaee0fdec6"
MEMBERS = {
    "index.js": "78deff9ea85743e86461c2d14fae76e7fc3ca0432e652f62948066b55fa16f0d",
    "gltf_validator.dart.js": "b73a7b2d455ac217567725138b46d826a13d7d1bb0c88c15f7c571bfb349298c",
}
PROGRAM = """
const validator = require(process.argv[1]), fs = require('fs');
(async () => {
  for (const path of process.argv.slice(2)) {
    const report = await validator.validateBytes(new Uint8Array(fs.readFileSync(path)), {maxIssues: 0});
    console.log(JSON.stringify(report));
  }
})();
"""


def validate(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Returns the validator's reports. Skips the test where Node or npm is missing."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        pytest.skip("needs node and npm")
    members = [Member(f"package/{name}", FOLDER / name, sha256) for name, sha256 in MEMBERS.items()]
    fetch_npm("gltf-validator", VERSION, PACKAGE, members)
    command = [node, "-e", PROGRAM, str(FOLDER / "index.js"), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]
