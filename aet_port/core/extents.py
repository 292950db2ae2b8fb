"""How far apart atoms can be: a limit for all of them, and single atoms far from the others."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aet_port.core.errors import InputError
from aet_port.core.limits import LARGEST_EXTENT

FAR = 2.0  # usual distances of neighbours: an atom with fewer than three others within is stray
FEWEST = 10  # atoms from which on there is a usual distance
_NAMED = 5  # atoms that a remark names


def check_extent(
    positions: ArrayLike, name: str = "atoms: positions", cell: ArrayLike | None = None
) -> None:
    """Check that coordinates lie within a million angstrom (0.1 mm) of the origin.

    Beyond, cells of a grid could no longer be counted, and distances lose their digits.

    Parameters
    ----------
    positions
        Shape (n, 3), angstrom.
    name
        What they are called in the error.
    cell
        Vectors of a periodic box, shape (3, 3), angstrom; no coordinate may reach twice the limit.

    Raises
    ------
    InputError
        For coordinates beyond the limit, NaN or infinite ones.

    Examples
    --------
    >>> check_extent([[0.0, 0.0, 1e5]])
    """
    places = np.asarray(positions, dtype=np.float64)
    wrong = ~(np.abs(places) < LARGEST_EXTENT)
    expected = (
        f"finite numbers within {LARGEST_EXTENT:g} angstrom of the origin: check the unit of length"
    )
    if wrong.any():
        atom = int(np.flatnonzero(wrong.any(axis=-1))[0])
        bad = places[atom][wrong[atom]][0]
        raise InputError(name, f"{bad:g} in atom {atom}", expected)
    if cell is not None:
        longest = np.abs(np.asarray(cell, dtype=np.float64))
        if not (longest < 2 * LARGEST_EXTENT).all():
            raise InputError(
                name.replace("positions", "cell"),
                f"a vector with {float(longest.max()):g} angstrom",
                f"vectors shorter than {2 * LARGEST_EXTENT:g} angstrom: check the unit of length",
            )


def is_stray(
    distance: NDArray[np.float64], numbers: NDArray[np.integer]
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Atoms with fewer than three others within twice the usual distance of neighbours.

    Parameters
    ----------
    distance
        Shape (n, 3): to the three nearest other atoms, ascending, angstrom; infinite for none.
    numbers
        Shape (n,): atomic numbers. The usual distance is the median of those to the nearest atom,
        or the longest bond of an atom by covalent radii if that is longer.

    Returns
    -------
    Shapes (n,): which atoms are stray (none of fewer than ten), and the distance within which they
    should have three others, angstrom.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> chain = np.array([[1.0, 1.0, 2.0]] * 9 + [[40.0, 41.0, 42.0]])
    >>> stray, reach = is_stray(chain, np.full(10, 6))
    >>> stray.nonzero()[0].tolist(), float(reach[0])
    ([9], 3.04)
    """
    if len(distance) < FEWEST:
        return np.zeros(len(distance), dtype=bool), np.full(len(distance), np.inf)
    from ase.data import covalent_radii  # here, because models are also made without it

    radii = covalent_radii[numbers]
    reach = FAR * np.maximum(float(np.median(distance[:, 0])), radii + radii.max())
    return distance[:, 2] > reach, reach


def stray_atoms(
    positions: NDArray[np.float64], numbers: NDArray[np.integer]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Atoms far from most others (:func:`is_stray`), of a sample without periodic directions.

    Parameters
    ----------
    positions
        Shape (n, 3), angstrom.
    numbers
        Shape (n,): atomic numbers.

    Returns
    -------
    Their numbers from 0, ascending, and the distance within which each should have three others,
    angstrom.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> line = np.array([[0.0, i % 2, i // 2] for i in range(12)] + [[0.0, 90, 0]])
    >>> stray_atoms(line, np.ones(13, dtype=int))
    (array([12]), array([2.]))
    """
    if len(positions) < FEWEST:
        return np.empty(0, dtype=np.int64), np.empty(0)
    from scipy.spatial import cKDTree  # here, because models are also made without it

    # An atom at one place with another one is refused elsewhere.
    nearest = cKDTree(positions).query(positions, k=4)[0][:, 1:]
    stray, reach = is_stray(nearest, numbers)
    return np.flatnonzero(stray), reach[stray]


def stray_remark(
    positions: NDArray[np.float64], numbers: NDArray[np.integer], periodic: bool = False
) -> str | None:
    """A sentence that names the atoms far from all others; None without any.

    Parameters
    ----------
    positions
        Shape (n, 3), angstrom; NaN or infinite ones are not looked at.
    numbers
        Shape (n,): atomic numbers.
    periodic
        Of atoms of a periodic box none is stray: each has its images as neighbours at least.

    Notes
    -----
    MATLAB: none
    """
    places = np.asarray(positions, dtype=np.float64)
    if periodic or not np.isfinite(places).all():
        return None
    far, reach = stray_atoms(places, numbers)
    if len(far) == 0:
        return None
    named = ", ".join(str(i) for i in far[:_NAMED].tolist())
    more = f" and {len(far) - _NAMED} more" if len(far) > _NAMED else ""
    plural = "s" if len(far) > 1 else ""
    return (
        f"atom{plural} {named}{more} (from 0): fewer than three others within {reach.max():.3g}"
        f" angstrom, {FAR:g} times the usual distance of neighbours; remove what is no part of the"
        " sample"
    )
