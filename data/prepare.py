"""Fetches the extractor's weights if they are missing, and makes the demo and synthetic sets that the config names.

python -m data.prepare [--config FILE] [--set SECTION.key=value]
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from data.demo.plan import ROTATION, ZERO_SHOT
from data.synthetic.generate import KNOWN_SETS, make_set
from data.synthetic.plan import Options, begun_options
from modules.config.load import add_config_arguments, config_from_arguments
from modules.config.paths import PROJECT_ROOT
from modules.config.schema import Config
from modules.console import make_parser, print_summary, run_script, start_console
from modules.extractors.blazepose.weights import BLAZEPOSE_FOLDER, weight_paths
from modules.extractors.metrabs.folders import model_folder
from modules.extractors.metrabs.weights import METRABS, is_present
from modules.files.layout import split_folder
from modules.utils import UserError, log
from pre_models.blazepose import fetch_blazepose
from pre_models.metrabs import fetch_metrabs

COMBINED = "metrabs_multiperson_smpl_combined"
WITHOUT_DETECTOR = ("metrabs_singleperson_smpl", "metrabs_multiperson_smpl")
DEMO = re.compile(rf"({ROTATION}|{ZERO_SHOT})_([1-4])")


def main() -> None:
    """Prepares everything that the configured data sets and extractor need."""
    parser = make_parser(__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_config_arguments(parser)
    arguments = parser.parse_args()
    config = config_from_arguments(arguments)
    start_console(arguments)
    roots = [config.data_root.resolve(), *(extra.data_root.resolve() for extra in config.extra)]
    makers = [maker_of(root) for root in roots]  # raises for a missing data set before anything is fetched or made
    fetch_weights(config)
    for make in makers:
        make()
    print_summary(arguments, stage="prepare", root=roots[0], extra_roots=roots[1:])


def maker_of(root: Path) -> Callable[[], object]:
    """Returns what makes the data set in this folder. Raises UserError if it is missing and nothing can make it."""
    rotation = DEMO.fullmatch(root.name) if root.parent == (PROJECT_ROOT / "data/demo").resolve() else None
    if rotation is not None:
        return partial(_make_demo, root.parent, int(rotation[2]), rotation[1])
    options = synthetic_options(root)
    if options is not None:
        return partial(make_set, root, options)
    refuse_missing(root)
    return partial(log.info, "%s: your own data, no preparation needed", root)


def _make_demo(folder: Path, camera: int, kind: str) -> None:
    from data.demo.prepare import prepare_demo

    prepare_demo(folder, [camera], kind)


def synthetic_options(root: Path) -> Options | None:
    """Returns the options of the synthetic set in this folder: those it was begun with, or those of KNOWN_SETS."""
    known = {(PROJECT_ROOT / folder).resolve(): options for folder, options in KNOWN_SETS.items()}
    return begun_options(root) or known.get(root)


def refuse_missing(root: Path) -> None:
    """Raises UserError if the folder is not a data set."""
    if not any(split_folder(root, split).is_dir() for split in ("train", "test")):
        wrong = "holds neither task04_train nor task04_test" if root.is_dir() else "is missing"
        raise UserError(
            f"{root}: this folder {wrong}; set DATA.root, and DATA.extra_roots, to folders that hold a data set"
        )


def fetch_weights(config: Config) -> None:
    """Fetches the configured extractor's weights if they are missing and have a known source.

    Raises UserError if there is no such extractor, or if the weights are missing and have no known source.
    """
    from modules.extractors import configured_fingerprint

    name, weights = config.EXTRACT.extractor, config.EXTRACT.weights
    fetched = _fetch_known(config)
    if configured_fingerprint(config) is None:
        raise UserError(
            f"EXTRACT.weights={weights}: these weights of {name} are missing, and no source of them is known; "
            "put them in place, or name others"
        )
    log.info("%s %s: the weights %s", name, weights, "are fetched" if fetched else "exist already")


def _fetch_known(config: Config) -> list[Path]:
    """Fetches missing weights, of the detector too, whose source is known, and returns the fetched paths."""
    weights, detector = config.EXTRACT.weights, config.METRABS.detector
    if config.EXTRACT.extractor == "blazepose":
        weight_paths(weights, BLAZEPOSE_FOLDER)  # raises UserError for an unknown name
        return fetch_blazepose(weights)
    if config.EXTRACT.extractor != "metrabs":
        return []
    fetched: list[Path] = []
    for name in (weights, COMBINED if detector is None and weights in WITHOUT_DETECTOR else detector):
        if name == "blazepose":
            fetched += fetch_blazepose()
        elif name in METRABS and not is_present(name):
            fetched.append(fetch_metrabs(name))
    model_folder(weights, "EXTRACT.weights")  # raises UserError for a missing model
    return fetched


if __name__ == "__main__":
    run_script(main)
