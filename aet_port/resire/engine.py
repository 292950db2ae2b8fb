"""The projector of a reconstruction and its step, by the settings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aet_port.core.data import TiltSeries
from aet_port.resire import back_projection, fourier_slice, single_axis
from aet_port.resire.grid import Grid
from aet_port.resire.literal import LiteralProjector
from aet_port.resire.real_space import RealSpaceProjector
from aet_port.resire.realspace_projector import RadonProjector
from aet_port.resire.settings import ReconstructSettings


class Engine:
    """Projection and update of a volume (nx, nz, ny) for a given projector and precision.

    Parameters
    ----------
    grid
        Of the volume and its projections.
    series
        The tilt series.
    settings
        Projector, precision, step and positivity.
    threads
        Number of threads.
    """

    def __init__(
        self, grid: Grid, series: TiltSeries, settings: ReconstructSettings, threads: int
    ) -> None:
        self.grid, self.threads, self.positivity = grid, threads, settings.positivity
        self.radon = self.literal = self.real_space = None
        self.dtype = np.dtype(np.float64 if settings.precision == "double" else np.float32)
        self.step = settings.step / len(series) / series.detector[0]
        published = settings.precision.startswith("reference")
        if settings.projector == "radon":
            self.radon = RadonProjector(grid, series.angles)
            self.step = settings.step / len(series) / grid.shape[2]
        elif settings.projector == "real-space":
            self.real_space = RealSpaceProjector(grid, self.dtype, reference_quirks=published)
            if published:
                self.step = settings.step / len(series) / grid.shape[2]
        elif published:
            paper = "glass" if settings.precision == "reference-glass" else "film"
            self.literal = LiteralProjector(grid, series.images, np.float32, paper)  # type: ignore[arg-type]
        fast = single_axis if grid.single_axis else fourier_slice
        self._project = fast.project
        self._descend = single_axis.descend if grid.single_axis else back_projection.descend

    def project(self, volume: NDArray) -> NDArray:
        """Projections (n, nx, ny) of the volume."""
        if self.radon is not None:
            return self.radon.project(volume, self.threads)
        if self.real_space is not None:
            return self.real_space.project(volume, self.threads)
        if self.literal is not None:
            return self.literal.project(np.moveaxis(volume, 1, 2))
        return self._project(volume, self.grid, self.threads)

    def descend(self, volume: NDArray, projected: NDArray, residual: NDArray) -> None:
        """Change the volume by one step, given its projections and their differences."""
        if self.radon is not None:
            self.radon.descend(volume, residual, self.step, self.positivity, self.threads)
        elif self.real_space is not None:
            self.real_space.descend(volume, residual, self.step, self.positivity, self.threads)
        elif self.literal is not None:
            # In the reference the step is in double precision until its product is rounded.
            change = (self.step * self.literal.gradient(projected).astype(np.float64)).astype(
                volume.dtype
            )
            volume -= np.moveaxis(change, 1, 2)
            if self.positivity:
                np.maximum(volume, 0, out=volume)
        else:
            self._descend(volume, residual, self.grid, self.step, self.positivity, self.threads)
