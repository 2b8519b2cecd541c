#!/usr/bin/env bash
# The whole suite in an environment of its own: lint, types, tests. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")"
. scripts/environment.sh
make_environment .venv-tests requirements.txt requirements-metrabs.txt requirements-synthetic.txt requirements-dev.txt

"$PYTHON" -m ruff check .
"$PYTHON" -m ruff format --check .
"$PYTHON" -m mypy
"$PYTHON" -m pytest -n auto --maxprocesses=4 --dist=loadfile "$@"
