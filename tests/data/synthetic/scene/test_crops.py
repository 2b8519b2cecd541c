"""Crops of the synthetic views: the same pixels as in the whole image, with the whole person, at the size that is meant."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.synthetic.geometry.meshes import Lighting, Material, Mesh
from data.synthetic.render.renderer import Renderer
from data.synthetic.scene.cameras import View, ViewProbabilities, is_inside, sample_rig, surroundings
from data.synthetic.scene.crops import MARGIN, PERSON_PX, CroppedView, crop_view
from modules.pose_utils import Camera, project_to_image
from tests.data.synthetic.scene.test_cameras import people


def cropped(view: View, joints: np.ndarray, seed: int = 0) -> tuple[CroppedView, np.ndarray]:
    """Returns a crop and its upper left corner in the reduced whole image."""
    crop = crop_view(view, joints, np.random.default_rng(seed))
    whole, part = (project_to_image(joints[0], one.camera) for one in (view, crop.view))
    corner = (whole + 0.5) * crop.scale - 0.5 - part
    assert np.ptp(corner, axis=0).max() < 1e-6  # one shift for all joints, lens included
    return crop, corner[0]


@given(seed=st.integers(0, 10_000), truncated=st.sampled_from([0.0, 1.0]))
def test_a_crop_is_a_part_of_the_reduced_image(seed: int, truncated: float) -> None:
    joints = people(seed)
    probabilities = ViewProbabilities(truncated=truncated, distorted=0.5)
    for view in sample_rig(np.random.default_rng(seed), joints, 0.0, 2, probabilities):
        crop, corner = cropped(view, joints, seed)
        size, whole = np.array(crop.size_px), np.array(view.camera.image_size)
        assert crop.view.camera.image_size == crop.size_px and 0 < crop.scale <= 1
        assert np.abs(corner - corner.round()).max() < 1e-6 and (corner > -1e-6).all()
        assert (corner + size <= whole * crop.scale + 1).all()
        points = project_to_image(surroundings(joints), crop.view.camera)
        if not view.truncated:
            assert is_inside(points, crop.size_px).all()
            assert (points.max(1) - points.min(1)).max() == pytest.approx(PERSON_PX)
        assert size.max() <= (points.max((0, 1)) - points.min((0, 1))).max() + 2 * MARGIN * PERSON_PX + 2
        kept = replace(crop.view.camera, K=view.camera.K, image_size=view.camera.image_size)
        assert all(np.array_equal(getattr(kept, name), getattr(view.camera, name)) for name in vars(kept))


def test_a_person_who_is_small_already_is_not_enlarged() -> None:
    joints = people(1, frames=1)
    camera = Camera(
        np.array([[300.0, 0, 319.5], [0, 300.0, 239.5], [0, 0, 1]]), np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),
        np.array([0.0, 900.0, 4000.0]), image_size=(640, 480),
    )  # fmt: skip
    crop, _ = cropped(View(camera, truncated=False, occluded=False), joints)
    assert crop.scale == 1 and crop.size_px[0] < 640 and crop.size_px[1] < 480


def test_a_crop_shows_what_the_reduced_image_shows(egl: None) -> None:
    rng = np.random.default_rng(3)
    joints = people(3)
    view = sample_rig(rng, joints, 0.0, 1, ViewProbabilities(truncated=0.0, distorted=1.0, portrait=0.0))[0]
    squares = [
        Mesh(
            "square", place + 150.0 * np.array([[1.0, 1, 0], [-1.0, 1, 0], [-1.0, -1, 0], [1.0, -1, 0]]) @ view.camera.R,
            np.array([[0, 1, 2], [0, 2, 3]]), np.zeros((4, 3)), Material("marker", (tuple(rng.uniform(0.2, 1, 3)),)),
            two_sided=True,
        )
        for place in joints[0, :8]
    ]  # fmt: skip
    crop, corner = cropped(view, joints)
    dark = Lighting((), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 0.0)
    with Renderer() as renderer:
        whole, part = (renderer.render(squares, dark, one.camera).rgb for one in (view, crop.view))
    # Where a pixel of the crop lies in the whole image; the whole image is blurred as the reduction would.
    columns, rows = np.meshgrid(np.arange(crop.size_px[0]), np.arange(crop.size_px[1]))
    at = [
        ((axis + first + 0.5) / crop.scale - 0.5).astype(np.float32)
        for axis, first in zip((columns, rows), corner, strict=True)
    ]
    reduced = cv2.remap(cv2.GaussianBlur(whole, (0, 0), 0.4 / crop.scale), at[0], at[1], cv2.INTER_LINEAR)
    assert part.max() > 0.1
    assert np.abs(cv2.GaussianBlur(part, (0, 0), 0.4) - reduced).mean() < 0.01 * part.max()
