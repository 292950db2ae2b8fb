"""Fourier shell correlation of two atomic models."""

from __future__ import annotations

import ase
import numpy as np
from numba import njit
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel, as_model
from aet_port.core.errors import InputError
from aet_port.core.parallel import check_threads, map_threads
from aet_port.validation.fourier_shell import FourierShells

GOLDEN = np.pi * (3 - np.sqrt(5))
DIRECTIONS = 400  # of each shell: its correlation is known to 1/20 where there is none
SPACING = 0.1  # 1/angstrom between shells
HIGHEST = 8.0  # 1/angstrom, a period of an eighth of an angstrom


@checked
def atomic_shell_correlation(
    first: AtomicModel | ase.Atoms,
    second: AtomicModel | ase.Atoms,
    highest: float = HIGHEST,
    threads: int | None = None,
) -> FourierShells:
    """Correlation of two models' Fourier transforms in shells of spatial frequency.

    ``FSC(q) = Re sum F_1 conj F_2 / sqrt(sum |F_1|^2 sum |F_2|^2)`` over 400 directions of ``q``,
    spread evenly over a hemisphere, with ``F(q) = sum_i h_i exp(2 pi i q . r_i)`` of the atoms as
    points of their heights. Position errors of standard deviation ``s`` along each axis in either
    model, and a fraction ``f`` of common atoms, give about ``f exp(-4 pi^2 q^2 s^2)`` once the
    shape of the sample no longer matters.

    Parameters
    ----------
    first, second
        The models, in one frame; weights are their arrays ``height``, or 1 if either has none.
    highest
        Highest frequency, 1/angstrom.
    threads
        Number of threads; all cores unless given.

    Returns
    -------
    Correlation every 0.1 / angstrom from zero; its ``resolution`` gives the period at which the
    correlation falls below a threshold.

    Raises
    ------
    InputError
        For a frequency not above the spacing.

    Notes
    -----
    MATLAB: none; the papers give no FSC

    Examples
    --------
    >>> from aet_port.simulation import amorphous_particle
    >>> model = amorphous_particle(40, "Ta")
    >>> found = atomic_shell_correlation(model, model, threads=1)
    >>> round(float(found.correlation.min()), 6), found.resolution()
    (1.0, 0.125)
    """
    one, other = as_model(first, "first"), as_model(second, "second")
    if not (np.isfinite(highest) and highest > SPACING):
        raise InputError("highest", f"{highest!r}", f"a frequency above {SPACING} 1/angstrom")
    weighted = all("height" in model.atoms.arrays for model in (one, other))
    points = [
        (np.ascontiguousarray(model.positions), _weights(model, weighted)) for model in (one, other)
    ]
    frequency = SPACING * np.arange(float(round(highest / SPACING) + 1))
    directions = _hemisphere(DIRECTIONS)

    def shell(number: int) -> float:
        q = frequency[number] * directions
        (a, b), (c, d) = (_transform(places, weights, q) for places, weights in points)
        power = np.sum(a**2 + b**2) * np.sum(c**2 + d**2)
        return float(np.sum(a * c + b * d) / np.sqrt(power)) if power > 0 else float("nan")

    correlation = np.array(map_threads(shell, range(len(frequency)), check_threads(threads)))
    return FourierShells(frequency, correlation, np.full(len(frequency), DIRECTIONS))


def _weights(model: AtomicModel, weighted: bool) -> NDArray[np.float64]:
    if not weighted:
        return np.ones(len(model))
    return np.ascontiguousarray(model.atoms.arrays["height"], dtype=np.float64)


def _hemisphere(number: int) -> NDArray[np.float64]:
    """Unit vectors spread evenly over a hemisphere; the other one has conjugate transforms."""
    z = (np.arange(number) + 0.5) / number
    turn, rho = GOLDEN * np.arange(number), np.sqrt(1 - z**2)
    return np.column_stack([rho * np.cos(turn), rho * np.sin(turn), z])


@njit(cache=True, nogil=True)
def _transform(places, weights, q):  # type: ignore[no-untyped-def]
    """Real and imaginary part of the transform at each frequency."""
    real, imaginary = np.zeros(q.shape[0]), np.zeros(q.shape[0])
    for k in range(q.shape[0]):
        x, y, z = 2 * np.pi * q[k, 0], 2 * np.pi * q[k, 1], 2 * np.pi * q[k, 2]
        for i in range(places.shape[0]):
            phase = x * places[i, 0] + y * places[i, 1] + z * places[i, 2]
            real[k] += weights[i] * np.cos(phase)
            imaginary[k] += weights[i] * np.sin(phase)
    return real, imaginary
