#!/usr/bin/env bash
# Runs stage 3 alone: predicts the test images with the newest finished run of this config, or with the released weights if
# nothing was trained on this data set. Arguments are passed to test.py.
set -euo pipefail
cd "$(dirname "$0")"
. scripts/environment.sh
make_environment_for "$@"
exec "$PYTHON" test.py "$@"
