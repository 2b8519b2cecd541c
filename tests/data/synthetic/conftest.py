"""One body model and two people for all tests of the synthetic data, since loading it takes seconds."""

from __future__ import annotations

import pytest

from data.synthetic.body import BodyModel
from data.synthetic.figure import Figure

SLIM = {"gender": 0.0, "age": 0.6, "muscle": 0.5, "weight": 0.35, "height": 0.4, "proportions": 0.5}
STOUT = {"gender": 1.0, "age": 0.7, "muscle": 0.5, "weight": 1.2, "height": 0.7, "proportions": 0.5}


@pytest.fixture(scope="session")
def body_model() -> BodyModel:
    return BodyModel()


@pytest.fixture(scope="session", params=[SLIM, STOUT], ids=["slim", "stout"])
def figure(request: pytest.FixtureRequest, body_model: BodyModel) -> Figure:
    return Figure(body_model, body_model.shape(request.param))
