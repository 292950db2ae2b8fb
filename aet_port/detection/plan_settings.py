"""Settings of a planned tilt series, before any image is taken."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from aet_port.core.errors import InputError
from aet_port.core.limits import LARGEST_DOSE, LARGEST_SEED
from aet_port.core.settings import Settings, setting


class PlanSettings(Settings):
    """Numbers of tilts and doses to compare; see :func:`aet_port.detection.planning.plan_series`.

    Microscope, pixel size, probe, read noise and background are those of
    :class:`aet_port.simulation.settings.SimulateSettings`.
    """

    tilts: tuple[int, ...] = setting((40,), "Numbers of tilts.", ge=2, le=10_000)
    dose: tuple[float, ...] = setting(
        (8e5,),
        "Electron doses of the whole series.",
        unit="electrons per square angstrom",
        gt=0,
        le=LARGEST_DOSE,
    )
    per_image: bool = setting(False, "The doses are those of each image.")
    tilt_range: tuple[float, float] = setting(
        (-70.0, 70.0), "First and last tilt angle.", unit="degrees", ge=-90, le=90
    )
    height_spread: float = setting(
        0.02,
        "Relative standard deviation of the heights of a species besides noise, as by channelling.",
        ge=0,
        le=1,
    )
    seed: int = setting(0, "Seed of a sample given by its composition.", ge=0, le=LARGEST_SEED)
    density: float | None = setting(
        None,
        "Density of a sample given by its composition; 88 % of the crystals' unless given.",
        unit="atoms per cubic angstrom",
        example=0.05,
        ge=0.001,
        le=1,
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        first, last = self.tilt_range
        if not -90 <= first < last <= 90:
            raise InputError("tilt_range", repr(self.tilt_range), "-90 <= first < last <= 90")
        if not self.tilts or not self.dose:
            raise InputError("tilts, dose", "an empty list", "at least one number of each")
        return self

    def angles(self, tilts: int) -> NDArray[np.float64]:
        """Equally spaced tilts about y, shape (tilts, 3): phi, theta, psi in degrees."""
        found = np.zeros((tilts, 3))
        found[:, 1] = np.linspace(*self.tilt_range, tilts)
        return found

    def series_dose(self, dose: float, tilts: int) -> float:
        """Dose of the whole series, electrons per square angstrom."""
        return dose * tilts if self.per_image else dose


PLAN = PlanSettings()
