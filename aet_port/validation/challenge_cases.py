"""Recipes of blind cases: a sample and how its images are taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.core.scattering import adf_cross_section
from aet_port.simulation import (
    amorphous_alloy,
    amorphous_film,
    amorphous_particle,
    amorphous_silicon,
    tilt_angles,
)
from aet_port.simulation.settings import TA_FILM_DOSE, Acquisition, Probe, SimulateSettings

SPREAD = 0.05  # of the size of a sample: the name of a case does not tell how many atoms it has
RADIUS = 1.0  # angstrom, of pairs


@dataclass(frozen=True)
class ChallengeCase:
    """How a blind case is made.

    Attributes
    ----------
    name, about
        Name, and what it tests, in a phrase.
    sample
        Makes the sample of a relative size and a seed.
    species
        Symbols, lightest first.
    atoms
        Number of atoms of the sample of relative size one.
    settings
        How the images are made, all but the seed.
    tilts
        Nominal angles, shape (n, 3), degrees.
    seed
        Seed of the standard version, which everybody can make.
    extra
        Optional dependency that the sample needs.
    """

    name: str
    about: str
    sample: Callable[[float, int], AtomicModel]
    species: tuple[str, ...]
    atoms: int
    settings: SimulateSettings
    tilts: NDArray[np.float64]
    seed: int
    extra: str = ""

    @property
    def field(self) -> tuple[float, float] | None:
        """Width of the images in angstrom, where the sample is wider than they are."""
        if self.settings.shape is None:
            return None
        nx, ny = self.settings.shape
        return nx * self.settings.pixel_size, ny * self.settings.pixel_size

    def make_sample(self, seed: int) -> AtomicModel:
        """The sample; its size varies by up to 5 % with the seed."""
        change = np.random.default_rng([seed, 71]).uniform(-SPREAD, SPREAD)
        return self.sample(1 + float(change), seed)


def challenge_case(name: str) -> ChallengeCase:
    """The case of a name.

    Raises
    ------
    InputError
        For an unknown name.
    """
    if name not in CASES:
        raise InputError("case", repr(name), f"one of {', '.join(CASES)}")
    return CASES[name]


def _single_axis(first: float, last: float, count: int) -> NDArray[np.float64]:
    angles = np.zeros((count, 3))
    angles[:, 1] = np.linspace(first, last, count)
    return angles


def _dose(symbol: str, counts: float, images: int) -> float:
    """Electrons per square angstrom of the series, of which an atom scatters so many per image."""
    return float(f"{counts / adf_cross_section(symbol) * images:.3g}")


def _glass(atoms: int) -> Callable[[float, int], AtomicModel]:
    parts = {"Co": 0.45, "Pd": 0.38, "Pt": 0.17}
    return lambda size, seed: amorphous_alloy(round(size * atoms), parts, seed, 0.046)


def _semiconductor(size: float, seed: int) -> AtomicModel:
    parts = dict.fromkeys(("Si", "Ge", "Sn"), 1 / 3)
    return amorphous_alloy(round(4000 * size), parts, seed, 0.045)


def _silicon(size: float, seed: int) -> AtomicModel:
    return amorphous_silicon(round(208 * size), seed)


def _slab(size: float, seed: int) -> AtomicModel:
    return amorphous_film((63.0, 63.0, 16.0 * size), "Ta", seed)


def _carbon(size: float, seed: int) -> AtomicModel:
    return amorphous_particle(round(2000 * size), "C", seed, density=0.2)


_GLASS_TILTS = tilt_angles("glass", 0.5)
_GLASS_DOSE = 1.7e4 * len(_GLASS_TILTS)  # that of the glass paper
_WIDE = _single_axis(-88.5, 88.5, 60)
_MIDDLE = _single_axis(-72, 72, 37)


def _images(
    pixel_size: float,
    dose: float,
    sharp: bool,
    shape: tuple[int, int] | None = None,
    **errors: float,
) -> SimulateSettings:
    probe: Probe = "two-gaussians" if sharp else "form-factor"
    errors = {"read_noise": 1.0, "background": 1.0 if sharp else 0.0} | errors
    acquisition = Acquisition(dose=dose, distribution="normal", **errors)  # type: ignore[arg-type]
    return SimulateSettings(
        pixel_size=pixel_size, probe=probe, shape=shape, acquisition=acquisition
    )


def _silicon_case(name: str, about: str, counts: float, seed: int) -> ChallengeCase:
    settings = _images(0.195, _dose("Si", counts, len(_WIDE)), True, read_noise=0.0)
    return ChallengeCase(name, about, _silicon, ("Si",), 208, settings, _WIDE, seed, "md")


_EVERY = (
    ChallengeCase(
        "glass-small",
        "small metallic glass, sharp probe",
        _glass(300),
        ("Co", "Pd", "Pt"),
        300,
        _images(0.347, _GLASS_DOSE, True),
        _GLASS_TILTS,
        11,
    ),
    ChallengeCase(
        "glass",
        "metallic glass, blurred (B' = 6), tilt angles wrong by 0.6 degrees",
        _glass(6000),
        ("Co", "Pd", "Pt"),
        6000,
        _images(0.347, _GLASS_DOSE, False, angle_error=0.6),
        _GLASS_TILTS,
        12,
    ),
    _silicon_case("silicon-low", "14 electrons per atom and image", 14, 13),
    _silicon_case("silicon-high", "276 electrons per atom and image", 276, 14),
    ChallengeCase(
        "semiconductor",
        "light beside heavy atoms, 27 electrons per Si and image",
        _semiconductor,
        ("Si", "Ge", "Sn"),
        4000,
        _images(0.347, _dose("Si", 27, len(_WIDE)), True, read_noise=0.0),
        _WIDE,
        15,
    ),
    ChallengeCase(
        "ta-slab",
        "film wider than its images",
        _slab,
        ("Ta",),
        3080,
        _images(0.4, TA_FILM_DOSE, False, shape=(80, 80)),
        tilt_angles("ta-film"),
        16,
    ),
    ChallengeCase(
        "carbon",
        "dense and light, 34 electrons per atom and image",
        _carbon,
        ("C",),
        2000,
        _images(0.34, _dose("C", 34, len(_MIDDLE)), False, background=3.0),
        _MIDDLE,
        17,
    ),
)
CASES = {one.name: one for one in _EVERY}
