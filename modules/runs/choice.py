"""Chooses the weights that predict for a config, and refuses to replace them by others unnoticed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from modules.cache.inputs import inputs_digest
from modules.cache.store import cache_folder, read_manifest
from modules.cache.worlds import rows_key
from modules.config.schema import Config
from modules.console import command_line
from modules.files.layout import list_frames
from modules.runs import checkpoints
from modules.runs.differences import Differing, config_of_run, differing_keys, extraction_options, in_words
from modules.runs.folders import is_complete, origin, run_key, runs_started_with
from modules.utils import UserError, log

RELEASED_NAME = Path("released")  # --run released


def choose_run(config: Config, named: Path | None, options: Sequence[str]) -> tuple[Path, str]:
    """Returns the run, or the file of weights, to predict with, and a warning if these are the released weights by default,
    or if the training data have changed since.

    `named` is the value of --run: `released`, a run folder, or a .safetensors file. Without it, it is the newest finished
    run of the config, or the released weights where nothing was trained on its data set. `options` are the --config and
    --set of the command, for messages. Raises UserError if there are runs on the data set, but no finished one of this
    config, or if the released weights are of another extractor.
    """
    if named is not None:
        return (checkpoints.RELEASED if named == RELEASED_NAME else named.resolve()), ""
    started = runs_started_with(_runs_folder(config), root=origin(config)["root"])
    if started:
        run = _run_of_config(config, started, options)
        return run, _warning_of_changes(config, run, options)
    released = checkpoints.released_for(config)
    if released is None:
        raise UserError(
            f"{_runs_folder(config)}: there is no training on {config.DATA.root} in this folder, and the released weights "
            f"are not of {config.EXTRACT.extractor} {config.EXTRACT.weights}; run `{command_line('train.py', *options)}`, "
            "or name a run with --run"
        )
    return released, (
        f"warning: nothing has been trained on {config.DATA.root} in {_runs_folder(config)}, so the released weights "
        f"are used: {released}"
    )


def _runs_folder(config: Config) -> Path:
    return config.results_root / "train"


def _run_of_config(config: Config, started: Sequence[Path], options: Sequence[str]) -> Path:
    """Returns the newest finished run of a config among those on its data set, newest first. Raises UserError if none is."""
    parent, key = _runs_folder(config), _configured_key(config)
    finished = [run for run in started if is_complete(run)]
    of_config = [] if key is None else runs_started_with(parent, key=key)
    own = next((run for run in of_config if run in finished), None)
    if own is not None:
        if finished[0] != own:
            log.info("%s is newer, but of another config; name it with --run, or give test.py its --set", finished[0])
        return own
    if of_config:
        raise UserError(_unfinished(config, of_config[0], finished, options))
    same_extractor = [run for run in runs_started_with(parent, **origin(config)) if run in finished]
    nearest = [*same_extractor, *finished, *started][0]
    raise UserError(_of_another_config(config, nearest, key is not None, options))


def _warning_of_changes(config: Config, run: Path, options: Sequence[str]) -> str:
    """Returns a warning if training images, cameras or labels have changed since the run's extraction, or nothing.

    Training images that are no longer there are not compared.
    """
    folder = cache_folder(config, "train")
    try:
        manifest, now = read_manifest(folder), inputs_digest(list_frames(config.data_root, "train"), folder)
    except UserError:
        return ""
    if manifest is None or manifest.get("inputs") == now:
        return ""
    extract = command_line("extract_train_info.py", "--split", "train", *options)
    return (
        f"warning: {run}: training images, cameras or labels have changed since this run; run `{extract}` and "
        f"`{command_line('train.py', *options)}` to learn from them"
    )


def _configured_key(config: Config) -> str | None:
    """Returns the key of a training of this config on its cache; None without a complete cache of the training images."""
    manifest = read_manifest(cache_folder(config, "train"))
    return None if manifest is None else run_key(config, rows_key(config, manifest))


def _unfinished(config: Config, own: Path, finished: Sequence[Path], options: Sequence[str]) -> str:
    """Returns the message where the training of this config exists, but has not finished."""
    train = command_line("train.py", "--reuse", *options)
    other = _command_to_test(config, finished[0] if finished else None, options)
    return (
        f"{own}: the training of this config has not finished; run `{train}` to finish it, or `{other}` to predict with "
        "other weights"
    )


def _of_another_config(config: Config, run: Path, has_key: bool, options: Sequence[str]) -> str:
    """Returns the message where `run` was trained on this data set, but not with this config, as far as is known."""
    differing = differing_keys(config, config_of_run(run))
    other = _command_to_test(config, run if is_complete(run) else None, options)
    if differing == {} and not has_key:
        extract = command_line("extract_train_info.py", "--split", "train", *options)
        return (
            f"{run}: whether this training is of this config is unknown without a complete cache of the training images; "
            f"run `{extract}` to make it, or `{other}` to predict with this run"
        )
    train = command_line("train.py", *options)
    return (
        f"{run}: this training on {config.DATA.root} is not of this config ({_why(differing)}), and there is none that "
        f"is; run `{train}` to train with it, or `{other}` to predict with other weights"
    )


def _why(differing: Differing | None) -> str:
    if differing is None:
        return "its config cannot be read, or is of another version"
    if differing:
        return in_words(differing)
    return "the training images, the extractor's weights or a validation list have changed since"


def _command_to_test(config: Config, run: Path | None, options: Sequence[str]) -> str:
    """Returns the command that predicts with a finished run, or with the released weights if it is None."""
    if run is not None:
        trained, name = config_of_run(run), run
    else:
        exist = checkpoints.RELEASED.is_file()
        trained, name = checkpoints.load_checkpoint(checkpoints.RELEASED)["config"] if exist else {}, RELEASED_NAME
    extraction = extraction_options(differing_keys(config, trained) or {})
    return command_line("test.py", *options, *extraction, "--run", str(name))
