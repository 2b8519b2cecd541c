#!/usr/bin/env bash
# Makes the released weights: renders the synthetic set, extracts, trains, and writes the file in pre_models/posenet.
# It takes about an hour and a half on two processors, half of it for rendering. Finished work is kept when it is stopped.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/environment.sh
CONFIG=config/best.yml
make_environment_for --config "$CONFIG"

"$PYTHON" -m data.prepare --config "$CONFIG" # weights and the synthetic set
"$PYTHON" extract_train_info.py --split train --config "$CONFIG"
SUMMARY=$("$PYTHON" train.py --reuse --json --config "$CONFIG" | tee /dev/stderr | tail -n 1)
RUN=$("$PYTHON" -c 'import json, sys; print(json.loads(sys.argv[1])["run"])' "$SUMMARY")
"$PYTHON" -m pre_models.release --run "$RUN"
