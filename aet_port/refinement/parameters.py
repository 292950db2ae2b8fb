"""Parameters of calculated images, and the gradient and curvature of their misfit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Parameters:
    """Parameters of the images of a model; gradients with respect to them have the same form.

    Attributes
    ----------
    positions
        Shape (n_atoms, 3), angstrom, origin on the rotation centre.
    heights
        Shape (n_species,): ``H``, contribution of one atom to the sum of an image times the pixel
        area, in square angstrom times the unit of the images.
    b_factors
        Shape (n_species,): ``B'`` in square angstrom.
    shifts
        Shape (n_images, 2): displacement of each image's atoms on the detector, angstrom.
    scales, offsets
        Shape (n_images,): factor of an image and constant then added to all its pixels.
    shears
        Shape (2,): scan-coil shears ``shear_x``, ``shear_y``, fractions, the same for all images:
        a point at ``(x, y)`` from the centre appears at ``(x + shear_x y, y + shear_y x)``.
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
        Gradient of their sum ``E`` with respect to every parameter, at ``parameters``.
    parameters
        Parameters at which it was evaluated, with the fitted values of scales and offsets.
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
    """Blocks of the Gauss-Newton matrix of ``E``, which precondition a quasi-Newton method.

    Attributes
    ----------
    positions
        Shape (n_atoms, 3, 3): for each atom, as if it were alone in every image that shows it.
    species
        Shape (2 n_species, 2 n_species): for all heights, then all B factors.
    shifts
        Shape (n_images, 2, 2): for the displacement of each image.
    shears
        Shape (2, 2): for both shears, each atom as if it were alone.
    coupling
        Shape (n_atoms, 3, 2): between each atom's position and both shears, likewise.
    """

    positions: NDArray[np.float64]
    species: NDArray[np.float64]
    shifts: NDArray[np.float64]
    shears: NDArray[np.float64]
    coupling: NDArray[np.float64]
