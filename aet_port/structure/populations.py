"""Which atoms of a model the statistics of its structure are made of."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aet_port.core.arguments import checked
from aet_port.core.display import Shown
from aet_port.core.errors import DataFileError, InputError
from aet_port.core.records import parsing

ALL, DISORDERED, INNER, CHOSEN = "all", "disordered", "inner", "chosen"
FEWEST = 10  # disordered atoms with a closed cell below the surface, for statistics of their own
DESCRIPTION = {
    ALL: "all atoms below the surface",
    DISORDERED: "atoms below the surface that are not crystalline",
    INNER: "all atoms below the surface",
    CHOSEN: "the chosen atoms below the surface",
}


@dataclass(frozen=True, repr=False)
class Population(Shown):
    """Atoms that statistics are made of.

    Attributes
    ----------
    name
        ``"all"``, ``"disordered"`` (not crystalline), ``"inner"`` (below the surface) or
        ``"chosen"``.
    mask
        Shape (n,): its atoms. Statistics of cells and neighbours count those below the surface
        whose Voronoi cell is closed, as other cells have no meaningful size or neighbours.
    reason
        Why it is not the usual one, the disordered atoms; None if it is, or if it was asked for.
    """

    name: str
    mask: NDArray[np.bool_]
    reason: str | None = None

    @property
    def description(self) -> str:
        """In words, for tables."""
        return DESCRIPTION[self.name]


@checked
def choose_population(
    asked: str | ArrayLike | None, crystalline: NDArray[np.bool_], inner: NDArray[np.bool_]
) -> Population:
    """The population that is asked for, or the usual one.

    Usual are the disordered atoms, as in both papers; all atoms if fewer than 10 disordered ones
    lie below the surface, as in crystals.

    Parameters
    ----------
    asked
        ``"all"``, ``"disordered"``, ``"inner"``, one boolean per atom, or numbers of atoms from 0;
        None for the usual one.
    crystalline, inner
        Shape (n,): crystalline atoms, and those below the surface with a closed Voronoi cell.

    Raises
    ------
    InputError
        For another name, or a choice that isn't one boolean per atom or numbers of atoms.

    Notes
    -----
    MATLAB: none; the papers describe the disordered atoms

    Examples
    --------
    >>> choose_population("all", np.array([True, False]), np.array([True, True])).mask.tolist()
    [True, True]
    """
    n = len(crystalline)
    masks = {ALL: np.ones(n, dtype=bool), DISORDERED: ~crystalline, INNER: inner.copy()}
    if asked is None:
        number = int((~crystalline & inner).sum())
        if number >= FEWEST or not crystalline.any():
            return Population(DISORDERED, masks[DISORDERED])
        reason = f"{number} disordered atoms below the surface, fewer than {FEWEST}"
        return Population(ALL, masks[ALL], reason)
    if isinstance(asked, str):
        if asked not in masks:
            expected = f"{', '.join(masks)}, or a file with the numbers of atoms (--atoms)"
            raise InputError("atoms", repr(asked), expected)
        return Population(asked, masks[asked])
    chosen = np.asarray(asked)
    if chosen.dtype == np.bool_ and chosen.shape == (n,):
        return Population(CHOSEN, chosen)
    whole = chosen.dtype.kind in "iu" and chosen.ndim == 1
    if not whole or (len(chosen) and not 0 <= chosen.min() <= chosen.max() < n):
        raise InputError(
            "atoms",
            f"{chosen.dtype} of shape {chosen.shape}",
            f"one boolean for each of {n} atoms, or numbers of atoms from 0 to {n - 1}",
        )
    mask = np.zeros(n, dtype=bool)
    mask[chosen] = True
    return Population(CHOSEN, mask)


def read_population(asked: str, n_atoms: int) -> str | NDArray[np.bool_]:
    """A population by its name, or the atoms whose numbers a file lists.

    Parameters
    ----------
    asked
        ``"all"``, ``"disordered"``, ``"inner"``, or a .txt or .npy file with the numbers of atoms
        from 0 (as in the bank), or with n_atoms booleans.
    n_atoms
        Number of atoms of the model.

    Returns
    -------
    The name, or one boolean per atom.

    Raises
    ------
    DataFileError
        If the file can't be read or doesn't list atoms of the model.
    InputError
        For another name, without such a file.

    Notes
    -----
    MATLAB: none
    """
    if asked in (ALL, DISORDERED, INNER):
        return asked
    file = Path(asked)
    expected = f"numbers of atoms from 0 to {n_atoms - 1}, or {n_atoms} booleans"
    if not file.exists():
        raise InputError("--atoms", repr(asked), "all, disordered, inner or a .txt or .npy file")
    with parsing(file, "table of numbers", expected), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an empty file, refused below
        values = np.load(file) if file.suffix == ".npy" else np.loadtxt(file, ndmin=1)
    if values.dtype == np.bool_ and values.shape == (n_atoms,):
        return np.asarray(values)
    whole = values.ndim == 1 and values.dtype.kind in "iuf" and bool((values == values // 1).all())
    if not whole or not len(values) or values.min() < 0 or values.max() >= n_atoms:
        raise DataFileError(file, f"{values.dtype} of shape {values.shape}", expected)
    mask = np.zeros(n_atoms, dtype=bool)
    mask[values.astype(np.int64)] = True
    return mask
