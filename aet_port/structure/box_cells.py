"""The cell that describes a periodic box, whichever of its equivalent cells was given."""

from __future__ import annotations

import ase
import numpy as np
from ase.build.tools import niggli_reduce_cell
from ase.cell import Cell
from ase.geometry import minkowski_reduce
from numpy.typing import NDArray

SQUARE = 1e-12  # cosine of the angle of two cell vectors that are at right angles


def reduced_cell(atoms: ase.Atoms) -> NDArray[np.float64]:
    """Cell vectors of the box, shape (3, 3), as short as the periodicity allows, angstrom.

    Of the many cells of one lattice, that of Niggli is used, whose lengths and angles are unique;
    with one or two periodic directions the shortest vectors of the row or net. A skewed cell then
    gives what the compact cell of the same box does. Directions that are not periodic get unit
    vectors at right angles to the others. A rectangular cell is returned as it is. The box is not
    turned.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the periodic cell vectors are not independent.

    Notes
    -----
    MATLAB: none; the reference has rectangular boxes only

    References
    ----------
    I. Krivy and B. Gruber, "A unified algorithm for determining the reduced (Niggli) cell", Acta
    Crystallographica A32, 297 (1976).

    Examples
    --------
    >>> atoms = ase.Atoms("Cu", cell=[[4, 0, 0], [40, 4, 0], [0, 0, 4]], pbc=True)
    >>> np.linalg.norm(reduced_cell(atoms), axis=1).tolist()
    [4.0, 4.0, 4.0]
    """
    pbc = np.asarray(atoms.pbc)
    given = np.array(atoms.cell, dtype=np.float64)
    if not pbc.all():
        given[~pbc] = 0.0
    cell = np.asarray(Cell(given).complete())
    if abs(np.linalg.det(cell)) < 1e-12:
        raise np.linalg.LinAlgError("cell vectors that are not independent")
    units = cell / np.linalg.norm(cell, axis=1)[:, None]
    if (np.abs(units @ units.T - np.eye(3)) < SQUARE).all():
        return cell
    if not pbc.all():
        return np.asarray(minkowski_reduce(Cell(cell), pbc)[0], dtype=np.float64)
    # Of the reduction only the combination of vectors is used: it also turns the cell.
    start, _ = minkowski_reduce(Cell(cell), True)
    turned, combination = niggli_reduce_cell(np.asarray(start))
    reduced = np.rint(combination).T @ np.asarray(start)
    same = np.allclose(reduced @ reduced.T, turned @ turned.T, rtol=1e-5, atol=1e-5)
    return np.asarray(reduced if same else start, dtype=np.float64)
