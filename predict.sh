#!/usr/bin/env bash
# Predicts images or a video of one calibrated camera: environment, weights, predict.py. Needs no training.
#   ./predict.sh walk.mp4 --camera camera.json
#   ./predict.sh demo          a video of the demo, through its fourth camera
# All other arguments are passed to predict.py. Paths are relative to the working folder.
set -euo pipefail
started_in=$PWD
cd "$(dirname "$0")"
root=$PWD
. scripts/environment.sh
make_environment .venv requirements.txt
case "$PYTHON" in /*) ;; *) PYTHON=$root/$PYTHON ;; esac

if [ "${1:-}" = demo ]; then
  shift
  "$PYTHON" -m data.prepare
  exec "$PYTHON" predict.py data/demo/source/cam04.mp4 --camera data/demo/test_camera_4/task04_test/camera/1_demo_4.json \
    --output results/predict/demo "$@"
fi
"$PYTHON" -m pre_models.fetch blazepose --quiet
cd "$started_in"
exec "$PYTHON" "$root/predict.py" "$@"
