"""Views without end for the pose branch: training people, turned and moved before turned cameras.

A rig shows each pose from its few cameras only, and a network that sees a pose and its error together learns by heart
which error belongs to which view. Here the error is set apart from the view it came with: a training label is bent a
little at every joint, turned about the vertical to any side and put somewhere else on the floor; the camera is tilted
and raised; and an error drawn from a model of the extractor's errors on training images is laid over it. Only training
rows enter. What can be learned is what holds for every view: how far limbs fall short, what a body looks like, where
feet stand, and which side is left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from modules.augmentation import Augmentation, jitter_pose, mirror_rows, turn_cameras
from modules.cache import CROP_MARGIN, CROP_SIZE, Rows, root_relative
from modules.config import Train
from modules.dataset import looks_inputs, pose_inputs, to_uvd
from modules.lifting import CropPose, cached_crop_pose, cached_joints_cam, cam_to_crop
from modules.looks import LOOK_CHANNELS, read_looks
from modules.metrics import are_exchanged
from modules.pose_utils import cam2pixel, crop_camera, pixel2cam, world2cam
from modules.skeleton import FEET, MIRROR, PARENTS, ROOT

BEND_DEGREES = 8.0  # SD of the turn at every joint
TILT_DEGREES, RAISE_MM, SHIFT_MM, DISTANCE_SHARE = 8.0, 300.0, 300.0, 0.15  # half widths of uniform draws
LIMB_CORRELATION = 0.8  # of a joint's error with its parent's (measured 0.77-0.84 along limbs, none across)
SWAP_SHARE = 0.05  # how often left and right are exchanged: about what BlazePose does on people at large
PELVIS_MM = 30.0  # how far a pelvis goes up and down as people stand and step, beyond what training shows


@dataclass(frozen=True)
class Miscalibration:
    """What a rig's calibration is off by: standard deviations."""

    degrees: float = 0.5  # of the camera, about each axis
    floor_mm: float = 20.0

    @classmethod
    def of(cls, train: Train) -> Miscalibration:
        """What the config says of it."""
        return cls(train.calibration_error, train.floor_error)


@dataclass(frozen=True)
class ErrorModel:
    """How the extractor errs on training rows, left and right put right first: spreads and slopes, no single error."""

    lateral_sd_mm: np.ndarray  # (24,) across the viewing direction, per axis
    depth_sd_mm: np.ndarray  # (24,) of the root-relative depth, what its slope does not explain
    depth_slope: float  # extractor's relative depth per true relative depth
    root_log_mean: float  # of the log of extractor's root depth over the true one
    root_log_sd: float
    swapped: np.ndarray  # (B,) whether left and right were exchanged


@dataclass(frozen=True)
class Errors:
    """What the extractor got wrong on B training rows, left and right put right first."""

    lateral_mm: np.ndarray  # (B, 24, 2) across the viewing direction
    depth_mm: np.ndarray  # (B, 24) of the root-relative depth, what its slope does not explain
    depth_slope: float  # extractor's relative depth per true relative depth
    root_log: np.ndarray  # (B,) log of extractor's root depth over the true one
    swapped: np.ndarray  # (B,) whether left and right were exchanged


def measure_errors(rows: Rows) -> Errors:
    """The extractor's errors on labelled rows, image by image."""
    truth = world2cam(rows["joints_world_mm"], rows["R"], rows["t"])
    estimate = cached_joints_cam(rows.columns)
    swapped = are_exchanged(estimate, truth)
    estimate = np.where(swapped[:, None, None], estimate[:, MIRROR], estimate)
    root, depth = root_relative(truth[..., 2])
    estimated_root, estimated_depth = root_relative(estimate[..., 2])
    slope = float((estimated_depth * depth).sum() / (depth**2).sum())
    lateral = estimate[..., :2] / estimate[..., 2:] * truth[..., 2:] - truth[..., :2]
    return Errors(lateral, estimated_depth - slope * depth, slope, np.log(estimated_root / root), swapped)


def fit_errors(rows: Rows) -> ErrorModel:
    """Fit the error model to labelled rows. Both sides of the body share their spread."""
    errors = measure_errors(rows)
    lateral_sd = np.sqrt((errors.lateral_mm**2).mean((0, 2)))
    depth_sd = np.sqrt((errors.depth_mm**2).mean(0))
    return ErrorModel(
        _both_sides(lateral_sd), _both_sides(depth_sd), errors.depth_slope, float(errors.root_log.mean()),
        float(errors.root_log.std()), errors.swapped,
    )  # fmt: skip


def fit_root_cues(rows: Rows) -> tuple[float, float, float]:
    """What the root's depth can be told by: training people's mean pelvis height over the floor (m), how wrong placing
    them at it is (m), and how wrong the extractor's root depth is (relative). Where no floor is declared: (0, 1e6, 0)."""
    pose = cached_crop_pose(rows.columns)
    features = pose_inputs(pose, dict(rows.columns))["features"]
    at, drop = features[:, ROOT, 3], features[:, ROOT, 4]
    heights = (rows["joints_world_mm"][:, ROOT] * rows["world_up"]).sum(-1) - rows["floor_height_mm"]
    if not np.isfinite(heights).all():
        return 0.0, 1e6, 0.0
    height = float(heights.mean()) / 1e3
    truth = world2cam(rows["joints_world_mm"], rows["R"], rows["t"])
    true_root = cam_to_crop(truth, rows["R_cam2crop"], rows["K_crop"]).depth_root_mm
    root_log = np.log(pose.depth_root_mm / true_root)
    wrong = (at - drop) + drop * np.exp(-root_log) - height  # where the pelvis's 2D ray passes at its true depth
    return height, float(np.hypot(np.sqrt((wrong**2).mean()), PELVIS_MM / 1e3)), float(np.sqrt((root_log**2).mean()))


def _both_sides(sd: np.ndarray) -> np.ndarray:
    return np.sqrt((sd**2 + sd[list(MIRROR)] ** 2) / 2)


def correlated_noise(count: int, rng: np.random.Generator) -> np.ndarray:
    """(count, 24) standard normal, each joint correlated with its parent by LIMB_CORRELATION."""
    noise = rng.normal(size=(count, len(PARENTS)))
    for child, parent in enumerate(PARENTS):
        if parent >= 0:
            noise[:, child] = LIMB_CORRELATION * noise[:, parent] + np.sqrt(1 - LIMB_CORRELATION**2) * noise[:, child]
    return noise


def bend(joints: np.ndarray, degrees: float, rng: np.random.Generator) -> np.ndarray:
    """Turn every bone, and what hangs on it, about its parent joint by random angles; bones keep their length."""
    turns = Rotation.from_rotvec(rng.normal(scale=np.radians(degrees), size=(len(joints) * 24, 3))).as_matrix()
    turns = turns.reshape(len(joints), 24, 3, 3)
    bent, frame = joints.copy(), turns.copy()
    for child, parent in enumerate(PARENTS):
        if parent >= 0:
            frame[:, child] = frame[:, parent] @ turns[:, child]
            bone = (joints[:, child] - joints[:, parent])[..., None]
            bent[:, child] = bent[:, parent] + (frame[:, child] @ bone)[..., 0]
    return bent


_DRAWN_COLUMNS = ("joints_world_mm", "confidence", "K", "R", "t", "world_up", "floor_height_mm")
_OWN_COLUMNS = (*_DRAWN_COLUMNS, "joints_px", "depth_root_mm", "depth_rel_mm", "R_cam2crop", "K_crop")


class ViewSimulator:
    """Draws pose samples (see modules.dataset; no image) from labelled training rows."""

    def __init__(
        self,
        rows: Rows,
        mirror: float = 0.0,
        drawn_errors: bool = False,
        own: OwnViews | None = None,
        own_share: float = 0.0,
        off: Miscalibration = Miscalibration(),
    ) -> None:
        self.off = off
        self.looks = own is not None and "looks" in own.rows
        self.errors = fit_errors(rows)
        self.swap_share = SWAP_SHARE
        self.mirror = mirror  # how often a view is drawn of a mirrored scene
        self.drawn = measure_errors(rows) if drawn_errors else None
        self.own, self.own_share = own, own_share
        self.rows = _with_mirrored(rows.columns, _DRAWN_COLUMNS)
        camera_up = -self.rows["R"][:, 1]  # against the image's y axis, in world axes, where no up is declared
        declared = np.isfinite(self.rows["world_up"]).all(1, keepdims=True)
        self.up = np.where(declared, self.rows["world_up"], camera_up)

    def draw(self, rng: np.random.Generator, count: int) -> dict[str, np.ndarray]:
        """`count` samples as float32 arrays: what pose_inputs says, root_mm, target, target_root_mm."""
        if self.own is None:
            return self._simulate(rng, count)
        owned = round(self.own_share * count)
        parts = self._simulate(rng, count - owned), self.own.draw(rng, owned)
        order = rng.permutation(count)
        return {name: np.concatenate([part[name] for part in parts])[order] for name in parts[0]}

    def _simulate(self, rng: np.random.Generator, count: int) -> dict[str, np.ndarray]:
        chosen = _choose(rng, count, len(self.up) // 2, self.mirror)
        row = {name: self.rows[name][chosen] for name in ("K", "R", "t", "world_up", "floor_height_mm")}
        up = self.up[chosen]
        world = self._move_person(self.rows["joints_world_mm"][chosen], up, row, rng)
        row["R"], row["t"] = _move_camera(row["R"], row["t"], up, rng)
        truth = world2cam(world, row["R"], row["t"])
        err = self._err if self.drawn is None else self._err_as_elsewhere
        pixels, root, relative, row["confidence"] = err(truth, row["K"], rng)
        row["R_cam2crop"], row["K_crop"] = _crop_cameras(pixels, row["K"])
        _miscalibrate(row, self.off, rng)
        seen = pixel2cam(pixels, root[:, None] + relative, row["K"])
        pose, target = (cam_to_crop(joints, row["R_cam2crop"], row["K_crop"]) for joints in (seen, truth))
        unseen = {"looks": np.zeros((count, 24, LOOK_CHANNELS)), "looked": np.zeros((count, 1))} if self.looks else {}
        return _as_sample(pose, target, row, unseen)

    def _move_person(
        self, joints: np.ndarray, up: np.ndarray, row: dict[str, np.ndarray], rng: np.random.Generator
    ) -> np.ndarray:
        """Bent, turned about the vertical, and elsewhere on the floor; the lower foot stays as high as it was."""
        count = len(joints)
        bent = bend(joints, BEND_DEGREES, rng)
        yaw = Rotation.from_rotvec(up * rng.uniform(-np.pi, np.pi, (count, 1))).as_matrix()
        turned = (bent - bent[:, :1]) @ yaw.swapaxes(1, 2) + joints[:, :1]
        centre = -np.einsum("bji,bj->bi", row["R"], row["t"])
        away = joints[:, 0] - centre
        away -= (away * up).sum(1, keepdims=True) * up
        aside = np.cross(up, away / np.linalg.norm(away, axis=1, keepdims=True))
        shift = away * rng.uniform(-DISTANCE_SHARE, DISTANCE_SHARE, (count, 1))
        shift = shift + aside * rng.uniform(-SHIFT_MM, SHIFT_MM, (count, 1))
        lift = _lowest(joints, up) - _lowest(turned, up)
        return turned + (shift + lift[:, None] * up)[:, None]

    def _err(
        self, truth: np.ndarray, K: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """True camera joints → what the extractor would have said: px, root depth, relative depth, confidence."""
        count, errors = len(truth), self.errors
        off = truth.copy()
        for axis in (0, 1):
            off[..., axis] += errors.lateral_sd_mm * correlated_noise(count, rng)
        pixels = cam2pixel(off, K)
        root, depth = root_relative(truth[..., 2])
        noise = errors.depth_sd_mm * correlated_noise(count, rng)
        relative = errors.depth_slope * depth + noise - noise[:, ROOT : ROOT + 1]
        root = root * np.exp(rng.normal(errors.root_log_mean, errors.root_log_sd, count))
        confidence = self.rows["confidence"][rng.integers(len(self.up), size=count)]
        return self._swap(pixels, root, relative, confidence, rng)

    def _err_as_elsewhere(
        self, truth: np.ndarray, K: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The same with the whole error, and the confidence, of another training image, mirrored half of the time."""
        assert self.drawn is not None
        images = len(self.drawn.root_log)
        chosen, mirrored = rng.integers(images, size=len(truth)), rng.random(len(truth)) < 0.5
        lateral, noise = self.drawn.lateral_mm[chosen], self.drawn.depth_mm[chosen]
        lateral[mirrored] = lateral[mirrored][:, MIRROR] * [-1.0, 1.0]
        noise[mirrored] = noise[mirrored][:, MIRROR]
        confidence = self.rows["confidence"][chosen + images * mirrored]
        pixels = cam2pixel(np.concatenate([truth[..., :2] + lateral, truth[..., 2:]], -1), K)
        root, depth = root_relative(truth[..., 2])
        root = root * np.exp(self.drawn.root_log[chosen])
        return self._swap(pixels, root, self.drawn.depth_slope * depth + noise, confidence, rng)

    def _swap(
        self,
        pixels: np.ndarray,
        root: np.ndarray,
        relative: np.ndarray,
        confidence: np.ndarray,
        rng: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Left and right exchanged in some of the views."""
        swapped = rng.random(len(root)) < self.swap_share
        for values in (pixels, relative, confidence):
            values[swapped] = values[swapped][:, MIRROR]
        return pixels, root, relative, confidence


class OwnViews:
    """Draws training images' own cached poses as samples: of mirrored scenes, in turned crops, jittered, a little
    miscalibrated. Which error goes with which look is kept, which simulated views cannot know."""

    def __init__(
        self, rows: Rows, mirror: float, how: Augmentation, off: Miscalibration = Miscalibration(), looks: str = "none"
    ) -> None:
        told = {} if looks == "none" else {"looks": read_looks(rows, looks)}
        self.rows = _with_mirrored({**rows.columns, **told}, (*_OWN_COLUMNS, *told))
        self.mirror, self.how, self.off = mirror, how, off

    def draw(self, rng: np.random.Generator, count: int) -> dict[str, np.ndarray]:
        """As ViewSimulator.draw."""
        chosen = _choose(rng, count, len(self.rows["R"]) // 2, self.mirror)
        row = {name: values[chosen] for name, values in self.rows.items()}
        row = turn_cameras(row, self.how, rng, CROP_SIZE)
        truth = world2cam(row["joints_world_mm"], row["R"], row["t"])
        pose = jitter_pose(cached_crop_pose(row), row, self.how, rng)
        _miscalibrate(row, self.off, rng)
        return _as_sample(pose, cam_to_crop(truth, row["R_cam2crop"], row["K_crop"]), row, looks_inputs(row))


def _with_mirrored(columns: Mapping[str, np.ndarray], names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Columns of rows, and behind them those of their mirrored scenes."""
    mirrored = mirror_rows(columns, CROP_SIZE)
    return {name: np.concatenate([columns[name], mirrored[name]]) for name in names}


def _choose(rng: np.random.Generator, count: int, images: int, mirror: float) -> np.ndarray:
    """Rows of `_with_mirrored`, from the mirrored half as often as `mirror` says."""
    return rng.integers(images, size=count) + images * (rng.random(count) < mirror)


def _lowest(joints: np.ndarray, up: np.ndarray) -> np.ndarray:
    return np.einsum("bni,bi->bn", joints[:, FEET], up).min(1)


def _move_camera(
    R: np.ndarray, t: np.ndarray, up: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The cameras tilted about their own x axis and raised or lowered."""
    angle = np.radians(rng.uniform(-TILT_DEGREES, TILT_DEGREES, (len(R), 1))) * [1.0, 0, 0]
    raised = t - np.einsum("bij,bj->bi", R, up * rng.uniform(-RAISE_MM, RAISE_MM, (len(R), 1)))
    tilt = Rotation.from_rotvec(angle).as_matrix()
    return tilt @ R, np.einsum("bij,bj->bi", tilt, raised)


def _miscalibrate(row: dict[str, np.ndarray], off: Miscalibration, rng: np.random.Generator) -> None:
    """Let the declared floor and the camera's tilt be a little wrong, as they are in every rig, in what is shown."""
    wrong = Rotation.from_rotvec(rng.normal(scale=np.radians(off.degrees), size=(len(row["R"]), 3)))
    centre = np.einsum("bji,bj->bi", row["R"], row["t"])
    row["R"] = wrong.as_matrix() @ row["R"]
    row["t"] = np.einsum("bij,bj->bi", row["R"], centre)
    row["floor_height_mm"] = row["floor_height_mm"] + rng.normal(scale=off.floor_mm, size=len(centre))


def _crop_cameras(pixels: np.ndarray, K: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    low, high = pixels.min(1), pixels.max(1)
    border = 0.1 * (high - low).max(1, keepdims=True)  # as the extractor's own box stands about its landmarks
    boxes = np.concatenate([low - border, high - low + 2 * border], 1)
    return crop_camera(boxes, K, CROP_SIZE, CROP_MARGIN)


def _as_sample(
    pose: CropPose, target: CropPose, row: dict[str, np.ndarray], looks: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    sample = {
        **pose_inputs(pose, row), **looks, "root_mm": pose.depth_root_mm, "target": to_uvd(target),
        "target_root_mm": target.depth_root_mm,
    }  # fmt: skip
    return {name: values.astype(np.float32) for name, values in sample.items()}
