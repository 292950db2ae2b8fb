"""Residual of images in three dimensions: what the images show and a model does not, or reverse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries, Volume
from aet_port.core.display import Shown
from aet_port.core.memory import check_memory
from aet_port.core.scattering import scattering_factor
from aet_port.refinement.forward import Forward
from aet_port.refinement.memory import LESS
from aet_port.refinement.r_factors import fit_images
from aet_port.refinement.settings import RESIDUAL
from aet_port.refinement.starting_point import start_values
from aet_port.resire.reconstruction import r_factors, reconstruct

OFFSETS = ("shifts", "scales", "offsets")


@dataclass(frozen=True, repr=False)
class ResidualMap(Shown):
    """Result of :func:`residual_map`.

    Attributes
    ----------
    difference
        Reconstruction of the residual images, in units of the images per voxel.
    residual
        Shape (n, nx, ny): measured minus calculated images.
    r1
        Shape (n,): R1 of the calculated images.
    heights, b_factors
        Fitted contribution of an atom (square angstrom times the unit of the images) and ``B'``
        (square angstrom) by species.
    """

    difference: Volume
    residual: NDArray
    r1: NDArray[np.float64]
    heights: Mapping[str, float]
    b_factors: Mapping[str, float]

    @property
    def width(self) -> float:
        """Standard deviation of an atom in the map, angstrom, averaged over the species.

        That of the Gaussian whose transform falls to ``exp(-1/2)`` where
        ``f(q) / f(0) exp(-B' q^2)`` does.
        """
        q = np.linspace(0.01, 0.5 / self.difference.voxel_size, 1000)
        widths = []
        for kind, b in self.b_factors.items():
            fall = scattering_factor(q, kind) / scattering_factor(0.0, kind) * np.exp(-b * q**2)
            low = np.flatnonzero(fall < np.exp(-0.5))
            widths.append(1 / (2 * np.pi * q[low[0] if len(low) else -1]))
        return float(np.mean(widths))

    def atom_heights(self) -> dict[str, float]:
        """Height of the Gaussian of an atom of each species in the map."""
        size = self.difference.voxel_size
        volume = (2 * np.pi * self.width**2) ** 1.5
        return {kind: height * size / volume for kind, height in self.heights.items()}

    def summary(self) -> dict[str, Any]:
        """R1, heights and B factors."""
        return {
            "r1": float(self.r1.mean()),
            "heights": dict(self.heights),
            "b_factors": dict(self.b_factors),
        }


@checked
def residual_map(
    series: TiltSeries,
    model: AtomicModel,
    *,
    iterations: int = RESIDUAL.iterations,
    oversampling: float = RESIDUAL.oversampling,
    n_z: int | None = RESIDUAL.n_z,
    threads: int | None = None,
    progress: bool = False,
) -> ResidualMap:
    """Reconstruct the difference between measured images and those calculated from a model.

    Heights and one ``B'`` of the atoms, and shift, scale and offset of each image, are fitted with
    the positions as they are; what the calculated images lack is reconstructed by RESIRE without
    positivity. Atoms that the model lacks are maxima, those that it invents are minima. One
    iteration is the plain back-projection, in which peaks have long tails.

    Parameters
    ----------
    series
        Measured images.
    model
        Atoms in the frame of the series, angstrom.
    iterations
        Of the reconstruction.
    oversampling, n_z
        As of :func:`aet_port.resire.reconstruct`.
    threads
        Number of threads; all cores unless given.
    progress
        Whether to report progress on standard error.

    Returns
    -------
    The map, residual images and fitted parameters.

    Raises
    ------
    InputError
        If the images do not show the atoms of a species, or more memory is needed than there is.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> from aet_port.simulation import amorphous_particle, simulate_tilt_series
    >>> truth = amorphous_particle(20, "Ta")
    >>> angles = [[0, theta, 0] for theta in range(-66, 67, 12)]
    >>> series = simulate_tilt_series(truth, angles, 0.6, (32, 32), dose=None)
    >>> known = AtomicModel.from_positions(truth.positions[1:], "Ta")
    >>> found = residual_map(series, known, iterations=10, oversampling=2.0, threads=1)
    >>> from aet_port.tracing import find_map_peaks
    >>> place = find_map_peaks(found.difference, width=found.width).positions[0]
    >>> bool(np.linalg.norm(place - truth.positions[0]) < 0.2)
    True
    """
    forward = Forward(
        model.species, series.angles, series.pixel_size, series.detector, threads=threads
    )
    # Beside the fit: calculated images, residual, and the latter at one brightness.
    images = 12.0 * series.images.size
    check_memory("residual images", forward.needed_memory + images, LESS)
    start = start_values(forward, model.positions, series.images, offsets=True)
    fitted = fit_images(forward, start, series.images, OFFSETS)
    calculated = forward.project(fitted)
    residual = series.images - calculated
    r1 = r_factors(calculated, series.images, residual)[0]
    name = f"{series.name} less {model.name}"
    even = (residual / fitted.scales[:, None, None]).astype(series.images.dtype)
    left = replace(series, images=even, name=name, metadata={})
    found = reconstruct(
        left,
        iterations=iterations,
        oversampling=oversampling,
        n_z=n_z,
        positivity=False,
        threads=threads,
        progress=progress,
        check=False,
    )
    kinds = forward.kinds
    return ResidualMap(
        Volume(found.volume.array, series.pixel_size, name=name),
        residual,
        r1,
        dict(zip(kinds, fitted.heights.tolist(), strict=True)),
        dict(zip(kinds, fitted.b_factors.tolist(), strict=True)),
    )
