"""Draws the figures of docs/background.md and docs/conventions.md.

    python -m docs.figures      after ./run.sh and python -m docs.measurements; writes docs/images

Everything is computed by the project's own geometry from the demo, or read from docs/results.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from benchmarks import drawing
from benchmarks.drawing import DOUBLE, FAINT, OTHER, TRUTH
from benchmarks.rotations import RESULT as ROTATIONS
from docs import ambiguity, figures_conventions, measurements
from docs.measurements import DEMO, RESULT, Scene
from modules.console import run_script
from modules.files.atomic import read_json
from modules.files.images import read_image
from modules.files.layout import split_folder
from modules.pose_utils import cam2world, project_to_image
from modules.vis import REFERENCE, draw_skeleton

METHODS = {
    "extractor, least squares": "least squares",
    "extractor, training pelvis height": "pelvis height",
    "PoseNet": "PoseNet",
    "2D + true depth (bound)": "true depth",
}


def draw_depth(scene: Scene) -> None:
    """Draws one image, and three people who are seen in the same pixels."""
    figure, (image_axes, side) = drawing.new_figure(2, 9.6, 3.6, [1, 2.5])
    _show_person(image_axes, scene)
    joints, camera = scene.joints_cam, scene.camera
    double = ambiguity.further_away(joints, measurements.FARTHER)
    for place in double:
        side.plot([0, place[2] / 1e3], [0, -place[1] / 1e3], color=FAINT, lw=0.4, alpha=0.6)
    drawing.draw_bones(side, _side_view(joints), TRUTH, "the reference")
    drawing.draw_bones(side, _side_view(ambiguity.other_pose(joints, camera)), OTHER, "the same bones, another pose")
    drawing.draw_bones(side, _side_view(double), DOUBLE, f"{measurements.FARTHER:g} x as tall, as far away")
    drawing.draw_camera(side, np.zeros(2), np.array([1.0, 0]), 0.16)
    side.text(0, -0.25, "camera", ha="left")
    side.set(xlabel="depth in the camera, m", ylabel="height in the camera (-y), m", aspect="equal", xlim=(-0.1, 5))
    side.set_title("from the side: three people on the same rays")
    side.legend(frameon=False, loc="upper left")
    drawing.quiet(side)
    drawing.save(figure, "depth.jpg")


def _show_person(axes: Axes, scene: Scene) -> None:
    """Draws the image around the person with the projected joints."""
    image = demo_image(scene)
    pixels = project_to_image(scene.joints_world, scene.camera)
    draw_skeleton(image, pixels, 4, REFERENCE)
    low, high = pixels.min(0) - 90, pixels.max(0) + 90
    axes.imshow(image)
    axes.set(xlim=(low[0], high[0]), ylim=(high[1], low[1]), title="what the camera sees of all three")
    axes.set_axis_off()


def demo_image(scene: Scene) -> np.ndarray:
    """Returns the scene's image: (H, W, 3) RGB."""
    return read_image(split_folder(DEMO, "test") / "images" / f"1_demo_{measurements.CAMERA}" / scene.image_name)


def _side_view(joints_cam: np.ndarray) -> np.ndarray:
    return np.stack([joints_cam[:, 2], -joints_cam[:, 1]], -1) / 1e3


def draw_rotation(scene: Scene) -> None:
    """Draws where one camera-frame pose is placed in the world by three sets of extrinsics."""
    figure, (above, side) = drawing.new_figure(2, 9.6, 4.4, [1.35, 1])
    _draw_from_above(above, scene)
    _draw_from_the_side(side, scene)
    for axes in (above, side):
        drawing.quiet(axes)
        axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.14))
    drawing.save(figure, "rotation.png")


def _draw_from_above(axes: Axes, scene: Scene) -> None:
    """Draws the pose from above, placed by its own camera's extrinsics and by another camera's."""
    by_other = cam2world(scene.joints_cam, scene.other.R, scene.other.t)
    for camera, name, pose, colour, label in (
        (scene.camera, measurements.CAMERA, scene.joints_world, TRUTH, "by the [R|t] of its own camera, 4"),
        (scene.other, measurements.OTHER_CAMERA, by_other, DOUBLE, "the same by the [R|t] of camera 1"),
    ):
        centre = camera.centre_world[:2] / 1e3
        axes.plot(*np.stack([centre, pose[0, :2] / 1e3]).T, ":", color=colour, lw=1)
        drawing.draw_camera(axes, centre, camera.R[2, :2], 0.35, colour)
        drawing.draw_bones(axes, pose[:, :2] / 1e3, colour, label)
        axes.annotate(f"camera {name}", (centre[0], centre[1]), (0, -14), textcoords="offset points", ha="center")
    axes.set(
        xlabel="world x, m",
        ylabel="world y, m",
        aspect="equal",
        title="from above: another camera's [R|t] moves and turns the person",
    )
    axes.set(xlim=(-4.6, 2.2), ylim=(-2.6, 1.2))


def _draw_from_the_side(axes: Axes, scene: Scene) -> None:
    """Draws the pose from the side, placed by its own camera's extrinsics and as if the camera were level."""
    camera, level = scene.camera, ambiguity.without_rotation(scene.joints_cam, scene.camera)
    ahead, centre = _horizontal(camera.R[2]), np.array([0.0, camera.centre_world[2] / 1e3])
    forward = np.array([camera.R[2] @ ahead, camera.R[2, 2]])
    for direction, colour in ((forward, TRUTH), (np.array([1.0, 0]), OTHER)):
        axes.plot(*np.stack([centre, centre + 3.2 * direction]).T, ":", color=colour, lw=1)
    drawing.draw_bones(axes, _elevation(scene.joints_world, camera.centre_world, ahead), TRUTH, "by its own [R|t]")
    drawing.draw_bones(axes, _elevation(level, camera.centre_world, ahead), OTHER, "R unknown, taken to be level")
    drawing.draw_camera(axes, centre, forward, 0.3, TRUTH)
    axes.axhline((camera.floor_height_mm or 0) / 1e3, color=FAINT, lw=1)
    axes.text(0.1, 0.13, "floor", color=FAINT)
    axes.set(
        xlabel="distance from the camera, m",
        ylabel="world z, m",
        aspect="equal",
        title="from the side: without R the person floats and tilts",
    )
    axes.set(xlim=(-0.3, 4.3), ylim=(-0.2, 3.1))


def _horizontal(direction: np.ndarray) -> np.ndarray:
    flat = direction * [1.0, 1, 0]
    return flat / np.linalg.norm(flat)


def _elevation(joints_world: np.ndarray, centre: np.ndarray, ahead: np.ndarray) -> np.ndarray:
    return np.stack([(joints_world - centre) @ ahead, joints_world[:, 2]], -1) / 1e3


def draw_errors(rotations: dict[str, Any], measured: dict[str, Any]) -> None:
    """Draws root and root-relative error of every method, from committed results."""
    figure, (all_cameras, one_camera) = drawing.new_figure(2, 9.6, 3.6, [1.15, 1])
    for shift, metric, label, colour in (
        (-0.2, "root", "root", FAINT), (0.2, "root_relative_mpjpe", "root-relative", TRUTH),
    ):  # fmt: skip
        for place, method in enumerate(METHODS):
            means = _camera_means(rotations, method, metric)
            all_cameras.bar(
                place + shift, np.mean(means), 0.36, color=colour, alpha=0.75, label=None if place else label
            )
            all_cameras.plot([place + shift] * len(means), means, "o", ms=3, color="black")
            all_cameras.text(place + shift, 2, f"{np.mean(means):.0f}", ha="center", color="white", weight="bold")
        for place, scores in enumerate(measured["depths"]["methods"].values()):
            one_camera.bar(
                place + shift, scores[metric], 0.36, color=colour, alpha=0.75, label=None if place else label
            )
            one_camera.text(place + shift, 2, f"{scores[metric]:.0f}", ha="center", color="white", weight="bold")
    all_cameras.set(ylabel="error, mm", title="four test cameras (dots)")
    all_cameras.set_xticks(range(len(METHODS)), list(METHODS.values()))
    one_camera.set(title=f"camera {measured['depths']['camera']}: the extractor's 2D, each depth its own or true")
    names = [name.replace("extractor", "own").replace("reference", "true") for name in measured["depths"]["methods"]]
    one_camera.set_xticks(range(len(names)), [name.replace(", ", "\n") for name in names])
    for axes in (all_cameras, one_camera):
        drawing.quiet(axes)
        axes.set_axisbelow(True)
        axes.set_ylim(0, 200)
        axes.legend(frameon=False, loc="upper right")
    drawing.save(figure, "errors.png")


def _camera_means(rotations: dict[str, Any], method: str, metric: str) -> list[float]:
    """Returns the mean over seeds for each test camera."""
    cameras = sorted({run["test_camera"] for run in rotations["runs"]})
    return [
        float(np.mean([run["methods"][method][metric] for run in rotations["runs"] if run["test_camera"] == camera]))
        for camera in cameras
    ]


def draw_step(scene: Scene) -> None:
    """Draws how far the pixels move as a depth error grows, in this image and in another camera's."""
    figure, (one, body) = drawing.new_figure(2, 9.6, 3.4)
    joints, camera, joint = scene.joints_cam, scene.camera, measurements.JOINT
    steps = np.linspace(0, 2 * measurements.STEP_MM, 41)
    along = [ambiguity.moved_along_ray(joints, joint, step) for step in steps]
    across = [ambiguity.moved_across_ray(joints, joint, step) for step in steps]
    elsewhere = [ambiguity.pixel_shift_elsewhere(joints, moved, camera, scene.other)[joint] for moved in along]
    one.plot(steps, [ambiguity.pixel_shift(joints, moved, camera)[joint] for moved in across], color=FAINT,
             label="across the ray, in this image")  # fmt: skip
    one.plot(steps, elsewhere, "--", color=DOUBLE, label="along the ray, in another camera's image")
    one.plot(steps, [ambiguity.pixel_shift(joints, moved, camera)[joint] for moved in along], color=TRUTH, lw=2.5,
             label="along the ray, in this image")  # fmt: skip
    one.set(xlabel="the left wrist is off by, mm", ylabel="its pixel moves by, px", title="one joint")
    away = np.stack([ambiguity.pixel_shift(joints, ambiguity.whole_body_away(joints, step), camera) for step in steps])
    body.fill_between(steps, away.min(1), away.max(1), color=TRUTH, alpha=0.2, label="least to most moved joint")
    body.plot(steps, away.mean(1), color=TRUTH, lw=2.5, label="mean of the joints")
    body.set(
        xlabel="the whole person is farther away by, mm",
        ylabel="its pixels move by, px",
        title="the whole person, along the pelvis's ray",
    )
    for axes in (one, body):
        axes.set_ylim(-3, 110)
        axes.legend(frameon=False, loc="upper left")
        drawing.quiet(axes)
    drawing.save(figure, "step.png")


def main() -> None:
    """Draws every figure of both pages."""
    scene = measurements.demo_scene()
    draw_depth(scene)
    draw_rotation(scene)
    draw_errors(read_json(ROTATIONS), read_json(RESULT))
    draw_step(scene)
    figures_conventions.draw_all(scene, demo_image(scene))
    print(f"{drawing.IMAGES} is written")


if __name__ == "__main__":
    run_script(main)
