"""Electron scattering factors of free atoms and the resulting ADF cross sections."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import ArrayLike, NDArray

from aet_port.core.errors import InputError

TABLE = "kirkland_scattering.csv"
HEADER_LINES = 3
ELECTRON_REST_ENERGY = 510.99895  # keV
HC = 12.398419843  # keV angstrom
BOHR_RADIUS = 0.529177210903  # angstrom


@cache
def _table() -> NDArray[np.float64]:
    text = (files("aet_port") / "data_tables" / TABLE).read_text(encoding="utf-8")
    table = np.loadtxt(
        text.splitlines(), delimiter=",", skiprows=HEADER_LINES, usecols=range(2, 14)
    )
    table.setflags(write=False)
    return table


def _atomic_number(element: str | int) -> int:
    number = atomic_numbers.get(element, 0) if isinstance(element, str) else element
    if not 1 <= number <= len(_table()):
        raise InputError(
            "element",
            f"{element!r}",
            f"a chemical symbol or an atomic number up to {len(_table())}",
        )
    return int(number)


def scattering_parameters(element: str | int) -> NDArray[np.float64]:
    """The twelve numbers a1 b1 a2 b2 a3 b3 c1 d1 c2 d2 c3 d3 of Kirkland's fit for one element.

    Parameters
    ----------
    element
        Chemical symbol or atomic number, H (1) to Lr (103).

    Raises
    ------
    InputError
        For an element outside the table.

    Notes
    -----
    MATLAB: 5_Position_refinement/src/fparameters.m::fparameters (both papers)
    """
    return _table()[_atomic_number(element) - 1]


def scattering_factor(q: ArrayLike, element: str | int) -> NDArray[np.float64]:
    """Electron scattering factor ``f(q) = sum_i a_i/(q^2 + b_i) + c_i exp(-d_i q^2)`` in angstrom.

    E. J. Kirkland, Advanced Computing in Electron Microscopy, 2nd ed. (2010), Appendix C.

    Parameters
    ----------
    q
        Spatial frequencies in 1/angstrom (one over the period), any shape.
    element
        Chemical symbol or atomic number.

    Returns
    -------
    Array of the shape of ``q``.

    Raises
    ------
    InputError
        For an element outside the table.

    Notes
    -----
    MATLAB: 5_Position_refinement/src/fatom_vector.m::fatom_vector (both papers), which always
    returns a row
    """
    a1, b1, a2, b2, a3, b3, c1, d1, c2, d2, c3, d3 = scattering_parameters(element)
    square = np.asarray(q, dtype=np.float64) ** 2
    lorentzians = a1 / (square + b1) + a2 / (square + b2) + a3 / (square + b3)
    gaussians = c1 * np.exp(-d1 * square) + c2 * np.exp(-d2 * square) + c3 * np.exp(-d3 * square)
    return lorentzians + gaussians


def xray_factor(q: ArrayLike, element: str | int) -> NDArray[np.float64]:
    """X-ray scattering factor, from that of electrons by the Mott-Bethe relation.

    ``f_x(q) = Z - 2 pi^2 a_0 q^2 f_e(q)``, with the Bohr radius ``a_0`` and ``f_e`` of
    :func:`scattering_factor`, which Kirkland fitted to f_x by the same relation. Electrons of
    neutral atoms at rest, without anomalous dispersion. Good to 0.1 electron up to q of 4
    1/angstrom, beyond which the difference of two numbers near Z is left.

    Parameters
    ----------
    q
        Spatial frequencies in 1/angstrom (one over the period), any shape.
    element
        Chemical symbol or atomic number.

    Returns
    -------
    Electrons, an array of the shape of ``q``.

    Raises
    ------
    InputError
        For an element outside the table.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> float(xray_factor(0.0, "Cu"))
    29.0
    """
    number = _atomic_number(element)
    square = np.asarray(q, dtype=np.float64) ** 2
    found = number - 2 * np.pi**2 * BOHR_RADIUS * square * scattering_factor(q, element)
    return np.asarray(found)


def electron_wavelength(energy: float) -> float:
    """Relativistic wavelength in angstrom of electrons of ``energy`` keV."""
    return float(HC / np.sqrt(energy * (energy + 2 * ELECTRON_REST_ENERGY)))


def adf_cross_section(
    element: str | int, energy: float = 300.0, inner: float = 30.0, outer: float = 195.0
) -> float:
    """Cross section of one atom for scattering into an annular detector, in square angstrom.

    The kinematic cross section ``sigma = (gamma lambda)^2 int 2 pi q f(q)^2 dq`` over the spatial
    frequencies ``q = angle / lambda`` of the detector, ``gamma`` the relativistic mass ratio. A
    thin film of ``n`` atoms per square angstrom scatters the fraction ``n sigma`` of the incident
    electrons onto it. Multiple scattering and channelling are neglected: this gives the noise level
    for a film some nanometres thick.

    Parameters
    ----------
    element
        Chemical symbol or atomic number.
    energy
        Electron energy in keV.
    inner, outer
        Angles of the detector in milliradian.

    Raises
    ------
    InputError
        For an element outside the table, an energy not above zero, or angles out of order.

    Notes
    -----
    MATLAB: none; the reference has no model of the dose
    """
    if not (np.isfinite(energy) and energy > 0):
        raise InputError("energy", f"{energy!r}", "keV, above zero")
    if not 0 <= inner < outer < np.inf:
        raise InputError(
            "detector angles", f"{inner!r} to {outer!r}", "0 <= inner < outer, in mrad"
        )
    wavelength = electron_wavelength(energy)
    gamma = 1 + energy / ELECTRON_REST_ENERGY
    # Gauss-Legendre: the integrand is smooth, 200 points are exact to 1e-12 for every element.
    nodes, weights = np.polynomial.legendre.leggauss(200)
    low, high = inner * 1e-3 / wavelength, outer * 1e-3 / wavelength
    q = 0.5 * (high - low) * nodes + 0.5 * (high + low)
    integral = (
        0.5 * (high - low) * np.sum(weights * 2 * np.pi * q * scattering_factor(q, element) ** 2)
    )
    return float((gamma * wavelength) ** 2 * integral)
