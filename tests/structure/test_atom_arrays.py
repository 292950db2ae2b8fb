"""Every quantity of each atom as an array, against counts of one atom after another."""

from __future__ import annotations

from dataclasses import replace

import ase
import numpy as np
import pytest

from aet_port.core.errors import InputError
from aet_port.simulation import amorphous_particle
from aet_port.structure import StructureResult, analyze, atom_quantities


@pytest.fixture(scope="module")
def known() -> tuple[ase.Atoms, StructureResult]:
    atoms = amorphous_particle(250, "Ta", seed=3).atoms
    atoms.set_array("q4", np.full(len(atoms), 7.0))
    return atoms, analyze(atoms, delta=0.255)


def test_values_are_those_of_the_analysis(known: tuple[ase.Atoms, StructureResult]) -> None:
    atoms, found = known
    named = atom_quantities(atoms, found).arrays
    assert found.order is not None
    np.testing.assert_array_equal(named["q6"], found.order.bonds.q6)
    np.testing.assert_array_equal(named["density"], found.order.density)
    np.testing.assert_array_equal(named["cn"], found.order.voronoi.coordination)
    index = np.stack([named[f"n{edges}"] for edges in (3, 4, 5, 6)], axis=1)
    np.testing.assert_array_equal(index, found.order.voronoi.indices)
    assert (named["q4"] == 7.0).all()  # an array of the atoms' own
    assert set(atoms.arrays) == {"numbers", "positions", "q4"}  # and these are as they were


def test_motifs_and_networks_of_every_atom(known: tuple[ase.Atoms, StructureResult]) -> None:
    atoms, found = known
    named = atom_quantities(atoms, found).arrays
    corners = [
        {*caps, *ring} - {-1}
        for caps, ring in zip(found.motifs.caps.tolist(), found.motifs.ring.tolist(), strict=True)
    ]
    for fold in range(3, 9):
        those = [one for one, f in zip(corners, found.motifs.fold, strict=True) if f == fold]
        counted = [sum(i in one for one in those) for i in range(len(atoms))]
        assert named[f"motifs_{fold}"].tolist() == counted
    assert named["motifs_5"].sum() > 0
    for fold, networks in found.networks.items():
        places = zip(networks.motif.tolist(), networks.label.tolist(), strict=True)
        of = [(label, corners[motif]) for motif, label in places]
        first = [min((n + 1 for n, one in of if i in one), default=0) for i in range(len(atoms))]
        assert named[f"network_{fold}"].tolist() == first


def test_what_there_is_not_is_left_out(known: tuple[ase.Atoms, StructureResult]) -> None:
    atoms, found = known
    short = atom_quantities(atoms, replace(found, order=None, packing=None)).arrays
    assert not {"q6", "cn", "sites"} & set(short)
    assert "motifs_5" in short
    reason = found.parameters | {"motifs_reason": "a perfect crystal"}
    crystal = atom_quantities(atoms, replace(found, parameters=reason)).arrays
    assert "cn" in crystal
    assert not any(name.startswith(("motifs", "network", "sites")) for name in crystal)


def test_other_atoms(known: tuple[ase.Atoms, StructureResult]) -> None:
    atoms, found = known
    with pytest.raises(InputError, match="those of these 20 atoms"):
        atom_quantities(atoms[:20], found)
    with pytest.raises(InputError, match="those of these 251 atoms"):
        atom_quantities(atoms + ase.Atoms("Ta", positions=[[99.0, 0, 0]]), found)
