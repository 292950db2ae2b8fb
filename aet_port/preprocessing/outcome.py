"""Result of preprocessing: the tilt series, and the results of each step."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.data import TiltSeries
from aet_port.core.display import Shown, angstrom, times
from aet_port.core.scan_distortion import DistortionEstimate, ScanDistortion
from aet_port.preprocessing.alignment import Alignment
from aet_port.preprocessing.background import BackgroundRemoval
from aet_port.preprocessing.bad_pixels import BadPixels
from aet_port.preprocessing.drift import DriftCorrection
from aet_port.preprocessing.noise import NoiseModel
from aet_port.preprocessing.placement import Placement, crop_images
from aet_port.preprocessing.settings import PreprocessSettings


@dataclass(frozen=True, eq=False, repr=False)
class Preprocessed(Shown):
    """A preprocessed series with the results of each step.

    Attributes
    ----------
    series
        Aligned images and their tilt angles (0, theta, 0).
    bad_pixels
        Bad pixels found in the raw frames.
    noise
        Noise of one raw frame; None if no step needed it.
    drifts
        Drift of each tilt; None for a tilt with one frame.
    window
        First and one past the last pixel along x and y of the detector area that was kept.
    averaged
        Shape (n, nx, ny): averages of the frames within the window.
    denoised
        Shape (n, nx, ny); ``averaged`` itself if not denoised.
    removal
        Backgrounds and masks of ``denoised``; None if none was subtracted.
    distortion, estimate
        Scan distortion that was corrected, and its estimate if one was made.
    axis
        Angle in degrees by which the images were rotated.
    alignment
        Shifts, and images before the last background subtraction.
    settings
        Settings of the preprocessing.
    strength
        Denoising strength; None without denoising.
    method
        Denoising method, or ``"none"``.
    """

    series: TiltSeries
    bad_pixels: list[BadPixels]
    noise: NoiseModel | None
    drifts: tuple[DriftCorrection | None, ...]
    window: tuple[tuple[int, int], tuple[int, int]]
    averaged: NDArray[np.float64]
    denoised: NDArray[np.float64]
    removal: BackgroundRemoval | None
    distortion: ScanDistortion
    estimate: DistortionEstimate | None
    axis: float
    alignment: Alignment
    settings: PreprocessSettings
    strength: float | None = None
    method: str = "none"
    metadata: dict[str, Any] = field(default_factory=dict)

    def _facts(self) -> dict[str, object]:
        return {
            "name": self.series.name,
            "images": len(self.series),
            "pixels": times(self.series.detector),
            "pixel size": angstrom(self.series.pixel_size),
            "denoised by": self.method,
            "bad pixels": sum(len(one.pixels) for one in self.bad_pixels),
        }

    def placement(self) -> Placement:
        """The transformation from averaged to aligned images."""
        return Placement(self.distortion, self.axis, self.alignment.shifts)

    def measured(self) -> TiltSeries:
        """The series without denoising: averages of the frames, background subtracted, aligned.

        Except for one interpolation its noise is independent from pixel to pixel, as a
        least-squares refinement of atoms assumes; denoising filters remove information.
        """
        images = self.averaged
        if self.removal is not None:
            images = images - self.removal.backgrounds
            if self.settings.clear_outside:
                images = np.where(self.removal.masks, images, 0)
        placed = crop_images(self.placement().apply(images), self.settings.crop)
        return replace(self.series, images=placed)

    def summary(self) -> dict[str, Any]:
        """Results of each step over all tilts, as plain numbers; lengths in pixels.

        ``drift_rate_rms`` is in pixels per frame; ``drift_residual`` is the root mean square
        displacement left between frames; ``common_line_residual`` the root mean square deviation of
        the aligned images' sums over x from their mean, relative to the rms of that mean.
        """
        drifts = [item for item in self.drifts if item is not None]
        kinds = ("saturated", "dead", "hot")
        lines = self.alignment.images.sum(axis=1)
        lines = lines / lines.sum(axis=1, keepdims=True)
        mean = lines.mean(axis=0)
        return {
            "tilts": len(self.series),
            "frames": sum(1 if item is None else len(item.shifts) for item in self.drifts),
            "detector": list(self.series.detector),
            **{f"{kind}_pixels": self._bad(kind) for kind in kinds},
            "gain": None if self.noise is None else self.noise.gain,
            "read_noise": None if self.noise is None else self.noise.read_noise,
            "drift_rate_rms": root_mean_square([item.rate for item in drifts]),
            "drift_residual": root_mean_square([item.residual for item in drifts]),
            "denoiser": self.method,
            "strength": self.strength,
            "background_of_peak": self._background(),
            "shear_x": self.distortion.shear_x,
            "shear_y": self.distortion.shear_y,
            "scale": self.distortion.scale,
            "shear_error": None
            if self.estimate is None
            else max(self.estimate.error_x, self.estimate.error_y),
            "tilt_axis": self.axis,
            "shift_rms": root_mean_square(self.alignment.shifts),
            "alignment_rounds": len(self.alignment.changes),
            "converged": self.alignment.converged,
            "common_line_residual": float(np.sqrt(np.mean((lines - mean) ** 2) / np.mean(mean**2))),
        }

    def record(self) -> dict[str, Any]:
        """:meth:`summary` and the results of each tilt, for a file beside the series."""
        removal, estimate = self.removal, self.estimate
        settings = self.settings.plain()
        return self.summary() | {
            "settings": settings,
            "window": [list(side) for side in self.window],
            "angles": self.series.angles[:, 1].tolist(),
            "bad_pixels": [str(item) for item in self.bad_pixels],
            "drift": [
                None
                if item is None
                else {
                    "shifts": item.shifts.tolist(),
                    "rate": item.rate.tolist(),
                    "residual": item.residual,
                    "spread": item.spread,
                    "area": [list(side) for side in item.area],
                }
                for item in self.drifts
            ],
            "background": None
            if removal is None
            else {
                "levels": removal.backgrounds.mean(axis=(1, 2)).tolist(),
                "mask_pixels": removal.masks.sum(axis=(1, 2)).tolist(),
                "thresholds": removal.thresholds.tolist(),
            },
            "distortion_estimate": None
            if estimate is None
            else {
                "error_x": estimate.error_x,
                "error_y": estimate.error_y,
                "residual_before": estimate.residual_before,
                "residual": estimate.residual,
                "rounds": estimate.iterations,
            },
            "shifts": self.alignment.shifts.tolist(),
            "shift_errors": self.alignment.errors.tolist(),
            "changes": [float(change) for change in self.alignment.changes],
            "metadata": self.metadata,
        }

    def _bad(self, kind: str) -> int:
        return sum(len(item.pixels) for item in self.bad_pixels if item.kind == kind)

    def _background(self) -> float | None:
        if self.removal is None:
            return None
        return float(self.removal.backgrounds.mean() / self.removal.images.max())


def root_mean_square(values: Any) -> float | None:
    """Root mean square of an array of any shape; None if it is empty."""
    array = np.asarray(values, dtype=np.float64)
    return float(np.sqrt(np.mean(array**2))) if array.size else None
