"""Pair distribution function from the measured intensity of a diffraction experiment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aet_port.core import methods
from aet_port.core.arguments import checked
from aet_port.core.display import Shown, angstrom
from aet_port.core.errors import InputError
from aet_port.core.scattering import scattering_factor
from aet_port.structure.pairs.structure_factors import check_q, window_function

STEP = 0.02  # angstrom
R_MAX = 20.0  # angstrom
DEGREE = 4
CYCLES = 10
FEWEST = 50  # values of q
NEAR = 0.12  # 1/angstrom, within which S is fitted to go on towards q = 0


@dataclass(frozen=True, repr=False)
class DiffractionPdf(Shown):
    """Pair distribution function from a diffraction intensity, with intermediate results.

    Attributes
    ----------
    q
        Shape (m,): scattering vector ``2 pi / d``, 1/angstrom.
    background
        Shape (m,): what was subtracted from the intensity, in its unit.
    scale
        Number N of scattering atoms, in the unit of the intensity.
    phi
        Shape (m,): reduced intensity ``q (S(q) - 1)``, 1/angstrom, after the low-r correction.
    r
        Shape (n,): angstrom.
    reduced
        Shape (n,): reduced pair distribution ``G(r) = 4 pi r rho (g(r) - 1)``.
    g
        Shape (n,): pair distribution, 1 for a uniform density.
    g_error
        Shape (n,): standard error of g from those of the intensity; None if none were given.
    """

    q: NDArray[np.float64]
    background: NDArray[np.float64]
    scale: float
    phi: NDArray[np.float64]
    r: NDArray[np.float64]
    reduced: NDArray[np.float64]
    g: NDArray[np.float64]
    g_error: NDArray[np.float64] | None = None

    @property
    def s(self) -> NDArray[np.float64]:
        """Structure factor, shape (m,)."""
        return 1 + self.phi / self.q

    plot = methods.plot_diffraction
    """Plot g(r): :func:`aet_port.figures.structure_results.plot_diffraction`."""

    def _facts(self) -> dict[str, object]:
        return {
            "q points": len(self.q),
            "q up to": f"{self.q.max():.4g} 1/angstrom",
            "r points": len(self.r),
            "r up to": angstrom(self.r.max()),
        }


@checked
def pdf_from_diffraction(
    q: ArrayLike,
    intensity: ArrayLike,
    composition: Mapping[str, float],
    density: float,
    shortest: float,
    *,
    background: ArrayLike | None = None,
    errors: ArrayLike | None = None,
    degree: int = DEGREE,
    window: str = "lorch",
    cycles: int = CYCLES,
    r_max: float = R_MAX,
    step: float = STEP,
) -> DiffractionPdf:
    """Background subtraction, reduced intensity, sine transform and low-r correction.

    As in Methods of the film paper, with the reduced intensity and its transform

        ``phi(q) = q [I(q) - background(q) - N <f^2>] / (N <f>^2)``,
        ``G(r) = 2/pi int phi(q) W(q) sin(q r) dq``, ``g(r) = 1 + G(r) / (4 pi r rho)``

    (for one element ``<f>^2 = <f^2>``). Below the first measured q, behind the beam stop, S falls
    to zero with the square of q, as in dense matter, which can hardly be compressed. Measured from
    q = 1.0 to 2.1 1/angstrom on, the first peak of simulated glasses came out within 1.5 % of its
    height (up to 8 % too high with a constant S). The first ring itself must not be hidden.

    The steps the paper leaves open are ours. No two atoms are closer than ``shortest``, where
    therefore ``G(r) = -4 pi rho r``. N and a polynomial for what is left of the background (the
    inelastic part) are those that come nearest to this, by linear least squares: phi is linear in
    1/N and in the coefficients over N. What then remains below ``shortest``, the slow errors of
    phi, is transformed back and subtracted from phi, ``cycles`` times (Kaplow, Strong and Averbach,
    Phys. Rev. 138, A1336, 1965).

    Parameters
    ----------
    q
        Shape (m,): ``2 pi / d`` in 1/angstrom, rising, above zero, at least 50 values. The peaks
        of g get about ``5 / q_max`` wide with the window, ``4 / q_max`` without.
    intensity
        Shape (m,): azimuthal average, any unit; at most smooth errors in q.
    composition
        Amounts by chemical symbol, for example ``{"Ta": 1}``; only their ratios matter.
    density
        Number density rho, atoms per cubic angstrom.
    shortest
        Angstrom: below this distance there are no pairs; a little less than where the first peak,
        broadened by the window, begins.
    background
        Shape (m,): a measured background to subtract first, or None.
    errors
        Shape (m,): standard errors of the intensity, independent of each other, or None.
    degree
        Degree of the polynomial, -1 for none.
    window
        ``"lorch"``, which damps the ripples of the end of the data, or ``"none"``.
    cycles
        Rounds of the low-r correction, 0 for none.
    r_max, step
        Range and spacing of r, angstrom.

    Raises
    ------
    InputError
        For arrays that do not fit together or hold NaN, a species without a scattering factor, a
        density, distance, degree or number of cycles out of range, an unknown window, or data
        that no positive N fits.

    Notes
    -----
    MATLAB: none; the code for the diffraction data is not public
    """
    q = check_q(q)
    if len(q) < FEWEST or q[0] <= 0 or not (np.diff(q) > 0).all():
        raise InputError(
            "q", f"{len(q)} values from {q[0]:g}", f"{FEWEST} or more, rising, all above zero"
        )
    measured = _like(q, intensity, "intensity")
    given = np.zeros_like(q) if background is None else _like(q, background, "background")
    _check_lengths(density, shortest, r_max, step)
    # As many coefficients can be told apart as half waves of sin(q r) fit below the first peak.
    most = int(shortest * q[-1] / np.pi) - 2
    if not -1 <= degree <= most:
        raise InputError(
            "degree", f"{degree}", f"-1 to {most}, for which the range below the first peak allows"
        )
    if cycles < 0:
        raise InputError("cycles", f"{cycles}", "0 or more")
    square, mean = _form_factors(q, composition)
    r = np.arange(1, round(r_max / step) + 1, dtype=np.float64) * step
    transform, hidden = _sine_transform(q, r, window)
    low = r < shortest
    # What the transform of the measured part must be where there are no pairs.
    wanted = -hidden[low] - 4 * np.pi * density * r[low]
    powers = (q[:, None] / q[-1]) ** np.arange(degree + 1)
    columns = np.concatenate([(measured - given)[:, None], -powers], axis=1)
    columns *= (q / mean**2)[:, None]
    fixed = q * square / mean**2
    unit = np.linalg.norm(columns, axis=0)
    solution, *_ = np.linalg.lstsq(
        transform[low] @ (columns / unit),
        transform[low] @ fixed + wanted,
        rcond=None,
    )
    solution /= unit
    if not solution[0] > 0:
        raise InputError(
            "intensity",
            "no positive number of atoms that fits it",
            "an intensity that follows the squared scattering factors; check q, density, shortest",
        )
    phi = columns @ solution - fixed
    back = np.sin(np.outer(q, r[low])) * step
    for _ in range(cycles):
        phi = phi - back @ (transform[low] @ phi - wanted)
    reduced = transform @ phi + hidden
    g_error = None
    if errors is not None:
        sigma = _like(q, errors, "errors") * q * solution[0] / mean**2
        g_error = np.sqrt(transform**2 @ sigma**2) / (4 * np.pi * r * density)
    return DiffractionPdf(
        q,
        given + powers @ (solution[1:] / solution[0]),
        float(1 / solution[0]),
        phi,
        r,
        reduced,
        1 + reduced / (4 * np.pi * r * density),
        g_error,
    )


def _like(q: NDArray[np.float64], values: ArrayLike, name: str) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.shape != q.shape or not np.isfinite(array).all():
        raise InputError(
            name, f"shape {array.shape} or NaN", f"{len(q)} finite numbers, one for each q"
        )
    return array


def _check_lengths(density: float, shortest: float, r_max: float, step: float) -> None:
    if not (np.isfinite(density) and density > 0):
        raise InputError("density", f"{density!r}", "atoms per cubic angstrom, above zero")
    if not 0 < step < shortest < r_max < np.inf:
        raise InputError(
            "step, shortest and r_max",
            f"{step!r}, {shortest!r} and {r_max!r}",
            "lengths in angstrom, 0 < step < shortest < r_max",
        )


def _form_factors(
    q: NDArray[np.float64], composition: Mapping[str, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``<f^2>`` and ``<f>`` over the atoms."""
    amounts = np.array(list(composition.values()), dtype=np.float64)
    if len(amounts) == 0 or not (np.isfinite(amounts) & (amounts > 0)).all():
        raise InputError("composition", f"{dict(composition)}", "amounts above zero by species")
    # The fits of the scattering factors are in 1/period.
    factors = np.array([scattering_factor(q / (2 * np.pi), name) for name in composition])
    shares = amounts / amounts.sum()
    return shares @ factors**2, shares @ factors


def _sine_transform(
    q: NDArray[np.float64], r: NDArray[np.float64], window: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Matrix (n, m) and constant (n,) of ``2/pi int_0^q_max phi W sin(q r) dq``.

    By the trapezoidal rule. Below the first q, S is ``c q^2`` with the coefficient that fits the
    values within ``NEAR`` of it best.
    """
    below = np.linspace(0, q[0], max(2, int(np.ceil(q[0] / np.diff(q).min()))), endpoint=False)
    full = np.concatenate([below, q])
    gaps = np.diff(full)
    weight = np.concatenate([[0.0], gaps / 2]) + np.concatenate([gaps / 2, [0.0]])
    weight *= 2 / np.pi * window_function(full / q[-1], window)
    matrix = np.sin(np.outer(r, full)) * weight
    inner, outer = matrix[:, : len(below)], matrix[:, len(below) :]
    # There phi = q (S - 1), and c is a weighted sum of S = 1 + phi / q over the nearest q.
    near = q <= q[0] + NEAR
    shares = q[near] ** 2 / np.sum(q[near] ** 4)
    rising = inner @ below**3
    outer[:, near] += np.outer(rising, shares / q[near])
    return outer, rising * shares.sum() - inner @ below
