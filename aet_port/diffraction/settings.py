"""Settings of the analysis of a diffraction pattern."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from aet_port.core.errors import InputError
from aet_port.core.limits import LARGEST_IMAGE
from aet_port.core.settings import Settings, setting


class DiffractionSettings(Settings):
    """See :func:`aet_port.diffraction.patterns.analyze_pattern`."""

    reciprocal_pixel: float | None = setting(
        None,
        "Pixel size of the pattern as 1/d; that of the file unless given, or of known rings.",
        unit="1/angstrom",
        example=0.005,
        gt=0,
        le=100,
    )
    beam_stop: str = setting(
        "auto",
        "How the beam stop is masked: auto, none, or a file of an image whose pixels of zero are"
        " not used.",
    )
    centre: tuple[float, float] | None = setting(
        None,
        "Centre of the rings, from 0 at the middle of the first pixel; found by their symmetry"
        " unless given.",
        unit="pixels",
        example=[511.5, 511.5],
        ge=-LARGEST_IMAGE,
        le=2 * LARGEST_IMAGE,
    )
    ellipse: Literal["auto", "none", "always"] = setting(
        "auto",
        "Correction of an elliptical distortion; auto: where it is significant (5 standard"
        " errors) and moves the outermost ring by more than 0.1 pixels.",
    )
    radial_step: float = setting(
        1.0, "Width of a ring of the radial average.", unit="pixels", ge=0.1, le=1000
    )
    q_min: float | None = setting(
        None,
        "Smallest scattering vector used, 2 pi / d; the edge of the beam stop unless given.",
        unit="1/angstrom",
        example=0.8,
        gt=0,
        le=1000,
    )
    q_max: float | None = setting(
        None,
        "Largest scattering vector used; where less than half of the ring is on the image unless"
        " given.",
        unit="1/angstrom",
        example=15.0,
        gt=0,
        le=1000,
    )
    composition: dict[str, float] | None = setting(
        None,
        "Amounts of the elements, of any sum, for S(q) and g(r); without it only the radial average"
        " is made.",
        example={"Cu": 0.5, "Zr": 0.5},
        gt=0,
        le=1e6,
    )
    density: float | None = setting(
        None,
        "Number density of atoms; that of the elements' crystals unless given.",
        unit="atoms per cubic angstrom",
        example=0.055,
        gt=0,
        le=1,
    )
    shortest: float | None = setting(
        None,
        "Distance below which there are no pairs of atoms; 0.78 of the smallest"
        " distance in the elements' crystals unless given.",
        unit="angstrom",
        example=2.2,
        gt=0,
        le=10,
    )
    degree: int | None = setting(
        None,
        "Degree of the polynomial for the inelastic background, -1 for none; 6 unless given, or"
        " less where the range of q carries less.",
        example=6,
        ge=-1,
        le=50,
    )
    window: Literal["lorch", "none"] = setting(
        "lorch", "Window of the transform to g(r), against the ripples of the end of the data."
    )
    cycles: int = setting(
        10, "Rounds of the correction that leaves no pairs below the shortest distance.",
        ge=0, le=10_000,
    )  # fmt: skip
    r_max: float = setting(20.0, "Range of g(r).", unit="angstrom", gt=0, le=1000)
    r_step: float = setting(0.02, "Step of g(r).", unit="angstrom", ge=1e-4, le=10)

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.q_min is not None and self.q_max is not None and not self.q_min < self.q_max:
            raise InputError("q_max", f"{self.q_max:g}", f"a number above q_min, {self.q_min:g}")
        if not self.r_step < self.r_max:
            raise InputError("r_step", f"{self.r_step:g}", f"a step below r_max, {self.r_max:g}")
        if self.r_max / self.r_step > 100_000:
            raise InputError("r_step", f"{self.r_step:g}", "at most 100,000 steps up to r_max")
        return self


DIFFRACTION = DiffractionSettings()
