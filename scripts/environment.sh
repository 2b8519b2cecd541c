# Sourced by run.sh, submission.sh and run_tests.sh: `make_environment FOLDER REQUIREMENTS...` leaves $PYTHON behind.
# The environment is reused while the requirement files are unchanged. WORLDPOSE_ENVIRONMENT names one that stands already
# (a virtual environment's folder); then nothing is installed.

say_missing() {
  echo "error: $1" >&2
  exit 2
}

find_python() {
  local candidate bare=
  for candidate in "${WORLDPOSE_PYTHON:-}" python3.11 python3.12 python3.13 python3; do
    [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 || continue
    if "$candidate" -c 'import sys; sys.exit(not ((3, 11) <= sys.version_info[:2] <= (3, 13)))' 2>/dev/null; then
      bare=$candidate
      "$candidate" -c 'import ensurepip, venv' 2>/dev/null && BASE_PYTHON=$candidate && return
    fi
  done
  [ -z "$bare" ] || say_missing "$bare has no venv module; on Debian or Ubuntu: apt-get install $(basename "$bare")-venv"
  say_missing "Python 3.11, 3.12 or 3.13 is needed and was not found; on Debian or Ubuntu: apt-get install python3 python3-venv, or name one in WORLDPOSE_PYTHON"
}

make_environment() {
  local folder=$1 stamp wanted
  shift
  if [ -n "${WORLDPOSE_ENVIRONMENT:-}" ]; then
    PYTHON=$WORLDPOSE_ENVIRONMENT/bin/python
    [ -x "$PYTHON" ] || say_missing "WORLDPOSE_ENVIRONMENT: $PYTHON is missing; name a virtual environment's folder, or unset it"
    return
  fi
  find_python
  wanted=$(cat "$@" | sha256sum | cut -d' ' -f1)-$("$BASE_PYTHON" -c 'import sys; print(*sys.version_info[:2], sep=".")')
  stamp=$folder/worldpose-requirements
  PYTHON=$PWD/$folder/bin/python
  if [ -x "$PYTHON" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
    return
  fi
  echo "installing $* into $folder (once; about 2 minutes and 6 GB)"
  rm -rf "$folder"
  "$BASE_PYTHON" -m venv "$folder"
  local arguments=() file
  for file in "$@"; do arguments+=(-r "$file"); done
  "$PYTHON" -m pip install --quiet --disable-pip-version-check "${arguments[@]}" ||
    say_missing "the packages of $* could not be installed; see pip's message above, then start the same command again"
  echo "$wanted" >"$stamp"
}

# The environment that the arguments of a script ask for: MeTRAbs needs TensorFlow, in an environment beside the usual one.
make_environment_for() {
  if asks_for_metrabs "$@"; then
    make_environment .venv-metrabs requirements.txt requirements-metrabs.txt
  else
    make_environment .venv requirements.txt
  fi
}

# Whether --set or the config file chooses EXTRACT.extractor: metrabs; the last --set counts, as in the scripts.
asks_for_metrabs() {
  local config=config/train_config.yml extractor= before= argument value
  for argument in "$@"; do
    value=$argument
    case "$argument" in
      --config=* | --set=*) before=${argument%%=*} value=${argument#*=} ;;
    esac
    case "$before" in
      --config) config=$value ;;
      --set) case "$value" in EXTRACT.extractor=*) extractor=${value#*=} ;; esac ;;
    esac
    before=$argument
  done
  [ -n "$extractor" ] || extractor=$(sed -n '/^EXTRACT:/,/^[A-Z]/s/^ *extractor: *\([a-z_0-9]*\).*/\1/p' "$config" 2>/dev/null || true)
  [ "$extractor" = metrabs ]
}
