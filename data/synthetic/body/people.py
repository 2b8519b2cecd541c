"""Synthetic people: sex, height, body-mass class, age and proportions, and the anny parameters that produce them.

A person's code, such as `F160A`, gives sex, barefoot height in whole cm, and a class of body mass. The competition does not
define its last letter; here it is A below 20, B from 20, C from 25 and D from 30 kg/m2.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import root

from data.synthetic.body.model import BodyModel, Shape
from modules.utils import UserError

# Mean and SD (cm) of adults' heights, chosen between those of the United States and of northern Europe.
HEIGHT_CM = {"F": (162.5, 7.0), "M": (176.0, 7.5)}
HEIGHT_LIMITS_CM = {"F": (146, 184), "M": (158, 200)}
CLASS_LIMITS = {
    "A": (18.0, 19.8),
    "B": (20.2, 24.8),
    "C": (25.2, 29.8),
    "D": (30.2, 37.0),
}  # kg/m2, clear of the class limits
CLASS_SHARES = {"A": 0.2, "B": 0.42, "C": 0.26, "D": 0.12}
TEENAGERS = 0.06
ATTEMPTS = 5
DENSITY = (
    985.0  # kg/m3 of the body with air in its lungs (1000-1070 without it: Durnin & Womersley, Br. J. Nutr. 32, 1974)
)
# anny's `age` at some ages: 1/3 is a child, 2/3 a young adult, 1 old; teenagers are closer to adults than linear.
AGES = np.array([10.0, 14.0, 18.0, 25.0, 90.0]), np.array([1 / 3, 0.53, 0.63, 2 / 3, 1.0])

# anny's local changes and their SD; "l-" and "r-" change together. 1 is the end of MakeHuman's slider.
LOCAL_SD: dict[str, float] = {
    "measure-upperarm-length-incr": 0.22, "measure-lowerarm-length-incr": 0.22, "measure-upperleg-height-incr": 0.25,
    "measure-lowerleg-height-incr": 0.25, "measure-shoulder-dist-incr": 0.3, "measure-neck-height-incr": 0.25,
    "measure-neck-circ-incr": 0.2, "measure-hips-circ-incr": 0.12, "measure-waist-circ-incr": 0.12,
    "measure-bust-circ-incr": 0.15, "measure-napetowaist-dist-incr": 0.2, "torso-vshape-incr": 0.15,
    "hip-scale-horiz-incr": 0.12, "buttocks-volume-incr": 0.3, "stomach-tone-incr": 0.3, "head-scale-vert-incr": 0.2,
    "head-scale-horiz-incr": 0.2, "head-scale-depth-incr": 0.15, "l-hand-scale-incr": 0.2, "l-foot-scale-incr": 0.2,
    "nose-scale-vert-incr": 0.35, "nose-scale-horiz-incr": 0.35, "nose-scale-depth-incr": 0.3, "nose-hump-incr": 0.3,
    "chin-prominent-incr": 0.3, "chin-width-incr": 0.3, "chin-height-incr": 0.3, "mouth-scale-horiz-incr": 0.3,
    "mouth-lowerlip-volume-incr": 0.35, "mouth-upperlip-volume-incr": 0.35, "l-cheek-bones-incr": 0.35,
    "l-cheek-volume-incr": 0.3, "l-eye-scale-incr": 0.2, "l-ear-scale-incr": 0.3, "eyebrows-trans-up": 0.3,
}  # fmt: skip
LOCAL_LIMIT = 2.0  # SDs


def _both_sides(name: str) -> tuple[str, ...]:
    return (name, "r-" + name[2:]) if name.startswith("l-") else (name,)


LOCAL_CHANGES: tuple[str, ...] = tuple(side for name in LOCAL_SD for side in _both_sides(name))

SKINS = (  # sRGB, palest to darkest, after the range of the Monk skin tone scale (Google, 2022, CC BY 4.0)
    (0.93, 0.80, 0.72), (0.90, 0.75, 0.65), (0.86, 0.69, 0.57), (0.80, 0.62, 0.49), (0.72, 0.53, 0.40),
    (0.62, 0.44, 0.32), (0.50, 0.34, 0.24), (0.40, 0.27, 0.20), (0.31, 0.21, 0.16),
)  # fmt: skip
HAIRS = {
    "black": (0.06, 0.05, 0.05), "dark brown": (0.16, 0.11, 0.08), "brown": (0.29, 0.19, 0.12),
    "auburn": (0.36, 0.18, 0.10), "blond": (0.66, 0.52, 0.33), "grey": (0.52, 0.51, 0.50), "white": (0.78, 0.77, 0.75),
}  # fmt: skip
STYLES = {"F": {"long": 0.36, "bun": 0.26, "bob": 0.22, "short": 0.10, "cap": 0.06},
          "M": {"short": 0.52, "crop": 0.24, "bald": 0.10, "cap": 0.10, "bob": 0.04}}  # fmt: skip


@dataclass(frozen=True)
class Person:
    """One synthetic person. It determines everything derived from it: shape, appearance and outfit."""

    code: str  # such as F160A; not unique
    sex: str  # F, M
    height_mm: float  # barefoot, from soles to crown
    body_mass_index: float  # kg/m2
    age_years: float
    phenotypes: tuple[tuple[str, float], ...]
    local_changes: tuple[tuple[str, float], ...]
    skin: tuple[float, float, float]  # sRGB
    hair: str  # one of HAIRS
    hair_style: str
    seed: int  # of what is drawn later: outfit, face


def people_model() -> BodyModel:
    """Returns the body model with the local changes that people use."""
    return BodyModel(LOCAL_CHANGES)


def body_mass_class(index: float) -> str:
    """Returns the letter of a body-mass index in kg/m2: A below 20, B from 20, C from 25, D from 30."""
    return "ABCD"[int(np.searchsorted((20.0, 25.0, 30.0), index, side="right"))]


def sample_person(rng: np.random.Generator, model: BodyModel) -> Person:
    """Returns a random person, with anny's `height` and `weight` solved for the drawn height and body mass.

    Draws again if no body of that height and mass is found; raises UserError after ATTEMPTS draws.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return _solve(_draw(rng), model)
        except UserError:
            continue
    return _solve(_draw(rng), model)


def _draw(rng: np.random.Generator) -> Person:
    """Returns a person with a random height and mass, and with initial guesses of anny's `height` and `weight`."""
    sex = str(rng.choice(["F", "M"]))
    teenager = bool(rng.random() < TEENAGERS)
    age = float(rng.uniform(15, 18) if teenager else 18 + 57 * rng.beta(1.1, 1.9))
    letter = str(rng.choice(list(CLASS_SHARES), p=list(CLASS_SHARES.values())))
    index = float(rng.uniform(*CLASS_LIMITS[letter]))
    height_cm = _sample_height(rng, sex)
    mixture = _mixture(rng)
    return Person(
        code=f"{sex}{height_cm}{letter}",
        sex=sex,
        height_mm=10.0 * height_cm,
        body_mass_index=index,
        age_years=age,
        phenotypes=tuple(sorted((_phenotypes(rng, sex, age, letter) | mixture).items())),
        local_changes=_local_changes(rng),
        skin=_skin(rng, mixture),
        hair=_hair_colour(rng, age, mixture),
        hair_style=_hair_style(rng, sex, age),
        seed=int(rng.integers(2**31)),
    )


def shape_of(model: BodyModel, person: Person) -> Shape:
    """Returns the person's rest pose; `model` comes from people_model()."""
    return model.shape(dict(person.phenotypes), dict(person.local_changes))


def height_mm(model: BodyModel, shape: Shape) -> float:
    """Returns the height of the skin in the rest pose, from its lowest to its highest point."""
    return float(np.ptp(shape.vertices[model.skin, 2]))


def volume_litres(model: BodyModel, shape: Shape) -> float:
    """Returns the volume of the closed skin (divergence theorem)."""
    a, b, c = (shape.vertices[model.surfaces["body"][:, i]] for i in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6e6)


def mass_index(model: BodyModel, shape: Shape) -> float:
    """Returns the body-mass index of a shape in kg/m2, from its volume and DENSITY."""
    return volume_litres(model, shape) * DENSITY / 1000 / (height_mm(model, shape) / 1000) ** 2


def _sample_height(rng: np.random.Generator, sex: str) -> int:
    mean, sd = HEIGHT_CM[sex]
    low, high = HEIGHT_LIMITS_CM[sex]
    return int(np.clip(np.rint(rng.normal(mean, sd)), low, high))


def _mixture(rng: np.random.Generator) -> dict[str, float]:
    """Returns the share of each of anny's three origins; one of them usually dominates."""
    parts = rng.dirichlet([0.45, 0.45, 0.45])
    return dict(zip(("african", "asian", "caucasian"), map(float, parts), strict=True))


def _phenotypes(rng: np.random.Generator, sex: str, age: float, letter: str) -> dict[str, float]:
    woman = sex == "F"
    return {
        "gender": float(np.clip((0.97 if woman else 0.03) + rng.normal(0, 0.05), 0, 1)),
        "age": float(np.interp(age, *AGES)),
        "muscle": float(np.clip(rng.normal({"A": 0.4, "D": 0.42}.get(letter, 0.55), 0.14), 0.15, 0.95)),
        "weight": {"A": 0.3, "B": 0.6, "C": 1.2, "D": 2.0}[letter],
        "height": 0.4,
        "proportions": float(rng.uniform(0.35, 0.85)),
        "cupsize": float(np.clip(rng.normal(0.45, 0.18), 0.05, 0.9)) if woman else 0.5,
        "firmness": float(rng.uniform(0.35, 0.8)),
    }


def _local_changes(rng: np.random.Generator) -> tuple[tuple[str, float], ...]:
    result = []
    for name, sd in LOCAL_SD.items():
        value = float(np.clip(rng.normal(), -LOCAL_LIMIT, LOCAL_LIMIT) * sd)
        result += [(side, value) for side in _both_sides(name)]
    return tuple(result)


def _skin(rng: np.random.Generator, mixture: dict[str, float]) -> tuple[float, float, float]:
    """Returns a tone interpolated in SKINS that suits the origins; all tones are about equally frequent."""
    mean = 7.0 * mixture["african"] + 2.4 * mixture["asian"] + 1.2 * mixture["caucasian"]
    place = float(np.clip(rng.normal(mean, 1.2), 0, len(SKINS) - 1))
    tones = np.array(SKINS)
    red, green, blue = (float(np.interp(place, np.arange(len(SKINS)), tones[:, i])) for i in range(3))
    return red, green, blue


def _hair_colour(rng: np.random.Generator, age: float, mixture: dict[str, float]) -> str:
    if rng.random() < np.clip((age - 42) / 35, 0, 0.85):
        return str(rng.choice(["grey", "white"], p=[0.65, 0.35]))
    if rng.random() < mixture["caucasian"]:
        return str(rng.choice(["dark brown", "brown", "auburn", "blond"], p=[0.3, 0.32, 0.1, 0.28]))
    return str(rng.choice(["black", "dark brown"], p=[0.75, 0.25]))


def _hair_style(rng: np.random.Generator, sex: str, age: float) -> str:
    style = str(rng.choice(list(STYLES[sex]), p=list(STYLES[sex].values())))
    return "short" if style == "bald" and age < 24 else style


def _solve(person: Person, model: BodyModel) -> Person:
    """Solves `height` and `weight` so that height and body mass are as stated (to 0.3 mm and 0.1 kg/m2)."""
    local_changes = dict(person.local_changes)

    def made(unknown: np.ndarray) -> dict[str, float]:
        return dict(person.phenotypes) | {"height": float(unknown[0]), "weight": float(unknown[1])}

    def wrong(unknown: np.ndarray) -> np.ndarray:  # mm and 1/100 kg/m2, which have a similar scale
        shape = model.shape(made(unknown), local_changes)
        index = mass_index(model, shape) - person.body_mass_index
        return np.array([height_mm(model, shape) - person.height_mm, 100 * index])

    start = np.array([dict(person.phenotypes)[name] for name in ("height", "weight")])
    options: Any = {"eps": 1e-3, "xtol": 1e-6, "maxfev": 40}  # steps large enough for float32
    result = root(wrong, start, method="hybr", options=options)
    if np.abs(wrong(result.x)).max() > 10 or abs(wrong(result.x)[0]) > 0.3:
        raise UserError(f"person {person.code}: no body of this height and mass was found; draw another one")
    return replace(person, phenotypes=tuple(sorted(made(result.x).items())))
