"""Writes report.html: one file that opens from disk, with the people in 3D, the pictures, charts and what to look at twice."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from model.skeleton import EDGES, JOINT_NAMES
from modules.console import progress_bar
from modules.export.poses import Poses
from modules.files.atomic import write_text
from modules.pose_utils import Camera, cam2world, pixel2ray, undistort
from modules.predict.scene import Scene, scene_of
from modules.predict.sketch import PEOPLE
from modules.predict.source import Source
from modules.predict.view import View
from modules.utils import ahead
from modules.vis import side_colour

ASSETS = Path(__file__).with_name("assets")
PICTURES, PICTURE_PX = 150, 640  # at most so many, with at most so many px along the longer side
FRUSTUM_MM = 900.0  # from the camera to the picture in the scene
NOBODY = -32768  # in the positions, where nobody was found


def write_report(poses: Poses, source: Source, view: View, folder: Path) -> list[Path]:
    """Writes report.html into `folder`; returns its path. Above PICTURES images, evenly spaced pictures stand for all."""
    scene = scene_of(poses, view.camera)
    data = report_data(poses, source, view, scene) | {"pictures": list(_pictures(source))}
    # No name can end the script element, or begin a comment in it.
    text = json.dumps(data, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    parts = {"TITLE": html.escape(source.path.name), "DATA": text}
    for name, file in (("CSS", "report.css"), ("THREE", "three.min.js"), ("JS", "report.js")):
        parts[name] = (ASSETS / file).read_text(encoding="utf-8")
    template = (ASSETS / "report.html").read_text(encoding="utf-8")
    page = re.sub(r"%([A-Z]+)%", lambda match: parts[match[1]], template)
    path = folder / "report.html"
    write_text(path, page)
    return [path]


def report_data(poses: Poses, source: Source, view: View, scene: Scene) -> dict[str, Any]:
    """Returns what report.js shows, except the pictures; positions are right, forward, up from the scene's origin, mm."""
    place = {number: index for index, number in enumerate(source.frame_index.tolist())}
    times = source.time_s
    camera = view.camera_for(source.names[0], source.size(0))
    world = poses.frame == "world"
    return {
        "joints": JOINT_NAMES, "edges": [list(edge) for edge in EDGES],
        "sides": [side_colour(joint) for joint in range(len(JOINT_NAMES))], "colours": PEOPLE,
        "frames": [
            {"index": int(number), "time": None if np.isnan(time) else round(float(time), 4), "name": source.image_name(index)}
            for index, (number, time) in enumerate(zip(source.frame_index, times, strict=True))
        ],
        "rows": [
            {"frame": place[int(number)], "person": int(person), "warnings": poses.warnings[row] if poses.warnings else ""}
            for row, (number, person) in enumerate(zip(poses.frame_index, poses.person, strict=True))
        ],
        "positions": _packed(poses.joints_mm, scene),
        "raw": None if poses.raw_joints_mm is None else _packed(poses.raw_joints_mm, scene),
        "errors": _base64(np.clip(np.nan_to_num(poses.expected_error_mm), 0, 65535).round().astype("<u2")),
        "has_floor": scene.has_floor, "reach": scene.reach_mm,
        "axes": scene.local(500 * np.concatenate([np.zeros((1, 3)), np.eye(3)])).round(1).tolist(),
        "frustum": scene.local(_frustum(camera)).round(1).tolist(),
        "look_at": scene.local(camera.centre_world + 3000 * camera.R[2]).round(1).tolist(),
        "about": _about(poses, source), "origin": _origin(poses, world),
    }  # fmt: skip


def _packed(joints_mm: np.ndarray, scene: Scene) -> str:
    """Returns positions as base64 of 16-bit integers, mm; NOBODY where they are NaN."""
    local = scene.local(joints_mm)
    whole = np.clip(np.nan_to_num(local), -32767, 32767).round()
    return _base64(np.where(np.isfinite(local), whole, NOBODY).astype("<i2"))


def _base64(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode("ascii")


def _frustum(camera: Camera) -> np.ndarray:
    """Returns the camera's centre, and the corners of its image at FRUSTUM_MM: (5, 3) in the frame of the answer."""
    width, height = camera.image_size or (1920, 1080)
    corners = np.array([[0.0, 0], [width, 0], [width, height], [0, height]]) - 0.5
    straight = undistort(corners, camera.K, camera.distortion)
    rays = pixel2ray(np.where(np.isfinite(straight), straight, corners), camera.K)
    return cam2world(np.concatenate([np.zeros((1, 3)), FRUSTUM_MM * rays]), camera.R, camera.t)  # type: ignore[no-any-return]


def _about(poses: Poses, source: Source) -> str:
    """Returns the line below the title."""
    count, found = len(source.names), len(np.unique(poses.frame_index[poses.found]))
    people = len(np.unique(poses.person[poses.found]))
    error = np.nanmean(poses.expected_error_mm) if np.isfinite(poses.expected_error_mm).any() else None
    parts = [f"{count} image{'s' if count > 1 else ''}", f"people found in {found}" if found else "nobody found"]
    if people > 1:
        parts.append(f"{people} people")
    if error is not None:
        parts.append(f"expected error {error:.0f} mm")
    if poses.raw_joints_mm is not None:
        parts.append("smoothed over time")
    if count > PICTURES:
        parts.append(f"{PICTURES} of the pictures are in this file")
    return ", ".join(parts)


def _origin(poses: Poses, world: bool) -> str:
    """Returns the last line: frame, units and where the numbers come from."""
    origin = poses.origin
    frame = "world coordinates" if world else "coordinates of the camera (x right, y down, z forward), not of a world"
    floor = "" if poses.floor_height_mm is not None else "; no floor is known, so heights are over the lowest foot"
    where = ", ".join(
        f"{name}: {origin[name]}"
        for name in ("source", "camera_file", "weights", "version", "commit")
        if name in origin
    )
    return f"Files hold {frame} in mm{floor}. Axes at the origin: x red, y green, z blue, 0.5 m; grid 0.5 m. {where}"


def _pictures(source: Source) -> Iterator[dict[str, Any]]:
    """Yields small JPEGs of at most PICTURES images, evenly spaced."""
    count = len(source.names)
    step = -(-count // PICTURES)
    chosen = range(0, count, step)
    flags = [cv2.IMWRITE_JPEG_QUALITY, 75]
    with progress_bar(len(chosen), "report", "picture") as bar:
        for frame, image in zip(chosen, ahead(source.images(0, count, step)), strict=True):
            scale = min(1.0, PICTURE_PX / max(image.shape[:2]))
            small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            jpeg = cv2.imencode(".jpg", small[..., ::-1], flags)[1].tobytes()
            yield {"frame": frame, "jpeg": f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode('ascii')}"}
            bar.update(1)
