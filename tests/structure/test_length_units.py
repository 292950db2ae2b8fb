"""Lengths that no element has are named, and rules in angstrom fit models in other units."""

from __future__ import annotations

import ase
import numpy as np
import pytest
from ase.build import bulk

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.io import scaled_model
from aet_port.structure import analyze
from aet_port.structure.length_units import nearest_neighbour, scale_remark
from tests.structure.samples import close_packed


def particle() -> ase.Atoms:
    """A shaken fcc particle of Pd in angstrom."""
    atoms = bulk("Pd", "fcc", a=3.89, cubic=True).repeat(6)
    atoms.positions += np.random.default_rng(1).normal(0, 0.1, atoms.positions.shape)
    atoms.positions -= atoms.positions.mean(axis=0)
    inside = atoms[np.linalg.norm(atoms.positions, axis=1) < 10.5]
    return ase.Atoms(inside.symbols, positions=inside.positions)


@pytest.mark.parametrize(
    ("symbol", "lattice", "a"),
    [
        *(("Pd", "fcc", 3.89), ("Ta", "bcc", 3.3), ("Si", "diamond", 5.43), ("Na", "bcc", 4.29)),
        *(("Cs", "bcc", 6.14), ("Po", "sc", 3.35), ("Al", "fcc", 4.05), ("C", "diamond", 3.57)),
        *(("Pb", "fcc", 4.95), ("Ar", "fcc", 5.26), ("U", "bcc", 3.47), ("Cr", "bcc", 2.88)),
    ],
)
def test_elements_are_as_far_apart_as_they_are(symbol: str, lattice: str, a: float) -> None:
    crystal = bulk(symbol, lattice, a=a, cubic=lattice != "sc").repeat(2)
    assert scale_remark(crystal) is None
    if symbol != "Ar":
        crystal.set_cell(crystal.cell * 0.1, scale_atoms=True)
        assert "lengths seem to be" in str(scale_remark(crystal))


def test_the_scale_that_would_fit_is_given() -> None:
    atoms = particle()
    near = nearest_neighbour(atoms)
    assert scale_remark(atoms) is None
    atoms.positions /= 0.344
    remark = str(scale_remark(atoms))
    # 2.78 angstrom by covalent radii; the nearest of twelve shaken neighbours is nearer.
    assert f"a scale of {2.78 / near * 0.344:.3g} would fit (--scale)" in remark
    assert "in voxels" in remark
    atoms.positions *= 0.344 / 10
    assert "in nm" in str(scale_remark(atoms))
    assert scale_remark(ase.Atoms("X20", positions=close_packed(0).positions[:20] * 9)) is None


def test_crystals_are_found_at_any_scale() -> None:
    atoms = particle()
    one = analyze(atoms)
    atoms.positions /= 0.344
    two = analyze(atoms)
    assert one.remarks == ()
    assert "a scale of" in two.remarks[0]
    assert two.summary()["remarks"] == list(two.remarks)
    assert one.order is not None
    assert two.order is not None
    np.testing.assert_array_equal(two.order.nuclei.crystalline, one.order.nuclei.crystalline)
    assert one.order.nuclei.crystalline.mean() > 0.9
    # Bins of 0.02 in either unit.
    assert two.cutoff * 0.344 == pytest.approx(one.cutoff, abs=0.02)
    first, second = (found.order.peaks.peaks[0] for found in (one, two) if found.order)
    assert second * 0.344 == pytest.approx(first, abs=0.01)


def test_a_scaled_model_has_all_its_lengths_scaled() -> None:
    atoms = ase.Atoms("Pd2", positions=[[0, 0, 0], [8, 0, 0]], cell=[20, 20, 20], pbc=True)
    atoms.set_array("sigma_x", np.array([0.1, 0.2]))
    atoms.set_array("covariance_xy", np.array([0.01, 0.02]))
    atoms.set_array("p_exists", np.array([0.9, 1.0]))
    found = scaled_model(AtomicModel(atoms, name="two"), 0.5).atoms
    assert found.positions[1].tolist() == [4, 0, 0]
    assert found.cell.lengths().tolist() == [10, 10, 10]
    assert found.arrays["sigma_x"].tolist() == [0.05, 0.1]
    assert found.arrays["covariance_xy"].tolist() == [0.0025, 0.005]
    assert found.arrays["p_exists"].tolist() == [0.9, 1.0]
    assert atoms.positions[1, 0] == 8
    for wrong in (0.0, -1.0, np.nan):
        with pytest.raises(InputError, match="--scale: found"):
            scaled_model(AtomicModel(atoms), wrong)
