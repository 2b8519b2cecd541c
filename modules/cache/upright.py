"""Brings cached rows of turned pictures into the upright frame that their crops were made in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from modules.cache.table import NUMBER_COLUMNS, Rows, lens_columns, lens_of
from modules.picture_turns import axes_turn, picture_turn, quarter_turns, turn_camera
from modules.pose_utils import Camera

PIECE = 65_536  # rows looked at together


def turned_rows(rows: Rows) -> dict[str, int]:
    """Returns by how many quarters the pictures of each view are turned, for those that are; up is as declared.

    `rows` are as stored, before up and floor are completed.
    """
    texts = [rows[name] for name in ("pose", "person", "camera")]
    changes = np.any([values[1:] != values[:-1] for values in texts], axis=0)
    starts = np.flatnonzero(np.concatenate([[True], changes]))  # the images of a view follow each other
    names, first = np.unique(
        ["_".join(one) for one in zip(*(values[starts] for values in texts), strict=True)], return_index=True
    )
    first = starts[first]
    has_up = np.isfinite(rows["world_up"][first]).all(1)
    turns = {
        str(name): _turns_of_camera(rows, row) for name, row in zip(names[has_up], first[has_up].tolist(), strict=True)
    }
    return {name: count for name, count in turns.items() if count}


def upright_rows(rows: Rows) -> Rows:
    """Returns rows as if the pictures had been stored upright: cameras, px and joints in camera axes are turned.

    By how much tells the crop, which is upright already; without one, the camera. The world stays; without turned pictures
    these are the rows.
    """
    turns = _turns_of_crops(rows["R_cam2crop"])
    for row in np.flatnonzero(np.isnan(rows["R_cam2crop"]).any((1, 2)) & np.isfinite(rows["world_up"]).all(1)):
        turns[row] = _turns_of_camera(rows, int(row))
    columns = dict(rows.columns)
    for quarters in np.unique(turns[turns > 0]).tolist():
        own = np.flatnonzero(turns == quarters)
        changed = _turned({name: values[own] for name, values in rows.columns.items()}, quarters)
        for name, values in changed.items():
            columns[name] = columns[name].copy() if columns[name] is rows.columns[name] else columns[name]
            columns[name][own] = values
    return Rows(columns, rows.crop_files) if turns.any() else rows


def _turns_of_camera(rows: Rows, row: int) -> int:
    K, R, t, up = (rows[name][row] for name in ("K", "R", "t", "world_up"))
    return quarter_turns(Camera(K, R, t, distortion=lens_of(rows, row), world_up=up))


def _turns_of_crops(R_cam2crop: np.ndarray) -> np.ndarray:
    """Returns by how many quarters each picture was turned for its crop: (B,), 0 without a crop."""
    turned = np.stack([axes_turn(turns)[:2] for turns in range(4)])  # the trace of R_cam2crop @ turn.T, first two rows
    return np.concatenate([
        np.argmax(np.nan_to_num(np.einsum("bij,tij->bt", piece[:, :2], turned)), axis=1)
        for piece in np.split(R_cam2crop, range(PIECE, len(R_cam2crop), PIECE))
    ])  # fmt: skip


def _turned(columns: dict[str, np.ndarray], turns: int) -> dict[str, np.ndarray]:
    """Returns the columns that differ once pictures are turned by so many quarters."""
    sizes = [(int(width), int(height)) for width, height in columns["image_size"]]
    M, Q = np.stack([picture_turn(size, turns) for size in sizes]), axes_turn(turns)
    cameras = [
        turn_camera(Camera(K, R, t, distortion=lens_of(columns, row)), size, turns)
        for row, (K, R, t, size) in enumerate(zip(*(columns[name] for name in ("K", "R", "t")), sizes, strict=True))
    ]

    def in_picture(px: np.ndarray) -> np.ndarray:
        return np.asarray(px @ M[:, :2, :2].swapaxes(1, 2) + M[:, None, :2, 2])

    def box(xywh: np.ndarray) -> np.ndarray:
        corners = in_picture(np.stack([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], 1))
        return np.concatenate([corners.min(1), np.ptp(corners, axis=1)], 1)

    changes: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "joints_px": in_picture,
        "true_joints_px": in_picture,
        "box_xywh": box,
        "joints_rel_mm": lambda joints: joints @ Q.T,
        "root_cam_mm": lambda root: root @ Q.T,
        "R_cam2crop": lambda R_cam2crop: R_cam2crop @ Q.T,
        "image_size": lambda size: size[:, ::-1] if turns % 2 else size,
    }
    changed = {name: change(columns[name]) for name, change in changes.items() if name in columns}
    no_lens = {name: np.full(NUMBER_COLUMNS[name], np.nan) for name in ("distortion", "distortion_more", "fisheye")}
    lenses = [lens_columns(one.distortion) for one in cameras]
    return {
        **changed, **{name: np.stack([lens.get(name, nothing) for lens in lenses]) for name, nothing in no_lens.items()},
        "K": np.stack([one.K for one in cameras]), "R": np.stack([one.R for one in cameras]),
        "t": np.stack([one.t for one in cameras]),
    }  # fmt: skip
