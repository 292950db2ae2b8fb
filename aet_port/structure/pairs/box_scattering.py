"""Structure factor of a periodic box, from the amplitudes at its reciprocal-lattice vectors."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations_with_replacement

import ase
import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel, as_atoms
from aet_port.core.errors import InputError
from aet_port.core.memory import check_memory
from aet_port.structure.box_cells import reduced_cell
from aet_port.structure.neighbours import check_atoms
from aet_port.structure.pairs.structure_factors import (
    StructureFactor,
    concentrations,
    weight_factors,
)
from aet_port.structure.settings import FACTOR_DEFAULTS

MOST = 2_000_000_000  # reciprocal-lattice vectors to look at, about a minute
SAME = 1e-6  # relative difference of lengths that are one
TABLES = 4_000_000  # phase factors in memory at a time


@checked
def box_structure_factor(
    atoms: AtomicModel | ase.Atoms,
    q_max: float = FACTOR_DEFAULTS.q_max,
    *,
    q_min: float = 0.0,
    step: float = FACTOR_DEFAULTS.q_step,
    vectors: int = FACTOR_DEFAULTS.vectors,
    weights: str = FACTOR_DEFAULTS.weights,
    seed: int = 0,
) -> StructureFactor:
    """Structure factor of a box periodic in three directions, without a cut-off or window.

    At every vector ``G`` of the reciprocal lattice of the box the amplitudes of the species,
    ``A_a = sum_(i in a) exp(i G r_i)``, give
    ``S_ab = 1 + (Re A_a A_b* - N_a delta_ab) / (N c_a c_b)`` and the total
    ``1 + (|sum_a f_a A_a|^2 - N <f^2>) / (N <f>^2)``, exactly. They are averaged over the vectors
    whose length falls into a bin. A perfect crystal gives N at its reflections and 0 elsewhere; an
    ideal gas 1, with a standard deviation of 1 for a single vector.

    Parameters
    ----------
    q_min, q_max
        Range of the length of G, 1/angstrom.
    step
        Width of a bin, 1/angstrom; 0: vectors of equal length only, so that reflections stand
        alone.
    vectors
        About how many vectors of a bin are used, drawn at random where there are more.
    weights
        What the species count in the total: ``"electrons"`` or ``"xrays"`` (scattering factors of
        :mod:`aet_port.core.scattering`), or ``"atoms"`` (all alike).
    seed
        Of the draw.

    Returns
    -------
    At the mean length of the vectors of each bin that has any; ``error`` from their scatter.

    Raises
    ------
    InputError
        For unusable atoms, a direction that is not periodic, a range without vectors or with more
        than can be counted, or a species without a scattering factor.

    Notes
    -----
    MATLAB: none; the papers' structure factors are not in the public code

    Examples
    --------
    >>> from ase.build import bulk
    >>> from aet_port.structure import box_structure_factor
    >>> found = box_structure_factor(bulk("Cu", a=3.6, cubic=True).repeat(4), 4.0, step=0.0)
    >>> peak = found.s.argmax()  # the first reflection, 111
    >>> round(float(found.s[peak])), round(float(found.q[peak] * 3.6 / 2 / 3.14159265) ** 2)
    (256, 3)
    """
    atoms = as_atoms(atoms)
    check_atoms(atoms, least=1)
    if not atoms.pbc.all():
        raise InputError(
            "atoms", "a direction that is not periodic", "a box; or --method pdf or debye"
        )
    if not (np.isfinite(q_max) and 0 <= q_min < q_max):
        raise InputError("q_min, q_max", f"{q_min!r}, {q_max!r}", "0 <= q_min < q_max, 1/angstrom")
    if not (np.isfinite(step) and step >= 0):
        raise InputError("step", f"{step!r}", "a width above zero, or 0 for none, in 1/angstrom")
    if vectors < 1:
        raise InputError("vectors", f"{vectors}", "1 or more")
    weight_factors(np.zeros(1), list(concentrations(atoms)), weights)  # says at once what is wrong
    cell = reduced_cell(atoms)
    indices, lengths, bins = _drawn(cell, q_min, q_max, step, vectors, seed)
    order = np.argsort(bins, kind="stable")
    indices, lengths, bins = indices[order], lengths[order], bins[order]
    names = atoms.get_chemical_symbols()
    amplitudes = _amplitudes(atoms.positions @ np.linalg.inv(cell), names, indices)
    return _averaged(amplitudes, lengths, bins, concentrations(atoms), len(atoms), weights)


def _averaged(
    amplitudes: NDArray[np.complex128],
    lengths: NDArray[np.float64],
    bins: NDArray[np.int64],
    concentration: dict[str, float],
    n_atoms: int,
    weights: str,
) -> StructureFactor:
    """Means over the vectors of each bin, which follow each other."""
    starts = np.flatnonzero(np.diff(bins, prepend=-1))
    number = np.diff(starts, append=len(bins))

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.add.reduceat(values, starts) / number)

    names, share = list(concentration), np.array(list(concentration.values()))
    partial = {}
    for (i, a), (j, b) in combinations_with_replacement(enumerate(names), 2):
        product = (amplitudes[:, i] * amplitudes[:, j].conj()).real
        own = n_atoms * share[i] if i == j else 0.0
        partial[a, b] = 1 + mean(product - own) / (n_atoms * share[i] * share[j])
    factors = np.array(list(weight_factors(lengths, names, weights).values()))
    square, middle = share @ factors**2, share @ factors
    scattered = np.abs((amplitudes * factors.T).sum(axis=1)) ** 2 / n_atoms
    s = 1 + (scattered - square) / middle**2
    average = mean(s)
    spread = mean((s - np.repeat(average, number)) ** 2)
    several = np.where(number > 1, number - 1.0, np.nan)
    return StructureFactor(
        mean(lengths), average, partial, mean(scattered), number, np.sqrt(spread / several)
    )


def _drawn(
    cell: NDArray[np.float64],
    q_min: float,
    q_max: float,
    step: float,
    vectors: int,
    seed: int,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Indices (m, 3), lengths and bins of reciprocal-lattice vectors, one of each pair G, -G."""
    reciprocal = np.asarray(2 * np.pi * np.linalg.inv(cell).T, dtype=np.float64)
    # h = G a / 2 pi, so |h| <= |G| |a| / 2 pi.
    most = np.floor(q_max * np.linalg.norm(cell, axis=1) / (2 * np.pi) * (1 + 1e-12)).astype(int)
    total = float((most[0] + 1) * (2 * most[1] + 1) * (2 * most[2] + 1))
    if total > MOST:
        raise InputError(
            "q_max",
            f"{q_max:g} with {total:.2g} reciprocal-lattice vectors of this box",
            f"a smaller --q-max, for at most {MOST:.0g}; or --method pdf",
        )
    check_memory("q_max", 60.0 * (2 * most[1] + 1) * (2 * most[2] + 1), "a smaller --q-max")
    size = step if step > 0 else 0.05
    counts = np.zeros(int((q_max - q_min) / size) + 2, np.int64)
    for _, length in _slabs(reciprocal, most, q_min, q_max):
        counts += np.bincount(((length - q_min) / size).astype(np.int64), minlength=len(counts))
    if not counts.any():
        first = float(np.linalg.norm(reciprocal, axis=1).min())
        raise InputError(
            "q_min, q_max",
            f"{q_min:g} to {q_max:g}, without a reciprocal-lattice vector of the box",
            f"a range that reaches its shortest one, {first:.3g} 1/angstrom",
        )
    # Without bins, all of a length or none; there are few in a box that is a small crystal.
    chance = np.minimum(vectors / np.maximum(counts, 1), 1) if step > 0 else np.ones(len(counts))
    check_memory("vectors", 100.0 * float(chance @ counts), "fewer --vectors, or a --q-step")
    rng = np.random.default_rng(seed)
    found, lengths = [], []
    for index, length in _slabs(reciprocal, most, q_min, q_max):
        place = ((length - q_min) / size).astype(np.int64)
        kept = rng.random(len(length)) < chance[place]
        found.append(index[kept])
        lengths.append(length[kept])
    indices, values = np.concatenate(found), np.concatenate(lengths)
    if step > 0:
        return indices, values, ((values - q_min) / size).astype(np.int64)
    order = np.argsort(values)
    rank = np.cumsum(np.diff(values[order], prepend=values[order[0]]) > SAME * values[order])
    bins = np.empty(len(values), np.int64)
    bins[order] = rank
    return indices, values, bins


def _slabs(
    reciprocal: NDArray[np.float64], most: NDArray[np.int64], q_min: float, q_max: float
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Indices and lengths of the vectors within the range, those of one h at a time."""
    k, m = (np.arange(-n, n + 1) for n in most[1:])
    plane = k[:, None, None] * reciprocal[1] + m[None, :, None] * reciprocal[2]
    for h in range(most[0] + 1):
        length = np.linalg.norm(plane + h * reciprocal[0], axis=2)
        inside = (length >= q_min) & (length <= q_max * (1 + 1e-12))
        if h == 0:
            inside &= (k[:, None] > 0) | ((k[:, None] == 0) & (m > 0))
        row, column = np.nonzero(inside)
        yield np.stack([np.full(len(row), h), k[row], m[column]], axis=1), length[row, column]


def _amplitudes(
    places: NDArray[np.float64], names: list[str], indices: NDArray[np.int64]
) -> NDArray[np.complex128]:
    """Amplitude of each species at each vector, shape (m, species), in alphabetical order."""
    symbols, kind = np.unique(np.array(names), return_inverse=True)
    order = np.argsort(kind, kind="stable")
    places, kind = places[order], kind[order]
    most = np.abs(indices).max(axis=0)
    chunk = max(1, TABLES // int(most.sum() + 3))
    found = np.zeros((len(indices), len(symbols)), np.complex128)
    for first in range(0, len(places), chunk):
        part = places[first : first + chunk]
        starts = np.searchsorted(kind[first : first + chunk], np.arange(len(symbols) + 1))
        a, b, c = (
            np.exp(2j * np.pi * np.arange(n + 1)[:, None] * part[:, axis])
            for axis, n in enumerate(most)
        )
        _add_amplitudes(indices, a, b, c, starts.astype(np.int64), found)
    return found


@njit(cache=True, parallel=True, error_model="numpy", fastmath=True)
def _add_amplitudes(indices, along_a, along_b, along_c, starts, found):  # type: ignore[no-untyped-def]
    for i in prange(len(indices)):
        # h is never negative; the factors of -k are the conjugates of those of k.
        h, k, m = indices[i]
        sign_b, sign_c = (1.0 if k >= 0 else -1.0), (1.0 if m >= 0 else -1.0)
        a, b, c = along_a[h], along_b[abs(k)], along_c[abs(m)]
        for kind in range(len(starts) - 1):
            real, imaginary = 0.0, 0.0
            for n in range(starts[kind], starts[kind + 1]):
                ar, ai = a[n].real, a[n].imag
                br, bi = b[n].real, sign_b * b[n].imag
                cr, ci = c[n].real, sign_c * c[n].imag
                pr, pi = ar * br - ai * bi, ar * bi + ai * br
                real += pr * cr - pi * ci
                imaginary += pr * ci + pi * cr
            found[i, kind] += real + 1j * imaginary
