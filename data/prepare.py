"""Fetch the extractor's weights where they do not stand, and make the demo or the synthetic set that DATA.root names.

python -m data.prepare [--config FILE] [--set SECTION.key=value]
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from data.demo.plan import ROTATION, ZERO_SHOT
from data.synthetic.generate import DEFAULT_OPTIONS, DEFAULT_OUT, make_set
from data.synthetic.plan import Options, begun_options
from modules.config import PROJECT_ROOT, Config, add_config_arguments, config_from_arguments
from modules.console import make_parser, print_summary, start_console
from modules.layout import split_folder
from modules.utils import UserError, log, run_script
from pre_models.fetch import BLAZEPOSE_FOLDER, METRABS, fetch_blazepose, fetch_metrabs
from pre_models.known import stands

COMBINED = "metrabs_multiperson_smpl_combined"
DEMO = re.compile(rf"({ROTATION}|{ZERO_SHOT})_([1-4])")


def main() -> None:
    parser = make_parser(__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_config_arguments(parser)
    arguments = parser.parse_args()
    config = config_from_arguments(arguments)
    start_console(arguments)
    root = config.data_root.resolve()
    rotation = DEMO.fullmatch(root.name) if root.parent == (PROJECT_ROOT / "data/demo").resolve() else None
    synthetic = synthetic_options(root)
    if rotation is None and synthetic is None:
        refuse_missing(root)
    fetch_weights(config)
    if rotation is not None:
        from data.demo.prepare import prepare_demo

        prepare_demo(root.parent, [int(rotation[2])], rotation[1])
    elif synthetic is not None:
        make_set(root, synthetic)
    else:
        log.info("%s: your own data, which need no preparation", root)
    print_summary(arguments, stage="prepare", root=root)


def synthetic_options(root: Path) -> Options | None:
    """What the synthetic set in this folder is to be made of: as it was begun, or as data/synthetic/set is by default."""
    begun = begun_options(root)
    return begun or (DEFAULT_OPTIONS if root == (PROJECT_ROOT / DEFAULT_OUT).resolve() else None)


def refuse_missing(root: Path) -> None:
    """UserError where no data set lies."""
    if not any(split_folder(root, split).is_dir() for split in ("train", "test")):
        wrong = "holds neither task04_train nor task04_test" if root.is_dir() else "is missing"
        raise UserError(f"{root}: this folder {wrong}; set DATA.root to the one that holds your data set")


def fetch_weights(config: Config) -> None:
    """See to it that the configured extractor's weights stand, and say so.

    Those that are known by name are fetched. UserError where there is no such extractor, no such weights of it, or
    nothing to fetch them from.
    """
    from modules.extractors import configured_fingerprint

    name, weights = config.EXTRACT.extractor, config.EXTRACT.weights
    fetched = _fetch_known(config)
    if configured_fingerprint(config) is None:
        raise UserError(
            f"EXTRACT.weights={weights}: these weights of {name} are not here, nor known to be fetched; put them in place, or "
            "name others"
        )
    log.info("%s %s: the weights %s", name, weights, "are fetched" if fetched else "stand already")


def _fetch_known(config: Config) -> list[Path]:
    """Fetch the weights, and the detector's, where they are known by name and do not stand yet; answers what was fetched."""
    weights, detector = config.EXTRACT.weights, config.METRABS.detector
    if config.EXTRACT.extractor == "blazepose":
        from modules.extractors.blazepose import weight_paths

        weight_paths(weights, BLAZEPOSE_FOLDER)  # refuses what there is none of
        return fetch_blazepose(weights)
    if config.EXTRACT.extractor != "metrabs":
        return []
    from modules.extractors.metrabs import model_folder

    fetched: list[Path] = []
    without_detector = weights in ("metrabs_singleperson_smpl", "metrabs_multiperson_smpl")
    for name in (weights, COMBINED if detector is None and without_detector else detector):
        if name == "blazepose":
            fetched += fetch_blazepose()
        elif name in METRABS and not stands(name):
            fetched.append(fetch_metrabs(name))
    model_folder(weights, "EXTRACT.weights")  # which says what can be named instead
    return fetched


if __name__ == "__main__":
    run_script(main)
