#!/usr/bin/env bash
# Makes the released weights: on each of two synthetic sets it renders, extracts, trains and writes the file in pre_models/posenet.
# It takes about three hours on two processors, half of it for rendering. Finished work is kept when it is stopped.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/environment.sh
CONFIG=config/best.yml
make_environment_for --config "$CONFIG"

release() { # config assignments...
  local options=(--config "$CONFIG") summary run
  for assignment in "$@"; do
    options+=(--set "$assignment")
  done
  "$PYTHON" -m data.prepare "${options[@]}" # weights and the synthetic set
  "$PYTHON" extract_train_info.py --split train "${options[@]}"
  summary=$("$PYTHON" train.py --reuse --json "${options[@]}" | tee /dev/stderr | tail -n 1)
  run=$("$PYTHON" -c 'import json, sys; print(json.loads(sys.argv[1])["run"])' "$summary")
  "$PYTHON" -m pre_models.release --run "$run"
}

release
release DATA.root=data/synthetic/barefoot TRAIN.init_from=pre_models/posenet/posenet.safetensors TRAIN.learning_rate=0.0005 \
  TRAIN.num_epochs=10 TRAIN.view_steps=10000 # other people, of whom 40 % are barefoot
