"""One person's recording from seed to files: person, outfit, motion, surroundings and cameras."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from data.synthetic import plan
from data.synthetic.body.model import Posed
from data.synthetic.body.people import Person, body_mass_class, people_model, sample_person, shape_of
from data.synthetic.body.smpl_joints import joint_places
from data.synthetic.clothes.outfits import outfit_of
from data.synthetic.clothes.skinned_surface import Outfit
from data.synthetic.pose.motion import draw_motion
from data.synthetic.pose.sampler import SampledPose
from data.synthetic.recording.labels import joint_visibility, view_facts
from data.synthetic.render.photograph import Sensor, at_scale, encode_jpeg, photograph, sample_sensor
from data.synthetic.render.renderer import Renderer
from data.synthetic.scene.cameras import View, ViewProbabilities, sample_rig
from data.synthetic.scene.crops import crop_view
from data.synthetic.scene.surroundings import Surroundings, make_surroundings
from modules.files.atomic import write_bytes
from modules.files.cameras import write_camera
from modules.files.labels import write_label
from modules.pose_utils import Camera

WORLD_SPREAD_MM = (4000.0, 4000.0, 600.0)  # the files' origin lies at most this far from the person
_PERSON, _ROOM, _SENSOR, _CROP = range(4)  # stages with their own random numbers


@dataclass(frozen=True)
class Scene:
    """All that is constant in one recording, in a world about the person with the floor at 0."""

    recording: plan.Recording
    person: Person
    outfit: Outfit
    motion: list[SampledPose]
    posed: list[Posed]
    joints: np.ndarray  # (F, 24, 3) mm
    views: list[View]
    place: Surroundings
    sensors: list[Sensor]
    shift: np.ndarray  # (3,) mm from this world to that of the files


class Studio:
    """The body model and a renderer, made once per process to record people."""

    def __init__(self) -> None:
        self._model = people_model()
        self._renderer = Renderer()

    def record(self, root: Path, index: int, options: plan.Options) -> Iterator[bool]:
        """Writes the missing moments of a person; yields once per image whether it was made now."""
        yield from self.record_scene(self.prepare(root, index, options), options)

    def record_scene(self, scene: Scene, options: plan.Options) -> Iterator[bool]:
        """Writes the missing moments of a scene; yields once per image whether it was made now."""
        for number, view in enumerate(scene.views, 1):
            write_camera(scene.recording.camera_path(number), moved(view.camera, scene.shift))
        for frame in range(options.frames):
            if scene.recording.has_frame(options, frame):
                yield from [False] * options.cameras
            else:
                yield from self._record_moment(scene, frame, options)

    def prepare(
        self, root: Path, index: int, options: plan.Options, probabilities: ViewProbabilities | None = None
    ) -> Scene:
        """Draws everything of a person's recording except its images; `probabilities` are of the cameras' properties."""
        rng = plan.generator(options, index, _PERSON)
        person = sample_person(rng, self._model)
        shape = shape_of(self._model, person)
        outfit = outfit_of(self._model, person, shape, rng, options.barefoot)
        motion = draw_motion(rng, self._model, shape, options.frames, outfit.sole_mm)
        posed = [self._model.pose(shape, drawn.pose) for drawn in motion]
        places = joint_places(self._model, shape)
        joints = np.stack([places.of(shape, one) for one in posed])
        rng = plan.generator(options, index, _ROOM)
        views = sample_rig(rng, joints, 0.0, options.cameras, probabilities)
        place = make_surroundings(rng, joints, views)
        shift = rng.uniform(-1, 1, 3) * WORLD_SPREAD_MM
        sensors = [sample_sensor(rng) for _ in views]
        if options.crops:
            rng = plan.generator(options, index, _CROP)
            crops = [crop_view(view, joints, rng) for view in views]
            sensors = [at_scale(sensor, crop.scale, crop.size_px) for sensor, crop in zip(sensors, crops, strict=True)]
            views = [crop.view for crop in crops]
        recording = plan.Recording(root, plan.split_of(index), index, f"{person.code}-{index}")
        return Scene(recording, person, outfit, motion, posed, joints, views, place, sensors, shift)

    def _record_moment(self, scene: Scene, frame: int, options: plan.Options) -> Iterator[bool]:
        """Writes one moment's images and then its label, which marks the moment as complete."""
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
    """Returns the same camera in a world translated by `shift` (3,) mm."""
    floor = None if camera.floor_height_mm is None else camera.floor_height_mm + float(shift[2])
    return replace(camera, t=camera.t - camera.R @ shift, floor_height_mm=floor)


def moment_facts(scene: Scene, frame: int) -> dict[str, Any]:
    """Returns the attributes of one moment, which do not depend on the view: the manifest's columns."""
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
