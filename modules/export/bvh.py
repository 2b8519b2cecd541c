"""Writes .bvh files, the text format of animation programs: centimetres, y up, a file per person."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from model.skeleton import JOINT_NAMES, PARENTS, ROOT
from modules.export.axes import need_up, to_y_up
from modules.export.description import Y_UP, describe
from modules.export.poses import Poses
from modules.export.rotations import CHILDREN, Rig, fit_rig
from modules.export.tracks import Track, about_path, evenly_timed, track_paths
from modules.files.atomic import write_json, write_text
from modules.utils import UserError, log

CM_PER_MM = 0.1
END_CM = {
    "head": (0, 10, 0),
    "foot": (0, 0, 5),
    "hand": (8, 0, 0),
}  # a leaf needs a length to be seen; for the left side


def write_bvh(poses: Poses, folder: Path) -> Path:
    """Writes poses.bvh and its description, poses.bvh.json; with several people poses_person0.bvh and so on.

    BVH has no missing frames: those without the person repeat the last one with the person, and are listed in the
    description, which also has the distance between the given joints and those of the file. Raises UserError if up is not
    known or nobody was found.
    """
    rotation = to_y_up(need_up(poses, "bvh"))
    need_somebody(poses, "bvh")
    sequence = evenly_timed(poses, "bvh")
    paths = track_paths(folder, sequence.tracks, ".bvh")
    for path, track in zip(paths, sequence.tracks, strict=True):
        joints = track.joints_mm @ rotation.T
        rig = fit_rig(_held(joints, track.found))
        distance = np.linalg.norm(rig.joints_mm() - joints, axis=-1)[track.found]
        log.info(
            "%s: its joints are %.1f mm (mean) from the estimated ones, since its bones are rigid",
            path,
            distance.mean(),
        )
        write_text(path, _hierarchy(rig) + _motion(rig, 1 / sequence.rate_hz))
        about = describe(poses, "cm", rotation, Y_UP)
        write_json(about_path(path), {**about, "person": track.person, **_facts(track, distance)})
    return paths[0]


def need_somebody(poses: Poses, file_format: str) -> None:
    """Raises UserError if nobody was found, for formats that need a skeleton."""
    if not np.asarray(poses.found, bool).any():
        raise UserError(
            f"--save {file_format}: nobody was found in these {len(np.unique(poses.frame_index))} images, so there is no "
            f"skeleton to write; leave {file_format} out"
        )


def _held(joints: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Returns joints (T, 24, 3) whose missing frames repeat the last one before, or else the first one after."""
    last = np.maximum.accumulate(np.where(found, np.arange(len(found)), -1))
    last[last < 0] = np.flatnonzero(found)[0]
    return joints[last]


def _facts(track: Track, distance: np.ndarray) -> dict[str, object]:
    """Returns what the description adds: the held frames, from 0, and the mean distances (mm) of a frame's joints."""
    per_joint = dict(zip(JOINT_NAMES, np.round(distance.mean(0), 2).tolist(), strict=True))
    return {
        "rotation_order": "ZXY",
        "held_frames": np.flatnonzero(~track.found).tolist(),
        "rigid_bones_error_mm": round(float(distance.mean()), 2),
        "rigid_bones_error_mm_per_joint": per_joint,
        "twist": "knees and elbows show that of limbs; hands, feet and head have none of their own",
    }


def _hierarchy(rig: Rig) -> str:
    """Returns the HIERARCHY section: offsets of the rest pose in cm."""
    lines = ["HIERARCHY"]
    _add_joint(lines, rig, ROOT, 0)
    return "\n".join(lines) + "\n"


def _add_joint(lines: list[str], rig: Rig, joint: int, depth: int) -> None:
    """Appends a joint with all below it."""
    name, indent = JOINT_NAMES[joint], "\t" * depth
    position = "6 Xposition Yposition Zposition" if joint == ROOT else "3"
    lines += [
        f"{indent}{'ROOT' if joint == ROOT else 'JOINT'} {name}",
        f"{indent}{{",
        f"{indent}\tOFFSET {_numbers(rig.offsets_mm[joint] * CM_PER_MM)}",
        f"{indent}\tCHANNELS {position} Zrotation Xrotation Yrotation",
    ]
    for child in CHILDREN[joint]:
        _add_joint(lines, rig, child, depth + 1)
    if not CHILDREN[joint]:
        side, _, part = name.rpartition("_")
        end = np.array(END_CM[part]) * ([-1, 1, 1] if side == "right" else 1)
        lines += [f"{indent}\tEnd Site", f"{indent}\t{{", f"{indent}\t\tOFFSET {_numbers(end)}", f"{indent}\t}}"]
    lines.append(f"{indent}}}")


def _numbers(values: np.ndarray) -> str:
    return " ".join(f"{value:.5f}" for value in values)


def _motion(rig: Rig, frame_time_s: float) -> str:
    """Returns the MOTION section: the root's position in cm, then Z, X, Y rotations in degrees of each joint, per frame."""
    angles = euler_zxy(rig.local)[:, _written_order()]
    values = np.concatenate([rig.root_mm * CM_PER_MM, angles.reshape(len(angles), -1)], 1)
    lines = ["MOTION", f"Frames: {len(values)}", f"Frame Time: {frame_time_s:.8f}", *map(_numbers, values)]
    return "\n".join(lines) + "\n"


def _written_order() -> list[int]:
    """Returns the joints in the order of the hierarchy: each before those below it, branch after branch."""
    order, waiting = [], [ROOT]
    while waiting:
        joint = waiting.pop()
        order.append(joint)
        waiting += CHILDREN[joint][::-1]
    assert len(order) == len(PARENTS)
    return order


def euler_zxy(rotations: np.ndarray) -> np.ndarray:
    """Returns the angles z, x, y (T, 24, 3) in degrees of rotations Rz Rx Ry (T, 24, 3, 3), without jumps by whole turns."""
    x = np.arcsin(np.clip(rotations[..., 2, 1], -1, 1))
    z = np.arctan2(-rotations[..., 0, 1], rotations[..., 1, 1])
    y = np.arctan2(-rotations[..., 2, 0], rotations[..., 2, 2])
    locked = np.abs(rotations[..., 2, 1]) > 1 - 1e-9  # z and y turn about one axis: y is 0
    z = np.where(locked, np.arctan2(rotations[..., 1, 0], rotations[..., 0, 0]), z)
    y = np.where(locked, 0.0, y)
    return np.asarray(np.unwrap(np.degrees(np.stack([z, x, y], -1)), axis=0, period=360))
