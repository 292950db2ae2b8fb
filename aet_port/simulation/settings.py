"""Settings of simulated tilt series: specimen to images, microscope, acquisition, raw frames."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from aet_port.core.errors import InputError
from aet_port.core.limits import (
    LARGEST_DOSE,
    LARGEST_IMAGE,
    LARGEST_PIXEL,
    LARGEST_SEED,
    SMALLEST_PIXEL,
)
from aet_port.core.scattering import electron_wavelength
from aet_port.core.settings import Settings, setting

Engine = Literal["linear", "multislice"]
TiltScheme = Literal["ta-film", "pd1", "pd2", "glass"]
Distribution = Literal["uniform", "normal"]
Parametrization = Literal["lobato", "kirkland"]
Axis = Literal["x", "y"]
Probe = Literal["form-factor", "two-gaussians"]

TA_FILM_DOSE = 8.2e5  # electrons per square angstrom, film paper, Supplementary Table 1
B_FACTOR = 6.0  # square angstrom; initial value of the refinement of the Ta film
LARGER_PIXELS = "larger pixels (--pixel-size), smaller images (--shape) or fewer tilts"
REACH = 4.0  # angstrom around an atom that are scanned; 1.5 % of its scattering lies beyond
# A grid supports angles up to lambda / (3 sampling): half the sampling frequency, without its
# outer third, which is set to zero against aliasing. Slightly more is needed, because that limit
# is tapered and PRISM rounds its number of points down.
ANTIALIAS = 3.2


class Microscope(Settings):
    """Probe and detector of an ADF-STEM; by default aberration-corrected at 200 keV.

    The default outer angle is not that of a real detector (about 190 mrad): the tenth of the signal
    beyond 100 mrad would need a grid with four times as many points, but changes only the scale of
    the image (correlation 0.9996).
    """

    energy: float = setting(200.0, "Electron energy.", unit="keV", ge=1, le=3000)
    semiangle: float = setting(
        25.0, "Convergence semi-angle of the probe.", unit="mrad", ge=0.01, le=200
    )
    inner: float = setting(
        38.0, "Inner angle of the annular detector.", unit="mrad", ge=0.01, le=500
    )
    outer: float = setting(
        100.0, "Outer angle of the annular detector.", unit="mrad", ge=0.01, le=1000
    )
    defocus: float = setting(
        0.0,
        "Defocus: distance of the focus behind the rotation centre.",
        unit="angstrom",
        ge=-1e6,
        le=1e6,
    )
    cs_mm: float = setting(0.0, "Third-order spherical aberration.", unit="mm", ge=-100, le=100)

    @model_validator(mode="after")
    def _dark_field(self) -> Self:
        if not self.semiangle < self.inner < self.outer:
            raise InputError(
                "detector",
                f"{self.inner!r} to {self.outer!r} mrad",
                f"semiangle ({self.semiangle:g}) < inner < outer: an annulus in the dark field",
            )
        return self


class Numerics(Settings):
    """Grid and thermal motion of a multislice calculation.

    For a particle of 40 Ta atoms, images with slices of 3 and 1 angstrom differ by 0.9 % rms, with
    windows of 10 and 13 angstrom by 1.8 %. The window is that of PRISM (Ophus, Adv. Struct. Chem.
    Imaging 3, 13 (2017)): the interpolation factor is the box size over the window size; the window
    must contain the probe and its scattered wave throughout the sample. Without it every probe is
    propagated through the whole box, which is exact but takes many times as long.
    """

    slice_thickness: float = setting(
        3.0, "Thickness of a slice.", unit="angstrom", ge=0.05, le=1000
    )
    sampling: float | None = setting(
        None,
        "Grid spacing of the wave; the coarsest that supports the detector's outer angle"
        " unless given.",
        unit="angstrom",
        example=0.1,
        ge=0.001,
        le=1,
    )
    window: float = setting(
        10.0,
        "Side of the PRISM window around a probe; 0: no PRISM.",
        unit="angstrom",
        ge=0,
        le=1000,
    )
    parametrization: Parametrization = setting("lobato", "Parametrization of atomic potentials.")
    phonons: int = setting(
        1, "Number of frozen-phonon configurations per image; 0: atoms at rest.", ge=0, le=10_000
    )
    displacement: float = setting(
        0.07, "Rms thermal displacement of the atoms along one axis.", unit="angstrom", ge=0, le=10
    )

    @model_validator(mode="after")
    def _wide_window(self) -> Self:
        if 0 < self.window < 2 * REACH:
            raise InputError(
                "window", f"{self.window!r}", f"at least {2 * REACH:g} angstrom, or 0 for no PRISM"
            )
        return self

    def grid(self, microscope: Microscope) -> float:
        """Sampling in angstrom for a microscope.

        Raises
        ------
        InputError
            If the given sampling does not support the detector's outer angle.
        """
        needed = electron_wavelength(microscope.energy) / (ANTIALIAS * microscope.outer * 1e-3)
        if self.sampling is None:
            return needed
        if self.sampling > needed:
            raise InputError(
                "sampling",
                f"{self.sampling:g} angstrom",
                f"at most {needed:.4f} for a detector up to {microscope.outer:g} mrad",
            )
        return self.sampling


class Acquisition(Settings):
    """Errors and noise of a measured tilt series.

    Angles, shifts and noise have separate random numbers, so that changing one error does not
    change the others. With ``distribution = "uniform"`` the values are the largest errors, with
    ``"normal"`` their standard deviations.
    """

    angle_error: float = setting(0.0, "Error of each Euler angle.", unit="degrees", ge=0, le=180)
    shift_error: float = setting(
        0.0, "Random shift of the images along x and y.", unit="pixels", ge=0, le=1000
    )
    distribution: Distribution = setting("uniform", "Distribution of angle and shift errors.")
    source_size: float = setting(
        0.0, "FWHM of the Gaussian image of the electron source.", unit="angstrom", ge=0, le=100
    )
    dose: float = setting(
        TA_FILM_DOSE,
        "Electron dose of the whole series; 0: no noise.",
        unit="electrons per square angstrom",
        ge=0,
        le=LARGEST_DOSE,
    )
    read_noise: float = setting(
        1.0, "Read noise of the detector.", unit="electrons per pixel", ge=0, le=1e6
    )
    background: float = setting(
        0.0,
        "Flat background, counted with the signal and not subtracted.",
        unit="electrons per pixel and image",
        ge=0,
        le=1e9,
    )
    seed: int = setting(0, "Seed of errors, noise and thermal motion.", ge=0, le=LARGEST_SEED)

    @model_validator(mode="after")
    def _counted(self) -> Self:
        if self.background and not self.dose:
            raise InputError("background", f"{self.background:g}", "0 without noise (dose = 0)")
        return self


class TwoGaussians(Settings):
    """Image of an atom as the sum of two normalised Gaussians, the same for all species.

    The defaults are as sharp as measured images, with a tail that form factor and ``B'``, which a
    refinement fits, do not describe.
    """

    probe_widths: tuple[float, float] = setting(
        (0.46, 1.12),
        "Standard deviations of the narrow and the wide Gaussian of a probe of two.",
        unit="angstrom",
        ge=0.01,
        le=100,
    )
    probe_fraction: float = setting(
        0.77, "Fraction of the intensity in the narrow Gaussian.", ge=0, le=1
    )

    @model_validator(mode="after")
    def _narrow_first(self) -> Self:
        narrow, wide = self.probe_widths
        if not narrow <= wide:
            raise InputError("probe_widths", repr(self.probe_widths), "the narrow one first")
        return self


class SimulateSettings(Settings):
    """``[simulate]``: simulation of the tilt series of a model.

    The linear engine uses ``microscope`` only for the scale of the images (energy and detector);
    ``numerics`` is for multislice.
    """

    engine: Engine = setting(
        "linear", "Linear projection of the atoms, or multislice (needs the extra multislice)."
    )
    tilts: TiltScheme = setting(
        "ta-film", "Published series whose tilt angles are used if no angles are given."
    )
    pixel_size: float = setting(
        0.35, "Pixel size.", unit="angstrom", ge=SMALLEST_PIXEL, le=LARGEST_PIXEL
    )
    shape: tuple[int, int] | None = setting(
        None,
        "Image size nx, ny; room for the whole model unless given.",
        unit="pixels",
        ge=1,
        example=[151, 151],
        le=LARGEST_IMAGE,
    )
    b_factor: float = setting(
        B_FACTOR,
        "B' of the atoms in linear images, for thermal motion and probe.",
        unit="square angstrom",
        gt=0,
        le=1000,
    )
    probe: Probe = setting(
        "form-factor",
        "Image of an atom in linear images: its form factor and B', or two Gaussians.",
    )
    two_gaussians: TwoGaussians = setting(TwoGaussians(), "Widths of a probe of two Gaussians.")
    microscope: Microscope = setting(Microscope(), "Probe and detector.")
    numerics: Numerics = setting(Numerics(), "Multislice grid and thermal motion.")
    acquisition: Acquisition = setting(Acquisition(), "Errors and noise.")

    @model_validator(mode="after")
    def _linear_probe(self) -> Self:
        if self.probe != "form-factor" and self.engine != "linear":
            raise InputError("probe", f"{self.probe!r}", "the linear engine, or 'form-factor'")
        return self

    @property
    def linear_probe(self) -> TwoGaussians | None:
        """The two Gaussians, if linear images are made of them."""
        return self.two_gaussians if self.probe == "two-gaussians" else None

    def record(self) -> dict[str, Any]:
        """Everything the images depend on except the acquisition, as plain values."""
        facts: dict[str, Any] = {"engine": self.engine, "microscope": self.microscope.plain()}
        if self.linear_probe is not None:
            return facts | {"probe": self.probe} | self.linear_probe.plain()
        if self.engine == "linear":
            return facts | {"b_factor": self.b_factor}
        return facts | {"numerics": self.numerics.plain()}


class RawFrameSettings(Settings):
    """``[simulate_frames]``: errors of raw frames during scanning.

    Sizes are standard deviations, except for shear and scale, which are not random. Each error has
    its own random numbers.
    """

    border: int = setting(
        20,
        "Empty border around the sample, for drift and displacements.",
        unit="pixels",
        ge=0,
        le=10_000,
    )
    n_frames: int = setting(3, "Number of frames per tilt.", ge=1, le=10_000)
    slow_axis: Axis = setting("x", "Slow scan direction, perpendicular to the scan lines.")
    drift_rate: float = setting(
        1.0, "Drift of the sample, constant over a tilt.", unit="pixels per frame", ge=0, le=1000
    )
    frame_jump: float = setting(
        0.05, "Displacement of each frame from the constant drift.", unit="pixels", ge=0, le=1000
    )
    line_jitter: float = setting(
        0.1, "Displacement of each line along itself.", unit="pixels", ge=0, le=1000
    )
    shear: float = setting(
        0.005, "Scan-coil shear.", unit="pixels along a line per line", ge=-0.2, le=0.2
    )
    scale: float = setting(
        1.0, "Line spacing relative to the pixel spacing within a line.", ge=0.5, le=2
    )
    shift_error: float = setting(
        2.0, "Displacement of each tilt along x and y.", unit="pixels", ge=0, le=1000
    )
    background: float = setting(
        0.2, "Mean background as a fraction of the peak of the clean images.", ge=0, le=1e9
    )
    dose: float = setting(
        TA_FILM_DOSE,
        "Electron dose of all frames together; 0: no noise.",
        unit="electrons per square angstrom",
        ge=0,
        le=LARGEST_DOSE,
    )
    read_noise: float = setting(
        1.0, "Read noise of the detector.", unit="electrons per pixel and frame", ge=0, le=1e6
    )
    seed: int = setting(0, "Seed of errors and noise.", ge=0, le=LARGEST_SEED)

    @property
    def slow(self) -> int:
        """Index of the slow axis: 0 for x, 1 for y (the tilt axis)."""
        return "xy".index(self.slow_axis)

    @property
    def matrix(self) -> NDArray[np.float64]:
        """Matrix ``A`` of the scan: a point at ``x`` from the centre appears at ``A x``."""
        matrix = np.eye(2)
        matrix[1 - self.slow, self.slow] = self.shear
        # Only the ratio matters; the pixel size is that along x.
        matrix[1, 1] = self.scale
        return matrix


SIMULATE = SimulateSettings()
