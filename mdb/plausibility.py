"""What speaks against a model when it is deposited: told, stored with it, and no obstacle.

As the validation reports of the Protein Data Bank [1]_ do, clashes, atoms far from all others, the
size of the whole, B factors, heights, error bars, composition and R factors are compared with what
is possible. Time and memory follow the number of atoms, whatever their extent: 4 s and 0.2 GB for
1,000,000 atoms.

References
----------
.. [1] Gore, S. et al. Validation of structures in the Protein Data Bank. Structure 25, 1916 (2017).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import ase
import numpy as np
from ase.data import atomic_numbers, chemical_symbols
from numpy.typing import NDArray

from aet_port.core.atomic_model import AtomicModel, as_model
from aet_port.core.uncertainty import P_EXISTS, SIGMAS
from mdb.plausible_places import (
    ModelWarning,
    atoms_in_words,
    place_warnings,
    warning_of_atoms,
)
from mdb.records import Details, Reconstruction

B_FACTORS = (0.0, 50.0)  # square angstrom; B' = 50 is an rms displacement of 1.6 angstrom
HEIGHTS = 5.0  # times the median of the atoms of a species, or one over it
SIGMA = 1.0  # angstrom: an atom less sure than this is not resolved from its neighbours
R1 = 0.4  # beyond which images and model hardly agree (aet_port.core.plausibility)
R1_DIFFERS = (0.02, 0.25)  # from the recorded one: at least, and relative to it
R_MEAN_DIFFERS = 0.01  # of the mean of the projections from the recorded mean
COMPOSITION = 0.1  # of a declared fraction of a species


@dataclass(frozen=True)
class Expected:
    """What a model ought to agree with.

    Parameters
    ----------
    species
        Symbols that it consists of; none if nothing was declared.
    fractions
        Part of the atoms that each species makes up, by symbol.
    n_atoms
        Number of atoms.
    r1
        Mean R1 of the model, computed anew from model and images.

    Examples
    --------
    >>> import mdb
    >>> mdb.Expected(species=("Pd", "Ta"), n_atoms=2).species
    ('Pd', 'Ta')
    """

    species: Sequence[str] = ()
    fractions: Mapping[str, float] | None = None
    n_atoms: int | None = None
    r1: float | None = None


def implausible(
    model: AtomicModel | ase.Atoms,
    details: Details | None = None,
    reconstruction: Reconstruction | None = None,
    expected: Expected | None = None,
) -> list[ModelWarning]:
    """What speaks against a model.

    Parameters
    ----------
    model
        Finite positions in angstrom.
    details, reconstruction
        As given to :func:`mdb.deposit`.
    expected
        What it ought to agree with.

    Returns
    -------
    Empty for a sound model.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> import ase
    >>> from mdb.plausibility import implausible
    >>> for one in implausible(ase.Atoms("Ta2", [[0, 0, 0], [0, 0, 1.5]])):
    ...     print(one.kind, one.atoms, one.text[-21:])
    clash 2 atoms 0 and 1: 1.50 A
    """
    atoms = as_model(model).atoms
    details, expected = details or Details(), expected or Expected()
    return [
        *place_warnings(atoms),
        *_heights(atoms, details),
        *_b_factors(atoms, details),
        *_error_bars(atoms),
        *_composition(atoms, details, expected),
        *_r_factors(details, reconstruction, expected),
    ]


def _heights(atoms: ase.Atoms, details: Details) -> Iterator[ModelWarning]:
    for fit in details.species:
        if fit.height is not None and not fit.height > 0:
            text = f"height {fit.height:.3g} of {fit.species}; a positive one expected"
            yield ModelWarning("height", text, value=fit.height, limit=0.0)
    values = _numbers(atoms, "height")
    if values is None:
        return
    odd = np.zeros(len(atoms), dtype=bool)
    relative = np.ones(len(atoms))
    for number in np.unique(atoms.numbers):
        kind = atoms.numbers == number
        known = kind & np.isfinite(values)
        if not known.any():
            continue
        median = float(np.median(values[known]))
        if median > 0:
            relative[known] = values[known] / median
        odd |= known & ((values <= 0) | (relative > HEIGHTS) | (relative < 1 / HEIGHTS))
    if odd.any():
        worst = int(np.argmax(np.where(odd, np.abs(np.log(np.clip(relative, 1e-9, None))), -1)))
        text = (
            f"{atoms_in_words(odd)} with a height that is not positive, or {HEIGHTS:g} times above "
            f"or below the median of the species; atom {worst}: {relative[worst]:.2g} of the median"
        )
        limit = HEIGHTS if relative[worst] > 1 else 1 / HEIGHTS
        yield warning_of_atoms("height", text, odd, relative[worst], limit, "1")


def _b_factors(atoms: ase.Atoms, details: Details) -> Iterator[ModelWarning]:
    low, high = B_FACTORS
    for fit in details.species:
        if fit.b_factor is not None and not low <= fit.b_factor <= high:
            text = f"B factor {fit.b_factor:.3g} A^2 of {fit.species}; {low:g} to {high:g} expected"
            limit = low if fit.b_factor < low else high
            yield ModelWarning("B factor", text, value=fit.b_factor, limit=limit, unit="angstrom^2")
    values = _numbers(atoms, "b_factor")
    if values is None:
        return
    odd = np.isfinite(values) & ~((values >= low) & (values <= high))
    if odd.any():
        worst = int(np.argmax(np.where(odd, np.abs(values - (low + high) / 2), -1)))
        text = f"{atoms_in_words(odd)} with a B factor outside of {low:g} to {high:g} A^2"
        limit = low if values[worst] < low else high
        yield warning_of_atoms("B factor", text, odd, values[worst], limit, "angstrom^2")


def _error_bars(atoms: ase.Atoms) -> Iterator[ModelWarning]:
    given = [_numbers(atoms, name) for name in SIGMAS]
    table = [values for values in given if values is not None]
    if not table:
        return
    sigmas = np.column_stack(table)
    largest = np.nanmax(np.where(np.isfinite(sigmas), sigmas, -np.inf), axis=1)
    wide = largest > SIGMA
    if wide.any():
        worst = int(np.argmax(largest))
        text = f"{atoms_in_words(wide)} with a standard error of the position above {SIGMA:g} A"
        yield warning_of_atoms("error bar", text, wide, largest[worst], SIGMA, "angstrom")
    none = (sigmas == 0).any(axis=1)
    if none.any():
        text = f"{atoms_in_words(none)} with a standard error of exactly zero"
        yield warning_of_atoms("error bar", text, none, 0.0, 0.0, "angstrom")
    exists = _numbers(atoms, P_EXISTS)
    if exists is not None and (exists < 0.5).any():
        odd = exists < 0.5
        text = f"{atoms_in_words(odd)} that more likely do not exist (p_exists below 0.5)"
        yield warning_of_atoms("existence", text, odd, float(np.nanmin(exists)), 0.5, "1")


def _composition(atoms: ase.Atoms, details: Details, expected: Expected) -> Iterator[ModelWarning]:
    numbers, members = np.unique(atoms.numbers, return_counts=True)
    counts = dict(zip((chemical_symbols[z] for z in numbers), members.tolist(), strict=True))
    if expected.n_atoms is not None and len(atoms) != expected.n_atoms:
        text = f"{len(atoms)} atoms, where {expected.n_atoms} are declared"
        value, limit = float(len(atoms)), float(expected.n_atoms)
        yield ModelWarning("composition", text, value=value, limit=limit)
    fitted = {fit.species for fit in details.species}
    for what, declared in (("declared", {*expected.species}), ("fitted", fitted)):
        if not declared:
            continue
        for symbol in sorted(declared - counts.keys()):
            text = f"no atom of {symbol}, which is {what}"
            yield ModelWarning("composition", text, value=0.0)
        for symbol in sorted(counts.keys() - declared):
            which = atoms.numbers == atomic_numbers[symbol]
            text = f"{atoms_in_words(which)} of {symbol}, which is not {what}"
            yield warning_of_atoms("composition", text, which, float(which.sum()), 0.0, "1")
    for symbol, part in (expected.fractions or {}).items():
        found = counts.get(symbol, 0) / len(atoms)
        if abs(found - part) > COMPOSITION:
            text = f"{100 * found:.1f} % of the atoms are {symbol}, {100 * part:.1f} % are declared"
            yield ModelWarning("composition", text, value=found, limit=part)


def _r_factors(
    details: Details, reconstruction: Reconstruction | None, expected: Expected
) -> Iterator[ModelWarning]:
    stated = {"model": details.r1_mean}
    if reconstruction is not None:
        stated["reconstruction"] = reconstruction.r_mean
    for what, value in stated.items():
        if value is not None and value > R1:
            text = f"R1 of the {what} is {value:.2f}: it and the images hardly agree"
            yield ModelWarning("R factor", text, value=value, limit=R1)
    recorded = details.r1_mean
    if expected.r1 is not None and recorded is not None:
        bound = max(R1_DIFFERS[0], R1_DIFFERS[1] * recorded)
        if not abs(expected.r1 - recorded) <= bound:
            text = (
                f"R1 computed from model and images is {expected.r1:.4g}, "
                f"recorded is {recorded:.4g}"
            )
            yield ModelWarning("R factor", text, value=expected.r1, limit=recorded)
    if reconstruction is not None and reconstruction.r_factors is not None:
        single, mean = float(np.mean(reconstruction.r_factors)), reconstruction.r_mean
        if mean is not None and not abs(single - mean) <= R_MEAN_DIFFERS:
            text = f"the R1 of the projections have a mean of {single:.4g}, recorded is {mean:.4g}"
            yield ModelWarning("R factor", text, value=single, limit=mean)


def _numbers(atoms: ase.Atoms, name: str) -> NDArray[np.float64] | None:
    """An array of one number for each atom; None if there is no such array."""
    values = atoms.arrays.get(name)
    if values is None or values.shape != (len(atoms),) or values.dtype.kind not in "iuf":
        return None
    return np.asarray(values, dtype=np.float64)
