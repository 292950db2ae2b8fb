"""Settings of the comparison of two models, and of a model with the truth."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from aet_port.core.errors import InputError
from aet_port.core.limits import LARGEST_EXTENT, LARGEST_SEED
from aet_port.core.settings import Settings, setting

FEWEST_PACKINGS = 20
Split = Literal["tilts", "counts"]


class CompareSettings(Settings):
    """``[compare]``: comparison of the models found with the true one."""

    radius: float = setting(
        1.5, "Largest distance of a matched pair of atoms.", unit="angstrom", gt=0, le=100
    )


class ScoreSettings(CompareSettings):
    """Comparison of a model and its uncertainties with the truth."""

    any_frame: bool = setting(
        False, "Search for order and direction of the axes, handedness, shift and small rotation."
    )
    field: tuple[float, float] | None = setting(
        None,
        "Width along x and y, about the truth's origin, of the atoms that count; all unless given.",
        unit="angstrom",
        gt=0,
        example=[60.0, 60.0],
        le=LARGEST_EXTENT,
    )
    packings: int = setting(
        40, "Number of random packings to compare with, 20 or more; 0: none.", ge=0, le=10_000
    )
    bins: int = setting(10, "Largest number of bins of a reliability curve.", ge=1, le=1000)
    seed: int = setting(0, "Seed of the random packings.", ge=0, le=LARGEST_SEED)

    @model_validator(mode="after")
    def _enough_packings(self) -> Self:
        if 0 < self.packings < FEWEST_PACKINGS:
            raise InputError("packings", f"{self.packings}", f"{FEWEST_PACKINGS} or more, or 0")
        return self


class HalfSetSettings(Settings):
    """Validation of a model by halves of its data and by null models."""

    split: Split = setting(
        "tilts", "Halves: even and odd tilts, or each electron in one of two halves of every image."
    )
    draws: int = setting(5, "Number of random models of each null model.", ge=1, le=10_000)
    seed: int = setting(0, "Seed of null models and of the split of counts.", ge=0, le=LARGEST_SEED)


class ShellSettings(Settings):
    """Fourier shell correlation of two volumes."""

    mask: str = setting(
        "none",
        "Mask: none, ball (soft, as large as the volume), outline (soft, of the common object), or "
        "a volume file with the weight of each voxel.",
    )
    edge: float = setting(
        5.0,
        "Width over which the mask falls from one to zero.",
        unit="angstrom",
        ge=0,
        le=LARGEST_EXTENT,
    )


class StabilitySettings(Settings):
    """Comparison of images of one view, taken at different times."""

    gain: float | None = setting(
        None,
        "Contribution of one electron to a pixel, in units of the images; found in their noise "
        "unless given.",
        example=1.0,
        gt=0,
        le=1e12,
    )
    read_noise: float = setting(
        0.0,
        "Standard deviation of the detector's noise beside a given gain, in units of the images.",
        ge=0,
        le=1e12,
    )
    dark_level: float = setting(0.0, "Value of a pixel without electrons.", ge=-1e12, le=1e12)
    width: float = setting(
        0.6, "Standard deviation of an atom in the images.", unit="angstrom", gt=0, le=100
    )
    highest: float = setting(
        0.8,
        "Frequency up to which atoms show in the images; never more than 0.35 cycles per pixel.",
        unit="1/angstrom",
        gt=0,
        le=1000,
    )
    draws: int = setting(
        50, "Number of simulated pairs that differ in noise alone.", ge=10, le=100_000
    )
    significance: float = setting(
        0.001,
        "Probability, over all tests, below which a difference is more than noise.",
        gt=0,
        le=0.5,
    )
    seed: int = setting(0, "Seed of the simulated noise.", ge=0, le=LARGEST_SEED)


DEFAULTS = CompareSettings()
SCORE = ScoreSettings()
HALVES = HalfSetSettings()
SHELLS = ShellSettings()
STABILITY = StabilitySettings()
