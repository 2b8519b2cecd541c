"""The renderer: images of meshes with exact depth and mesh index, by OpenGL on a graphics card or Mesa.

Conventions: the world is mm, z up; pixel centres are integers, row 0 is the top. Colours are linear light, 0 for black and
about 1 for white paper in full light; `photograph` develops them into an image.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np

from data.synthetic.geometry.meshes import Lighting, Mesh
from data.synthetic.geometry.sheets import normals
from data.synthetic.render.lens import make_lens
from data.synthetic.render.opengl import (
    PATTERNS,
    Target,
    linear,
    make_context,
    make_target,
    release,
    set_uniforms,
    source,
)
from data.synthetic.render.shadow_maps import LampView, lamp_view
from modules.pose_utils import Camera

NEAR_MM, FAR_MM = 60.0, 400_000.0
SHADOW_MAP_PX = 2048
KEPT_TARGETS = 6  # image sizes whose framebuffers stay allocated
MAX_LAMPS, MAX_SHADOWS, MAX_FILLS = 4, 2, 3
ATTRIBUTES = ("in_position", "in_normal", "in_texture", "in_tint")


@dataclass(frozen=True)
class Picture:
    """One camera's image with its ground truth. Depth and owner are those at each pixel's centre."""

    rgb: np.ndarray  # (H, W, 3) float32, linear
    depth_mm: np.ndarray  # (H, W) float32 camera z; inf where nothing is
    owner: np.ndarray  # (H, W) int16 index into the meshes; -1 where nothing is


class Renderer:
    """An OpenGL renderer, used as `with Renderer() as renderer:`. Drivers work best with one per process."""

    def __init__(self) -> None:
        self.ctx = make_context()
        self.ctx.front_face = "cw"  # the image's y runs down
        self._programs: dict[tuple[str, str], Any] = {}
        self._targets: dict[tuple[int, int], Target] = {}

    def __enter__(self) -> Renderer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Releases all resources of the driver."""
        for target in self._targets.values():
            release(target)
        self._targets.clear()
        self.ctx.release()

    def render(self, meshes: Sequence[Mesh], lighting: Lighting, camera: Camera) -> Picture:
        """Renders one image of one scene. `scene` is cheaper for several cameras."""
        with self.scene(meshes, lighting) as scene:
            return scene.view(camera)

    @contextmanager
    def scene(self, meshes: Sequence[Mesh], lighting: Lighting) -> Iterator[Scene]:
        """Context manager: the scene with its meshes uploaded and shadow maps drawn, for any number of cameras."""
        scene = Scene(self, meshes, lighting)
        try:
            yield scene
        finally:
            scene.release()

    def program(self, vertex: str, fragment: str, pattern: str = "") -> Any:
        """Returns a shader program, compiled once; each surface pattern has its own."""
        key = (fragment, pattern)
        if key not in self._programs:
            self._programs[key] = self.ctx.program(source(vertex), source(fragment, pattern))
        return self._programs[key]

    def target(self, size: tuple[int, int]) -> Target:
        """Returns the framebuffers of an image size, rounded up; evicts the oldest of too many sizes."""
        width, height = (-(-length // 64) * 64 for length in size)
        target = self._targets.pop((width, height), None)
        while target is None and len(self._targets) >= KEPT_TARGETS:
            release(self._targets.pop(next(iter(self._targets))))
        self._targets[width, height] = target = target or make_target(self.ctx, width, height)
        return target


class Scene:
    """Meshes on the graphics card. Created by `Renderer.scene`."""

    def __init__(self, renderer: Renderer, meshes: Sequence[Mesh], lighting: Lighting) -> None:
        self._renderer, self._ctx = renderer, renderer.ctx
        self._meshes, self._lighting = list(meshes), lighting
        self._resources: list[Any] = []
        # Positions are relative to a point nearby, where float32 is most precise.
        self._origin = np.mean([mesh.vertices_world.mean(0) for mesh in meshes], axis=0) if meshes else np.zeros(3)
        self._buffers = [self._upload(mesh) for mesh in self._meshes]
        # Large meshes such as walls come last, so that occluded parts of them are not shaded.
        self._order = sorted(range(len(self._meshes)), key=lambda i: (not self._meshes[i].person, self._extent(i)))
        self._lamps = sorted(lighting.lamps, key=lambda lamp: not lamp.shadow)[:MAX_LAMPS]
        self._shadows = [self._shadow_map(lamp) for lamp in self._lamps if lamp.shadow and self._meshes][:MAX_SHADOWS]

    def view(self, camera: Camera) -> Picture:
        """Renders the view of a camera with an image size, through its lens. Raises UserError if the distortion folds."""
        lens = make_lens(camera)
        rgb, z, owner = self._pinhole(lens.pinhole)
        depth = lens.sample_nearest(z)
        depth[depth <= 0] = np.inf
        return Picture(lens.distort(rgb), depth, lens.sample_nearest(owner))

    def release(self) -> None:
        """Releases the memory of the meshes."""
        for resource in self._resources:
            resource.release()
        self._resources.clear()

    def _pinhole(self, camera: Camera) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        assert camera.image_size is not None
        size = camera.image_size
        target = self._renderer.target(size)
        view = _View(camera, self._origin)
        self._draw_truth(target, view, size)
        self._draw_visibility(target, view, size)
        self._draw_colour(target, view, size)
        self._ctx.copy_framebuffer(target.resolved, target.colour)
        box = (0, 0, *size)
        rgba = np.frombuffer(target.resolved.read(box, components=4, dtype="f2"), np.float16)
        z = np.frombuffer(target.truth.read(box, components=1, dtype="f4"), np.float32)
        owner = np.frombuffer(target.truth.read(box, components=1, attachment=1, dtype="i2"), np.int16)
        shape = size[1], size[0]
        return (
            rgba.reshape(*shape, 4)[..., :3].astype(np.float32),
            z.reshape(shape).copy(),
            owner.reshape(shape) - np.int16(1),
        )

    def _draw_truth(self, target: Target, view: _View, size: tuple[int, int]) -> None:
        target.truth.use()
        target.truth.viewport = (0, 0, *size)
        target.truth.clear(viewport=(0, 0, *size))
        program = self._renderer.program("surface.vert", "truth.frag")
        set_uniforms(program, clip=view.clip, camera_z=view.camera_z)
        for i in self._order:
            set_uniforms(program, owner=i + 1)  # 0 is the cleared value: no mesh
            self._draw(i, program)

    def _draw_visibility(self, target: Target, view: _View, size: tuple[int, int]) -> None:
        half = ((size[0] + 1) // 2, (size[1] + 1) // 2)
        program = self._renderer.program("screen.vert", "visibility.frag")
        for unit, texture in enumerate([target.z, target.normal, *(shadow for shadow, _ in self._shadows)]):
            texture.use(unit)
        clips = [s.clip.T for _, s in self._shadows] + [np.eye(4)] * (MAX_SHADOWS - len(self._shadows))
        sizes, towards = np.zeros((MAX_SHADOWS, 4)), np.tile([0.0, 0, 1], (MAX_SHADOWS, 1))
        for i, (_, shadow) in enumerate(self._shadows):
            spread = np.tan(np.radians(self._lamps[i].width_degrees / 2))
            sizes[i] = [shadow.across_mm, shadow.deep_mm, spread, 1]
            towards[i] = self._lamps[i].towards
        set_uniforms(program, z_map=0, normal_map=1, lamp_map_0=2, lamp_map_1=min(3, 1 + len(self._shadows)))
        set_uniforms(program, lamp_clip=clips, lamp_towards=towards, lamp_size=sizes, last=np.array(size) - 1)
        set_uniforms(program, pixel2ray=view.pixel2ray, cam2world=view.cam2world, eye=view.eye)
        self._fill(target.rough, program, half)
        target.rough_map.use(0)
        program = self._renderer.program("screen.vert", "smooth.frag")
        set_uniforms(program, rough_map=0, last=np.array(half) - 1)
        self._fill(target.smooth, program, half)

    def _draw_colour(self, target: Target, view: _View, size: tuple[int, int]) -> None:
        target.colour.use()
        target.colour.viewport = (0, 0, *size)
        target.colour.clear(viewport=(0, 0, *size))
        target.seen.use(0)
        half = np.array([(size[0] + 1) // 2, (size[1] + 1) // 2])
        light = self._light()
        for i in self._order:
            material = self._meshes[i].material
            program = self._renderer.program("surface.vert", "surface.frag", material.pattern)
            set_uniforms(
                program, clip=view.clip, camera_z=view.camera_z, eye=view.eye, seen_map=0, last=half - 1, **light
            )
            colours = [linear(c) for c in material.colours]
            colours += [colours[-1]] * (4 - len(colours))
            set_uniforms(program, colours=colours[:4], scale=material.scale_mm, roughness=material.roughness)
            set_uniforms(program, bump=material.bump, seed=material.seed & 0xFFFFFFFF)
            self._draw(i, program)
        program = self._renderer.program("screen.vert", "sky.frag")
        sky, ground = (linear(c) for c in (self._lighting.sky, self._lighting.ground))
        set_uniforms(
            program,
            sky=sky,
            ground=ground,
            clouds=self._lighting.clouds,
            brightness=max(self._lighting.ambient, 0.1) * 1.6,
        )
        set_uniforms(program, pixel2ray=view.pixel2ray, cam2world=view.cam2world)
        self._ctx.enable_only(self._ctx.DEPTH_TEST)
        self._ctx.depth_func = "<="
        self._triangle(program)

    def _light(self) -> dict[str, Any]:
        """Returns the uniforms of the lighting."""
        ambient = self._lighting.ambient
        towards, light = np.tile([0.0, 0, 1], (MAX_LAMPS, 1)), np.zeros((MAX_LAMPS, 3))
        for i, lamp in enumerate(self._lamps):
            # The first two places belong to the lamps with shadow maps.
            towards[i], light[i] = lamp.towards, lamp.strength * linear(lamp.colour)
        place, fill, reach = np.zeros((MAX_FILLS, 3)), np.zeros((MAX_FILLS, 3)), np.ones(MAX_FILLS)
        for i, one in enumerate(self._lighting.fills[:MAX_FILLS]):
            place[i] = one.place_world - self._origin
            fill[i], reach[i] = one.strength * linear(one.colour), one.reach_mm
        return {
            "lamp_towards": towards,
            "lamp_light": light,
            "fill_place": place,
            "fill_light": fill,
            "fill_reach": reach,
            "sky_light": ambient * linear(self._lighting.sky),
            "haze_mm": self._lighting.haze_mm,
            "ground_light": ambient * linear(self._lighting.ground),
        }

    def _upload(self, mesh: Mesh) -> tuple[Any, Any]:
        if mesh.material.pattern not in PATTERNS:
            known = ", ".join(PATTERNS)
            raise ValueError(f"mesh {mesh.name} has the unknown pattern {mesh.material.pattern}; known are {known}")
        tint = np.ones_like(mesh.vertices_world) if mesh.tint is None else mesh.tint
        place = mesh.vertices_world - self._origin
        rows = np.concatenate([place, normals(place, mesh.triangles), mesh.texture_mm, tint], axis=1)
        vertices = self._ctx.buffer(rows.astype(np.float32).tobytes())
        indices = self._ctx.buffer(mesh.triangles.astype(np.int32).tobytes())
        self._resources += [vertices, indices]
        return vertices, indices

    def _extent(self, i: int) -> float:
        return float(np.ptp(self._meshes[i].vertices_world, axis=0).max())

    def _shadow_map(self, lamp: Any) -> tuple[Any, LampView]:
        view = lamp_view(lamp, self._meshes)
        view.clip[:3, 3] += view.clip[:3, :3] @ self._origin
        texture = self._ctx.depth_texture((SHADOW_MAP_PX, SHADOW_MAP_PX))
        texture.compare_func, texture.repeat_x, texture.repeat_y = "", False, False
        texture.filter = (self._ctx.NEAREST, self._ctx.NEAREST)
        frame = self._ctx.framebuffer(depth_attachment=texture)
        self._resources += [texture, frame]
        frame.use()
        frame.clear()
        program = self._renderer.program("shadow.vert", "shadow.frag")
        set_uniforms(program, lamp_clip=view.clip.T)
        self._ctx.enable_only(self._ctx.DEPTH_TEST)
        self._ctx.depth_func = "<"
        for mesh, (vertices, indices) in zip(self._meshes, self._buffers, strict=True):
            if mesh.casts_shadow:
                array = self._ctx.vertex_array(program, [(vertices, "3f 36x", "in_position")], indices)
                array.render()
                array.release()
        return texture, view

    def _draw(self, i: int, program: Any) -> None:
        flags = self._ctx.DEPTH_TEST | (0 if self._meshes[i].two_sided else self._ctx.CULL_FACE)
        self._ctx.enable_only(flags)
        self._ctx.depth_func = "<"
        names = [name if name in program else None for name in ATTRIBUTES]
        layout = " ".join("3f" if name else "12x" for name in names)
        vertices, indices = self._buffers[i]
        array = self._ctx.vertex_array(program, [(vertices, layout, *filter(None, names))], indices)
        array.render()
        array.release()

    def _fill(self, frame: Any, program: Any, size: tuple[int, int]) -> None:
        frame.use()
        frame.viewport = (0, 0, *size)
        self._ctx.enable_only(0)
        self._triangle(program)

    def _triangle(self, program: Any) -> None:
        array = self._ctx.vertex_array(program, [])
        array.render(vertices=3)
        array.release()


class _View:
    """A pinhole camera's matrices for the shaders, relative to the scene's origin."""

    def __init__(self, camera: Camera, origin: np.ndarray) -> None:
        assert camera.image_size is not None
        width, height = camera.image_size
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = camera.R, camera.t + camera.R @ origin
        lens = np.zeros((4, 4))
        K = camera.K
        # A pixel's integer centre lies half a pixel inside OpenGL's window; y runs down in both.
        lens[0, :3] = 2 / width * K[0] + [0, 0, 1 / width - 1]
        lens[1, :3] = 2 / height * K[1] + [0, 0, 1 / height - 1]
        lens[2, 2:] = (FAR_MM + NEAR_MM) / (FAR_MM - NEAR_MM), -2 * FAR_MM * NEAR_MM / (FAR_MM - NEAR_MM)
        lens[3, 2] = 1
        self.clip = (lens @ pose).T
        self.camera_z = pose[2]
        self.pixel2ray = np.linalg.inv(K).T
        self.cam2world = camera.R  # transposed twice: the inverse, in column order
        self.eye = camera.centre_world - origin
