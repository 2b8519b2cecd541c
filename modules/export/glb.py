"""Writes .glb files, binary glTF 2.0: an animated skeleton with a mesh of its bones, metres, y up, all people in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from model.skeleton import JOINT_NAMES, NUM_JOINTS, PARENTS, ROOT
from modules.export.axes import need_up, to_y_up
from modules.export.bone_mesh import MATERIALS, bone_mesh
from modules.export.bvh import need_somebody
from modules.export.description import Y_UP, describe
from modules.export.gltf_file import GltfFile
from modules.export.poses import Poses
from modules.export.rotations import CHILDREN, Rig, fit_rig
from modules.export.tracks import frame_times, people
from modules.files.atomic import write_bytes

M_PER_MM = 0.001


def write_glb(poses: Poses, folder: Path) -> Path:
    """Writes poses.glb. Its joints move to where the poses have them, also where the length of a bone varies.

    A person is hidden (scale 0) in frames without them. The description is the asset's `extras`. Raises UserError if up is
    not known or nobody was found.
    """
    rotation = to_y_up(need_up(poses, "glb"))
    need_somebody(poses, "glb")
    frames, times, _ = frame_times(poses)
    file = GltfFile(describe(poses, "m", rotation, Y_UP), MATERIALS)
    for person in people(poses):
        rows = np.flatnonzero(np.asarray(poses.found, bool) & (np.asarray(poses.person) == person))
        seen = np.searchsorted(frames, np.asarray(poses.frame_index)[rows])
        joints = np.asarray(poses.joints_mm, np.float64)[rows] @ rotation.T
        _add_person(file, f"person{person}", joints, times - times[0], seen)
    path = folder / "poses.glb"
    write_bytes(path, file.encode())
    return path


def _add_person(file: GltfFile, name: str, joints_mm: np.ndarray, times: np.ndarray, seen: np.ndarray) -> None:
    """Adds a person's skeleton, mesh and animation. `joints_mm` (S, 24, 3) are those of the frames `seen` (S,)."""
    rig = fit_rig(joints_mm)
    translations = _translations(rig, joints_mm) * M_PER_MM
    quaternions = _quaternions(rig.local)
    first = len(file.nodes)
    for joint, joint_name in enumerate(JOINT_NAMES):
        node: dict[str, Any] = {"name": joint_name, "extras": {"person": name}}
        if CHILDREN[joint]:
            node["children"] = [first + child for child in CHILDREN[joint]]
        node |= {"translation": translations[0, joint].tolist(), "rotation": quaternions[0, joint].tolist()}
        file.nodes.append(node)
    body = file.add_node({"name": name, "children": [first + ROOT]})
    _add_mesh(file, name, rig, first)
    if len(times) > 1:
        _animate(file, times, seen, first, (translations, quaternions))
        _hide(file, times, seen, body)


def _translations(rig: Rig, joints_mm: np.ndarray) -> np.ndarray:
    """Returns the joints in the axes of their parents, from the parents: (S, 24, 3) mm; the root as it is."""
    parents = list(np.maximum(PARENTS, 0))
    offsets = joints_mm - joints_mm[:, parents]
    local = (rig.rotations[:, parents].swapaxes(-1, -2) @ offsets[..., None])[..., 0]
    local[:, ROOT] = joints_mm[:, ROOT]
    return np.asarray(local)


def _quaternions(rotations: np.ndarray) -> np.ndarray:
    """Returns rotations (S, 24, 3, 3) as unit quaternions x, y, z, w (S, 24, 4), each on the side of the one before."""
    values = Rotation.from_matrix(rotations.reshape(-1, 3, 3)).as_quat().reshape(len(rotations), NUM_JOINTS, 4)
    flips = np.where((values[1:] * values[:-1]).sum(-1) < 0, -1.0, 1.0)
    values[1:] *= np.cumprod(flips, 0)[..., None]
    return np.asarray(values)


def _add_mesh(file: GltfFile, name: str, rig: Rig, first: int) -> None:
    """Adds the bones' mesh in the rest pose, bound to the joints, as a node at the top, as glTF wants skinned meshes."""
    rest = Rig(rig.offsets_mm, np.eye(3)[None, None].repeat(NUM_JOINTS, 1), np.zeros((1, 3))).joints_mm()[0] * M_PER_MM
    inverse = np.broadcast_to(np.eye(4), (NUM_JOINTS, 4, 4)).copy()
    inverse[:, :3, 3] = -rest
    joints = [first + joint for joint in range(NUM_JOINTS)]
    matrices = file.add_accessor(inverse.swapaxes(-1, -2).reshape(-1, 16), "MAT4")  # column by column
    skin = file.add_skin({"name": name, "joints": joints, "inverseBindMatrices": matrices, "skeleton": first + ROOT})
    primitives = [
        {
            "attributes": {
                "POSITION": file.add_vertices(part.positions, "VEC3", bounds=True),
                "NORMAL": file.add_vertices(part.normals, "VEC3"),
                "JOINTS_0": file.add_vertices(part.joints.astype(np.uint8), "VEC4"),
                "WEIGHTS_0": file.add_vertices(np.eye(4)[0][None].repeat(len(part.joints), 0), "VEC4"),
            },
            "material": material,
        }
        for material, part in enumerate(bone_mesh(rest))
    ]
    mesh = file.add_mesh({"name": name, "primitives": primitives})
    file.add_node({"name": f"{name} bones", "mesh": mesh, "skin": skin})


def _animate(
    file: GltfFile, times: np.ndarray, seen: np.ndarray, first: int, moves: tuple[np.ndarray, np.ndarray]
) -> None:
    """Adds keys for translations (S, 24, 3) and rotations (S, 24, 4) of the joints, at the times of the frames seen."""
    keys = file.add_accessor(times[seen][:, None], "SCALAR", bounds=True)
    for path, kind, values in zip(("translation", "rotation"), ("VEC3", "VEC4"), moves, strict=True):
        for joint in range(NUM_JOINTS):
            file.add_channel(first + joint, path, keys, file.add_accessor(values[:, joint], kind))


def _hide(file: GltfFile, times: np.ndarray, seen: np.ndarray, body: int) -> None:
    """Adds keys that hide a person in the frames where they were not found."""
    is_seen = np.isin(np.arange(len(times)), seen)
    if is_seen.all():
        return
    changes = np.flatnonzero(np.diff(is_seen, prepend=~is_seen[:1]))
    keys = file.add_accessor(times[changes][:, None], "SCALAR", bounds=True)
    scales = is_seen[changes][:, None].repeat(3, 1).astype(float)
    file.add_channel(body, "scale", keys, file.add_accessor(scales, "VEC3"), "STEP")
