# Sourced by the other scripts: `make_environment FOLDER REQUIREMENTS...` makes a virtual environment and sets $PYTHON.
# The environment is reused while the requirement files are unchanged. GROUNDPOSE_ENVIRONMENT is the folder of an existing
# virtual environment; if it is set, nothing is installed.

say_missing() {
  echo "error: $1" >&2
  exit 2
}

for old in WORLDPOSE_ENVIRONMENT WORLDPOSE_PYTHON; do
  [ -z "${!old:-}" ] || say_missing "$old: the project is called GroundPose now; set GROUNDPOSE_${old#WORLDPOSE_} instead"
done

find_python() {
  local candidate bare=
  for candidate in "${GROUNDPOSE_PYTHON:-}" python3.11 python3.12 python3.13 python3; do
    [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 || continue
    if "$candidate" -c 'import sys; sys.exit(not ((3, 11) <= sys.version_info[:2] <= (3, 13)))' 2>/dev/null; then
      bare=$candidate
      "$candidate" -c 'import ensurepip, venv' 2>/dev/null && BASE_PYTHON=$candidate && return
    fi
  done
  [ -z "$bare" ] || say_missing "$bare has no venv module; on Debian or Ubuntu: apt-get install $(basename "$bare")-venv"
  say_missing "Python 3.11, 3.12 or 3.13 is needed and was not found; on Debian or Ubuntu: apt-get install python3 python3-venv, or name one in GROUNDPOSE_PYTHON"
}

make_environment() {
  local folder=$1 stamp wanted
  shift
  if [ -n "${GROUNDPOSE_ENVIRONMENT:-}" ]; then
    PYTHON=$GROUNDPOSE_ENVIRONMENT/bin/python
    [ -x "$PYTHON" ] || say_missing "GROUNDPOSE_ENVIRONMENT: $PYTHON is missing; name a virtual environment's folder, or unset it"
    return
  fi
  find_python
  wanted=$(cat "$@" | sha256sum | cut -d' ' -f1)-$("$BASE_PYTHON" -c 'import sys; print(*sys.version_info[:2], sep=".")')
  stamp=$folder/groundpose-requirements
  PYTHON=$PWD/$folder/bin/python
  if [ -x "$PYTHON" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
    return
  fi
  echo "installing $* into $folder (once; about 4 minutes and 6 to 10 GB)"
  rm -rf "$folder"
  "$BASE_PYTHON" -m venv "$folder"
  local arguments=() file
  for file in "$@"; do arguments+=(-r "$file"); done
  "$PYTHON" -m pip install --quiet --disable-pip-version-check "${arguments[@]}" ||
    say_missing "the packages of $* could not be installed; see pip's message above, then start the same command again"
  echo "$wanted" >"$stamp"
}

require_rig_folder() {
  [ -n "$1" ] || say_missing "--rig: name the folder of the recordings, such as ./run.sh --rig FOLDER"
}

# make_environment_for ARGUMENTS...: makes the environment for a script's arguments. MeTRAbs needs TensorFlow, and the
# synthetic data set needs a body model and a renderer; each has its own environment.
make_environment_for() {
  local folder=.venv files=(requirements.txt)
  if [ "$(setting_of EXTRACT extractor "$@")" = metrabs ]; then
    folder+=-metrabs files+=(requirements-metrabs.txt)
  fi
  case "$(setting_of DATA root "$@")" in
    *data/synthetic/*) folder+=-synthetic files+=(requirements-synthetic.txt) ;;
  esac
  make_environment "$folder" "${files[@]}"
}

# setting_of SECTION KEY ARGUMENTS...: prints the value of a key from the last --set, or else from the config file.
setting_of() {
  local section=$1 key=$2 config=config/train_config.yml setting= before= argument value
  shift 2
  for argument in "$@"; do
    value=$argument
    case "$argument" in
      --config=* | --set=*) before=${argument%%=*} value=${argument#*=} ;;
    esac
    case "$before" in
      --config) config=$value ;;
      --set) case "$value" in "$section.$key="*) setting=${value#*=} ;; esac ;;
    esac
    before=$argument
  done
  [ -n "$setting" ] || setting=$(sed -n "/^$section:/,/^[A-Z]/s/^ *$key: *\([^ #]*\).*/\1/p" "$config" 2>/dev/null || true)
  echo "$setting"
}
