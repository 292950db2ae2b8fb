"""Atomic models as tables of comma-separated values, for spreadsheets and other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ase
import numpy as np
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel, as_model
from aet_port.core.errors import InputError
from aet_port.core.files import check_target
from aet_port.core.uncertainty import COVARIANCES, P_EXISTS, P_SPECIES, SIGMA_HEIGHT, SIGMAS
from aet_port.io.models.atom_tables import write_rows

FIRST = (P_EXISTS, P_SPECIES, *SIGMAS, *COVARIANCES, "height", SIGMA_HEIGHT)
SUFFIX = ".csv"


@checked
def write_model_table(path: str | Path, model: AtomicModel | ase.Atoms) -> Path:
    """Write the atoms of a model as a table, never a partial file.

    The first line names the columns: ``species,x,y,z``, then one for each per-atom array, named
    like it, those of :mod:`aet_port.core.uncertainty` first. An array with several values per atom
    has a column for each, numbered from 1: ``posterior_1,posterior_2``. One line per atom follows,
    in the order of the model. Lengths are in angstrom, covariances in square angstrom; numbers have
    all their digits, and what is not known is ``nan``. A cell and periodicity are not written.

    Parameters
    ----------
    path
        File to write, ``.csv``.
    model
        The atoms, positions in angstrom.

    Returns
    -------
    The file.

    Raises
    ------
    InputError
        For another suffix; arrays that are neither numbers nor texts; two columns of one name.
    OutputError
        If the file can't be written.

    Notes
    -----
    MATLAB: none; the papers' code saves positions and types as variables of .mat files

    Examples
    --------
    >>> import aet_port as aet
    >>> from aet_port.io import write_model_table
    >>> places = [[0, 0, 0], [0, 0, 2.8]]
    >>> model = aet.AtomicModel.from_positions(places, ["Ta", "Pd"], p_exists=[1.0, 0.75])
    >>> print(write_model_table("pair.csv", model).read_text())
    species,x,y,z,p_exists
    Ta,0.0,0.0,0.0,1.0
    Pd,0.0,0.0,2.8,0.75
    <BLANKLINE>
    """
    model = as_model(model)
    check_target(path, (SUFFIX,))
    columns = model_columns(model)
    rows = zip(*(values.tolist() for values in columns.values()), strict=True)
    return write_rows(path, list(columns), rows)


def model_columns(model: AtomicModel) -> dict[str, NDArray[Any]]:
    """Columns by their names, each of shape (n_atoms,)."""
    arrays = model.atoms.arrays
    found: dict[str, NDArray[Any]] = {"species": np.array(model.species)}
    found |= dict(zip("xyz", model.positions.T, strict=True))
    names = [name for name in FIRST if name in arrays]
    names += [name for name in arrays if name not in (*FIRST, "numbers", "positions")]
    for name in names:
        values = np.asarray(arrays[name])
        if values.dtype.kind not in "fiubU":
            raise InputError(
                f"{model.name}: array {name}", f"type {values.dtype}", "numbers or texts"
            )
        rows = values.reshape(len(values), -1)
        single = values.ndim == 1
        for k, column in enumerate(rows.T, start=1):
            title = name if single else f"{name}_{k}"
            if title in found:
                raise InputError(f"{model.name}: arrays", f"two columns {title}", "other names")
            found[title] = column
    return found
