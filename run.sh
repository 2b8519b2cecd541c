#!/usr/bin/env bash
# Runs all stages: environment, data, extraction, training, testing. Finished stages are kept.
# Arguments are passed to every stage: ./run.sh --config config/train_config.yml --set TRAIN.num_epochs=5
# ./run.sh --rig FOLDER makes the data from recordings by several cameras, and tests on the last one. Further arguments are
# those of data.rig.prepare; arguments after -- are passed to the stages: ./run.sh --rig FOLDER --up z -- --set TRAIN.num_epochs=30
set -euo pipefail
caller=$PWD
cd "$(dirname "$0")"
. scripts/environment.sh

if [ "${1:-}" = --rig ]; then
  require_rig_folder "${2:-}"
  case $2 in /*) folder=$2 ;; *) folder=$caller/$2 ;; esac
  shift 2
  options=()
  while [ $# -gt 0 ] && [ "$1" != -- ]; do options+=("$1") && shift; done
  [ $# -eq 0 ] || shift
  set -- --set "DATA.root=$folder/groundpose" "$@"
  make_environment_for "$@"
  "$PYTHON" -m data.rig.prepare "$folder" --out "$folder/groundpose" --test-camera last ${options[@]+"${options[@]}"}
fi
make_environment_for "$@"

"$PYTHON" -m data.prepare "$@"
"$PYTHON" extract_train_info.py "$@"
"$PYTHON" train.py --reuse "$@"
"$PYTHON" test.py --reuse "$@"
