"""The decoding of BlazePose's raw outputs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.extractors.blazepose import decoding

pixel = st.floats(-3000, 3000)


class TestAnchors:
    def test_grids(self) -> None:
        anchors = decoding.make_anchors()
        assert anchors.shape == (2254, 2)
        np.testing.assert_allclose(anchors[:4], [[4 / 224] * 2] * 2 + [[12 / 224, 4 / 224]] * 2)  # x runs first
        np.testing.assert_allclose(anchors[2 * 28 * 28], [8 / 224] * 2)
        np.testing.assert_allclose(anchors[-6:], [[208 / 224] * 2] * 6)
        assert len(np.unique(anchors, axis=0)) == 28 * 28 + 14 * 14 + 7 * 7


class TestDetection:
    anchors = np.array([[0.5, 0.5], [0.5, 0.5], [0.1, 0.1]], dtype=np.float32)

    def raw(self, *offsets: float) -> np.ndarray:
        """One detection per offset: a box of 112 px and keypoints, all moved by it."""
        rows = [[o, o, 112, 112, *(np.arange(8) + o)] for o in offsets]
        return np.array(rows, dtype=np.float32)

    def test_nobody_below_a_score_of_one_half(self) -> None:
        assert decoding.decode_detections(self.raw(0, 0, 0), np.array([-0.1, -5, -90]), self.anchors) == []

    def test_the_best_alone(self) -> None:
        (keypoints,) = decoding.decode_detections(self.raw(0, 0, 0), np.array([-1, 2, -1]), self.anchors)
        np.testing.assert_allclose(keypoints, 0.5 + np.arange(8).reshape(4, 2) / 224, atol=1e-6)

    def test_overlapping_detections_are_averaged_by_score_and_distant_ones_are_not(self) -> None:
        logits = np.array([1.0, 3.0, 2.0])
        raw = self.raw(-7, 7, 0)
        raw[2, 2:4] = 20
        keypoints, other = decoding.decode_detections(raw, logits, self.anchors)
        scores = 1 / (1 + np.exp(-logits[:2]))
        shift = scores @ [-7, 7] / scores.sum()
        np.testing.assert_allclose(keypoints, 0.5 + (np.arange(8).reshape(4, 2) + shift) / 224, atol=1e-5)
        np.testing.assert_allclose(other, 0.1 + np.arange(8).reshape(4, 2) / 224, atol=1e-5)

    @pytest.mark.parametrize(("overlap", "votes"), [(0.29, False), (0.31, True)])
    def test_boxes_count_from_an_overlap_of_three_tenths(self, overlap: float, votes: bool) -> None:
        raw = self.raw(0, 0)
        raw[1, 1] = 112 * (1 - overlap) / (1 + overlap)  # moved down so that intersection over union is `overlap`
        raw[1, 4:] += 20
        keypoints = decoding.decode_detections(raw, np.array([2.0, 1.0]), self.anchors[:2])[0]
        assert bool(keypoints[0, 0] > 0.5 + 1 / 224) == votes

    def test_a_box_without_area_is_nobody(self) -> None:
        raw = self.raw(0)
        raw[0, 2:4] = 0
        assert decoding.decode_detections(raw, np.array([4.0]), self.anchors[:1]) == []


class TestSquare:
    def test_upright(self) -> None:
        square = decoding.person_square(np.array([[300.0, 500], [300, 100], [0, 0], [0, 0]]))
        assert (square.side, square.angle) == (1000, pytest.approx(0))
        np.testing.assert_allclose(square.to_image(np.array([[0, 0], [1, 1]])), [[-200, 0], [800, 1000]])

    @given(pixel, pixel, pixel, pixel)
    def test_the_second_keypoint_lies_straight_above_the_first(self, x: float, y: float, u: float, v: float) -> None:
        keypoints = np.array([[x, y], [u, v], [0, 0], [0, 0]])
        square = decoding.person_square(keypoints)
        np.testing.assert_allclose(square.to_image(np.array([[0.5, 0.5], [0.5, 0.1]])), keypoints[:2], atol=1e-2)

    def test_letterbox_holds_the_whole_image(self) -> None:
        square = decoding.letterbox(1920, 1080)
        corners = square.to_image(np.array([[0, 0], [1, 1], [0.5, 0.5]]))
        np.testing.assert_allclose(corners, [[0, -420], [1920, 1500], [960, 540]])

    @given(st.floats(-np.pi, np.pi))
    def test_world_landmarks_rotate_as_the_image_does(self, angle: float) -> None:
        square = decoding.Square(np.zeros(2), 256.0, angle)
        points = np.array([[3.0, -4, 5], [0, 1, -2]])
        turned = decoding.rotate_world(points, square)
        np.testing.assert_allclose(turned[:, :2], square.to_image(points[:, :2] / 256 + 0.5), atol=1e-4)
        np.testing.assert_array_equal(turned[:, 2], points[:, 2])


class TestHeatmap:
    def peak(self, row: int, col: int, logit: float = 3.0) -> np.ndarray:
        heatmap = np.full((64, 64, 1), -60.0, dtype=np.float32)
        heatmap[row, col] = logit
        return heatmap

    @pytest.mark.parametrize(("row", "col"), [(20, 40), (16, 36), (24, 44), (16, 44)])
    def test_moves_to_a_peak_within_four_cells(self, row: int, col: int) -> None:
        moved = decoding.refine_from_heatmap(np.array([[40.9 / 64, 20.1 / 64]]), self.peak(row, col))
        np.testing.assert_allclose(moved, [[col / 64, row / 64]], atol=1e-6)

    @pytest.mark.parametrize(("row", "col"), [(25, 40), (20, 45), (15, 40), (20, 35)])
    def test_a_peak_five_cells_away_is_ignored(self, row: int, col: int) -> None:
        point = np.array([[40.9 / 64, 20.1 / 64]])
        np.testing.assert_array_equal(decoding.refine_from_heatmap(point, self.peak(row, col)), point)

    def test_an_uncertain_heatmap_is_ignored(self) -> None:
        point = np.array([[40.9 / 64, 20.1 / 64]])
        np.testing.assert_array_equal(decoding.refine_from_heatmap(point, self.peak(20, 40, -0.1)), point)
        assert (decoding.refine_from_heatmap(point, self.peak(20, 40, 0.1)) != point).all()

    def test_weighs_by_confidence_at_the_border_too(self) -> None:
        heatmap = self.peak(0, 0, 1.0)
        heatmap[2, 0] = -1.0
        weights = 1 / (1 + np.exp([-1.0, 1.0]))
        moved = decoding.refine_from_heatmap(np.array([[0.001, 0.001]]), heatmap)
        np.testing.assert_allclose(moved, [[0, weights @ [0, 2] / weights.sum() / 64]], atol=1e-6)

    @pytest.mark.parametrize("point", [[-0.1, 0.5], [0.5, 1.0], [2.0, 0.5], [0.5, -3.0]])
    def test_a_point_outside_is_unchanged(self, point: list[float]) -> None:
        heatmap = np.full((64, 64, 1), 5.0, dtype=np.float32)
        np.testing.assert_array_equal(decoding.refine_from_heatmap(np.array([point]), heatmap), [point])

    def test_every_landmark_has_its_own_map(self) -> None:
        heatmap = np.concatenate([self.peak(10, 12), self.peak(30, 33)], -1)
        moved = decoding.refine_from_heatmap(np.array([[11, 11], [32, 32]]) / 64, heatmap)
        np.testing.assert_allclose(moved, np.array([[12, 10], [33, 30]]) / 64, atol=1e-6)


def test_sigmoid_does_not_overflow() -> None:
    with np.errstate(all="raise"):
        values = decoding.sigmoid(np.array([-1e4, 0, 1e4], dtype=np.float32))
    np.testing.assert_allclose(values, [0, 0.5, 1], atol=1e-30)
