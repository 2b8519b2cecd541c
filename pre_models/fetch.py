"""Fetches the weights of extractors: BlazePose's from packages, MeTRAbs's from their author or from your own source.

    python -m pre_models.fetch                              list the known weights, and which of them are present
    python -m pre_models.fetch blazepose                    detector, full and heavy landmark model
    python -m pre_models.fetch blazepose --weights full     without the heavy one (needs pip alone)
    python -m pre_models.fetch metrabs_s                    from its author's server; an interrupted download is resumed
    python -m pre_models.fetch metrabs_l --from FILE        an archive or folder of your own, or an http(s) address

Every file is checked against a pinned SHA-256 if one is known. A SavedModel is a program: one that is not pinned is
installed only with --trust.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict

from modules.console import make_parser, print_summary, run_script, start_console
from modules.extractors.blazepose.weights import BLAZEPOSE_FOLDER
from modules.extractors.metrabs.weights import METRABS, is_present
from modules.extractors.weights import KnownWeights
from modules.utils import UserError, log
from pre_models.blazepose import fetch_blazepose, list_blazepose
from pre_models.metrabs import fetch_metrabs


def main() -> None:
    """Parses the arguments, and lists the known weights or fetches the named ones."""
    parser = make_parser(__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", help=f"blazepose, {', '.join(METRABS)}; without it, a list")
    parser.add_argument("--weights", choices=["full", "heavy"], help="blazepose's landmark model (default: heavy)")
    parser.add_argument("--from", dest="source", help="another source: an archive, a folder, an http(s) address")
    parser.add_argument("--trust", action="store_true", help="install it although its SHA-256 is not pinned")
    arguments = parser.parse_args()
    start_console(arguments)
    if arguments.model is None:
        _print_known(arguments)
    elif arguments.model == "blazepose":
        _fetch_blazepose(arguments)
    else:
        _fetch_metrabs(arguments)


def list_known() -> list[tuple[KnownWeights, bool]]:
    """Returns all weights that are known by name, and whether they are present."""
    return [*list_blazepose(), *((known, is_present(known.name)) for known in METRABS.values())]


def _print_known(arguments: argparse.Namespace) -> None:
    line = "%-34s %-7s %-8s %-32s %-48s %s"
    log.info(line, "name", "present", "size", "what", "licence", "from")
    for known, present in list_known():
        size = "unknown" if known.size_bytes is None else f"{known.size_bytes / 1e6:.1f} MB"
        log.info(line, known.name, "yes" if present else "no", size, known.what, known.licence, known.url)
    weights = [{**asdict(known), "present": present} for known, present in list_known()]
    print_summary(arguments, stage="list", weights=weights)


def _fetch_blazepose(arguments: argparse.Namespace) -> None:
    if arguments.source is not None or arguments.trust:
        raise UserError("--from, --trust: blazepose is fetched from packages and is pinned; leave them out")
    written = fetch_blazepose(arguments.weights or "heavy")
    log.info("\n".join(f"wrote {path}" for path in written) or f"{BLAZEPOSE_FOLDER}: every file is present already")
    print_summary(arguments, stage="fetch", model=arguments.model, folder=BLAZEPOSE_FOLDER, written=written)


def _fetch_metrabs(arguments: argparse.Namespace) -> None:
    if arguments.weights is not None:
        raise UserError(f"--weights {arguments.weights}: only blazepose has such weights; leave it out")
    was_present = arguments.source is None and is_present(arguments.model)
    folder = fetch_metrabs(arguments.model, arguments.source, arguments.trust)
    if was_present:
        log.info("%s: it is present already", folder)
    written = [] if was_present else [folder]
    print_summary(arguments, stage="fetch", model=arguments.model, folder=folder, written=written)


if __name__ == "__main__":
    run_script(main)
