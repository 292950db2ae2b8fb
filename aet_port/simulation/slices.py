"""Projected potentials of slices of a sample on a grid, for multislice."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.simulation.settings import Numerics


def sliced_potential(
    abtem: ModuleType,
    positions: NDArray[np.float64],
    symbols: NDArray[np.str_],
    box: tuple[float, float, float],
    points: tuple[int, int],
    numerics: Numerics,
) -> Any:
    """Projected potentials of slices of a periodic box, exact for all atom positions.

    ``V(k) = sum_j v_j(k) exp(-2 pi i k . r_j)`` over the atoms of a slice, evaluated directly.
    abTEM itself distributes atoms over the four nearest grid points: on the coarse grids that
    suffice for ADF images, an atom between them scatters a fifth less than one on a point.

    Parameters
    ----------
    abtem
        The abTEM module.
    positions
        Shape (n, 3), angstrom, inside the box, the beam along the third axis.
    symbols
        Chemical symbols, shape (n,).
    box
        Sides of the box, angstrom.
    points
        Number of grid points along x and y.
    numerics
        Parametrization and slice thickness, which is adjusted to the box.

    Returns
    -------
    ``abtem.PotentialArray``.

    Notes
    -----
    MATLAB: none
    """
    table = {"lobato": "LobatoParametrization", "kirkland": "KirklandParametrization"}
    atom = getattr(abtem.parametrizations, table[numerics.parametrization])()
    slices = int(np.ceil(box[2] / numerics.slice_thickness))
    where = np.minimum((positions[:, 2] / box[2] * slices).astype(int), slices - 1)
    kx, ky = (np.fft.fftfreq(n, side / n) for n, side in zip(points, box[:2], strict=True))
    square = kx[:, None] ** 2 + ky**2
    array = np.zeros((slices, *points), np.float32)
    for number in range(slices):
        spectrum = np.zeros(points, np.complex128)
        for symbol in sorted(set(symbols[where == number])):
            x, y = positions[(where == number) & (symbols == symbol), :2].T
            along_x = np.exp(-2j * np.pi * np.outer(kx, x))
            along_y = np.exp(-2j * np.pi * np.outer(y, ky))
            spectrum += atom.projected_scattering_factor(symbol)(square) * (along_x @ along_y)
        array[number] = np.fft.ifft2(spectrum).real * (points[0] * points[1] / (box[0] * box[1]))
    return abtem.PotentialArray(array, slice_thickness=box[2] / slices, extent=box[:2])


def odd_points(least: float) -> int:
    """Smallest number not below ``least`` with only the factors 3, 5 and 7.

    FFTW's estimated plans for multiples of high powers of two are up to six times as slow.
    """
    number = int(np.ceil(least))
    while True:
        left = number
        for prime in (3, 5, 7):
            while left % prime == 0:
                left //= prime
        if left == 1:
            return number
        number += 1
