"""Fetch the extractor's weights, and make the data that a config asks for where WorldPose can make them.

python -m data.prepare [--config FILE] [--set SECTION.key=value]
"""

from __future__ import annotations

import argparse
import re

from modules.config import PROJECT_ROOT, add_config_arguments, config_from_arguments
from modules.console import make_parser, print_summary, start_console
from modules.utils import log, run_script
from pre_models.fetch import fetch_blazepose

DEMO = re.compile(r"test_camera_([1-4])")


def main() -> None:
    parser = make_parser(__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_config_arguments(parser)
    arguments = parser.parse_args()
    config = config_from_arguments(arguments)
    start_console(arguments)
    if config.EXTRACT.extractor == "blazepose":
        fetch_blazepose(config.EXTRACT.weights)
    root = config.data_root.resolve()
    rotation = DEMO.fullmatch(root.name)
    if rotation is not None and root.parent == PROJECT_ROOT / "data" / "demo":
        from data.demo.prepare import prepare_demo

        prepare_demo(root.parent, [int(rotation[1])])
    else:
        log.info("%s: your own data; nothing to prepare", config.DATA.root)
    print_summary(arguments, stage="prepare", root=root)


if __name__ == "__main__":
    run_script(main)
