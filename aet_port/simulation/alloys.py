"""Particles of several species at random sites, for tests of the whole chain."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from ase.data import atomic_numbers

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.simulation.samples import amorphous_particle, glass_density

SUM_TOLERANCE = 1e-6


@checked
def amorphous_alloy(
    n_atoms: int, fractions: Mapping[str, float], seed: int = 0, density: float | None = None
) -> AtomicModel:
    """Make a spherical particle of a glass whose species occupy its sites at random.

    The sites are those of :func:`amorphous_particle` with the same seed, whatever the sizes of the
    atoms: there is neither chemical order nor a difference of size.

    Parameters
    ----------
    n_atoms
        Number of atoms, at least 13.
    fractions
        Fraction of the atoms by symbol; their sum is one.
    seed
        Seed of the sites and of their occupation.
    density
        Atoms per cubic angstrom inside the particle; :func:`mean_density` unless given.

    Returns
    -------
    Model with the centre of mass of its sites on the origin (the rotation centre).

    Raises
    ------
    InputError
        For too few atoms, an unknown symbol, fractions that are not above zero or do not add up to
        one, or a density that is not above zero.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> from aet_port.simulation import amorphous_alloy
    >>> particle = amorphous_alloy(100, {"Co": 0.2, "Pd": 0.3, "Pt": 0.5}, seed=1)
    >>> [particle.species.count(symbol) for symbol in ("Co", "Pd", "Pt")]
    [20, 30, 50]
    """
    parts = check_fractions(fractions)
    wanted = mean_density(parts) if density is None else density
    sites = amorphous_particle(n_atoms, next(iter(parts)), seed, wanted)
    model = AtomicModel.from_positions(
        sites.positions,
        occupy(len(sites), parts, seed),
        name=f"amorphous {''.join(parts)} particle",
    )
    model.metadata.update(sites.metadata | {"fractions": parts, "generator": "amorphous_alloy"})
    return model


def check_fractions(fractions: Mapping[str, float]) -> dict[str, float]:
    """Fractions by symbol, lightest species first.

    Raises
    ------
    InputError
        For an unknown symbol, a fraction that is not above zero, or a sum other than one.
    """
    for symbol, fraction in fractions.items():
        if symbol not in atomic_numbers or symbol == "X":
            raise InputError("fractions", f"{symbol!r}", "a chemical symbol such as 'Ta'")
        if not (math.isfinite(fraction) and fraction > 0):
            raise InputError("fractions", f"{fraction!r} of {symbol}", "a number above zero")
    total = math.fsum(fractions.values())
    if abs(total - 1) > SUM_TOLERANCE:
        raise InputError("fractions", f"a sum of {total:g}", "fractions whose sum is one")
    return {
        symbol: float(fractions[symbol])
        for symbol in sorted(fractions, key=atomic_numbers.__getitem__)
    }


def mean_density(fractions: Mapping[str, float]) -> float:
    """Mean of :func:`~.samples.glass_density`, weighted with the fractions.

    Parameters
    ----------
    fractions
        Fraction by symbol, with a sum of one.

    Raises
    ------
    InputError
        For a symbol without a cubic or hexagonal crystal in ASE's table, such as Sn.
    """
    return math.fsum(part * glass_density(symbol) for symbol, part in fractions.items())


def occupy(n_sites: int, fractions: Mapping[str, float], seed: int) -> list[str]:
    """Symbols of sites in random order, in numbers that are the fractions, rounded.

    Where rounding would not give the number of sites, the largest remainders are rounded up.

    Parameters
    ----------
    n_sites
        Number of sites.
    fractions
        Fraction by symbol, with a sum of one. The order of the symbols matters.
    seed
        Seed of the order.
    """
    exact = n_sites * np.array(list(fractions.values()))
    # Floating-point sums such as 2.9999999 are whole numbers.
    counts = np.floor(exact + SUM_TOLERANCE).astype(int)
    left = n_sites - int(counts.sum())
    counts[np.argsort(counts - exact, kind="stable")[:left]] += 1
    symbols = np.repeat(list(fractions), counts)
    # Not the numbers that made the sites.
    (rng,) = np.random.default_rng(seed).spawn(1)
    return [str(symbol) for symbol in rng.permutation(symbols)]
