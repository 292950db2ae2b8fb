"""Which atoms belong to which motifs and networks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aet_port.core.errors import InputError
from aet_port.structure.polytetrahedral.bipyramids import FOLDS, Motifs
from aet_port.structure.polytetrahedral.networks import Networks
from aet_port.structure.voronoi.tetrahedra import Tetrahedra


def motif_counts(
    motifs: Motifs, tetrahedra: Tetrahedra, n_atoms: int, fold: int
) -> NDArray[np.int64]:
    """Number of motifs of one fold that each atom is part of, shape (n_atoms,).

    Raises
    ------
    InputError
        For another fold than 3 to 8.

    Notes
    -----
    MATLAB: none
    """
    if fold not in FOLDS:
        raise InputError("fold", f"{fold!r}", "a number of tetrahedra from 3 to 8")
    vertices = tetrahedra.vertices[motifs.of_fold(fold)].reshape(-1, 4 * fold)
    # An atom shared by several tetrahedra of a motif counts once.
    vertices = np.sort(vertices, axis=1)
    first = np.ones(vertices.shape, dtype=bool)
    first[:, 1:] = vertices[:, 1:] != vertices[:, :-1]
    return np.bincount(vertices[first], minlength=n_atoms)


def network_of_atoms(
    networks: Networks, motifs: Motifs, tetrahedra: Tetrahedra, n_atoms: int
) -> NDArray[np.int64]:
    """Largest network that each atom is part of, shape (n_atoms,); -1 for none.

    Networks are numbered as in ``Networks``, the largest first.

    MATLAB: none
    """
    result = np.full(n_atoms, len(networks), dtype=np.int64)
    vertices = tetrahedra.vertices[motifs.tetrahedra[networks.motif, : networks.fold]]
    np.minimum.at(result, vertices.ravel(), np.repeat(networks.label, 4 * networks.fold))
    result[result == len(networks)] = -1
    return result
