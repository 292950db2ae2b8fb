"""Crystal and matrix in the published models, and the interface between them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import ase
import numpy as np
import pytest
from scipy.io import loadmat

from aet_port.structure.bonds.nuclei import (
    crystalline_atoms,
    find_nuclei,
    interface_width,
    surface_distance,
)
from aet_port.validation.published_models import CUTOFFS, published_bond_order, published_model

pytestmark = pytest.mark.reference
Find = Callable[..., Path]
# The rule on scattered atoms is the film paper's.
SCATTERED = {"MG_particle": False, "Ta_film": True, "Pd1": True, "Pd2": True}
Models = dict[str, tuple[ase.Atoms, np.ndarray]]


class Read(Models):
    """Models by sample, read when asked for: a test needs no other sample's files."""

    def __init__(self, find: Find) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, sample: str) -> tuple[ase.Atoms, np.ndarray]:
        self[sample] = published_model(self._find, sample), published_bond_order(self._find, sample)
        return self[sample]


@pytest.fixture(scope="module")
def models(reference: Find) -> Models:
    return Read(reference)


@pytest.mark.parametrize(
    ("sample", "crystal", "amorphous"),
    [
        ("MG_particle", 2838, 15518),
        ("Ta_film", 1669, 6615),
        ("Pd1", 1138, 51170),
        ("Pd2", 1345, 74893),
    ],
)
def test_numbers_of_atoms(models: Models, sample: str, crystal: int, amorphous: int) -> None:
    atoms, order = models[sample]
    found = crystalline_atoms(atoms, order, scattered=SCATTERED[sample])
    assert found.sum() == crystal
    assert (~found).sum() == amorphous


@pytest.mark.parametrize(("sample", "moved"), [("Ta_film", 163), ("Pd1", 235), ("Pd2", 334)])
def test_the_rule_on_scattered_atoms(models: Models, sample: str, moved: int) -> None:
    atoms, order = models[sample]
    plain = crystalline_atoms(atoms, order, scattered=False)
    found = crystalline_atoms(atoms, order)
    assert (plain & ~found).sum() == moved
    assert not (found & ~plain).any()


def test_the_deposited_matrix_of_the_ta_film(models: Models, reference: Find) -> None:
    """Atom for atom the amorphous model in the workspace of the polytetrahedral analysis."""
    atoms, order = models["Ta_film"]
    path = reference(
        "AET-AmorphousMaterials", "7_Data_analysis", "Input", "Ta_film",
        "Polytetrahedral_motifs_delta_0.255.mat",
    )  # fmt: skip
    stored = loadmat(path, variable_names=["modelamorphous"])["modelamorphous"].T
    ours = atoms.positions[~crystalline_atoms(atoms, order)]
    one, two = (set(map(tuple, v.astype(np.float32).tolist())) for v in (stored, ours))
    assert len(one) == 6615
    assert one == two


@pytest.mark.parametrize(
    ("sample", "printed", "measured", "nuclei"),
    [
        ("Ta_film", 3.0, 3.1232, [338, 278, 176]),
        ("Pd1", 4.2, 4.0573, [546, 173, 113]),
        ("MG_particle", 3.69, 3.3458, [737, 670, 280]),
    ],
)
def test_width_of_the_interface(
    models: Models, sample: str, printed: float, measured: float, nuclei: list[int]
) -> None:
    """The papers underdetermine the fit; by our definition it lies within 0.4 of their width."""
    atoms, order = models[sample]
    found = find_nuclei(atoms, order, CUTOFFS[sample], scattered=SCATTERED[sample])
    assert found.size[:3].tolist() == nuclei
    distance = surface_distance(atoms, found.crystalline, CUTOFFS[sample])
    # Inside negative, outside positive, the surface itself zero.
    assert (distance[found.crystalline] <= 0).all()
    assert (distance[~found.crystalline] > 0).all()
    fit = interface_width(order, distance)
    assert fit.surface > fit.far > 0
    # The digits given.
    assert fit.width == pytest.approx(measured, abs=2e-4)
    assert fit.width == pytest.approx(printed, abs=0.4)
