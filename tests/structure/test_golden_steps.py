"""Steps inside the reference's searches that the port takes another way."""

from __future__ import annotations

import ase
import numpy as np
import pytest
from scipy.io import loadmat

from aet_port.structure import find_motifs
from aet_port.structure.medium_range.search import SHELL, _neighbour_table
from aet_port.structure.polytetrahedral.bipyramids import FOLDS
from matlab_reference import golden_path

Rings = set[tuple[int, ...]]


@pytest.mark.parametrize("delta", ["delta150", "delta255"])
def test_rings_without_chords(delta: str) -> None:
    """Of the rings that the reference keeps there, its next step keeps those around one edge."""
    made = loadmat(golden_path(f"am__Main_3.tetrahedra_and_face_pairs__{delta}.mat"))
    vertices = np.sort(made["out_ConnectivityList"].astype(int) - 1, axis=1)
    found = find_motifs(vertices, made["out_Neiface"].astype(int) - 1)
    case = loadmat(golden_path(f"am__smallestCluster__{delta}.mat"))
    for fold in FOLDS:
        rings: Rings = {tuple(sorted(row)) for row in case[f"out_path{fold}"].astype(int) - 1}
        around_an_edge = {
            ring for ring in rings if len(set.intersection(*(set(vertices[t]) for t in ring))) == 2
        }
        assert {tuple(sorted(row)) for row in found.of_fold(fold).tolist()} == around_an_edge
    assert found.counts()[5] > 0


def test_shell_of_solute_neighbours() -> None:
    """The neighbours among which ``search_clusters`` looks for more atoms of a cluster."""
    case = loadmat(golden_path("mg__Main_1.neigh__random40.mat"))
    unit = case["in_R_UNIT"].item()
    shell = tuple(unit * case[f"in_r_{side}"].item() for side in ("inner", "outer"))
    assert shell == pytest.approx(SHELL, rel=1e-15)  # one division and one product
    positions = case["in_model"].T
    np.testing.assert_array_equal(positions / unit, case["out_pos"])
    atoms = ase.Atoms(numbers=np.full(len(positions), 78), positions=positions)
    start, neighbour, offset = _neighbour_table(atoms, *shell)
    found = np.zeros((len(positions), len(positions)))
    found[np.repeat(np.arange(len(positions)), np.diff(start)), neighbour] = 1
    np.testing.assert_array_equal(found, case["out_adjacency"])
    assert not offset.any()
    assert 0 < found.sum() < found.size - len(found)
