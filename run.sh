#!/usr/bin/env bash
# Runs all stages: environment, data, extraction, training, testing. Finished stages are kept.
# Arguments are passed to every stage: ./run.sh --config config/train_config.yml --set TRAIN.num_epochs=5
set -euo pipefail
cd "$(dirname "$0")"
. scripts/environment.sh
make_environment_for "$@"

"$PYTHON" -m data.prepare "$@"
"$PYTHON" extract_train_info.py "$@"
"$PYTHON" train.py --reuse "$@"
"$PYTHON" test.py --reuse "$@"
