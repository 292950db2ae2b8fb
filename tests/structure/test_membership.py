"""Motifs and networks by atom, against sets of atoms built the slow way."""

from __future__ import annotations

import numpy as np
import pytest

from aet_port.core.errors import InputError
from aet_port.structure import StructureResult, analyze
from aet_port.structure.polytetrahedral.membership import motif_counts, network_of_atoms
from tests.structure.samples import close_packed, icosahedron, shaken_box


def motif_atoms(found: StructureResult, motif: int) -> set[int]:
    rows = found.motifs.tetrahedra[motif]
    return set(found.tetrahedra.vertices[rows[rows >= 0]].ravel().tolist())


@pytest.mark.parametrize("periodic", [False, True])
def test_counts_and_networks_are_those_of_the_sets(periodic: bool) -> None:
    atoms = shaken_box(1) if periodic else close_packed(0, radius=9)
    found = analyze(atoms, cutoff=4.0, order=False)
    for fold in (3, 4, 5, 6):
        expected = np.zeros(len(atoms), dtype=int)
        for motif in np.flatnonzero(found.motifs.fold == fold):
            expected[list(motif_atoms(found, motif))] += 1
        counts = motif_counts(found.motifs, found.tetrahedra, len(atoms), fold)
        np.testing.assert_array_equal(counts, expected)
        assert expected.any()
    for networks in found.networks.values():
        expected = np.full(len(atoms), -1)
        for number in reversed(range(len(networks))):
            members = [motif_atoms(found, m) for m in networks.motif[networks.label == number]]
            expected[list(set.union(*members))] = number
        result = network_of_atoms(networks, found.motifs, found.tetrahedra, len(atoms))
        np.testing.assert_array_equal(result, expected)


def test_an_icosahedron_is_one_network() -> None:
    found = analyze(icosahedron(), cutoff=3.2, order=False)
    counts = motif_counts(found.motifs, found.tetrahedra, 13, 5)
    # The centre is in all twelve bipyramids; an outer atom in its own and its five neighbours'.
    assert counts.tolist() == [12] + [6] * 12
    five = network_of_atoms(found.networks[5], found.motifs, found.tetrahedra, 13)
    assert five.tolist() == [0] * 13
    six = network_of_atoms(found.networks[6], found.motifs, found.tetrahedra, 13)
    assert six.tolist() == [-1] * 13


def test_another_fold_is_refused() -> None:
    found = analyze(icosahedron(), cutoff=3.2, order=False)
    with pytest.raises(InputError, match="fold: found 9"):
        motif_counts(found.motifs, found.tetrahedra, 13, 9)
