"""OpenGL resources: a context without a window, shader programs and framebuffers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from modules.utils import UserError

SHADERS = Path(__file__).parent / "shaders"
PATTERNS = tuple(sorted(path.stem for path in (SHADERS / "patterns").glob("*.glsl")))
SAMPLES = 4  # per pixel, for antialiasing


@dataclass
class Target:
    """The framebuffers of one image size."""

    colour: Any
    resolved: Any
    truth: Any
    rough: Any
    smooth: Any
    z: Any
    normal: Any
    rough_map: Any
    seen: Any


def linear(colour: Any) -> np.ndarray:
    """Converts an sRGB colour (IEC 61966-2-1) to linear light."""
    c = np.asarray(colour, dtype=np.float64)
    return np.where(c <= 0.04045, c / 12.92, ((np.maximum(c, 0.04045) + 0.055) / 1.055) ** 2.4)


@cache
def source(name: str, pattern: str = "") -> str:
    """Returns a shader's source, preceded by the sources it depends on."""
    parts = [] if name.endswith(".vert") or name == "shadow.frag" else ["noise.glsl"]
    if pattern:
        parts += ["surface_head.glsl", f"patterns/{pattern}.glsl"]
    return "#version 330\n" + "\n".join((SHADERS / part).read_text() for part in [*parts, name])


def set_uniforms(program: Any, **values: Any) -> None:
    """Sets those uniforms that the compiler has kept in the program."""
    for name, value in values.items():
        if name not in program:
            continue
        uniform = program[name]
        if isinstance(value, int | float):
            uniform.value = value
        else:
            kind = np.int32 if name == "last" else np.float32
            length = uniform.array_length * uniform.dimension  # the compiler truncates arrays whose end is not read
            uniform.write(np.ascontiguousarray(value, dtype=kind).ravel()[:length].tobytes())


def make_target(ctx: Any, width: int, height: int) -> Target:
    """Returns framebuffers of one image size: antialiased colour, exact depth and owner, half-resolution visibility."""
    size, half = (width, height), ((width + 1) // 2, (height + 1) // 2)
    z, owner, normal = ctx.texture(size, 1, dtype="f4"), ctx.texture(size, 1, dtype="i2"), ctx.texture(size, 4)
    rough_map, seen, plain = (
        ctx.texture(half, 4, dtype="f2"),
        ctx.texture(half, 4, dtype="f2"),
        ctx.texture(size, 4, dtype="f2"),
    )
    for texture in (z, normal, rough_map, seen):
        texture.filter = (ctx.NEAREST, ctx.NEAREST)
    colour = ctx.renderbuffer(size, 4, samples=SAMPLES, dtype="f2")
    return Target(
        colour=ctx.framebuffer([colour], ctx.depth_renderbuffer(size, samples=SAMPLES)),
        resolved=ctx.framebuffer([plain]),
        truth=ctx.framebuffer([z, owner, normal], ctx.depth_renderbuffer(size)),
        rough=ctx.framebuffer([rough_map]),
        smooth=ctx.framebuffer([seen]),
        z=z,
        normal=normal,
        rough_map=rough_map,
        seen=seen,
    )


def release(target: Target) -> None:
    """Releases the framebuffers of an image size."""
    for frame in (target.colour, target.resolved, target.truth, target.rough, target.smooth):
        for part in (*frame.color_attachments, frame.depth_attachment, frame):
            if part is not None:
                part.release()


def make_context() -> Any:
    """Returns a context without a window. Raises UserError if the machine has no EGL or no driver."""
    try:
        import moderngl  # noqa: PLC0415  (only who makes synthetic data has it)
    except ImportError as error:
        raise UserError("the package moderngl is missing; run pip install -r requirements-synthetic.txt") from error
    _load_before_the_driver()
    try:
        options: dict[str, Any] = {"backend": "egl", "libegl": "libEGL.so.1", "libgl": "libGL.so.1"}
        return moderngl.create_standalone_context(**options)
    except Exception as error:  # the driver loader raises a plain Exception
        raise UserError(
            "this machine cannot render without a screen: EGL and a Mesa driver are missing; on Debian or Ubuntu "
            f"`apt-get install libegl1 libgl1 libgl1-mesa-dri` brings them ({error})"
        ) from error


def _load_before_the_driver() -> None:
    """Imports Triton before Mesa's driver: torch's Triton bundles an LLVM that crashes if Mesa's is loaded first."""
    try:
        import triton  # type: ignore[import-untyped,unused-ignore]  # noqa: F401, PLC0415
    except ImportError:
        return  # CPU builds of torch have none
