"""The catalogue of harms and of legal inputs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.trust.harms import (
    OPENGL,
    SWAP,
    Change,
    Harm,
    Shot,
    camera,
    each,
    field_as,
    first,
    floor_off,
    focal,
    intrinsics,
    labels,
    moved,
    one_file,
    other_recording,
    pictures,
    scaled,
    shifted,
    swapped_files,
)
from model.skeleton import MIRROR

SIZE = ("belong to an image", "is the middle of a picture", "once this is fixed: the picture is", "people are")
FOCAL = (
    "another zoom",
    "this zoom",
    "focal length",
    "none of the known",
    "the picture is",
    "fy is",
    "disagree",
    "stands elsewhere",
)
SHIFT = (
    "this crop",
    "left of",
    "right of",
    "px left",
    "px right",
    "principal point",
    "has turned",
    "stands elsewhere",
    "disagree",
)
MOVED = ("it would agree", "stands elsewhere", "disagree", "has turned", "none of the known", "px left", "px right")
FLOOR = ("floor_height_mm", "feet are above")
LENS = ("distortion",)
WRONG_FILE = ("are swapped", "images are those of camera", "belong together", "belongs to these images", "disagree")
UP = ("world_up",)
INVERSE, TRANSPOSED, CENTRE = "extrinsics are camera to world", "is transposed", "camera centre C"
GL, PX, METRES = "OpenGL", "intrinsics are in px", "t is in metres"
UNIT = np.diag([1 / 1920, 1 / 1920, 1])
MIRRORED = np.diag([-1.0, 1, 1])
QUARTER = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])


def _px_scaled_by_width(shot: Shot) -> Shot:
    return field_as(intrinsics=shot.K.tolist(), image_scale=shot.size[0])(shot)


def _column(R: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mixed = np.column_stack([R, t]).T.reshape(3, 4)
    return mixed[:, :3], mixed[:, 3]


def _to_the_right(px: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.stack([size[1] - 1 - px[..., 1], px[..., 0]], -1)


def _across(size: tuple[int, int]) -> tuple[int, int]:
    return size[1], size[0]


def _halved(px: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return px / 2


def _half_size(size: tuple[int, int]) -> tuple[int, int]:
    return size[0] // 2, size[1] // 2


HARMS = (
    Harm("K in px", each(intrinsics(lambda K, s: K)), (PX,)),
    Harm("K in px, image_scale is the width", each(_px_scaled_by_width), (PX, "as large")),
    Harm(
        "K divided by width and height",
        each(intrinsics(lambda K, s: np.diag([1 / s[0], 1 / s[1], 1]) @ K)),
        ("width and height",),
    ),
    Harm(
        "K turned (fx, fy and cx, cy swapped)", each(intrinsics(lambda K, s: UNIT @ SWAP @ K @ SWAP)), ("turned by 90",)
    ),
    Harm("K transposed", each(intrinsics(lambda K, s: (UNIT @ K).T)), ("cannot be inverted", "transposed")),
    *(
        Harm(f"K of a picture {x:g} times as large", each(scaled(x)), SIZE)
        for x in (2, 0.5, 4 / 3, 0.75, 1.5, 2 / 3, 3, 0.8)
    ),
    *(Harm(f"focal length {x:g} times", each(focal(x)), FOCAL) for x in (2, 0.5, 1.5, 0.7)),
    Harm("fx 4/3 times (stretched)", each(focal(1, 4 / 3)), ("fy is", "the picture is", "multiply fx")),
    Harm("crop of 120, 60 px not in K", each(shifted(120, 60)), SHIFT),
    Harm("crop of 500, 300 px not in K", each(shifted(500, 300)), SHIFT),
    Harm("cx and cy are 0", each(intrinsics(lambda K, s: np.diag([K[0, 0] / 1920, K[1, 1] / 1920, 1]))), SHIFT),
    Harm("image_scale 1000 for 1920", each(field_as(image_scale=1000, image_size=None)), (*SIZE, "as large")),
    Harm("[R|t] camera to world", each(camera(lambda R, t: (R.T, -R.T @ t))), (INVERSE,)),
    Harm("R transposed", each(camera(lambda R, t: (R.T, t))), (TRANSPOSED,)),
    Harm("[R|C]", each(camera(lambda R, t: (R, -R.T @ t))), (CENTRE,)),
    Harm("OpenGL axes", each(camera(lambda R, t: (OPENGL @ R, OPENGL @ t))), (GL,)),
    Harm("OpenGL camera to world (Blender)", each(camera(lambda R, t: (R.T @ OPENGL, -R.T @ t))), (GL,)),
    Harm("[R|t] column by column", each(camera(_column)), ("column by column", "not orthonormal")),
    Harm("t in metres", each(camera(lambda R, t: (R, t / 1000))), (METRES,)),
    Harm("t in centimetres", each(camera(lambda R, t: (R, t / 10))), ("t is in centimetres",)),
    Harm(
        "t in inches",
        each(camera(lambda R, t: (R, t / 25.4))),
        ("t is in inches", "one unit", "times as large"),
    ),
    Harm(
        "t negated",
        each(camera(lambda R, t: (R, -t))),
        ("none of the known", "belong together", "behind", "stands elsewhere"),
    ),
    Harm("camera to world, in metres", each(camera(lambda R, t: (R.T, -R.T @ t / 1000))), (INVERSE,)),
    Harm("[R|C] in metres", each(camera(lambda R, t: (R, -R.T @ t / 1000))), (CENTRE,)),
    Harm("Blender, in metres", each(camera(lambda R, t: (R.T @ OPENGL, -R.T @ t / 1000))), (GL,)),
    Harm("left-handed world", each(camera(lambda R, t: (R @ MIRRORED, t))), ("left-handed",)),
    Harm("R scaled by 1.2", each(camera(lambda R, t: (1.2 * R, t))), ("is scaled by",)),
    Harm(
        "R with one decimal",
        each(camera(lambda R, t: (R.round(1), t))),
        ("not orthonormal", "is rounded", "disagree", "stands elsewhere"),
    ),
    *(
        Harm(f"every camera turned {d} degrees, moved {m} mm", each(moved(d, m)), MOVED)
        for d, m in ((5, 200), (15, 500))
    ),
    *(
        Harm(f"one camera turned {d} degrees, moved {m} mm", first(moved(d, m)), MOVED)
        for d, m in ((3, 100), (6, 200), (15, 500))
    ),
    Harm("one camera's t in metres", first(camera(lambda R, t: (R, t / 1000))), (METRES, "in mm")),
    Harm("one camera inverted", first(camera(lambda R, t: (R.T, -R.T @ t))), (INVERSE,)),
    Harm("one camera [R|C]", first(camera(lambda R, t: (R, -R.T @ t))), (CENTRE,)),
    Harm("one camera's K in px", first(intrinsics(lambda K, s: K)), (PX,)),
    Harm("one camera's K of twice the size", first(scaled(2)), SIZE),
    Harm("two cameras' files swapped", swapped_files, WRONG_FILE),
    Harm("one file for all cameras", one_file, ("hold the same", *WRONG_FILE, "stands elsewhere")),
    Harm("files of another recording", other_recording, (*WRONG_FILE, "stands elsewhere", *FLOOR)),
    Harm("world_up y for z", each(field_as(world_up=[0, 1, 0])), UP),
    Harm("world_up reversed", each(field_as(world_up=[0, 0, -1])), UP),
    *(Harm(f"floor {mm:+d} mm", each(floor_off(mm)), FLOOR) for mm in (200, 600, -600, 1500)),
    Harm("false lens (k1 -0.3)", each(field_as(distortion=[-0.3, 0.1, 0, 0, 0])), LENS),
    Harm("false lens (k1 0.3, p1 0.02)", each(field_as(distortion=[0.3, 0, 0.02, 0, 0])), LENS),
    Harm("pictures of half the size", each(pictures(_halved, _half_size)), SIZE),
    Harm(
        "pictures of half the size, image_size kept",
        each(pictures(_halved, _half_size, keep=True)),
        ("was resized by",),
    ),
    Harm(
        "pictures stretched to a square",
        each(pictures(lambda p, s: p * [1, s[0] / s[1]], lambda s: (s[0], s[0]))),
        ("the picture is", *SHIFT, *FOCAL),
    ),
    Harm(
        "pictures cropped by 300, 200 px",
        each(pictures(lambda p, s: p - [300, 200], lambda s: (s[0] - 300, s[1] - 200))),
        SHIFT,
    ),
    Harm(
        "pictures turned by a quarter",
        each(pictures(_to_the_right, _across, QUARTER)),
        ("quarter", "turned by 90", "upright", "stands elsewhere", *SHIFT),
    ),
    Harm(
        "pictures turned by a quarter, image_size kept",
        each(pictures(_to_the_right, _across, QUARTER, keep=True)),
        ("turned by a quarter",),
    ),
    Harm(
        "pictures turned by half",
        each(pictures(lambda p, s: np.array(s) - 1 - p, lambda s: s, np.diag([-1.0, -1, 1]))),
        ("by half", "pictures are turned", "upright", "upside down", "disagree"),
    ),
    Harm(
        "pictures mirrored",
        each(pictures(lambda p, s: np.stack([s[0] - 1 - p[..., 0], p[..., 1]], -1), lambda s: s, MIRRORED)),
        ("mirrored", "disagree"),
    ),
    Harm("labels in metres", each(labels(lambda x: x / 1000)), ("labels are in metres",), True),
    Harm("labels in centimetres", each(labels(lambda x: x / 10)), ("labels are in centimetres",), True),
    Harm("labels with y up", each(labels(lambda x: x[..., [0, 2, 1]] * [1, 1, -1])), ("labels have y up",), True),
    Harm(
        "labels with left and right swapped",
        each(labels(lambda x: x[:, list(MIRROR)])),
        ("left and right are swapped",),
        True,
    ),
    Harm("labels 4 % too large", each(labels(lambda x: x * 1.04)), ("one unit", "px left", "px right"), True),
    Harm("labels 60 % of their size", each(labels(lambda x: x * 0.6)), ("one unit",), True),
    Harm(
        "labels moved by 300 mm",
        each(labels(lambda x: x + [300, 0, 0])),
        ("px left", "px right", "stands elsewhere", "none of the known"),
        True,
    ),
)


def _yawed(shot: Shot) -> Shot:
    turn = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]])
    move = np.array([5000.0, -3000, 0])
    R = shot.R @ turn.T
    return replace(shot, R=R, t=shot.t - R @ move, joints=shot.joints @ turn.T + move)


def _y_up(shot: Shot) -> Shot:
    turn = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    up = None if shot.up is None else turn @ shot.up
    return replace(shot, R=shot.R @ turn.T, joints=shot.joints @ turn.T, up=up)


def _crop(x: int, y: int, width: float, height: float) -> Change:
    def apply(shot: Shot) -> Shot:
        K = shot.K - [[0, 0, x], [0, 0, y], [0, 0, 0]]
        size = (int(shot.size[0] * width), int(shot.size[1] * height))
        return replace(shot, K=K, raw_px=shot.raw_px - [x, y], size=size)

    return apply


def _half(shot: Shot) -> Shot:
    K = np.diag([0.5, 0.5, 1]) @ shot.K
    return replace(shot, K=K, raw_px=shot.raw_px / 2, size=(shot.size[0] // 2, shot.size[1] // 2))


def _half_by_key(shot: Shot) -> Shot:
    half = _half(shot)
    written = {"intrinsics": shot.file()["intrinsics"], "calibrated_size": list(shot.size)}
    return replace(half, written=written)


def _crop_by_key(shot: Shot) -> Shot:
    cropped = _crop(200, 100, 0.7, 0.8)(shot)
    return replace(cropped, written={"intrinsics": shot.file()["intrinsics"], "crop_offset": [200, 100]})


def _quarter(shot: Shot) -> Shot:
    K = shot.K.copy()
    K[0, 0], K[1, 1] = shot.K[1, 1], shot.K[0, 0]
    K[0, 2], K[1, 2] = shot.size[1] - 1 - shot.K[1, 2], shot.K[0, 2]
    px = np.stack([shot.size[1] - 1 - shot.raw_px[..., 1], shot.raw_px[..., 0]], -1)
    lens = shot.distortion
    lens = None if lens is None else np.array([lens[0], lens[1], -lens[3], lens[2], lens[4]]) * [1, 1, -1, -1, 1]
    return replace(
        shot, K=K, R=QUARTER @ shot.R, t=QUARTER @ shot.t, raw_px=px, rel_mm=shot.rel_mm @ QUARTER.T, distortion=lens,
        size=(shot.size[1], shot.size[0]),
    )  # fmt: skip


def _half_turn(shot: Shot) -> Shot:
    last = np.array(shot.size) - 1
    K = shot.K.copy()
    K[:2, 2] = last - K[:2, 2]
    turn = np.diag([-1.0, -1, 1])
    lens = None if shot.distortion is None else shot.distortion * [1, 1, -1, -1, 1]
    return replace(
        shot,
        K=K,
        R=turn @ shot.R,
        t=turn @ shot.t,
        raw_px=last - shot.raw_px,
        rel_mm=shot.rel_mm @ turn,
        distortion=lens,
    )


LEGAL = (
    Harm("as it is", each(lambda shot: shot)),
    Harm("K in px with image_scale 1", each(lambda shot: field_as(intrinsics=shot.K.tolist(), image_scale=1)(shot))),
    Harm("without image_size", each(field_as(image_size=None))),
    Harm("without world_up and floor", each(field_as(world_up=None, floor_height_mm=None))),
    Harm("without floor", each(field_as(floor_height_mm=None))),
    Harm("R with three decimals", each(camera(lambda R, t: (R.round(3), t)))),
    Harm("world turned and moved", each(_yawed)),
    Harm("world with y up", each(_y_up)),
    Harm("half the resolution", each(_half)),
    Harm("half the resolution by calibrated_size", each(_half_by_key)),
    Harm("crop with its K", each(_crop(300, 0, 0.6, 0.7))),
    Harm("crop by crop_offset", each(_crop_by_key)),
    Harm("crop of the lower right", each(_crop(200, 500, 0.6, 0.6))),
    Harm("pictures and cameras turned by a quarter", each(_quarter)),
    Harm("cameras mounted upside down", each(_half_turn)),
)
