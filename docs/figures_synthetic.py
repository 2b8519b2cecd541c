"""Draws the pictures of docs/synthetic.md: images of the default set, and the SMPL joints in anny's body.

python -m docs.figures_synthetic      after python -m data.synthetic.generate; writes docs/images
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection

from benchmarks import drawing
from benchmarks.drawing import DOUBLE, TRUTH
from data.synthetic.body.model import BodyModel, Shape
from data.synthetic.body.people import people_model, sample_person, shape_of
from data.synthetic.body.smpl_joints import anny_joints, smpl_joints
from data.synthetic.generate import DEFAULT_OUT
from data.synthetic.plan import find_recording, finished_options
from data.synthetic.recording.contact_sheet import make_sheet
from model.skeleton import EDGES
from modules.config.paths import PROJECT_ROOT
from modules.console import run_script
from modules.files.atomic import write_bytes
from modules.utils import UserError

VIEWS = (("from the front", (0, 2), np.array([0.0, -1.0, 0.0])), ("from its left", (1, 2), np.array([1.0, 0.0, 0.0])))
SEED = 9
TILE_PX = 200


def main() -> None:
    """Draws both pictures."""
    draw_set(PROJECT_ROOT / DEFAULT_OUT)
    draw_person()


def draw_set(root: Path) -> None:
    """Draws images of the set, spread evenly over its people, with the label's skeleton on every other one."""
    options = finished_options(root)
    if options is None:
        raise UserError(f"{root}: this is not a finished synthetic set; make it with python -m data.synthetic.generate")
    recordings = [recording for index in range(options.people) if (recording := find_recording(root, index))]
    sheet = make_sheet(recordings, options, TILE_PX, every_other=True)
    quality = [cv2.IMWRITE_JPEG_QUALITY, 75]
    encoded = cv2.imencode(".jpg", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR), quality)[1]
    write_bytes(drawing.IMAGES / "synthetic.jpg", encoded.tobytes())


def draw_person() -> None:
    """Draws one person from two sides."""
    model = people_model()
    person = sample_person(np.random.default_rng(SEED), model)
    shape = shape_of(model, person)
    figure, axes = drawing.new_figure(2, 6.6, 6.0, [1.35, 1])
    for each, (title, columns, towards) in zip(axes, VIEWS, strict=True):
        draw_body(each, model, shape, columns, towards)
        draw_joints(each, model, shape, columns)
        each.set(title=title, aspect="equal")
        each.set_axis_off()
        each.autoscale_view()
    axes[0].legend(frameon=False, loc="lower left")
    drawing.save(figure, "smpl_joints.png")


def draw_body(axes: Axes, model: BodyModel, shape: Shape, columns: tuple[int, int], towards: np.ndarray) -> None:
    """Draws the skin's triangles that face the viewer (direction `towards`), from the farthest to the nearest."""
    corners = shape.vertices[model.surfaces["body"]]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    facing = across @ towards / np.maximum(np.linalg.norm(across, axis=1), 1e-9)
    order = np.argsort(corners.mean(axis=1) @ towards)
    order = order[facing[order] > 0]
    grey = np.repeat((0.62 + 0.33 * facing[order])[:, None], 3, axis=1)
    axes.add_collection(PolyCollection(corners[order][:, :, columns], facecolors=grey, edgecolors=grey, linewidths=0.3))


def draw_joints(axes: Axes, model: BodyModel, shape: Shape, columns: tuple[int, int]) -> None:
    """Draws SMPL's joints with their bones, and anny's as rings."""
    posed = model.pose(shape, model.at_rest(shape))
    smpl, anny = smpl_joints(model, shape, posed)[:, columns], anny_joints(model, shape, posed)[:, columns]
    for start, end in EDGES:
        axes.plot(*smpl[[start, end]].T, color=TRUTH, lw=1.5)
    axes.plot(*smpl.T, "o", color=TRUTH, ms=5, label="SMPL's joints")
    axes.plot(*anny.T, "o", color=DOUBLE, ms=7, mfc="none", label="where anny's bones of those names begin")


if __name__ == "__main__":
    run_script(main)
