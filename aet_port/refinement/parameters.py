"""What calculated images depend on, and what their misfit says about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Parameters:
    """All that the images of a model depend on; also the shape of a gradient with respect to it.

    Attributes
    ----------
    positions
        Shape (n_atoms, 3), angstrom, origin on the rotation centre.
    heights
        Shape (n_species,): ``H``, what one atom adds to the sum of an image times the area of a
        pixel, in square angstrom times the unit of the images.
    b_factors
        Shape (n_species,): ``B'`` in square angstrom.
    shifts
        Shape (n_images, 2): displacement of each image's atoms on the detector, angstrom.
    scales, offsets
        Shape (n_images,): factor of an image and what is then added to all its pixels.
    shears
        Shape (2,): ``shear_x``, ``shear_y`` of the scan coils, fractions, the same for all images:
        what lies at ``(x, y)`` from the centre is seen at ``(x + shear_x y, y + shear_y x)``.
    """

    positions: NDArray[np.float64]
    heights: NDArray[np.float64]
    b_factors: NDArray[np.float64]
    shifts: NDArray[np.float64]
    scales: NDArray[np.float64]
    offsets: NDArray[np.float64]
    shears: NDArray[np.float64]

    @classmethod
    def start(
        cls, positions: ArrayLike, heights: ArrayLike, b_factors: ArrayLike, n_images: int
    ) -> Parameters:
        """Parameters without shifts and shears, all scales one and all offsets zero."""
        return cls(
            np.array(positions, dtype=np.float64),
            np.array(heights, dtype=np.float64),
            np.array(b_factors, dtype=np.float64),
            np.zeros((n_images, 2)),
            np.ones(n_images),
            np.zeros(n_images),
            np.zeros(2),
        )


@dataclass(frozen=True)
class Misfit:
    """Squared residual of all images and its gradient.

    Attributes
    ----------
    values
        Shape (n_images,): ``1/2 sum (calculated - measured)^2`` over the pixels of each image.
    gradient
        Of their sum ``E`` with respect to every parameter, at ``parameters``.
    parameters
        Where it was taken; scales and offsets that were fitted hold the values found.
    r1
        Shape (n_images,): ``sum |calculated - measured| / sum |measured|``.
    """

    values: NDArray[np.float64]
    gradient: Parameters
    parameters: Parameters
    r1: NDArray[np.float64]

    @property
    def value(self) -> float:
        """``E``, the sum over all images."""
        return float(self.values.sum())


@dataclass(frozen=True)
class Curvature:
    """Blocks of the Gauss-Newton matrix of ``E``, the scales of a quasi-Newton method.

    Attributes
    ----------
    positions
        Shape (n_atoms, 3, 3): of each atom as if it stood alone in every image that shows it.
    species
        Shape (2 n_species, 2 n_species): of all heights, then all B factors.
    shifts
        Shape (n_images, 2, 2): of the displacement of each image.
    shears
        Shape (2, 2): of both shears, each atom as if it stood alone.
    coupling
        Shape (n_atoms, 3, 2): of each atom's position and both shears, likewise.
    """

    positions: NDArray[np.float64]
    species: NDArray[np.float64]
    shifts: NDArray[np.float64]
    shears: NDArray[np.float64]
    coupling: NDArray[np.float64]
