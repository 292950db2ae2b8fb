"""Everything that analyses atoms takes a model as well, and says so of anything else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.structure import (
    analyze,
    atom_density,
    crystalline_atoms,
    debye_structure_factor,
    delaunay,
    density_map,
    find_neighbours,
    find_nuclei,
    find_tetrahedra,
    local_chemical_order,
    packing_by_distortion,
    pair_distribution,
    partial_pair_distribution,
    surface_distance,
    voronoi_analysis,
)
from aet_port.structure.bonds.angles import bond_angles
from aet_port.structure.bonds.orientational import bond_order
from aet_port.structure.medium_range.clusters import shared_atoms, solute_centres
from aet_port.structure.medium_range.correction import find_mro
from aet_port.structure.pairs.debye import structure_factor
from aet_port.structure.short_range import short_range_order
from aet_port.structure.voronoi.alpha_shapes import alpha_shape
from tests.structure.samples import close_packed

CUTOFF = 4.1
N = len(close_packed(0))
ORDER = np.linspace(0, 1, N)
VOLUMES = np.full(N, 18.0)
Q = np.linspace(1, 8, 20)
ANALYSES: dict[str, Callable[[Any], object]] = {
    "alpha_shape": lambda atoms: alpha_shape(atoms, 5.0).facets,
    "analyze": lambda atoms: analyze(atoms, cutoff=CUTOFF, order=False).summary(),
    "atom_density": lambda atoms: atom_density(atoms, VOLUMES),
    "bond_angles": lambda atoms: bond_angles(atoms, CUTOFF).counts,
    "bond_order": lambda atoms: bond_order(atoms, CUTOFF).q6,
    "crystalline_atoms": lambda atoms: crystalline_atoms(atoms, ORDER),
    "debye": lambda atoms: debye_structure_factor(atoms, Q).s,
    "delaunay": lambda atoms: delaunay(atoms)[0],
    "density_map": lambda atoms: density_map(atoms, VOLUMES, voxel_size=1.0, sigma=2.0).values,
    "find_mro": lambda atoms: find_mro(atoms).label(),
    "find_neighbours": lambda atoms: find_neighbours(atoms, CUTOFF).second,
    "find_nuclei": lambda atoms: find_nuclei(atoms, ORDER, CUTOFF).label,
    "find_tetrahedra": lambda atoms: find_tetrahedra(atoms, CUTOFF).vertices,
    "local_chemical_order": lambda atoms: local_chemical_order(atoms, CUTOFF).neighbours,
    "packing": lambda atoms: packing_by_distortion(atoms, CUTOFF, [0.2, 0.3]).motifs,
    "pair_distribution": lambda atoms: pair_distribution(atoms).g,
    "partial_pdf": lambda atoms: partial_pair_distribution(atoms, directions=42).counts,
    "shared_atoms": lambda atoms: shared_atoms(atoms, [0, 1, 2, 30], CUTOFF, (2.0, 9.0)).shared,
    "short_range_order": lambda atoms: short_range_order(atoms, CUTOFF).summary(),
    "solute_centres": lambda atoms: solute_centres(atoms),
    "structure_factor": lambda atoms: structure_factor(atoms, Q).s,
    "surface_distance": lambda atoms: surface_distance(atoms, ORDER > 0.5, CUTOFF),
    "voronoi": lambda atoms: voronoi_analysis(atoms).indices,
}


@pytest.mark.parametrize("name", sorted(ANALYSES))
def test_a_model_gives_what_its_atoms_give(name: str) -> None:
    atoms = close_packed(0)
    if name == "find_mro":
        atoms = atoms[:12]
    wanted, found = ANALYSES[name](atoms), ANALYSES[name](AtomicModel(atoms))
    if isinstance(wanted, np.ndarray):
        np.testing.assert_array_equal(np.asarray(found), wanted)
    else:
        assert found == wanted


@pytest.mark.parametrize("name", sorted(set(ANALYSES) - {"find_mro"}))
def test_anything_else_is_refused_by_name(name: str) -> None:
    with pytest.raises(InputError, match="atoms: found a list; expected an AtomicModel"):
        ANALYSES[name]([[0.0, 0.0, 0.0]])


def test_methods_are_the_functions() -> None:
    model = AtomicModel(close_packed(0))
    assert model.analyze(order=False).summary() == analyze(model, order=False).summary()
