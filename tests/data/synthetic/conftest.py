"""Fixtures: one body model and two people for all tests of the synthetic data, as loading takes seconds; EGL."""

from __future__ import annotations

import os

import pytest

from data.synthetic.body.model import BodyModel
from data.synthetic.body.people import people_model
from data.synthetic.pose.figure import Figure
from data.synthetic.render.renderer import Renderer
from modules.utils import UserError

SLIM = {"gender": 0.0, "age": 0.6, "muscle": 0.5, "weight": 0.35, "height": 0.4, "proportions": 0.5}
STOUT = {"gender": 1.0, "age": 0.7, "muscle": 0.5, "weight": 1.2, "height": 0.7, "proportions": 0.5}


@pytest.fixture(scope="session")
def body_model() -> BodyModel:
    return people_model()


@pytest.fixture(scope="session", params=[SLIM, STOUT], ids=["slim", "stout"])
def figure(request: pytest.FixtureRequest, body_model: BodyModel) -> Figure:
    return Figure(body_model, body_model.shape(request.param))


@pytest.fixture(scope="session")
def egl() -> None:
    """Skips tests on machines that cannot render without a screen; in CI that is an error."""
    try:
        Renderer().close()
    except UserError as error:
        if "CI" in os.environ:
            raise
        pytest.skip(str(error))
