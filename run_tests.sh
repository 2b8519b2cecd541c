#!/usr/bin/env bash
# Runs all checks in their own environment: lint, types, layers, tests. Arguments are passed to pytest.
set -euo pipefail
cd "$(dirname "$0")"
. scripts/environment.sh

unset PYTHONDONTWRITEBYTECODE # otherwise each of the tests' many processes compiles what it imports anew
# More than half of the packages' files are never imported, so that pip compiles none; Python does when it imports one.
PIP_COMPILE=0 make_environment .venv-tests requirements.txt requirements-metrabs.txt requirements-synthetic.txt requirements-export.txt \
  requirements-formats.txt requirements-dask.txt requirements-dev.txt

"$PYTHON" -m ruff check .
"$PYTHON" -m ruff format --check .
PYTHONPATH=. "$(dirname "$PYTHON")/lint-imports"
"$PYTHON" -m mypy & # at the same time as the tests; its lines appear among theirs
types=$!
# Without a limit of 0, pytest-xdist waits for ever after a test that ends its process.
"$PYTHON" -m pytest -n auto --maxprocesses=4 --dist=loadfile --max-worker-restart=0 "$@"
wait "$types"
