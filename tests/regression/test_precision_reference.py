"""The glass paper's multislice test: pairs, species and RMSD of the published models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aet_port.core.atomic_model import AtomicModel
from aet_port.io import read_model
from aet_port.validation.precision import score

pytestmark = pytest.mark.reference

ROOT = "AET-MetallicGlass"
TYPES = ["Ni", "Pd", "Pt"]  # one element for each of the types 1, 2, 3


@pytest.fixture(scope="module")
def models(reference: Callable[..., Path]) -> tuple[AtomicModel, AtomicModel]:
    """The model traced from the multislice images and the one the images were made of."""
    final, found = "6_Final_coordinates", "10_Multislice_AET_simulations/3_posref"

    def read(folder: str, positions: str, types: str) -> AtomicModel:
        place = folder.split("/")
        return read_model(
            reference(ROOT, *place, positions), TYPES, types=reference(ROOT, *place, types)
        )

    return (
        read(found, "LocalC_MG_multislice_OriOri.mat", "LocalC_MG_multislice_localtype.mat"),
        read(final, "final_atom_coord_inA.mat", "final_atom_types.mat"),
    )


def test_published_precision(models: tuple[AtomicModel, AtomicModel]) -> None:
    found = score(*models, reference_quirks=True)
    # Whole numbers of the paper and its code.
    assert found.right_species == 17873
    np.testing.assert_array_equal(np.diag(found.confusion), [7898, 6837, 3138])
    assert f"{100 * found.identified:.2f}" == "97.37"
    assert found.rmsd_pm == pytest.approx(20.77, abs=0.005)  # printed to a hundredth
    # Pairs whatever their species, and the only confusion, that of types 1 and 2; no publication.
    assert found.matching.matched == 17990
    np.testing.assert_array_equal(found.confusion, [[7898, 59, 0], [58, 6837, 0], [0, 0, 3138]])
    # Light atoms are found less well: all 366 missed ones; the RMSD falls with the type's weight.
    assert found.recall == pytest.approx(0.98006, abs=5e-6)
    np.testing.assert_allclose(100 * found.rmsd_by_species, [28.35, 13.42, 6.22], atol=0.006)


def test_one_to_one_pairs(models: tuple[AtomicModel, AtomicModel]) -> None:
    found = score(*models)
    assert found.matching.matched == 17987  # three found atoms were taken twice
    assert len(set(found.matching.found_index)) == 17987
    np.testing.assert_array_equal(np.diag(found.confusion), [7895, 6837, 3138])
    assert found.rmsd_pm == pytest.approx(20.70, abs=0.01)
    assert f"{100 * found.species_fraction:.2f}" == "99.35"
    counts, edges = found.histogram()
    assert counts.sum() == 17987
    # The paper's histogram has its peak near 5 pm.
    assert 0.02 <= edges[np.argmax(counts)] <= 0.08
