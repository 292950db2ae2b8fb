"""Calculated images against which a tilt series is refined: of a fixed object or of a volume."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.alignment.orientation import Projector
from aet_port.core.data import TiltSeries
from aet_port.core.errors import InputError
from aet_port.core.geometry import centred_window, euler_rotations
from aet_port.resire import fourier_slice
from aet_port.resire.grid import make_grid
from aet_port.resire.reconstruction import reconstruct

# Factor on the iterations before the angles are refined, so that they don't follow artefacts of
# an unfinished volume.
SETTLING = 6


class StandingModel:
    """Calculated images of a fixed object."""

    adapts = False

    def __init__(self, series: TiltSeries, project: Projector) -> None:
        self.project, self.shape = project, series.images.shape

    def update(self, measured: NDArray, angles: NDArray, weight: float, settle: bool) -> Projector:
        """Return the same projector regardless of the images."""
        return self._images

    def _images(self, angles: NDArray[np.float64]) -> NDArray:
        made = np.asarray(self.project(angles))
        if made.shape != self.shape or not np.isfinite(made).all():
            found = f"images of shape {made.shape}, or not finite"
            raise InputError("project", found, f"finite images of shape {self.shape}")
        return made


class FollowingVolume:
    """Calculated images of a volume that is updated with the angles."""

    adapts = True

    def __init__(self, series: TiltSeries, iterations: int, options: dict[str, Any]) -> None:
        self.series, self.iterations, self.options = series, iterations, options
        self.volume: NDArray | None = None
        self.before: NDArray | None = None

    def update(self, measured: NDArray, angles: NDArray, weight: float, settle: bool) -> Projector:
        """Continue RESIRE from the extrapolated volume and return the projector of the new one.

        Parameters
        ----------
        measured, angles
            Shape (n, nx, ny) and (n, 3), degrees: the aligned images.
        weight
            Fraction of the last change of the volume by which it is extrapolated first.
        settle
            Whether to use several times the usual number of iterations.
        """
        sizes = [self.options[name] for name in ("oversampling", "extended", "n_z")]
        grid = make_grid(self.series.detector, angles, *sizes)
        start, support = None, self.options["support"]
        if self.volume is not None:
            # The size of a film depends on the angles: it may change by a voxel.
            start = _resized(self.volume, grid.shape)
            support = None if support is None else _resized(support, grid.shape)
            if weight and self.before is not None:
                change = start - _resized(self.before, grid.shape)
                start = start + np.float32(weight) * change
        self.before = self.volume
        self.volume = reconstruct(
            replace(self.series, images=measured, angles=angles),
            iterations=self.iterations * (SETTLING if settle else 1),
            initial=start,
            check=False,
            **(self.options | {"support": support}),
        ).volume.array
        turned = np.ascontiguousarray(np.moveaxis(self.volume, 2, 1))

        def project(trial: NDArray[np.float64]) -> NDArray:
            tilted = replace(grid, rotations=euler_rotations(trial))
            return fourier_slice.project(turned, tilted, self.options["threads"])

        return project


def _resized(volume: NDArray, shape: tuple[int, ...]) -> NDArray:
    """The volume cropped or padded about its centre."""
    if volume.shape == shape:
        return volume
    common = tuple(min(a, b) for a, b in zip(volume.shape, shape, strict=True))
    out = np.zeros(shape, volume.dtype)
    out[centred_window(shape, common)] = volume[centred_window(volume.shape, common)]
    return out
