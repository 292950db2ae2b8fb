"""Per-atom uncertainties of a model: the names of the arrays that hold them, written and read.

=====================  ===========================================================================
Array                  Meaning
=====================  ===========================================================================
``sigma_x, _y, _z``    standard errors of the position, angstrom
``covariance_xy, ...`` covariances of the coordinates ``xy, xz, yz``, square angstrom
``sigma_height``       standard error of ``height``, in its unit
``p_exists``           probability that there is an atom
``probability``        probability of the species given
``posterior``          (n_atoms, n_species) probability of each species, in the order of
                       ``atoms.info["posterior_species"]``, symbols with commas between them
=====================  ===========================================================================
"""

from __future__ import annotations

import ase
import numpy as np
from ase.data import chemical_symbols
from numpy.typing import ArrayLike, NDArray

from aet_port.core.errors import InputError

SIGMAS = ("sigma_x", "sigma_y", "sigma_z")
COVARIANCES = {"covariance_xy": (0, 1), "covariance_xz": (0, 2), "covariance_yz": (1, 2)}
SIGMA_HEIGHT, P_EXISTS, P_SPECIES = "sigma_height", "p_exists", "probability"
POSTERIOR, POSTERIOR_SPECIES = "posterior", "posterior_species"


def uncertainty_arrays(covariances: ArrayLike) -> dict[str, NDArray[np.float64]]:
    """Arrays that hold the covariance of each position.

    Parameters
    ----------
    covariances
        Shape (n_atoms, 3, 3), square angstrom.

    Returns
    -------
    ``sigma_x``, ``sigma_y``, ``sigma_z``, ``covariance_xy``, ``covariance_xz``, ``covariance_yz``,
    each of shape (n_atoms,).

    Examples
    --------
    >>> import numpy as np
    >>> found = uncertainty_arrays(np.diag([0.01, 0.04, 0.09])[None])
    >>> [float(found[name][0]) for name in SIGMAS]
    [0.1, 0.2, 0.3]

    Notes
    -----
    MATLAB: none; the reference states no error of an atom
    """
    table = np.asarray(covariances, dtype=np.float64)
    found = {name: np.sqrt(table[:, k, k]) for k, name in enumerate(SIGMAS)}
    return found | {name: table[:, i, j].copy() for name, (i, j) in COVARIANCES.items()}


def position_covariances(atoms: ase.Atoms) -> NDArray[np.float64] | None:
    """Covariance of each position, shape (n_atoms, 3, 3) in square angstrom; None if not known.

    Covariances of different coordinates that are not stored are taken as zero.

    Examples
    --------
    >>> import ase
    >>> position_covariances(ase.Atoms("Ta")) is None
    True
    """
    arrays = atoms.arrays
    if not all(name in arrays for name in SIGMAS):
        return None
    found = np.zeros((len(atoms), 3, 3))
    for k, name in enumerate(SIGMAS):
        found[:, k, k] = arrays[name] ** 2
    for name, (i, j) in COVARIANCES.items():
        if name in arrays:
            found[:, i, j] = found[:, j, i] = arrays[name]
    return found


def existence(atoms: ase.Atoms) -> NDArray[np.float64] | None:
    """Probability that each atom exists, shape (n_atoms,); None if not known."""
    found = atoms.arrays.get(P_EXISTS)
    return None if found is None else np.asarray(found, dtype=np.float64)


def position_errors(atoms: ase.Atoms) -> NDArray[np.float64] | None:
    """Standard error of each position in space, ``sqrt(sigma_x^2 + sigma_y^2 + sigma_z^2)``.

    Returns
    -------
    Shape (n_atoms,), angstrom; None if not known.

    Examples
    --------
    >>> import ase
    >>> pair = ase.Atoms("Ta2", [[0, 0, 0], [0, 0, 2.8]])
    >>> for name, value in zip(SIGMAS, (0.02, 0.03, 0.06), strict=True):
    ...     pair.set_array(name, np.array([value, 0.0]))
    >>> position_errors(pair).round(6).tolist()
    [0.07, 0.0]
    """
    if not all(name in atoms.arrays for name in SIGMAS):
        return None
    table = np.array([atoms.arrays[name] for name in SIGMAS], dtype=np.float64)
    return np.asarray(np.sqrt((table**2).sum(axis=0)))


def doubtful_order(atoms: ase.Atoms) -> NDArray[np.int64]:
    """Numbers of the atoms, the least sure first.

    Lowest ``p_exists`` first; among equals lowest ``probability`` of the species; then the largest
    error of the position. What is not known comes last, atoms of which nothing is known not at all.

    Examples
    --------
    >>> import ase
    >>> atoms = ase.Atoms("Ta3", positions=np.eye(3))
    >>> atoms.set_array(P_EXISTS, np.array([1.0, 0.4, np.nan]))
    >>> doubtful_order(atoms).tolist()
    [1, 0]
    """
    unknown = np.full(len(atoms), np.nan)
    errors = position_errors(atoms)
    keys = [
        np.asarray(atoms.arrays.get(P_EXISTS, unknown), dtype=np.float64),
        np.asarray(atoms.arrays.get(P_SPECIES, unknown), dtype=np.float64),
        unknown if errors is None else -errors,
    ]
    # NaN sorts last; the last key of lexsort counts first.
    order = np.lexsort(keys[::-1])
    known = np.any(~np.isnan(np.array(keys)), axis=0)
    return np.asarray(order[known[order]])


def posterior_species(atoms: ase.Atoms) -> tuple[str, ...] | None:
    """Symbols of the species in the order of the columns of ``posterior``; None if not known.

    Models written before the order was stored with them: the species of a column is that of the
    atoms for which it is the largest, X left out, if they agree.

    Raises
    ------
    InputError
        If the order that is stored does not fit the array.

    Examples
    --------
    >>> import ase
    >>> atoms = ase.Atoms("PtCo", info={"posterior_species": "Co,Pt"})
    >>> atoms.set_array("posterior", np.array([[0.1, 0.9], [0.8, 0.2]]))
    >>> posterior_species(atoms)
    ('Co', 'Pt')
    >>> del atoms.info["posterior_species"]
    >>> posterior_species(atoms)
    ('Co', 'Pt')
    """
    table = atoms.arrays.get(POSTERIOR)
    if table is None:
        return None
    table = np.asarray(table).reshape(len(atoms), -1)
    stored = atoms.info.get(POSTERIOR_SPECIES)
    if stored is not None:
        symbols = tuple(str(stored).split(","))
        if len(symbols) != table.shape[1] or not set(symbols) <= set(chemical_symbols[1:]):
            raise InputError(
                POSTERIOR_SPECIES, repr(stored), f"{table.shape[1]} chemical symbols, as columns"
            )
        return symbols
    best, given = table.argmax(axis=1), np.array(atoms.get_chemical_symbols())
    kinds = [np.unique(given[(best == k) & (given != "X")]) for k in range(table.shape[1])]
    known = all(len(kind) == 1 for kind in kinds)
    found = tuple(str(kind[0]) for kind in kinds) if known else ()
    return found if known and len(set(found)) == len(found) else None
