#!/usr/bin/env bash
# From nothing to world millimetres: environment, demo data, extraction, training, testing, table.
# What stands is kept. Arguments go to every stage: ./run.sh --config config/train_config.yml --set TRAIN.num_epochs=5
set -euo pipefail
cd "$(dirname "$0")"
. scripts/environment.sh
make_environment_for "$@"

"$PYTHON" -m data.prepare "$@"
"$PYTHON" extract_train_info.py "$@"
"$PYTHON" train.py --reuse "$@"
"$PYTHON" test.py --reuse "$@"
