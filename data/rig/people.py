"""Finds each person of a recording in all views, and what is seen of them at every moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.rig.clock import JOINTS, MIRROR, CommonMoments, normalised
from data.rig.labelling import landmark_weights
from data.rig.landmarks import People2D
from data.rig.recordings import Recording
from modules.pose_utils import undistort
from modules.rig.matching import Detections, Matcher

FEWEST_SHARE, FEWEST = 0.05, 10  # of the moments, and moments, at which two cameras must see a person


@dataclass(frozen=True)
class Track:
    """One person in C views at M moments."""

    points_px: np.ndarray  # (C, M, 33, 2) undistorted px of images whose longer side is 1920 px
    weights: np.ndarray  # (C, M, 33) 0 where a view does not show them
    places: tuple[np.ndarray, ...]  # (F_c,) their place among the people of each camera's frames; -1 where they are not


@dataclass(frozen=True)
class Found:
    """The people of a recording, and how many detections belong to none of them."""

    tracks: list[Track]
    detections: int

    @property
    def dropped(self) -> int:
        """The number of detections that belong to no track."""
        return self.detections - sum(int((place >= 0).sum()) for track in self.tracks for place in track.places)


def find_people(recording: Recording, people: Sequence[People2D], moments: CommonMoments, most: int | None) -> Found:
    """Returns at most `most` people, the one who is seen by two cameras at the most moments first."""
    detections = int(sum((view.visibility > 0).any(-1).sum() for view in people))
    if all(view.visibility.shape[1] == 1 for view in people):
        places = [tuple(np.where((view.visibility[:, 0] > 0).any(-1), 0, -1) for view in people)]
    else:
        places = _matched(recording, people, moments, most)
    tracks = [_track(recording, people, moments, own) for own in places]
    return Found(tracks, detections)


def _matched(
    recording: Recording, people: Sequence[People2D], moments: CommonMoments, most: int | None
) -> list[tuple[np.ndarray, ...]]:
    """Returns the places of each person, by following everybody from moment to moment."""
    views, cameras = [], []
    for camera, near, view in zip(recording.cameras, moments.nearest, people, strict=True):
        same, scale = normalised(camera)
        px = undistort(view.points_px[:, :, JOINTS], camera.K, camera.distortion) * scale
        weights = np.where(np.isfinite(px).all(-1), landmark_weights(view.visibility)[:, :, JOINTS], 0.0)
        seen = (near >= 0)[:, None, None]
        views.append(Detections(np.nan_to_num(px[near]), np.where(seen, weights[near], 0.0)))
        cameras.append(same)
    need = max(FEWEST, FEWEST_SHARE * len(moments.times_s))
    persons = [person for person in Matcher(views, cameras, MIRROR).run() if person.frames >= need][:most]
    found = []
    for person in persons:
        places = [np.full(len(view.visibility), -1) for view in people]
        for own, place, near in zip(places, person.places, moments.nearest, strict=True):
            shown = (place >= 0) & (near >= 0)
            own[near[shown]] = place[shown]
        found.append(tuple(places))
    return found


def _track(
    recording: Recording, people: Sequence[People2D], moments: CommonMoments, places: tuple[np.ndarray, ...]
) -> Track:
    """Returns what is seen of a person at every moment."""
    points, weights = [], []
    for index, (camera, view, place) in enumerate(zip(recording.cameras, people, places, strict=True)):
        frames = np.arange(len(place))
        px = undistort(view.points_px[frames, place], camera.K, camera.distortion) * normalised(camera)[1]
        seen = np.isfinite(px).all(-1) & (place >= 0)[:, None]
        w = np.where(seen, landmark_weights(view.visibility[frames, place]), 0.0)
        at_px, at_weights = moments.at(index, np.where(seen[..., None], px, 0.0), w)
        points.append(at_px)
        weights.append(at_weights)
    return Track(np.stack(points), np.stack(weights), places)
