"""Structure factor S(q) of a model, by Debye's sum or from its pair distribution function."""

from __future__ import annotations

from itertools import combinations_with_replacement

import ase
import numpy as np
from numpy.typing import ArrayLike, NDArray

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel, as_atoms
from aet_port.core.errors import InputError
from aet_port.structure.neighbours import check_atoms
from aet_port.structure.pairs.pair_counting import group_pair_counts
from aet_port.structure.pairs.pdf import pair_distribution
from aet_port.structure.pairs.structure_factors import (
    Pair,
    StructureFactor,
    check_q,
    concentrations,
    total_of_partials,
    weight_factors,
    window_function,
)

DEBYE_STEP = 0.001  # angstrom
PDF_STEP = 0.01  # angstrom
FEWEST = 2  # atoms of which Debye's sum makes sense
ROWS = 16  # values of q transformed at a time, to bound the memory


@checked
def debye_structure_factor(
    atoms: AtomicModel | ase.Atoms,
    q: ArrayLike,
    *,
    step: float = DEBYE_STEP,
    weights: str = "electrons",
) -> StructureFactor:
    """Structure factor of a particle as it stands, by Debye's sum over all pairs.

    ``S_ab(q) = 1 + 1 / (N c_a c_b) sum_(i in a, j in b, j != i) sin(q r_ij) / (q r_ij)``.
    The distances are rounded to the middle of fine bins: at most ``q step / 2`` in the phase of a
    pair, of either sign, so that over the pairs most of it averages out. Nothing is cut
    off or smoothed, so below ``q`` of about 6 over the particle's radius its shape shows.

    Parameters
    ----------
    q
        Shape (n,): 1/angstrom, ``2 pi / d``.
    step
        Width of a bin of distances, angstrom.
    weights
        What the species count in the total: ``"electrons"`` or ``"xrays"`` (scattering factors of
        :mod:`aet_port.core.scattering`), or ``"atoms"`` (all alike).

    Raises
    ------
    InputError
        For unusable atoms, a periodic direction (the sum over an infinite crystal has no end), an
        unusable q, step or weight, or a species without a scattering factor.

    Notes
    -----
    MATLAB: none; the papers' structure factors are not in the public code
    """
    atoms = as_atoms(atoms)
    check_atoms(atoms, FEWEST)
    q = check_q(q)
    if atoms.pbc.any():
        raise InputError(
            "atoms",
            "periodic directions",
            "a particle; for a box use box_structure_factor (--method box)",
        )
    if not (np.isfinite(step) and step > 0):
        raise InputError("step", f"{step!r}", "a length above zero, in angstrom")
    concentration = concentrations(atoms)
    factors = weight_factors(q, list(concentration), weights)
    reach = float(np.linalg.norm(np.ptp(atoms.positions, axis=0))) + 2 * step
    counts = _partial_counts(atoms, list(concentration), reach, step)
    partial = {}
    for (a, b), count in counts.items():
        pairs = len(atoms) * concentration[a] * concentration[b] / (2 if a == b else 1)
        r = (np.arange(len(count), dtype=np.float64) + 0.5) * step
        partial[a, b] = 1 + _transform(q, r[count > 0], count[count > 0] / pairs)
    return total_of_partials(q, partial, concentration, factors)


def structure_factor(
    atoms: AtomicModel | ase.Atoms,
    q: ArrayLike,
    *,
    r_max: float | None = None,
    step: float = PDF_STEP,
    window: str = "lorch",
    weights: str = "electrons",
) -> StructureFactor:
    """Structure factor of the material a box or particle is made of, through its g(r).

    ``S_ab(q) = 1 + 4 pi rho int_0^r_max r^2 (g_ab(r) - 1) sin(q r) / (q r) W(r) dr`` with
    the pair distribution functions of :func:`aet_port.structure.pairs.pdf.pair_distribution`: exact
    densities in a periodic box; in a particle the fall of the pairs with r by its shape is divided
    out, for which the species must be spread over it alike. The window keeps the end of g at
    ``r_max`` from making ripples; peaks get about ``pi / r_max`` wide.

    Parameters
    ----------
    q
        Shape (n,): 1/angstrom, ``2 pi / d``; above ``0.5 / step`` bins are too coarse.
    r_max
        Angstrom; unless given, as in ``pair_distribution``.
    step
        Width of a bin, angstrom.
    window
        ``"lorch"`` (``W = sin(pi r / r_max) / (pi r / r_max)``) or ``"none"``.
    weights
        What the species count in the total: ``"electrons"`` or ``"xrays"`` (scattering factors of
        :mod:`aet_port.core.scattering`), or ``"atoms"`` (all alike).

    Raises
    ------
    InputError
        For unusable atoms, q, range, step, window or weight, or a species without a scattering
        factor.

    Notes
    -----
    MATLAB: none; the papers' structure factors are not in the public code
    """
    atoms = as_atoms(atoms)
    q = check_q(q)
    distribution = pair_distribution(atoms, r_max=r_max, step=step)
    concentration = concentrations(atoms)
    factors = weight_factors(q, list(concentration), weights)
    r = distribution.r
    reach = len(r) * step
    counts = _partial_counts(atoms, list(concentration), reach, step)
    smoothing = window_function(r / reach, window)
    partial = {}
    for (a, b), count in counts.items():
        share = concentration[a] * concentration[b] * (1 if a == b else 2)
        ratio = count / np.where(distribution.counts > 0, distribution.counts, 1) / share
        difference = distribution.g * ratio - 1
        shells = 4 * np.pi * distribution.density * r**2 * step
        partial[a, b] = 1 + _transform(q, r, shells * difference * smoothing)
    return total_of_partials(q, partial, concentration, factors)


def _partial_counts(
    atoms: ase.Atoms, names: list[str], reach: float, step: float
) -> dict[Pair, NDArray[np.int64]]:
    """Pairs by species and distance, each pair of atoms once."""
    ordered = group_pair_counts(atoms, atoms.get_chemical_symbols(), reach, step, least=FEWEST)
    return {
        (a, b): ordered[i, j] // 2 if i == j else ordered[i, j]
        for (i, a), (j, b) in combinations_with_replacement(enumerate(names), 2)
    }


def _transform(
    q: NDArray[np.float64], r: NDArray[np.float64], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Sum over r of ``weight sin(q r) / (q r)``, for each q."""
    result = np.empty(len(q))
    for start in range(0, len(q), ROWS):
        part = slice(start, start + ROWS)
        result[part] = np.sinc(q[part, None] * r / np.pi) @ weight
    return result
