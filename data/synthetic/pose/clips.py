"""Motion capture from the PyPI wheel pybullet (zlib licence): 20 humanoid clips of DeepMimic (Peng et al. 2018).

A frame holds joint rotations of a humanoid that stands upright with hanging arms at rest; its axes are x forward, y up, z
right, in metres. This module reads them unchanged; data.synthetic.pose.retarget converts the axes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from modules.console import run_script
from modules.utils import UserError
from pre_models.packages import Member, fetch_wheel

CLIPS_FOLDER = Path(__file__).parents[1] / "clips"
INSIDE = "pybullet_data/data/motions"
PYBULLET_SHA256 = "5d858abf7c12a21ef3ed351cf81dac1b5e486ec25c9ab59bfc84beb89034edff"
# The same wheel for every Python and machine, as it is only unzipped.
PIP_OPTIONS = ("--platform=manylinux2014_x86_64", "--python-version=3.11", "--implementation=cp", "--abi=cp311")
CLIPS_SHA256 = {
    "humanoid3d_backflip.txt": "ffc5e117f69364e239eeedc86d6a30ab854500a375a1c137a405f1b7652905e6",
    "humanoid3d_cartwheel.txt": "17453459a40ec4ea08346072748ae3c7c384b49e619753e9779637fa8a9f7c49",
    "humanoid3d_crawl.txt": "104a3b675131a43e7a214e24c0ed631c6a0d814b85c8b66b71ce63b23a5731ae",
    "humanoid3d_dance_a.txt": "15ef3731f594edc9ed078170f1075815cc164acaca9e35a46db12a31ac64b717",
    "humanoid3d_dance_b.txt": "b5a9d7a3f2304f6242776d7ff6d19d1f6bcb98d78d68622761c3843b614a92b5",
    "humanoid3d_getup_facedown.txt": "1bd1a96e9175f65eb66e10f225473b4467bd70c68e283f4006b2ab090e337c0b",
    "humanoid3d_getup_faceup.txt": "5936c32d51dad9b0cd5e61df681079d160436cdce845c312f200d7a347c4040d",
    "humanoid3d_jump.txt": "a433557e94b193d8a95530572a0e32f387eb6d9996987b4216efb65444c3c641",
    "humanoid3d_kick.txt": "177cfb399466309ba7f4a8a987c3b6f6edde1cbe8b2d476e53dc6061ec5d4bac",
    "humanoid3d_punch.txt": "1ab4b654cecdb4ff3b2a4bf4086e50397bef28435bb59ab3aedd6a6bdc926fde",
    "humanoid3d_roll.txt": "50d75c2243b2859f8dcae4ad8fa14b59054dd9ee529b4fb52ec14470cd982c55",
    "humanoid3d_run.txt": "2cbe488023b243e5769299158ce7c78875ec4b701a2ffe6c0beeaf83d16ca87b",
    "humanoid3d_spin.txt": "9614f10b92e7a8b123990ad5bcfafc65aa4d8fa8ac7f10ade3c3591122d34425",
    "humanoid3d_spinkick.txt": "60ec9c200d96e0cd71693061f24db0bd8da9eb295daf487f6f60f8dfb324075a",
    "humanoid3d_walk.txt": "32d082c3599bc40aac50b1afa196ff1e2cf3842bb40f0541ab088845f6328a41",
    "walker/0walk_forward.txt": "a8790c45361077ff07d99c3f00a1fa73b78ff3ec77d083188f13eac75dcc0a58",
    "walker/turn_left0.txt": "5120bb55a4eb3ecfa75bcffcd472ad0b5be01647536f707896b9a9af655d6fce",
    "walker/turn_left1.txt": "e78540dcccfad969ff1304182de293714c1db163096ee37a02dbf34930e0c3d0",
    "walker/turn_right0.txt": "c1fa371a7d7d625970ad7fec0bb2d7ba59205acb74f8fac15f46799ae3a80ce3",
    "walker/turn_right1.txt": "3a655a1e9334cef592b5b7bef4fd7a52e46fcacc8c7c807cfa1bee8249e6350d",
}
# The columns of a frame and their widths: 4 is a quaternion w, x, y, z, 1 an angle about the z axis.
COLUMNS = {
    "duration": 1, "root_position": 3, "root": 4, "chest": 4, "neck": 4, "right_hip": 4, "right_knee": 1,
    "right_ankle": 4, "right_shoulder": 4, "right_elbow": 1, "left_hip": 4, "left_knee": 1, "left_ankle": 4,
    "left_shoulder": 4, "left_elbow": 1,
}  # fmt: skip
WIDTH = sum(COLUMNS.values())


@dataclass(frozen=True)
class Clip:
    """One clip of F frames."""

    name: str
    seconds: np.ndarray  # (F,) start of each frame
    loops: bool
    columns: dict[str, np.ndarray]  # by COLUMNS: (F, 3) positions in m, (F, 4) quaternions, (F,) angles in radians

    def __len__(self) -> int:
        return len(self.seconds)

    def frame_at(self, second: float) -> int:
        """Returns the frame at a time; the time wraps around if the clip loops and is clipped otherwise."""
        end = float(self.seconds[-1])
        second = second % end if self.loops else min(max(second, 0.0), end)
        return int(np.searchsorted(self.seconds, second, side="right")) - 1


def fetch_clips(folder: Path = CLIPS_FOLDER) -> Path:
    """Downloads the 20 clips into `folder` if they are missing (a wheel of 103 MB for 1.5 MB) and returns the folder.

    Raises UserError if pip cannot download the wheel.
    """
    members = [Member(f"{INSIDE}/{name}", folder / Path(name).name, sha256) for name, sha256 in CLIPS_SHA256.items()]
    fetch_wheel("pybullet", "3.2.7", PYBULLET_SHA256, members, PIP_OPTIONS)
    return folder


def read_clips(folder: Path = CLIPS_FOLDER) -> tuple[Clip, ...]:
    """Reads all clips of a folder that `fetch_clips` has filled, in the order of CLIPS_SHA256."""
    return tuple(read_clip(folder / Path(name).name) for name in CLIPS_SHA256)


@cache
def known_clips() -> tuple[Clip, ...]:
    """Returns the clips of CLIPS_FOLDER, read once per process."""
    return read_clips()


def read_clip(path: Path) -> Clip:
    """Reads one clip. Raises UserError if the file is missing or not a clip."""
    try:
        content = json.loads(path.read_text())
    except OSError:
        raise UserError(f"{path}: this clip cannot be read; python -m data.synthetic.pose.clips fetches it") from None
    except ValueError:
        raise UserError(
            f"{path}: this clip is not JSON; delete it and run python -m data.synthetic.pose.clips"
        ) from None
    if not isinstance(content, dict) or not content.get("Frames"):
        raise UserError(f"{path}: this clip has no Frames; delete it and run python -m data.synthetic.pose.clips")
    return _parsed(path, content["Frames"], content.get("Loop") == "wrap")


def _parsed(path: Path, rows: list[list[float]], loops: bool) -> Clip:
    try:
        frames = np.array(rows, dtype=float)
    except (ValueError, TypeError):
        frames = np.zeros(0)
    if frames.ndim != 2 or frames.shape[1] != WIDTH or not np.isfinite(frames).all():
        raise UserError(f"{path}: Frames must be rows of {WIDTH} finite numbers; fetch this clip again")
    widths = list(COLUMNS.values())
    split = np.split(frames, np.cumsum(widths)[:-1], axis=1)
    columns = {
        name: part[:, 0] if width == 1 else part for (name, width), part in zip(COLUMNS.items(), split, strict=True)
    }
    if any((np.linalg.norm(columns[name], axis=1) < 0.5).any() for name, width in COLUMNS.items() if width == 4):
        raise UserError(f"{path}: Frames contain a quaternion of length 0; fetch this clip again")
    seconds = np.concatenate([[0.0], np.cumsum(columns["duration"])[:-1]])
    return Clip(path.stem.removeprefix("humanoid3d_"), seconds, loops, columns)


if __name__ == "__main__":
    run_script(lambda: print(f"clips: {fetch_clips()}"))
