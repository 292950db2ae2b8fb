"""Species of the glass paper: its multislice test, and a crop of its particle with its peaks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import DataFileError, InputError
from aet_port.io import read_model
from aet_port.io.matlab import read_positions
from aet_port.validation.published_models import GLASS, GLASS_TYPES, Find, published_model

ROUND_TRIP = (GLASS, "10_Multislice_AET_simulations", "3_posref")
PEAKS = (GLASS, "4_Tracing_and_classification", "input", "traced_model_inPixel.mat")
PIXEL = 0.347  # angstrom
_LEAST = 13  # atoms of a crop
_FAR = 2.0  # angstrom between a peak and its atom: more means another list


@checked
def multislice_test(find: Find) -> tuple[AtomicModel, AtomicModel]:
    """The glass paper's test: the model traced from multislice images, and the one simulated.

    Parameters
    ----------
    find
        Function from the parts of a path to a file of the public data.

    Returns
    -------
    The model before refinement, edited and classified by the authors, and the true one.

    Raises
    ------
    DataFileError
        If the public data are missing or hold something else.

    Notes
    -----
    MATLAB: none; files of 10_Multislice_AET_simulations/3_posref and 6_Final_coordinates

    Examples
    --------
    >>> import aet_port as aet
    >>> from matlab_reference import resolve_reference
    >>> find = lambda *parts: resolve_reference("/".join(parts))
    >>> found = aet.score(*multislice_test(find))  # doctest: +SKIP
    """
    traced = _typed(
        find, ROUND_TRIP, "LocalC_MG_multislice_OriOri.mat", "LocalC_MG_multislice_localtype.mat"
    )
    final = (GLASS, "6_Final_coordinates")
    return traced, _typed(find, final, "final_atom_coord_inA.mat", "final_atom_types.mat")


@checked
def glass_crop(find: Find, radius: float) -> tuple[AtomicModel, NDArray[np.float64]]:
    """Atoms of the glass particle about its centre, and the peaks that they were traced from.

    Parameters
    ----------
    find
        Function from the parts of a path to a file of the public data.
    radius
        Of the sphere, angstrom.

    Returns
    -------
    The atoms with the species published, their origin in the centre of the sphere; and shape
    (n, 3), angstrom: the peak of each in the same frame, as traced before refinement.

    Raises
    ------
    InputError
        For a sphere of fewer than 13 atoms.
    DataFileError
        If the public data are missing or hold something else.

    Notes
    -----
    MATLAB: none; files of 4_Tracing_and_classification and 6_Final_coordinates. Volumes in which
    the peaks were found are not among the small files of the repository.

    Examples
    --------
    >>> from matlab_reference import resolve_reference
    >>> find = lambda *parts: resolve_reference("/".join(parts))
    >>> truth, peaks = glass_crop(find, radius=18.0)  # doctest: +SKIP
    """
    atoms = published_model(find, "MG_particle")
    path = find(*PEAKS)
    peaks = PIXEL * read_positions(path)
    expected = "a peak for each atom of the final model, in its order"
    if len(peaks) != len(atoms):
        raise DataFileError(path, f"{len(peaks)} peaks of {len(atoms)} atoms", expected)
    centred = atoms.positions - atoms.positions.mean(axis=0)
    peaks -= peaks.mean(axis=0)  # both lists are of all atoms: their centres are the same place
    apart = np.linalg.norm(peaks - centred, axis=1)
    if apart.max() > _FAR:
        raise DataFileError(path, f"a peak {apart.max():.3g} angstrom from its atom", expected)
    inside = np.linalg.norm(centred, axis=1) <= radius
    if inside.sum() < _LEAST:
        raise InputError("radius", f"{radius!r}, {inside.sum()} atoms", f"at least {_LEAST} atoms")
    symbols = np.array(atoms.get_chemical_symbols())[inside].tolist()
    return AtomicModel.from_positions(centred[inside], symbols, "crop of the glass"), peaks[inside]


def _typed(find: Find, folder: tuple[str, ...], positions: str, types: str) -> AtomicModel:
    symbols = list(GLASS_TYPES.values())
    return read_model(find(*folder, positions), symbols, types=find(*folder, types))
