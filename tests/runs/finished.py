"""Run folders as a finished training leaves them, but with an empty checkpoint."""

from pathlib import Path
from typing import Any

from modules.config.load import dump_config, parse_config
from modules.config.schema import Config
from modules.files.atomic import write_json, write_text
from modules.runs import folders


def config_of(tmp_path: Path, **train: Any) -> Config:
    """Returns a config whose data set and results are in `tmp_path`."""
    (tmp_path / "task04_train").mkdir(exist_ok=True)
    tree = {"DATA": {"root": str(tmp_path), "validation": "person"}, "RESULTS": {"root": str(tmp_path)}, "TRAIN": train}
    return parse_config(tree, "test")


def finish_run(config: Config, stamp: str) -> Path:
    """Makes the run folder of a finished training of this config, on a cache with the key `cache`."""
    run = config.results_root / "train" / f"POSENET_{stamp}"
    run.mkdir(parents=True)
    write_text(run / "train_config.yaml", dump_config(config))
    write_json(run / folders.STARTED, {"key": folders.run_key(config, "cache"), **folders.origin(config)})
    write_json(run / folders.COMPLETE, {"best": "best_01.pt"})
    (run / "best_01.pt").touch()
    return run
