"""Makes the mesh of a skeleton: a slender octahedron per bone, in three parts: left, right and middle."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from model.skeleton import EDGES, JOINT_NAMES

WIDTH = 0.12  # of a bone, as a share of its length
SIDES = ("left", "right", "middle")
COLOURS = {"left": (0.85, 0.33, 0.10), "right": (0.0, 0.35, 0.75), "middle": (0.55, 0.55, 0.55)}  # linear RGB
MATERIALS: list[dict[str, Any]] = [
    {"name": side, "pbrMetallicRoughness": {"baseColorFactor": [*COLOURS[side], 1.0], "metallicFactor": 0.0}}
    for side in SIDES
]
# Corners: the start, four around, the end; triangles anticlockwise as seen from outside.
_TRIANGLES = [(0, 2, 1), (0, 3, 2), (0, 4, 3), (0, 1, 4), (5, 1, 2), (5, 2, 3), (5, 3, 4), (5, 4, 1)]


class MeshPart(NamedTuple):
    """Triangles of three vertices each that are not shared: V vertices."""

    positions: np.ndarray  # (V, 3)
    normals: np.ndarray  # (V, 3)
    joints: np.ndarray  # (V, 4) the joint that moves each vertex, then three zeros


def bone_mesh(rest_joints: np.ndarray) -> list[MeshPart]:
    """Returns the parts, in the order of SIDES, of a skeleton in its rest pose (24, 3). A bone moves with its first joint."""
    return [_part(rest_joints, side) for side in SIDES]


def _part(rest_joints: np.ndarray, side: str) -> MeshPart:
    positions, joints = [], []
    for start, end in EDGES:
        if side_of(end) == side:
            triangles = _octahedron(rest_joints[start], rest_joints[end])[np.array(_TRIANGLES)]
            positions.append(triangles.reshape(-1, 3))
            joints.append(np.full(len(positions[-1]), start))
    vertices = np.concatenate(positions)
    faces = vertices.reshape(-1, 3, 3)
    normals = np.cross(faces[:, 1] - faces[:, 0], faces[:, 2] - faces[:, 0])
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    bound = np.zeros((len(vertices), 4), int)
    bound[:, 0] = np.concatenate(joints)
    return MeshPart(vertices, normals.repeat(3, 0), bound)


def side_of(joint: int) -> str:
    """Returns left, right or middle."""
    side = JOINT_NAMES[joint].partition("_")[0]
    return side if side in ("left", "right") else "middle"


def _octahedron(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Returns the corners (6, 3): the start, four around a fifth of the way, the end."""
    bone = end - start
    along = bone / np.linalg.norm(bone)
    across = np.cross(along, np.eye(3)[np.abs(along).argmin()])
    across /= np.linalg.norm(across)
    other = np.cross(along, across)
    radius = WIDTH * np.linalg.norm(bone)
    around = [start + bone / 5 + radius * offset for offset in (across, other, -across, -other)]
    return np.stack([start, *around, end])
