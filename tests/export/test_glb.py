"""glTF, read by pygltflib and judged by Khronos's validator."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pygltflib
import pytest
from scipy.spatial.transform import Rotation

from model.skeleton import JOINT_NAMES
from modules.export import WRITERS
from modules.utils import UserError
from tests.export.examples import ALL, FPS, NOBODY, ONE_IMAGE, TWO_PEOPLE
from tests.export.gltf_validator import validate

WRITABLE = [name for name in ALL if name != "nobody"]
COUNTS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}


def numbers(file: pygltflib.GLTF2, index: int) -> np.ndarray:
    accessor = file.accessors[index]
    view = file.bufferViews[accessor.bufferView]
    kind = np.uint8 if accessor.componentType == pygltflib.UNSIGNED_BYTE else np.float32
    blob = file.binary_blob()[view.byteOffset : view.byteOffset + view.byteLength]
    return np.frombuffer(blob, kind).reshape(accessor.count, COUNTS[accessor.type])


def matrix(translation: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    out = np.eye(4)
    out[:3, :3], out[:3, 3] = Rotation.from_quat(rotation).as_matrix(), translation
    return out


def joint_matrices(file: pygltflib.GLTF2, skin: int, key: int | None) -> np.ndarray:
    """The joints' global matrices (24, 4, 4) at a key of the animation, or as the nodes stand."""
    nodes = file.skins[skin].joints
    local = {node: [np.array(file.nodes[node].translation), np.array(file.nodes[node].rotation)] for node in nodes}
    for channel in file.animations[0].channels if key is not None else ():
        if channel.target.node in local:
            values = numbers(file, file.animations[0].samplers[channel.sampler].output)
            local[channel.target.node][channel.target.path == "rotation"] = values[key]
    parents = {child: node for node in nodes for child in file.nodes[node].children or []}
    done: dict[int, np.ndarray] = {}
    for node in nodes:  # in SMPL's order: parents come first
        own = matrix(*local[node])
        done[node] = done[parents[node]] @ own if node in parents else own
    return np.array([done[node] for node in nodes])


def visible(file: pygltflib.GLTF2, name: str) -> list[tuple[float, float]] | None:
    """Time and scale of the keys that show and hide a person; None if it is always there."""
    (node,) = (index for index, one in enumerate(file.nodes) if one.name == name)
    for channel in file.animations[0].channels:
        if channel.target.node == node:
            sampler = file.animations[0].samplers[channel.sampler]
            assert sampler.interpolation == "STEP" and channel.target.path == "scale"
            return list(zip(numbers(file, sampler.input)[:, 0], numbers(file, sampler.output)[:, 0], strict=True))
    return None


@pytest.mark.parametrize("name", WRITABLE)
def test_the_joints_of_every_frame(name: str, tmp_path: Path) -> None:
    poses = ALL[name]
    file = pygltflib.GLTF2().load(str(WRITERS["glb"](poses, tmp_path)))
    assert file.asset.extras["unit"] == "m" and file.asset.extras["origin"] == poses.origin
    assert len(file.skins) == (2 if name == "two people" else 1) and len(file.animations) == (name != "one image")
    for person, skin in enumerate(file.skins):
        assert [file.nodes[node].name for node in skin.joints] == list(JOINT_NAMES)
        mine = np.flatnonzero(poses.found & (poses.person == person))
        for key, row in enumerate(mine[::7]):
            joints = joint_matrices(file, person, 7 * key if file.animations else None)[:, :3, 3]
            assert np.allclose(joints, poses.joints_mm[row][:, [1, 2, 0]] / 1000, atol=1e-5)
        if file.animations:
            times = numbers(file, file.animations[0].samplers[file.animations[0].channels[0].sampler].input)[:, 0]
            assert np.allclose(times, poses.frame_index[poses.found & (poses.person == 0)] / FPS, atol=1e-5)


def test_a_person_is_hidden_where_they_were_not_found(tmp_path: Path) -> None:
    late = replace(TWO_PEOPLE, found=TWO_PEOPLE.found & ~((TWO_PEOPLE.person == 1) & (TWO_PEOPLE.frame_index < 2)))
    file = pygltflib.GLTF2().load(str(WRITERS["glb"](late, tmp_path)))
    at = [np.float32(frame / FPS) for frame in range(5)]
    assert visible(file, "person0") == [(at[0], 1), (at[3], 0), (at[4], 1)]
    assert visible(file, "person1") == [(at[0], 0), (at[2], 1), (at[3], 0), (at[4], 1)]


def test_the_mesh_fits_its_joints_in_the_rest_pose_and_moves_with_them(tmp_path: Path) -> None:
    file = pygltflib.GLTF2().load(str(WRITERS["glb"](ONE_IMAGE, tmp_path)))
    inverse = numbers(file, file.skins[0].inverseBindMatrices).reshape(24, 4, 4).swapaxes(-1, -2)
    rest = -inverse[:, :3, 3]
    moved = joint_matrices(file, 0, None) @ inverse
    for primitive in file.meshes[0].primitives:
        vertices, owners = (
            numbers(file, primitive.attributes.POSITION),
            numbers(file, primitive.attributes.JOINTS_0)[:, 0],
        )
        assert (np.linalg.norm(vertices - rest[owners], axis=-1) < 0.6).all()  # within a bone's length of their joint
        posed = (moved[owners] @ np.append(vertices, np.ones((len(vertices), 1)), 1)[..., None])[..., :3, 0]
        joints = ONE_IMAGE.joints_mm[0][:, [1, 2, 0]] / 1000
        assert (np.linalg.norm(posed - joints[owners], axis=-1) < 0.6).all()
        outwards = numbers(file, primitive.attributes.NORMAL).reshape(-1, 3, 3)[:, 0]
        faces = vertices.reshape(-1, 3, 3)
        bones = vertices.reshape(-1, 24, 3).mean(1).repeat(8, 0)  # the middle of each bone's octahedron
        assert ((faces.mean(1) - bones) * outwards).sum(-1).min() > 0


def test_the_validator_of_khronos_finds_nothing(tmp_path: Path) -> None:
    paths = []
    for name in WRITABLE:
        paths.append(WRITERS["glb"](ALL[name], tmp_path / name))
    broken = tmp_path / "broken.glb"
    broken.write_bytes(paths[0].read_bytes().replace(b'"VEC3"', b'"VEC2"'))
    *reports, bad = validate([*paths, broken])
    for report in reports:
        assert report["issues"]["messages"] == [] and report["issues"]["numErrors"] == 0, report["issues"]
    assert bad["issues"]["numErrors"] > 0


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="^--save glb: nobody was found in these 4 images"):
        WRITERS["glb"](NOBODY, tmp_path)
    with pytest.raises(UserError, match="^--save glb: .* add --up"):
        WRITERS["glb"](replace(ONE_IMAGE, up=None), tmp_path)
