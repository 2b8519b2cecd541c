#!/usr/bin/env bash
# Stage 3 alone: answer the test images with the newest finished run of this config, or else of these data and extractor.
# Arguments go to test.py.
set -euo pipefail
cd "$(dirname "$0")"
. scripts/environment.sh
make_environment_for "$@"
exec "$PYTHON" test.py "$@"
