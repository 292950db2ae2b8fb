"""What is known of a material: density and shortest distance by its elements, rings of crystals."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np
from ase.build import bulk
from ase.data import atomic_numbers, covalent_radii, reference_states
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.core.errors import InputError

CLOSEST = 0.78  # of the nearest-neighbour distance in a crystal: where first peaks begin
CLOSEST_RADII = 1.3  # the same in covalent radii, where there is no crystal to take it from
CUBIC = {"sc": 1, "bcc": 2, "fcc": 4, "diamond": 8}  # atoms per cubic cell
FAINT = 1e-6  # of the strongest reflection: extinct


@checked
def estimated_density(composition: Mapping[str, float]) -> float:
    """Number density of a mixture whose atoms have the volumes of their elements' crystals.

    Dense alloys and glasses are within a few percent of it.

    Parameters
    ----------
    composition
        Amounts by chemical symbol; only their ratios matter.

    Returns
    -------
    Atoms per cubic angstrom.

    Raises
    ------
    InputError
        For an element whose crystal is not known (gases, for example).

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> round(estimated_density({"Ta": 1.0}), 4)
    0.0552
    """
    volume = sum(amount * _volume(name) for name, amount in composition.items())
    return float(sum(composition.values()) / volume)


def _volume(name: str) -> float:
    """Volume of an atom in the crystal of its element, cubic angstrom.

    Raises
    ------
    InputError
        For an element whose crystal ASE does not know.
    """
    try:
        crystal = bulk(name)
    except (ValueError, KeyError, RuntimeError, NotImplementedError):
        found = f"{name}, whose crystal is not known"
        raise InputError("density", found, "it by --density, in atoms per cubic angstrom") from None
    return float(crystal.get_volume() / len(crystal))


def shortest_distance(composition: Mapping[str, float]) -> float:
    """Distance below which no two atoms of the elements are found, angstrom: the least of them."""
    return min(map(_closest, composition))


def _closest(name: str) -> float:
    """Distance at which the first peak of an element begins, angstrom.

    ``CLOSEST`` times the distance of nearest neighbours in its crystal; where ASE knows none,
    ``CLOSEST_RADII`` times the covalent radius.
    """
    try:
        crystal = bulk(name).repeat(3)
    except (ValueError, KeyError, RuntimeError, NotImplementedError):
        return CLOSEST_RADII * float(covalent_radii[atomic_numbers[name]])
    return CLOSEST * float(crystal.get_all_distances()[0, 1:].min())


@checked
def crystal_rings(
    element: str, q_max: float, lattice: float | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rings of the powder pattern of an element's cubic or hexagonal crystal.

    Parameters
    ----------
    element
        Chemical symbol.
    q_max
        Largest scattering vector, 1/angstrom.
    lattice
        Lattice constant a, angstrom; that of the element unless given.

    Returns
    -------
    Scattering vectors ``2 pi / d`` in 1/angstrom, rising, and the squared structure factors times
    multiplicity of the rings, relative to the strongest, both shape (n,).

    Raises
    ------
    InputError
        For an element without a known crystal of such a lattice.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> q, _ = crystal_rings("Au", 6.0)
    >>> [round(float(2 * np.pi / one), 3) for one in q]
    [2.356, 2.04, 1.442, 1.23, 1.178]
    """
    number = atomic_numbers.get(element, 0)
    state: Any = reference_states[number] if number else None
    kind = None if state is None else state["symmetry"]
    if kind not in (*CUBIC, "hcp"):
        found = f"{element!r}, without a known cubic or close-packed crystal"
        raise InputError("crystal", found, "an element such as Au, Al or Si")
    size: dict[str, Any] = {} if lattice is None else {"a": lattice}
    if kind == "hcp":
        if lattice is not None:
            size["c"] = lattice * state["c/a"]
        crystal = bulk(element, "hcp", **size)
    else:
        crystal = bulk(element, kind, cubic=True, **size)
    cell = np.asarray(crystal.cell)
    reciprocal = 2 * np.pi * np.linalg.inv(cell).T
    most = np.floor(q_max * np.linalg.norm(cell, axis=1) / (2 * np.pi) + 1e-9).astype(int)
    grid = np.array(list(product(*(range(-n, n + 1) for n in most))))
    length = np.linalg.norm(grid @ reciprocal, axis=1)
    amplitude = np.exp(2j * np.pi * grid @ crystal.get_scaled_positions().T).sum(axis=1)
    inside = (length > 1e-9) & (length <= q_max)
    rounded = np.round(length[inside], 6)
    q, ring = np.unique(rounded, return_inverse=True)
    strength = np.bincount(ring, np.abs(amplitude[inside]) ** 2, minlength=len(q))
    if not len(q) or strength.max() <= 0:
        raise InputError("q_max", f"{q_max:g}", "a range with a ring of the crystal")
    seen = strength > FAINT * strength.max()
    return q[seen], strength[seen] / strength.max()
