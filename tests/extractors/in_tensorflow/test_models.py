"""The MeTRAbs extractor on stand-ins, in one process with TensorFlow: started by tests/extractors/test_metrabs.py."""

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from modules.config.sections import Metrabs
from modules.extractors.metrabs import detectors
from modules.extractors.metrabs import extractor as extractor_module
from modules.extractors.metrabs.extractor import MetrabsExtractor
from modules.extractors.metrabs.loading import load_model
from modules.pose_utils import Camera
from modules.utils import UserError
from tests.extractors.metrabs_truth import SHAPE_MM, picture, stretch, true_answer

STANDINS = Path(os.environ.get("GROUNDPOSE_STANDINS", ""))
BOX, OTHER, FAINT = (200, 80, 90, 300), (420, 60, 150, 380), (30, 100, 60, 200)
LENS = np.array([-0.12, 0.05, 0.002, -0.001, 0.01])


def camera(lens: bool = False, up: bool = True, rolled: bool = False) -> Camera:
    K = np.array([[900.0, 0, 330], [0, 890, 235], [0, 0, 1]])
    R = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # looks along the world's y; z is up
    if rolled:
        R = np.array([[0.6, 0.8, 0], [-0.8, 0.6, 0], [0, 0, 1]]) @ R
    return Camera(
        K, R, np.array([1e6, 2e6, 3e6]), (640, 480), LENS if lens else None, np.array([0.0, 0, 1]) if up else None
    )


@pytest.fixture(scope="module", autouse=True)
def load_each_model_once() -> Iterator[None]:
    """Extractors and detectors of one stand-in share its model, which knows nothing of their options."""
    load_once = cache(load_model)
    with pytest.MonkeyPatch.context() as patch:
        for module in (detectors, extractor_module):
            patch.setattr(module, "load_model", load_once)
        yield


def extractor(kind: str, **options: Any) -> MetrabsExtractor:
    """The extractor of a stand-in with these options."""
    detector = {} if kind.startswith(("combined", "batched", "current")) else {"detector": str(STANDINS / "combined")}
    return _extractor(kind, Metrabs(**{**detector, **options}).model_dump_json())


@cache
def _extractor(kind: str, options: str) -> MetrabsExtractor:
    return MetrabsExtractor(str(STANDINS / kind), Metrabs.model_validate_json(options))


def image(**people: tuple[int, int, int, int]) -> np.ndarray:
    return picture((640, 480), {int(name[1:]): box for name, box in people.items()})


def check(answer: Any, kind: str, box: tuple[int, int, int, int], seen_by: Camera, num_aug: int = 5) -> None:
    joints_px, joints_cam = true_answer(kind, box, seen_by, num_aug)
    np.testing.assert_allclose(answer.joints_px, joints_px, atol=0.01)
    np.testing.assert_allclose(answer.root_cam_mm, joints_cam[0], atol=0.1)
    np.testing.assert_allclose(answer.joints_rel_mm, joints_cam - joints_cam[0], atol=0.1)


KINDS = ("multiperson", "combined", "batched", "current")


@pytest.mark.parametrize("lens", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_an_estimate_is_the_models_output_undistorted_once(kind: str, lens: bool) -> None:
    (answer,) = extractor(kind).estimate([image(p0=BOX)], [camera(lens)])
    check(answer, kind, BOX, camera(lens))
    assert answer is not None and (answer.people, answer.person, answer.choice) == (1, 0, "confident")
    assert answer.score == pytest.approx(0.9)
    if not lens:
        np.testing.assert_allclose(answer.box_xywh, BOX, atol=1e-3)


def test_the_cameras_intrinsics_are_used() -> None:
    long = replace(camera(), K=camera().K * np.array([[2.0], [2], [1]]))
    for kind in KINDS:
        (answer,) = extractor(kind).estimate([image(p0=BOX)], [long])
        check(answer, kind, BOX, long)


def test_singleperson_sees_the_crop_as_half_precision_between_0_and_1() -> None:
    (grey,) = extractor("singleperson").estimate([image(p0=BOX)], [camera()])
    assert grey is not None
    depth = grey.root_cam_mm[2] if grey.root_cam_mm is not None else np.nan
    # The rectangle (220, 40, 40) is about as high as its crop: its share is 90 / 300, the rest is 128.
    share = 90 / 300
    brightness = (share * (220 + 40 + 40) / 3 + (1 - share) * 128) / 255
    crop_focal = 256 / 300 * np.hypot(890, 240 - (80 + 149.5))  # the crop fits the box; to first order in its angle
    assert depth == pytest.approx(crop_focal * 1700 / 256 + 100 * brightness, rel=0.03)
    np.testing.assert_allclose(np.linalg.norm(grey.joints_rel_mm, axis=1), np.linalg.norm(SHAPE_MM, axis=1), atol=0.1)
    centre = grey.joints_px[0]
    np.testing.assert_allclose(centre, [200 + 44.5, 80 + 149.5], atol=0.5)  # the crop's axis is the box's centre


def test_singleperson_sees_without_the_lens() -> None:
    straight, bent = (extractor("singleperson").estimate([image(p0=BOX)], [camera(lens)])[0] for lens in (False, True))
    assert straight is not None and bent is not None
    _, expected = true_answer("current", BOX, replace(camera(lens=True), world_up=None), 0)  # its ray knows the lens
    ray = bent.root_cam_mm / bent.root_cam_mm[2] if bent.root_cam_mm is not None else np.zeros(3)
    np.testing.assert_allclose(ray, expected[0] / expected[0, 2], atol=1e-3)
    assert np.abs(straight.joints_px[0] - bent.joints_px[0]).max() > 0.3


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_with_empty_images_and_other_sizes_keeps_its_order(kind: str) -> None:
    portrait = picture((480, 640), {0: (100, 120, 80, 400)})
    tall = replace(camera(), image_size=(480, 640))
    nobody = image()
    images = [nobody, image(p0=BOX), portrait, nobody, image(p1=OTHER), nobody]
    cameras = [camera(), camera(True), tall, camera(), camera(rolled=True), camera(True)]
    answers = extractor(kind).estimate(images, cameras)
    assert [answer is not None for answer in answers] == [False, True, True, False, True, False]
    check(answers[1], kind, BOX, camera(True))
    check(answers[2], kind, (100, 120, 80, 400), tall)
    check(answers[4], kind, OTHER, camera(rolled=True))
    assert extractor(kind).estimate([nobody, nobody], [camera(), camera()]) == [None, None]


@pytest.mark.parametrize("kind", KINDS)
def test_the_configured_rule_selects_one_of_several_people(kind: str) -> None:
    two = image(p0=BOX, p1=OTHER)
    for rule, box, person in (("confident", BOX, 0), ("largest", OTHER, 1), ("nearest", BOX, 0)):
        (answer,) = extractor(kind, person=rule).estimate([two], [camera()])
        check(answer, kind, box, camera())
        assert answer is not None and (answer.people, answer.person, answer.choice) == (2, person, rule)


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_region_is_searched_and_pixels_are_the_whole_images(kind: str) -> None:
    two = image(p0=BOX, p1=OTHER)
    (answer,) = extractor(kind, region=[0.6, 0.05, 1.0, 1.0]).estimate([two], [camera(True)])
    check(answer, kind, OTHER, camera(True))
    (nearest,) = extractor(kind, region=[0.55, 0, 1, 1], person="nearest").estimate([two], [camera()])
    check(nearest, kind, OTHER, camera())


@pytest.mark.parametrize("kind", KINDS)
def test_the_second_threshold_is_tried_if_the_first_finds_nobody(kind: str) -> None:
    faint, seen = image(p2=FAINT), image(p0=BOX, p2=FAINT)
    thresholds = [0.005, 0.0001]
    answers = extractor(kind, detector_thresholds=thresholds).estimate([faint, seen], [camera(), camera()])
    check(answers[0], kind, FAINT, camera())
    assert answers[1] is not None and answers[1].people == 1  # the first threshold was enough
    assert extractor(kind, detector_thresholds=[0.005]).estimate([faint], [camera()]) == [None]


@pytest.mark.parametrize("kind", KINDS)
def test_the_number_of_crops_reaches_the_model(kind: str) -> None:
    (answer,) = extractor(kind, num_aug=1).estimate([image(p0=BOX)], [camera()])
    check(answer, kind, BOX, camera(), num_aug=1)
    assert stretch(1) != stretch(5)


@pytest.mark.parametrize("kind", ["multiperson:shuffled", "combined:shuffled", "current:shuffled", "combined:early",
                                  "multiperson:nameless", "combined:nameless", "singleperson:shuffled"])  # fmt: skip
def test_joints_are_mapped_by_name_wherever_the_names_are(kind: str) -> None:
    plain = kind.partition(":")[0]
    (answer,) = extractor(kind.replace(":", "_")).estimate([image(p0=BOX)], [camera(True)])
    if plain == "singleperson":
        (expected,) = extractor(plain).estimate([image(p0=BOX)], [camera(True)])
        assert answer is not None and expected is not None
        np.testing.assert_allclose(answer.joints_rel_mm, expected.joints_rel_mm, atol=1e-3)
    else:
        check(answer, plain, BOX, camera(True))


def test_crops_are_upright_in_a_world_whose_up_is_any_axis() -> None:
    """The stand-in rotates its shape to the given up direction, so a rolled camera gets another shape."""
    y_up = replace(camera(rolled=True), world_up=np.array([0.0, 1, 0]) @ np.eye(3))
    y_up = replace(y_up, R=y_up.R @ np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]))
    for seen_by in (camera(rolled=True), camera(), y_up):
        (answer,) = extractor("current").estimate([image(p0=BOX)], [seen_by])
        check(answer, "current", BOX, seen_by)
    both = extractor("current").estimate([image(p0=BOX)] * 2, [camera(rolled=True), y_up])  # two ups in one batch
    check(both[0], "current", BOX, camera(rolled=True))
    check(both[1], "current", BOX, y_up)


def test_a_distant_world_origin_costs_no_precision() -> None:
    far = replace(camera(), t=np.array([1e9, -2e9, 5e8]))
    (answer,) = extractor("current").estimate([image(p0=BOX)], [far])
    check(answer, "current", BOX, far)


def test_a_current_model_accepts_boxes_of_another_detector() -> None:
    (answer,) = extractor("current", detector=str(STANDINS / "combined")).estimate([image(p1=OTHER)], [camera(True)])
    check(answer, "current", OTHER, camera(True))


def test_a_model_without_a_batched_function_is_called_image_by_image(monkeypatch: pytest.MonkeyPatch) -> None:
    multiperson = extractor("multiperson")
    early = SimpleNamespace(predict_single_image=multiperson._model._loaded.predict_single_image)
    monkeypatch.setattr(multiperson._model, "_loaded", early)
    answers = multiperson.estimate([image(), image(p0=BOX)], [camera(), camera()])
    assert answers[0] is None
    check(answers[1], "multiperson", BOX, camera())


def sentence(call: Any) -> str:
    with pytest.raises(UserError) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_other_models_are_refused(tmp_path: Path) -> None:
    assert "no MeTRAbs model" in sentence(lambda: load_model(STANDINS / "foreign"))
    assert "has 3 joint names" in sentence(lambda: load_model(STANDINS / "multiperson_foreign"))
    assert "smpl_24" in sentence(lambda: load_model(STANDINS / "current_coco"))
    assert "detector" in sentence(lambda: extractor("multiperson", detector="own"))
    assert "no detector" in sentence(lambda: extractor("multiperson", detector=str(STANDINS / "singleperson")))
    assert "takes no boxes" in sentence(lambda: extractor("combined", detector=str(STANDINS / "batched")))
    assert "saved_model.pb is missing" in sentence(lambda: MetrabsExtractor(str(tmp_path)))


def damage(folder: Path, how: str) -> None:
    graph, data = folder / "saved_model.pb", folder / "variables" / "variables.data-00000-of-00001"
    if how == "empty":
        graph.write_bytes(b"")
    elif how == "text":
        graph.write_bytes(b"not a model at all\n" * 20)
    elif how == "cut":
        graph.write_bytes(graph.read_bytes()[: graph.stat().st_size // 2])
    elif how == "variables cut":
        data.write_bytes(data.read_bytes()[: data.stat().st_size // 2])
    else:
        shutil.rmtree(folder / "variables")


@pytest.mark.parametrize("how", ["empty", "text", "cut", "variables cut", "variables gone"])
def test_damaged_models_are_refused(tmp_path: Path, how: str) -> None:
    shutil.copytree(STANDINS / "current", tmp_path / "model")
    damage(tmp_path / "model", how)
    said = sentence(lambda: load_model(tmp_path / "model"))
    assert str(tmp_path / "model") in said and "fetch it again" in said


def test_another_signature_is_refused_when_it_is_called() -> None:
    model = load_model(STANDINS / "combined")
    model._loaded = load_model(STANDINS / "multiperson")._loaded  # its function needs boxes
    said = sentence(lambda: model.detect([image()], [camera()], 0.5, Metrabs()))
    assert "published combined model" in said


def test_torch_is_not_imported() -> None:
    assert "torch" not in sys.modules and "tensorflow" in sys.modules


def test_blazepose_as_the_detector() -> None:
    """BlazePose does not detect rectangles, so nobody is found."""
    estimates: Sequence[Any] = extractor("multiperson", detector="blazepose").estimate([image(p0=BOX)], [camera()])
    assert list(estimates) == [None]
