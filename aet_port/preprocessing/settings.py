"""Settings of the preprocessing, from raw frames to a clean tilt series."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, Self

from pydantic import model_validator

from aet_port.core.errors import InputError
from aet_port.core.limits import LARGEST_IMAGE
from aet_port.core.scan_distortion import ScanDistortion
from aet_port.core.settings import Settings, setting

Denoiser = Literal["auto", "bm3d", "nlm", "wiener", "none"]
SeriesBackground = Literal["none", "constant", "smooth", "auto"]
MOST_CYCLES = 1000.0  # 1/angstrom, of the smallest pixel

# Of projections that did not come through preprocessing; an option of commands, a key of [input].
SERIES_BACKGROUND: SeriesBackground = "auto"
SERIES_BACKGROUND_HELP = (
    "Background subtracted from the projections: constant or smooth around a particle; auto: what "
    "is seen there, nothing for a film."
)


class PreprocessSettings(Settings):
    """``[preprocess]``: see :func:`aet_port.preprocessing.chain.preprocess`.

    In a run, this section means that the input is raw frames. ``shear_x``, ``shear_y`` and
    ``scale`` are those of a calibrated scan; ``estimate_shear`` estimates the shears from the
    series (for 1000 atoms to 0.1 to 0.2 %; the atom refinement, ``scan_shear``, finds the rest).
    """

    frames_per_tilt: int | None = setting(
        None,
        "Number of frames per tilt, if the file does not state it.",
        example=3,
        ge=1,
        le=10_000,
    )
    slow_axis: Literal["x", "y"] = setting(
        "x", "Slow scan direction, perpendicular to the scan lines; y is the tilt axis."
    )
    repair: bool = setting(True, "Replace dead and hot pixels by the median of their neighbours.")
    saturation_level: float | None = setting(
        None,
        "Detector saturation level; clipping is recognised from the counts unless given.",
        unit="counts",
        example=65535,
        gt=0,
        le=1e12,
    )
    dark_level: float = setting(0.0, "Detector dark level.", unit="counts", ge=-1e9, le=1e9)
    max_drift: float | None = setting(
        None,
        "Largest drift between two frames; a quarter of the image unless given.",
        unit="pixels",
        example=10.0,
        gt=0,
        le=LARGEST_IMAGE,
    )
    jitter: bool = setting(False, "Correct the jitter of single scan lines.")
    denoise: Denoiser = setting(
        "auto", "Denoising method; auto: bm3d if installed (non-commercial use), else nlm."
    )
    strength: float | Literal["search"] = setting(
        1.0, "Denoising strength relative to the noise; 'search' optimises it.", gt=0, le=100
    )
    background: bool | None = setting(
        None,
        "Subtract a background; yes unless given, but no for an aligned film.",
        example=True,
    )
    margin: float = setting(
        8.0, "Margin around the outline of the sample.", unit="pixels", ge=0, le=LARGEST_IMAGE
    )
    smoothing: float = setting(
        5.0, "Smoothing length of the background.", unit="pixels", ge=0, le=LARGEST_IMAGE
    )
    clear_outside: bool = setting(True, "Set pixels outside the sample's mask to zero.")
    shear_x: float | None = setting(
        None,
        "Scan shear along x, from a calibration.",
        unit="pixels per pixel of y",
        example=0.0,
        ge=-1,
        le=1,
    )
    shear_y: float | None = setting(
        None,
        "Scan shear along y, from a calibration.",
        unit="pixels per pixel of x",
        example=0.005,
        ge=-1,
        le=1,
    )
    scale: float | None = setting(
        None,
        "Scan magnification of y relative to x, from a calibration.",
        example=1.0,
        ge=0.1,
        le=10,
    )
    calibration: str | None = setting(
        None,
        "File of aet calibrate-scan; shears and scale that are given count instead of its own.",
        example="scan.json",
    )
    estimate_shear: bool = setting(False, "Estimate the scan shear from the series itself.")
    tilt_axis: float | Literal["find"] | None = setting(
        None,
        "Direction of the tilt axis from y (up) towards x, 90 is horizontal; 'find' estimates it"
        " near y; that of the file unless given.",
        unit="degrees",
        example=0.0,
        ge=-180,
        le=180,
    )
    film_marker: tuple[int, int, int, int] | None = setting(
        None,
        "Align a film by this region (x0, x1, y0, y1) of the middle tilt's image.",
        unit="pixels",
        example=[100, 140, 90, 130],
        ge=0,
        le=LARGEST_IMAGE,
    )
    film_particles: bool = setting(
        False, "Align a film by all the bright particles on it, wherever they are."
    )
    align: bool = setting(
        True,
        "Align the images; no for a series that is aligned already, whose noise would move it.",
    )
    second_background: bool = setting(False, "Estimate the background again on the aligned images.")
    crop: tuple[int, int] | None = setting(
        None,
        "Crop the clean images to this central size nx, ny.",
        unit="pixels",
        example=[151, 151],
        ge=1,
        le=LARGEST_IMAGE,
    )
    background_after_angles: bool = setting(
        False, "In a run: estimate the background again in masks from the refined angles."
    )

    @model_validator(mode="after")
    def _go_together(self) -> Self:
        calibrated = (self.shear_x, self.shear_y, self.scale)
        stated = self.calibration is not None or any(value is not None for value in calibrated)
        if self.estimate_shear and stated:
            raise InputError("estimate_shear", "a calibrated distortion too", "one or the other")
        if self.estimate_shear and self.tilt_axis is not None:
            # A rotation by a is shear_y = a, shear_x = -a: the two are indistinguishable.
            raise InputError(
                "estimate_shear", "true together with a tilt axis", "a calibrated shear"
            )
        if self.film_particles and self.film_marker is not None:
            raise InputError("film_particles", "true with a film_marker too", "one or the other")
        if not self.align and self.film_particles:
            raise InputError("align", "false with film_particles to align by", "one or the other")
        if not self.align and self.film_marker is not None:
            raise InputError("align", "false with a film_marker to align by", "one or the other")
        _ = self.distortion  # refuses values out of range
        if not self.with_background and self.needs_background:
            raise InputError(
                "background",
                "false with a shear or tilt axis to be found, or a particle to be aligned",
                "true, or --no-align (align = false): these steps need a sample on zero background",
            )
        return self

    @property
    def slow(self) -> int:
        """Index of the slow axis: 0 for x, 1 for y."""
        return "xy".index(self.slow_axis)

    @property
    def distortion(self) -> ScanDistortion:
        """The calibrated distortion, without that of a file; none if it is to be estimated."""
        return self.over(ScanDistortion())

    def over(self, stored: ScanDistortion) -> ScanDistortion:
        """The distortion of a file, but for what is given here."""
        given = {name: getattr(self, name) for name in ("shear_x", "shear_y", "scale")}
        return replace(stored, **{name: v for name, v in given.items() if v is not None})

    @property
    def region(self) -> tuple[tuple[int, int], tuple[int, int]] | None:
        """The film marker as ranges along x and y."""
        marker = self.film_marker
        return (
            None
            if marker is None or isinstance(marker, str)
            else ((marker[0], marker[1]), (marker[2], marker[3]))
        )

    @property
    def of_film(self) -> bool:
        """Whether the images are aligned as those of a film."""
        return self.film_particles or self.film_marker is not None

    @property
    def with_background(self) -> bool:
        """Whether a background is subtracted."""
        return not self.of_film if self.background is None else self.background

    @property
    def needs_background(self) -> bool:
        """Whether a step needs a sample on zero background."""
        particle = self.align and not self.of_film  # aligned by its centre of mass
        return self.estimate_shear or self.tilt_axis == "find" or particle


class SpectrumSettings(Settings):
    """Power spectra of images, and the halo of disordered atoms in them."""

    lowest: float = setting(
        0.2,
        "Lowest frequency at which a halo is searched.",
        unit="1/angstrom",
        gt=0,
        le=MOST_CYCLES,
    )
    highest: float = setting(
        0.8,
        "Highest frequency at which a halo is searched; first halos of solids lie at 0.2 to 0.6.",
        unit="1/angstrom",
        gt=0,
        le=MOST_CYCLES,
    )


DEFAULTS = PreprocessSettings()
SPECTRUM = SpectrumSettings()
