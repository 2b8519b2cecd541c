"""One person's recording from seed to files: who, in what, doing what, where, seen by which cameras."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from data.synthetic import plan
from data.synthetic.body import Posed
from data.synthetic.cameras import View, sample_rig
from data.synthetic.clothes import outfit_of
from data.synthetic.labels import joint_visibility, view_facts
from data.synthetic.motion import draw_motion
from data.synthetic.people import Person, body_mass_class, people_model, sample_person, shape_of
from data.synthetic.photograph import Sensor, encode_jpeg, photograph, sample_sensor
from data.synthetic.pieces import Outfit
from data.synthetic.render import Renderer
from data.synthetic.sampler import Drawn
from data.synthetic.smpl_joints import joint_places
from data.synthetic.surroundings import Surroundings, surround
from modules.layout import write_camera, write_label
from modules.pose_utils import Camera
from modules.utils import write_bytes

WORLD_SPREAD_MM = (4000.0, 4000.0, 600.0)  # how far the files' origin may lie from where the person stands
_PERSON, _ROOM, _SENSOR = range(3)  # what draws random numbers of its own


@dataclass(frozen=True)
class Scene:
    """All that stays the same through one recording. It lies about the person, over a floor at 0; the files lie elsewhere."""

    recording: plan.Recording
    person: Person
    outfit: Outfit
    motion: list[Drawn]
    posed: list[Posed]
    joints: np.ndarray  # (F, 24, 3) mm
    views: list[View]
    place: Surroundings
    sensors: list[Sensor]
    shift: np.ndarray  # (3,) mm from here to the world of the files


class Studio:
    """What a process needs to record people: the body model and a renderer, both made once."""

    def __init__(self) -> None:
        self._model = people_model()
        self._renderer = Renderer()

    def record(self, root: Path, index: int, options: plan.Options) -> Iterator[bool]:
        """Write the moments of a person that do not stand yet; yields once per image: whether it was made now."""
        scene = self.prepare(root, index, options)
        for number, view in enumerate(scene.views, 1):
            write_camera(scene.recording.camera_path(number), moved(view.camera, scene.shift))
        for frame in range(options.frames):
            if scene.recording.stands(options, frame):
                yield from [False] * options.cameras
            else:
                yield from self._record_moment(scene, frame, options)

    def prepare(self, root: Path, index: int, options: plan.Options) -> Scene:
        """Draw everything about a person's recording but the pictures."""
        rng = plan.generator(options, index, _PERSON)
        person = sample_person(rng, self._model)
        shape = shape_of(self._model, person)
        outfit = outfit_of(self._model, person, shape, rng)
        motion = draw_motion(rng, self._model, shape, options.frames, outfit.sole_mm)
        posed = [self._model.pose(shape, drawn.pose) for drawn in motion]
        places = joint_places(self._model, shape)
        joints = np.stack([places.of(shape, one) for one in posed])
        rng = plan.generator(options, index, _ROOM)
        views = sample_rig(rng, joints, 0.0, options.cameras)
        place = surround(rng, joints, views)
        shift = rng.uniform(-1, 1, 3) * WORLD_SPREAD_MM
        sensors = [sample_sensor(rng) for _ in views]
        recording = plan.Recording(root, plan.split_of(index), index, f"{person.code}-{index}")
        return Scene(recording, person, outfit, motion, posed, joints, views, place, sensors, shift)

    def _record_moment(self, scene: Scene, frame: int, options: plan.Options) -> Iterator[bool]:
        """Write one moment's pictures and then its label, which says that they stand."""
        joints, facts = scene.joints[frame], {}
        meshes = [
            *scene.place.meshes,
            *scene.place.seat(scene.motion[frame].seat),
            *scene.outfit.meshes(scene.posed[frame]),
        ]
        of_person = np.array([mesh.person for mesh in meshes] + [False])  # the last one is for pixels that show nothing
        with self._renderer.scene(meshes, scene.place.lighting) as pictures:
            for number, (view, sensor) in enumerate(zip(scene.views, scene.sensors, strict=True), 1):
                picture = pictures.view(view.camera)
                rng = plan.generator(options, scene.recording.index, _SENSOR, frame, number)
                photo = encode_jpeg(photograph(picture, sensor, rng), sensor.jpeg_quality)
                write_bytes(scene.recording.image_path(number, frame), photo)
                visibility = joint_visibility(joints, view.camera, picture.depth_mm, of_person[picture.owner])
                facts[str(number)] = view_facts(view, joints, visibility)
                yield True
        extra = {"views": facts, "moment": moment_facts(scene, frame)}
        write_label(scene.recording.label_path(frame), joints + scene.shift, extra)


def moved(camera: Camera, shift: np.ndarray) -> Camera:
    """The same camera in a world whose every point lies `shift` (3,) mm further."""
    floor = None if camera.floor_height_mm is None else camera.floor_height_mm + float(shift[2])
    return replace(camera, t=camera.t - camera.R @ shift, floor_height_mm=floor)


def moment_facts(scene: Scene, frame: int) -> dict[str, Any]:
    """What one moment is like, whoever looks: the same columns for every moment of every set."""
    drawn, person = scene.motion[frame], scene.person
    return {
        "source": drawn.source,
        "airborne": drawn.airborne,
        "seated": drawn.seat is not None,
        "room": scene.place.kind,
        "sex": person.sex,
        "height_mm": round(person.height_mm, 1),
        "mass_class": body_mass_class(person.body_mass_index),
        "age_years": round(person.age_years, 1),
        "sole_mm": round(scene.outfit.sole_mm, 1),
    }
