"""BlazePose by OpenVINO: in float32 as by LiteRT, which share a cache; in bfloat16 where the first crop is certain."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from data.demo.source import fetch_demo_source
from modules.config.engines import Engine, computes_bfloat16
from modules.config.sections import TestTimeAugmentation
from modules.extractors.blazepose import detector
from modules.extractors.blazepose.detector import BlazePose
from modules.extractors.blazepose.extractor import BlazePoseExtractor
from modules.extractors.blazepose.landmarks import Landmarks
from modules.extractors.blazepose.network import MASK, load_network
from modules.extractors.blazepose.weights import BLAZEPOSE_FOLDER, check_weights
from pre_models.blazepose import fetch_blazepose
from tests.extractors.make_blazepose_reference import FRAMES, read_frames

needs_bfloat16 = pytest.mark.skipif(not computes_bfloat16(), reason="this processor has no bfloat16")


@pytest.fixture(scope="module")
def images() -> list[np.ndarray]:
    source = fetch_demo_source()
    return [image for video, indices in FRAMES.items() for image in read_frames(source / video, indices[:2])]


@cache
def model_of(engine: Engine) -> BlazePose:
    fetch_blazepose()
    return BlazePose("full", threads=1, engine=engine)


def people(engine: Engine, images: list[np.ndarray], tta: TestTimeAugmentation) -> list[Landmarks]:
    found = [model_of(engine).detect(image, tta) for image in images]
    seen = [one for one in found if one is not None]
    assert len(seen) == len(images) > 4
    return seen


@pytest.mark.parametrize("tta", [False, "adaptive", True])
def test_openvino_in_float32_gives_the_numbers_of_litert(images: list[np.ndarray], tta: TestTimeAugmentation) -> None:
    theirs, ours = (people(engine, images, tta) for engine in ("litert", "openvino"))
    for name, median, highest in (
        ("landmarks_px", 0.05, 0.3),
        ("world_landmarks_mm", 0.1, 1.0),
        ("visibility", 1e-3, 0.01),
    ):
        apart = np.abs(np.array([getattr(a, name) - getattr(b, name) for a, b in zip(theirs, ours, strict=True)]))
        assert np.median(apart) <= median and apart.max() <= highest, name
    for first, second in zip(theirs, ours, strict=True):
        if not tta:
            np.testing.assert_array_equal(first.square.centre, second.square.centre)  # the detector's own
        assert second.certainty == pytest.approx(first.certainty, abs=1e-3)


def test_leaving_out_the_mask_changes_no_other_output(images: list[np.ndarray]) -> None:
    import openvino  # noqa: PLC0415  (slow to import)

    fetch_blazepose()
    path, crop = check_weights("full", BLAZEPOSE_FOLDER)[1], images[0][:256, :256] * np.float32(1 / 255)
    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1, "ENABLE_CPU_PINNING": False}
    whole = openvino.Core().compile_model(path, "CPU", options)
    found, network = whole([crop[None]]), load_network(path, 1, "openvino")
    network.run(crop)
    shapes = [tuple(output.shape)[1:] for output in whole.outputs]
    assert len(shapes) == 5 and MASK in shapes
    for index, shape in enumerate(shapes):
        if shape == MASK:
            with pytest.raises(KeyError):
                network.output(*shape)
        else:
            np.testing.assert_array_equal(network.output(*shape), found[index][0])


def test_a_result_outlives_the_next_image(images: list[np.ndarray]) -> None:
    """OpenVINO writes every answer into the same memory."""
    model = model_of("openvino")
    first = model.detect(images[0])
    assert first is not None
    before = first.landmarks_px.copy(), first.world_landmarks_mm.copy()
    assert model.detect(images[-1]) is not None
    np.testing.assert_array_equal(first.landmarks_px, before[0])
    np.testing.assert_array_equal(first.world_landmarks_mm, before[1])


@needs_bfloat16
def test_bfloat16_gives_other_numbers_close_by(images: list[np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detector, "MIN_CERTAINTY_BF16", 0.0)
    theirs, ours = (people(engine, images, "adaptive") for engine in ("openvino", "openvino-bf16"))
    for first, second in zip(theirs, ours, strict=True):
        apart = np.linalg.norm(first.landmarks_px - second.landmarks_px, axis=1)
        assert 0.01 < np.median(apart) < 0.01 * first.square.side


@needs_bfloat16
@pytest.mark.parametrize("tta", [False, "adaptive", True])
def test_an_uncertain_person_is_estimated_again_in_float32(
    images: list[np.ndarray], monkeypatch: pytest.MonkeyPatch, tta: TestTimeAugmentation
) -> None:
    monkeypatch.setattr(detector, "MIN_CERTAINTY_BF16", 1.0)
    exact, again = (people(engine, images[:5], tta) for engine in ("openvino", "openvino-bf16"))
    for first, second in zip(exact, again, strict=True):
        np.testing.assert_array_equal(first.landmarks_px, second.landmarks_px)
    square = exact[0].square
    hinted = [model_of(engine).detect_in(images[0], square, tta) for engine in ("openvino", "openvino-bf16")]
    assert hinted[0] is not None and hinted[1] is not None
    np.testing.assert_array_equal(hinted[0].landmarks_px, hinted[1].landmarks_px)


def test_bfloat16_and_its_limit_are_part_of_the_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    fetch_blazepose()
    engines: tuple[Engine, ...] = ("litert", "openvino", "openvino-bf16")
    found = {engine: BlazePoseExtractor.fingerprint_of("full", engine=engine) for engine in engines}
    assert found["litert"] == found["openvino"] == BlazePoseExtractor.fingerprint_of("full") != found["openvino-bf16"]
    monkeypatch.setattr("modules.extractors.blazepose.extractor.MIN_CERTAINTY_BF16", 0.9)
    assert BlazePoseExtractor.fingerprint_of("full", engine="openvino-bf16") != found["openvino-bf16"]
    assert BlazePoseExtractor.fingerprint_of("full", engine="openvino") == found["openvino"]
