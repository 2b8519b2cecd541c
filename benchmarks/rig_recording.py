"""Renders a recording of moving people by several cameras with exact truth, as a rig would deliver it.

    python -m benchmarks.rig_recording --out results/rig_recording [--frames 200] [--cameras 3] [--seed 7] [--people 1]

They walk around a circle (a clip of data/synthetic/clips). Written are a folder of images of each camera (960x540 px), the
calibration Calib.toml in the form of Pose2Sim, and truth.npz: `joints_world` (P, F, 24, 3) mm.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from data.synthetic.body.model import BodyModel, Pose, Posed
from data.synthetic.body.people import people_model, sample_person, shape_of
from data.synthetic.body.smpl_joints import joint_places
from data.synthetic.clothes.outfits import outfit_of
from data.synthetic.clothes.skinned_surface import Outfit
from data.synthetic.geometry.rotations import rotation_z
from data.synthetic.pose.clips import fetch_clips, known_clips
from data.synthetic.pose.collision import fit_capsules
from data.synthetic.pose.contact import stand_on_floor, with_flat_feet
from data.synthetic.pose.figure import Figure
from data.synthetic.pose.motion import resolve_collisions
from data.synthetic.pose.retarget import humanoid_at, posture_of
from data.synthetic.render.photograph import encode_jpeg, photograph, sample_sensor
from data.synthetic.render.renderer import Renderer
from data.synthetic.scene.cameras import ViewProbabilities, sample_rig
from data.synthetic.scene.surroundings import make_surroundings
from modules.console import run_script
from modules.files.atomic import atomic_path, write_bytes, write_text
from modules.pose_utils import Camera, resize_intrinsics

CLIP, RATE = "walk", 30.0
RADIUS_MM, SPEED_MM_S = 900.0, 1100.0
SCALE = 0.5  # of the synthetic set's image size: a quarter of the time
TRUTH, CALIBRATION = "truth.npz", "Calib.toml"
PLAIN = ViewProbabilities(portrait=0.0, distorted=1.0, truncated=0.0, occluded=0.0, ring=1.0)


@dataclass(frozen=True)
class Plan:
    """What is rendered."""

    frames: int = 200
    cameras: int = 3
    seed: int = 7
    people: int = 1


@dataclass(frozen=True)
class Actor:
    """One person of a recording: clothes, and F poses with their true joints (F, 24, 3) world mm."""

    outfit: Outfit
    posed: Sequence[Posed]
    joints_world: np.ndarray


def make_recording(out: Path, plan: Plan) -> np.ndarray:
    """Renders what is missing of a recording, and returns the true joints (P, F, 24, 3) world mm of its people."""
    rng = np.random.default_rng(plan.seed)
    model = people_model()
    starts = [np.pi * number for number in range(plan.people)]
    actors = [make_actor(model, rng, partial(_walk, frames=plan.frames, ahead=start)) for start in starts]
    return film(out, actors, plan, rng)


def make_actor(model: BodyModel, rng: np.random.Generator, act: Callable[[Figure], list[Pose]]) -> Actor:
    """Returns a random person who takes the poses that `act` returns for their figure."""
    person = sample_person(rng, model)
    shape = shape_of(model, person)
    outfit = outfit_of(model, person, shape, rng)
    posed = [model.pose(shape, pose) for pose in act(Figure(model, shape, outfit.sole_mm))]
    places = joint_places(model, shape)
    return Actor(outfit, posed, np.stack([places.of(shape, one) for one in posed]))


def film(out: Path, actors: Sequence[Actor], plan: Plan, rng: np.random.Generator) -> np.ndarray:
    """Renders what is missing of the actors' recording by a random rig; returns the true joints (P, F, 24, 3) world mm."""
    joints = np.stack([actor.joints_world for actor in actors])
    everybody = joints.reshape(-1, *joints.shape[2:])
    views = sample_rig(rng, everybody, 0.0, plan.cameras, PLAIN)
    views = [replace(view, camera=_as_rendered(view.camera)) for view in views]
    room = make_surroundings(rng, everybody, views)
    sensors = [sample_sensor(rng) for _ in views]
    write_calibration(out / CALIBRATION, [view.camera for view in views])
    renderer = Renderer()
    for frame in range(plan.frames):
        paths = [image_path(out, number, frame) for number in range(1, plan.cameras + 1)]
        if all(path.is_file() for path in paths):
            continue
        meshes = [*room.meshes, *(mesh for actor in actors for mesh in actor.outfit.meshes(actor.posed[frame]))]
        with renderer.scene(meshes, room.lighting) as pictures:
            for number, (view, sensor, path) in enumerate(zip(views, sensors, paths, strict=True), 1):
                noise = np.random.default_rng([plan.seed, frame, number])
                write_bytes(
                    path, encode_jpeg(photograph(pictures.view(view.camera), sensor, noise), sensor.jpeg_quality)
                )
    renderer.close()
    with atomic_path(out / TRUTH) as temporary:  # last: it marks the recording as complete
        np.savez_compressed(temporary, joints_world=joints)
    return joints


def image_path(out: Path, camera: int, frame: int) -> Path:
    """Returns the path of a camera's image, from 1, of a frame, from 0."""
    return out / f"cam{camera}" / f"{frame:05d}.jpg"


def _walk(figure: Figure, frames: int, ahead: float) -> list[Pose]:
    """Returns the poses of a person who walks around a circle, from `ahead` radians of it on."""
    clip = next(one for one in known_clips() if one.name == CLIP)
    capsules = fit_capsules(figure)
    poses = []
    for frame in range(frames):
        angle = ahead + SPEED_MM_S / RADIUS_MM * frame / RATE
        posture = posture_of(humanoid_at(clip, clip.frame_at(frame / RATE))).turned(rotation_z(angle + np.pi))
        pose = figure.pose(resolve_collisions(figure, capsules, with_flat_feet(figure, posture)))
        spot = np.array([RADIUS_MM * np.cos(angle), RADIUS_MM * np.sin(angle), pose.root_world[2]])
        poses.append(stand_on_floor(figure, Pose(pose.rotations, spot))[0])
    return poses


def _as_rendered(camera: Camera) -> Camera:
    """Returns the camera of a smaller image, and without k3, which Pose2Sim's file does not hold."""
    assert camera.image_size is not None and camera.distortion is not None
    size = round(camera.image_size[0] * SCALE), round(camera.image_size[1] * SCALE)
    lens = np.append(camera.distortion[:4], 0.0)
    return replace(camera, K=resize_intrinsics(camera.K, SCALE), image_size=size, distortion=lens)


def write_calibration(path: Path, cameras: Sequence[Camera]) -> None:
    """Writes a calibration in the form of Pose2Sim: metres, Rodrigues vectors, four coefficients."""
    blocks = []
    for number, camera in enumerate(cameras, 1):
        lens = np.zeros(4) if camera.distortion is None else camera.distortion[:4]
        assert camera.image_size is not None
        blocks.append(
            f'[cam{number}]\nname = "cam{number}"\nsize = {[float(side) for side in camera.image_size]}\n'
            f"matrix = {camera.K.tolist()}\ndistortions = {lens.tolist()}\n"
            f"rotation = {cv2.Rodrigues(camera.R)[0][:, 0].tolist()}\ntranslation = {(camera.t / 1000).tolist()}\n"
            "fisheye = false\n"
        )
    write_text(path, "\n".join(blocks))


def main() -> None:
    """Renders the recording that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("results/rig_recording"))
    for option, value in (("--frames", 200), ("--cameras", 3), ("--seed", 7), ("--people", 1)):
        parser.add_argument(option, type=int, default=value)
    arguments = parser.parse_args()
    fetch_clips()
    make_recording(arguments.out, Plan(arguments.frames, arguments.cameras, arguments.seed, arguments.people))


if __name__ == "__main__":
    run_script(main)
