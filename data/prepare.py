"""Fetch the extractor's weights, and make the data that a config asks for where WorldPose can make them.

python -m data.prepare [--config FILE] [--set SECTION.key=value]
"""

from __future__ import annotations

import argparse
import re

from modules.config import PROJECT_ROOT, Config, add_config_arguments, config_from_arguments
from modules.console import make_parser, print_summary, start_console
from modules.utils import log, run_script
from pre_models.fetch import METRABS, fetch_blazepose, fetch_metrabs
from pre_models.known import stands

COMBINED = "metrabs_multiperson_smpl_combined"
DEMO = re.compile(r"test_camera_([1-4])")


def main() -> None:
    parser = make_parser(__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_config_arguments(parser)
    arguments = parser.parse_args()
    config = config_from_arguments(arguments)
    start_console(arguments)
    fetch_weights(config)
    root = config.data_root.resolve()
    rotation = DEMO.fullmatch(root.name)
    if rotation is not None and root.parent == PROJECT_ROOT / "data" / "demo":
        from data.demo.prepare import prepare_demo

        prepare_demo(root.parent, [int(rotation[1])])
    else:
        log.info("%s: your own data; nothing to prepare", config.DATA.root)
    print_summary(arguments, stage="prepare", root=root)


def fetch_weights(config: Config) -> None:
    """Fetch the configured extractor's weights, and its detector's, where they are known by name and do not stand yet."""
    weights, detector = config.EXTRACT.weights, config.METRABS.detector
    if config.EXTRACT.extractor == "blazepose":
        fetch_blazepose(weights)
    elif config.EXTRACT.extractor == "metrabs":
        without_detector = weights in ("metrabs_singleperson_smpl", "metrabs_multiperson_smpl")
        for name in (weights, COMBINED if detector is None and without_detector else detector):
            if name == "blazepose":
                fetch_blazepose()
            elif name in METRABS and not stands(name):
                fetch_metrabs(name)


if __name__ == "__main__":
    run_script(main)
