"""People are told apart in several views, whatever the order in which a view lists them; strangers are left over."""

from __future__ import annotations

import numpy as np

from modules.rig.matching import Detections, Matcher
from modules.rig.triangulation import project
from tests.rig.walking_body import CAMERAS, MIRROR, walk

FRAMES = 25


def two_people() -> tuple[list[Detections], np.ndarray]:
    """Two people in three views, listed in random order, and in each view which place (F,) shows the first."""
    rng = np.random.default_rng(3)
    people = [walk(FRAMES, 0), walk(FRAMES, 5) + [900.0, 500, 0]]
    views, places = [], []
    for camera in CAMERAS:
        px = np.stack([project(points, [camera])[0][0] for points in people], 1) + rng.normal(
            0, 2, (FRAMES, 2, len(MIRROR), 2)
        )
        order = rng.integers(0, 2, FRAMES)
        px = np.where(order[:, None, None, None] == 1, px[:, ::-1], px)
        views.append(Detections(px, np.ones(px.shape[:3])))
        places.append(order)
    return views, np.stack(places)


def test_two_people_are_followed_in_all_views() -> None:
    views, first = two_people()
    found = Matcher(views, CAMERAS, MIRROR).run()
    assert [person.frames for person in found] == [FRAMES, FRAMES]
    one, other = (person.places for person in found)
    assert (one == first).all() or (other == first).all()
    assert (one + other == 1).all()


def test_somebody_whom_one_camera_sees_is_nobody() -> None:
    views, _ = two_people()
    for view in views[1:]:
        view.weights[:, :] = 0
    assert Matcher(views, CAMERAS, MIRROR).run() == []


def test_a_swapped_view_and_a_short_absence_keep_a_person_together() -> None:
    views, first = two_people()
    rows = np.arange(FRAMES)
    for camera in (0, 1):
        views[camera].weights[10:14] = 0
    views[2].points_px[5:9] = views[2].points_px[5:9][:, :, MIRROR]
    found = Matcher(views, CAMERAS, MIRROR).run()
    assert len(found) == 2 and found[0].frames == FRAMES - 4
    assert (found[0].places[:, 10:14] == -1).all()
    shown = found[0].places[0] >= 0
    same = found[0].places[0][shown] == first[0][rows[shown]]
    assert same.all() or not same.any()


def test_somebody_who_walked_on_while_unseen_is_the_same_person() -> None:
    """One of two people goes on at 1.2 m/s while no camera sees them for 16 frames; those who are farther away are others."""
    for step_mm, count in ((40.0, 2), (150.0, 3)):
        still, walking = walk(60, 0), walk(60, 5) + [1500.0, 900, 0]
        walking[36:] += [16 * step_mm, 0.0, 0.0]
        views = []
        for camera in CAMERAS:
            px = np.stack([project(points, [camera])[0][0] for points in (still, walking)], 1)
            views.append(Detections(px, np.ones(px.shape[:3])))
            views[-1].weights[20:36, 1] = 0
        found = Matcher(views, CAMERAS, MIRROR).run()
        assert [person.frames for person in found] == ([60, 44] if count == 2 else [60, 24, 20])
