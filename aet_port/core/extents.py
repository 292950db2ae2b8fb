"""How far apart atoms can be: a limit for all of them, and single atoms far from the others."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aet_port.core.errors import InputError
from aet_port.core.limits import LARGEST_EXTENT

STRAY = 5.0  # largest distances at which an atom still has neighbours, in usual distances
FEWEST = 5  # atoms from which on there is a usual distance
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


def stray_atoms(positions: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Atoms whose nearest neighbour is over five times as far as that of most.

    Parameters
    ----------
    positions
        Shape (n, 3), angstrom, of atoms without periodic directions. The usual distance is the
        median of those to the nearest neighbour.

    Returns
    -------
    Their numbers from 0, ascending, and the distances of each to its nearest neighbour; none of
    fewer than five atoms.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> stray_atoms(np.array([[0.0, 0, i] for i in range(6)] + [[0.0, 90, 0]]))
    (array([6]), array([90.]))
    """
    if len(positions) < FEWEST:
        return np.empty(0, dtype=np.int64), np.empty(0)
    from scipy.spatial import cKDTree  # here, because models are also made without it

    # An atom at one place with another one has no distance: it's refused elsewhere.
    nearest = cKDTree(positions).query(positions, k=2)[0][:, 1]
    far = np.flatnonzero(nearest > STRAY * np.median(nearest))
    return far, nearest[far]


def stray_remark(positions: NDArray[np.float64], periodic: bool = False) -> str | None:
    """A sentence that names the atoms far from all others; None without any.

    Parameters
    ----------
    positions
        Shape (n, 3), angstrom; NaN or infinite ones are not looked at.
    periodic
        Of atoms of a periodic box none is stray: each has its images as neighbours at least.

    Notes
    -----
    MATLAB: none
    """
    places = np.asarray(positions, dtype=np.float64)
    if periodic or not np.isfinite(places).all():
        return None
    far, distance = stray_atoms(places)
    if len(far) == 0:
        return None
    named = ", ".join(str(i) for i in far[:_NAMED].tolist())
    more = f" and {len(far) - _NAMED} more" if len(far) > _NAMED else ""
    plural = "s" if len(far) > 1 else ""
    return (
        f"atom{plural} {named}{more} (from 0): {distance.min():.4g} angstrom or more from every"
        f" other atom, {STRAY:g} times the usual distance; remove what is no part of the sample"
    )
