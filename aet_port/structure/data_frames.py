"""Results of a structure analysis as a pandas table, one row an atom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ase
import numpy as np

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import MissingDependencyError
from aet_port.structure.atom_arrays import atom_quantities
from aet_port.structure.structure_result import StructureResult

if TYPE_CHECKING:
    import pandas as pd

POSITIONS = ("x", "y", "z")


@checked
def to_dataframe(found: StructureResult, atoms: AtomicModel | ase.Atoms) -> pd.DataFrame:
    """Table of every quantity of each atom, one row an atom.

    Parameters
    ----------
    found
        Result of :func:`aet_port.structure.analysis.analyze`.
    atoms
        The atoms that were analysed.

    Returns
    -------
    Columns ``species``, ``x``, ``y``, ``z`` (angstrom), the arrays of the atoms, and those of
    :func:`aet_port.structure.atom_quantities`. Arrays of several components have a column for each:
    ``name_0``, ``name_1``, ...

    Raises
    ------
    InputError
        For results of other atoms.
    MissingDependencyError
        If pandas is not installed.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> from aet_port.simulation import amorphous_particle
    >>> model = amorphous_particle(100, "Ta")
    >>> table = model.analyze().to_dataframe(model)
    >>> len(table), list(table.columns[:5])
    (100, ['species', 'x', 'y', 'z', 'q4'])
    >>> bool(table.groupby("surface")["cn"].mean().notna().any())
    True
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingDependencyError("StructureResult.to_dataframe (pandas)", "formats") from error
    named = atom_quantities(atoms, found)
    columns = {"species": np.array(named.get_chemical_symbols())}
    columns |= dict(zip(POSITIONS, named.positions.T.copy(), strict=True))
    for name, values in named.arrays.items():
        if name in ("numbers", "positions"):
            continue
        if values.ndim == 1:
            columns[name] = values
            continue
        parts = values.reshape(len(values), -1).T
        columns |= {f"{name}_{number}": part for number, part in enumerate(parts)}
    return pd.DataFrame(columns)
