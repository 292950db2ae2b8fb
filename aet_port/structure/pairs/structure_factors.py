"""What the routes to S(q) share: the result, weights of the species, window, range of q."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import ase
import numpy as np
from numpy.typing import ArrayLike, NDArray

from aet_port.core import methods
from aet_port.core.arguments import checked
from aet_port.core.display import Shown
from aet_port.core.errors import InputError
from aet_port.core.scattering import scattering_factor, xray_factor

WINDOWS = ("lorch", "none")
WEIGHTS = ("electrons", "xrays", "atoms")
Pair = tuple[str, str]
Weights = Literal["electrons", "xrays", "atoms"]
Window = Literal["lorch", "none"]


@dataclass(frozen=True, repr=False)
class StructureFactor(Shown):
    """Structure factor, total and Faber-Ziman partials; both are 1 for an ideal gas.

    Attributes
    ----------
    q
        Shape (n,): scattering vector ``4 pi sin(theta) / wavelength = 2 pi / d``, 1/angstrom.
    s
        Shape (n,): total, ``sum_ab c_a c_b f_a f_b S_ab / <f>^2``.
    partial
        ``S_ab`` by pair of species, each pair once, in alphabetical order.
    intensity
        Shape (n,): scattered intensity per atom, ``<f^2> + <f>^2 (S - 1)``, in the unit of f^2:
        square angstrom for electrons, electrons squared for X-rays.
    vectors
        Shape (n,): number of scattering vectors behind each value; None where q is continuous.
    error
        Shape (n,): standard error of ``s``, from the scatter of these vectors or of frames; NaN
        where there is only one. None where there is no scatter to take it from.
    """

    q: NDArray[np.float64]
    s: NDArray[np.float64]
    partial: dict[Pair, NDArray[np.float64]]
    intensity: NDArray[np.float64]
    vectors: NDArray[np.int64] | None = None
    error: NDArray[np.float64] | None = None

    plot = methods.plot_structure_factor
    """Plot S(q): :func:`aet_port.figures.structure_results.plot_structure_factor`."""

    def _facts(self) -> dict[str, object]:
        return {
            "points": len(self.q),
            "q": f"{self.q.min():.4g} to {self.q.max():.4g} 1/angstrom",
            "pairs": " ".join("-".join(pair) for pair in self.partial),
        }


@checked
def average_structure_factor(factors: Sequence[StructureFactor]) -> StructureFactor:
    """Mean over the frames of a trajectory, with the standard error from their scatter.

    Parameters
    ----------
    factors
        Of one method and one range of q; those of boxes of different size are interpolated to the
        q of the first.

    Raises
    ------
    InputError
        For no frames, or frames of different species.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> from ase.build import bulk
    >>> from aet_port.structure import average_structure_factor, box_structure_factor
    >>> frames = [bulk("Cu", cubic=True).repeat(4) for _ in range(3)]
    >>> for seed, frame in enumerate(frames):
    ...     frame.rattle(0.2, seed=seed)
    >>> mean = average_structure_factor([box_structure_factor(one, 6.0) for one in frames])
    >>> bool(mean.error[mean.s.argmax()] > 0)
    True
    """
    if not factors:
        raise InputError("factors", "no frames", "at least one")
    first = factors[0]
    for one in factors:
        if one.partial.keys() != first.partial.keys():
            found = f"species pairs {sorted(one.partial)} beside {sorted(first.partial)}"
            raise InputError("factors", found, "frames of the same species")
    if len(factors) == 1:
        return first

    def at_first(one: StructureFactor, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return values if np.array_equal(one.q, first.q) else np.interp(first.q, one.q, values)

    s = np.array([at_first(one, one.s) for one in factors])
    return StructureFactor(
        first.q,
        s.mean(axis=0),
        {
            pair: np.mean([at_first(one, one.partial[pair]) for one in factors], axis=0)
            for pair in first.partial
        },
        np.mean([at_first(one, one.intensity) for one in factors], axis=0),
        first.vectors,
        s.std(axis=0, ddof=1) / np.sqrt(len(s)),
    )


def highest_peaks(found: StructureFactor, most: int) -> list[int]:
    """Numbers of the points that are the highest maxima of S above 1, by rising q."""
    # A reflection at either end counts too.
    change = np.diff(found.s, prepend=-np.inf, append=-np.inf)
    maxima = np.flatnonzero((change[:-1] > 0) & (change[1:] <= 0) & (found.s > 1))
    best = maxima[np.argsort(-found.s[maxima], kind="stable")[:most]]
    return sorted(best.tolist())


def window_function(x: NDArray[np.float64], window: str) -> NDArray[np.float64]:
    """Weight of a Fourier integral at ``x`` between 0 and its end 1.

    Raises
    ------
    InputError
        Unless ``window`` is ``"lorch"`` (``sin(pi x) / (pi x)``) or ``"none"``.
    """
    if window not in WINDOWS:
        raise InputError("window", f"{window!r}", f"one of {', '.join(WINDOWS)}")
    return np.sinc(x) if window == "lorch" else np.ones_like(x)


def check_q(q: ArrayLike) -> NDArray[np.float64]:
    """``q`` as an array (n,) of finite numbers not below zero.

    Raises
    ------
    InputError
        For anything else.
    """
    values = np.asarray(q, dtype=np.float64)
    if values.ndim != 1 or len(values) == 0 or not (np.isfinite(values) & (values >= 0)).all():
        raise InputError(
            "q", f"an array of shape {values.shape}, or values that are negative or not finite",
            "finite numbers, zero or above, in 1/angstrom",
        )  # fmt: skip
    return values


def concentrations(atoms: ase.Atoms) -> dict[str, float]:
    """Fraction of the atoms of each species, in alphabetical order."""
    names, count = np.unique(np.array(atoms.get_chemical_symbols()), return_counts=True)
    return {str(name): float(n) / len(atoms) for name, n in zip(names, count, strict=True)}


def weight_factors(
    q: NDArray[np.float64], species: Sequence[str], weights: str
) -> dict[str, NDArray[np.float64]]:
    """What an atom of each species scatters at ``q``: f of electrons or X-rays, or 1.

    Raises
    ------
    InputError
        For an unknown weight, or a species without a scattering factor.
    """
    if weights not in WEIGHTS:
        raise InputError("weights", f"{weights!r}", f"one of {', '.join(WEIGHTS)}")
    if weights == "atoms":
        return {name: np.ones_like(q) for name in species}
    factor = scattering_factor if weights == "electrons" else xray_factor
    # The fits of the scattering factors are in 1/period.
    return {name: factor(q / (2 * np.pi), name) for name in species}


def total_of_partials(
    q: NDArray[np.float64],
    partial: dict[Pair, NDArray[np.float64]],
    concentration: Mapping[str, float],
    factors: Mapping[str, NDArray[np.float64]],
) -> StructureFactor:
    """The structure factor whose total is the weighted sum of its partials."""
    part = {name: c * factors[name] for name, c in concentration.items()}
    total = sum(
        (s * part[a] * part[b] * (1 if a == b else 2) for (a, b), s in partial.items()),
        np.zeros_like(q),
    )
    mean_square = np.sum(list(part.values()), axis=0) ** 2
    square = np.sum([part[name] * factors[name] for name in part], axis=0)
    return StructureFactor(
        q, total / mean_square, partial, np.asarray(square + total - mean_square)
    )
