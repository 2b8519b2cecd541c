"""Renders a recording of one moving person by several cameras with exact truth, as a rig would deliver it.

    python -m benchmarks.rig_recording --out results/rig_recording [--frames 200] [--cameras 3] [--seed 7]

The person walks around a circle (a clip of data/synthetic/clips). Written are a folder of images of each camera (960x540 px),
the calibration Calib.toml in the form of Pose2Sim, and truth.npz: `joints_world` (F, 24, 3) mm.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from data.synthetic.body.model import Pose
from data.synthetic.body.people import people_model, sample_person, shape_of
from data.synthetic.body.smpl_joints import joint_places
from data.synthetic.clothes.outfits import outfit_of
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
from modules.console import progress, run_script
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


def make_recording(out: Path, plan: Plan) -> np.ndarray:
    """Renders what is missing of a recording, and returns the true joints (F, 24, 3) world mm."""
    rng = np.random.default_rng(plan.seed)
    model = people_model()
    person = sample_person(rng, model)
    shape = shape_of(model, person)
    outfit = outfit_of(model, person, shape, rng)
    figure = Figure(model, shape, outfit.sole_mm)
    posed = [model.pose(shape, pose) for pose in _walk(figure, plan.frames)]
    places = joint_places(model, shape)
    joints = np.stack([places.of(shape, one) for one in posed])
    views = sample_rig(rng, joints, 0.0, plan.cameras, PLAIN)
    views = [replace(view, camera=_as_rendered(view.camera)) for view in views]
    room = make_surroundings(rng, joints, views)
    sensors = [sample_sensor(rng) for _ in views]
    write_calibration(out / CALIBRATION, [view.camera for view in views])
    with atomic_path(out / TRUTH) as temporary:
        np.savez_compressed(temporary, joints_world=joints)
    renderer = Renderer()
    for frame in progress(range(plan.frames), "rendering", "moment"):
        paths = [image_path(out, number, frame) for number in range(1, plan.cameras + 1)]
        if all(path.is_file() for path in paths):
            continue
        with renderer.scene([*room.meshes, *outfit.meshes(posed[frame])], room.lighting) as pictures:
            for number, (view, sensor, path) in enumerate(zip(views, sensors, paths, strict=True), 1):
                noise = np.random.default_rng([plan.seed, frame, number])
                write_bytes(
                    path, encode_jpeg(photograph(pictures.view(view.camera), sensor, noise), sensor.jpeg_quality)
                )
    renderer.close()
    return joints


def image_path(out: Path, camera: int, frame: int) -> Path:
    """Returns the path of a camera's image, from 1, of a frame, from 0."""
    return out / f"cam{camera}" / f"{frame:05d}.jpg"


def _walk(figure: Figure, frames: int) -> list[Pose]:
    """Returns the poses of a person who walks around a circle."""
    clip = next(one for one in known_clips() if one.name == CLIP)
    capsules = fit_capsules(figure)
    poses = []
    for frame in range(frames):
        angle = SPEED_MM_S / RADIUS_MM * frame / RATE
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
    for name, value in (("frames", 200), ("cameras", 3), ("seed", 7)):
        parser.add_argument(f"--{name}", type=int, default=value)
    arguments = parser.parse_args()
    fetch_clips()
    make_recording(arguments.out, Plan(arguments.frames, arguments.cameras, arguments.seed))


if __name__ == "__main__":
    run_script(main)
