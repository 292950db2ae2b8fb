"""Networks measured by the Voronoi cells around their centres."""

from __future__ import annotations

import ase
import numpy as np
import pytest
from ase.build import bulk
from numpy.typing import NDArray

from aet_port.core.errors import InputError
from aet_port.structure.medium_range.assignment import Network
from aet_port.structure.medium_range.cells import network_cells
from aet_port.structure.medium_range.correction import MediumRangeOrder
from aet_port.structure.voronoi.analysis import Voronoi, voronoi_analysis

CUBE = 2.5  # angstrom, between atoms of a simple cubic crystal


def networks(positions: NDArray[np.float64], *members: list[int]) -> MediumRangeOrder:
    """Networks of these centres, of which only the places matter."""
    parts = [
        Network(
            "sc", one[0], np.array(one), positions[one], np.zeros((len(one), 3)),
            np.zeros(len(one)), np.zeros(5), CUBE, np.eye(3), 0.0,
        )
        for one in members
    ]  # fmt: skip
    return MediumRangeOrder(tuple(parts), len(positions), 0.75, ("sc",), False)


def crystal(repeat: int = 12) -> tuple[ase.Atoms, Voronoi]:
    atoms = bulk("Po", "sc", a=CUBE).repeat(repeat)
    atoms.set_pbc(False)
    # So large that most atoms lie inside. Cubes share edges; a little shaking keeps their faces
    # apart, and is far below the tolerance.
    atoms.rattle(1e-5, seed=0)
    return atoms, voronoi_analysis(atoms)


def test_an_atom_and_two_in_a_row_of_a_cubic_crystal() -> None:
    atoms, cells = crystal()
    middle = int(np.argmin(np.linalg.norm(atoms.positions - 6 * CUBE, axis=1)))
    right = int(np.argmin(np.linalg.norm(atoms.positions - [7 * CUBE, 6 * CUBE, 6 * CUBE], axis=1)))
    chosen = np.array([middle, right])
    mro = networks(atoms.positions[chosen], [0], [0, 1])
    length, volume = network_cells(atoms, chosen, mro, cells)
    # An atom with its six neighbours; two with their ten, the pair counted once.
    np.testing.assert_allclose(length, [2 * CUBE, 3 * CUBE], atol=1e-3)
    np.testing.assert_allclose(volume, CUBE**3 * np.array([7, 12]), rtol=1e-3)


def test_a_network_across_a_periodic_face_is_as_large() -> None:
    atoms, _ = crystal()
    atoms.set_pbc(True)
    cells = voronoi_analysis(atoms)
    # The corner atom and its neighbour on the other side of the box.
    corner = int(np.argmin(np.linalg.norm(atoms.positions, axis=1)))
    far = int(np.argmin(np.linalg.norm(atoms.positions - [11 * CUBE, 0, 0], axis=1)))
    chosen = np.array([corner, far])
    mro = networks(atoms.positions[chosen], [0, 1])
    whole = atoms.positions[chosen] - [[0, 0, 0], [12 * CUBE, 0, 0]]
    mro.networks[0].positions[:] = whole
    length, volume = network_cells(atoms, chosen, mro, cells)
    assert length[0] == pytest.approx(3 * CUBE, abs=1e-3)
    assert volume[0] == pytest.approx(12 * CUBE**3, rel=1e-3)


def test_cells_without_an_end_count_as_the_median() -> None:
    atoms, cells = crystal()
    inner = int(np.argmin(np.linalg.norm(atoms.positions - CUBE, axis=1)))
    side = int(np.argmin(np.linalg.norm(atoms.positions - [0, CUBE, CUBE], axis=1)))
    assert not cells.volume[side] <= 2 * CUBE**3  # or NaN
    chosen = np.array([inner])
    _, volume = network_cells(atoms, chosen, networks(atoms.positions[chosen], [0]), cells)
    assert volume[0] == pytest.approx(7 * CUBE**3, rel=1e-3)


def test_what_does_not_fit_is_refused() -> None:
    atoms, cells = crystal(4)
    mro = networks(atoms.positions[:2], [0, 1])
    with pytest.raises(InputError, match="centres: found shape"):
        network_cells(atoms, [0], mro, cells)
    with pytest.raises(InputError, match="cells: found of 64 atoms; expected of all 63"):
        network_cells(atoms[:-1], [0, 1], mro, cells)
