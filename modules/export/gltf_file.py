"""Assembles a binary glTF 2.0 file from nodes, meshes, skins, an animation and their numbers."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np

MAGIC, VERSION, JSON_CHUNK, BINARY_CHUNK = 0x46546C67, 2, 0x4E4F534A, 0x004E4942
FLOAT, BYTE = 5126, 5121  # component types
VERTICES = 34962  # the target of a buffer view of vertex data


class GltfFile:
    """A glTF file under construction. Indices that the methods return refer to what they have added."""

    def __init__(self, extras: dict[str, Any], materials: list[dict[str, Any]]) -> None:
        self.nodes: list[dict[str, Any]] = []
        self._top: list[int] = []
        self._lists: dict[str, list[dict[str, Any]]] = {"meshes": [], "skins": [], "accessors": [], "bufferViews": []}
        self._samplers: list[dict[str, Any]] = []
        self._channels: list[dict[str, Any]] = []
        self._extras, self._materials = extras, materials
        self._binary = bytearray()

    def add_node(self, node: dict[str, Any]) -> int:
        """Adds a node to the top of the scene."""
        self.nodes.append(node)
        self._top.append(len(self.nodes) - 1)
        return len(self.nodes) - 1

    def add_mesh(self, mesh: dict[str, Any]) -> int:
        """Adds a mesh."""
        return self._add("meshes", mesh)

    def add_skin(self, skin: dict[str, Any]) -> int:
        """Adds a skin."""
        return self._add("skins", skin)

    def add_vertices(self, values: np.ndarray, kind: str, bounds: bool = False) -> int:
        """Adds a vertex attribute; otherwise as `add_accessor`."""
        accessor = self.add_accessor(values, kind, bounds)
        self._lists["bufferViews"][self._lists["accessors"][accessor]["bufferView"]]["target"] = VERTICES
        return accessor

    def add_accessor(self, values: np.ndarray, kind: str, bounds: bool = False) -> int:
        """Adds numbers (N, components) as bytes if they are unsigned bytes, else as floats; `bounds`: with min and max."""
        is_bytes = values.dtype == np.uint8
        data = values if is_bytes else values.astype("<f4")
        view = self._add("bufferViews", {"buffer": 0, "byteOffset": len(self._binary), "byteLength": data.nbytes})
        self._binary += data.tobytes()
        self._binary += bytes(-len(self._binary) % 4)
        accessor = {
            "bufferView": view, "componentType": BYTE if is_bytes else FLOAT, "count": len(data), "type": kind,
        }  # fmt: skip
        if bounds:
            accessor |= {"min": data.min(0).astype(float).tolist(), "max": data.max(0).astype(float).tolist()}
        return self._add("accessors", accessor)

    def add_channel(self, node: int, path: str, times: int, values: int, interpolation: str = "LINEAR") -> None:
        """Animates a node's translation, rotation or scale by accessors of times (s) and values."""
        self._samplers.append({"input": times, "output": values, "interpolation": interpolation})
        self._channels.append({"sampler": len(self._samplers) - 1, "target": {"node": node, "path": path}})

    def _add(self, name: str, item: dict[str, Any]) -> int:
        self._lists[name].append(item)
        return len(self._lists[name]) - 1

    def encode(self) -> bytes:
        """Returns the file: a header, a chunk of JSON and a chunk of numbers."""
        document: dict[str, Any] = {
            "asset": {"version": "2.0", "generator": "GroundPose", "extras": self._extras},
            "scene": 0,
            "scenes": [{"name": "poses", "nodes": self._top}],
            "nodes": self.nodes,
            "materials": self._materials,
            "buffers": [{"byteLength": len(self._binary)}],
            **self._lists,
        }
        if self._channels:
            document["animations"] = [{"name": "poses", "samplers": self._samplers, "channels": self._channels}]
        text = json.dumps(document, allow_nan=False, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 4)
        chunks = struct.pack("<II", len(text), JSON_CHUNK) + text
        chunks += struct.pack("<II", len(self._binary), BINARY_CHUNK) + self._binary
        return struct.pack("<III", MAGIC, VERSION, 12 + len(chunks)) + chunks
