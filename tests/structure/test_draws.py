"""Models drawn from the uncertainties of atoms have the moments and frequencies asked for."""

from __future__ import annotations

from pathlib import Path

import ase
import numpy as np
import pytest
from ase.lattice.cubic import FaceCenteredCubic

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.core.uncertainty import posterior_species, uncertainty_arrays
from aet_port.io import read_model, write_model
from aet_port.structure.draws import model_errors
from aet_port.structure.voronoi.analysis import voronoi_analysis

N = 20_000


def same_atoms(symbol: str = "Co", n: int = N) -> ase.Atoms:
    """Many atoms at one place: every draw of one is a draw of the same distribution."""
    return ase.Atoms([symbol] * n, positions=np.tile([1.0, 2.0, 3.0], (n, 1)))


def test_positions_have_the_covariance_that_is_stored() -> None:
    root = np.array([[0.3, 0.1, 0.0], [0.0, 0.2, -0.15], [0.0, 0.0, 0.1]])
    covariance = root.T @ root
    atoms = same_atoms()
    for name, values in uncertainty_arrays(np.tile(covariance, (N, 1, 1))).items():
        atoms.set_array(name, values)
    errors = model_errors(atoms)
    half, whole = errors.draw(atoms, 3, 0, (0.25, 1.0))
    # Half the displacement has a quarter of the covariance, with the same random numbers.
    np.testing.assert_allclose(
        2 * (half.positions - atoms.positions), whole.positions - atoms.positions, atol=1e-12
    )
    found = np.cov(whole.positions.T)
    # Standard error of a covariance of n draws: sqrt((C_ii C_jj + C_ij^2) / n); five of them.
    diagonal = np.diag(covariance)
    error = np.sqrt((np.outer(diagonal, diagonal) + covariance**2) / N)
    assert (np.abs(found - covariance) < 5 * error).all()
    bias = np.abs(whole.positions.mean(axis=0) - [1, 2, 3])
    assert (bias < 5 * np.sqrt(diagonal / N)).all()


def test_an_assumed_error_is_that_of_each_coordinate_in_pm() -> None:
    atoms = same_atoms()
    (drawn,) = model_errors(atoms, sigma=20).draw(atoms, 0, 1)
    # Relative standard error of a standard deviation: 1 / sqrt(2 n); five of them.
    np.testing.assert_allclose(drawn.positions.std(axis=0), 0.2, rtol=5 / np.sqrt(2 * N))


def frequencies(drawn: ase.Atoms, symbols: tuple[str, ...]) -> np.ndarray:
    kinds = np.array(drawn.get_chemical_symbols())
    return np.array([(kinds == symbol).mean() for symbol in symbols])


def assert_near(found: np.ndarray, expected: np.ndarray, n: int) -> None:
    """Within five binomial standard errors, exactly where nothing is random."""
    assert (np.abs(found - expected) <= 5 * np.sqrt(expected * (1 - expected) / n)).all()


def test_existence_and_species_are_drawn_with_their_probabilities() -> None:
    atoms = same_atoms("Pt")
    chances = np.array([0.2, 0.5, 0.3])
    atoms.set_array("posterior", np.tile(chances, (N, 1)))
    atoms.info["posterior_species"] = "Pt,Co,Pd"  # not in the order of the elements
    atoms.set_array("p_exists", np.full(N, 0.7))
    errors = model_errors(atoms)
    assert not errors.only_positions
    assert "no position errors" in errors.remarks[0]
    (drawn,) = errors.draw(atoms, 1, 0)
    assert_near(np.array([len(drawn) / N]), np.array([0.7]), N)
    assert_near(frequencies(drawn, ("Pt", "Co", "Pd")), chances, len(drawn))
    assert (drawn.positions == [1, 2, 3]).all()
    other, again = errors.draw(atoms, 1, 1)[0], errors.draw(atoms, 1, 0)[0]
    assert len(other) != len(drawn)
    assert (again.numbers == drawn.numbers).all()


def test_without_posterior_the_rest_follows_the_composition() -> None:
    """An atom that is Co with 0.6 is Pd or Pt with 0.4, as these are 3 to 1 in the model."""
    atoms = same_atoms("Co", 4 * N)
    atoms.numbers[N : 2 * N] = 78
    atoms.numbers[2 * N :] = 46
    atoms.numbers[2 * N : 2 * N + N // 2] = 0  # X: of unknown species
    atoms.set_array("probability", np.full(4 * N, 0.6))
    known = np.array([N, 1.5 * N, N])
    (drawn,) = model_errors(atoms).draw(atoms, 0, 0)
    symbols = ("Co", "Pd", "Pt")
    assert_near(frequencies(drawn[:N], symbols), np.array([0.6, 0.4 * 0.6, 0.4 * 0.4]), N)
    unknown = drawn[2 * N : 2 * N + N // 2]
    assert_near(frequencies(unknown, symbols), known / known.sum(), N // 2)


def test_types_follow_the_species() -> None:
    atoms = ase.Atoms("CoPt" * 50, positions=np.arange(300.0).reshape(100, 3))
    atoms.set_array("type", np.where(atoms.numbers == 27, 1, 3))
    atoms.set_array("probability", np.full(100, 0.5))
    (drawn,) = model_errors(atoms).draw(atoms, 0, 0)
    assert (drawn.numbers != atoms.numbers).any()
    assert (drawn.arrays["type"] == np.where(drawn.numbers == 27, 1, 3)).all()
    atoms.arrays["type"][0] = 2  # Co has two types now: which would a drawn Co be?
    with pytest.raises(InputError, match="array type"):
        model_errors(atoms).draw(atoms, 0, 0)


def test_a_crystal_with_small_errors_keeps_its_twelve_neighbours() -> None:
    box = FaceCenteredCubic("Ta", size=(3, 3, 3), latticeconstant=4.1, pbc=True)
    errors = model_errors(box, sigma=5)
    for number in range(3):
        (drawn,) = errors.draw(box, 0, number)
        assert (voronoi_analysis(drawn).coordination == 12).all()
        assert drawn.pbc.all()
        assert not np.allclose(drawn.positions, box.positions)


@pytest.mark.parametrize("stored", [True, False], ids=["order stored", "order from the atoms"])
def test_the_order_of_species_survives_a_file(tmp_path: Path, stored: bool) -> None:
    atoms = ase.Atoms("PtXCoPt", positions=np.arange(12.0).reshape(4, 3))
    atoms.set_array("posterior", np.array([[0.1, 0.9], [0.45, 0.55], [0.8, 0.2], [0.3, 0.7]]))
    if stored:
        atoms.info["posterior_species"] = "Co,Pt"
    write_model(tmp_path / "model.extxyz", AtomicModel(atoms))
    back = read_model(tmp_path / "model.extxyz").atoms
    assert posterior_species(back) == ("Co", "Pt")
    np.testing.assert_array_equal(model_errors(back).species, atoms.arrays["posterior"])


def test_an_unknown_order_of_species_is_said() -> None:
    atoms = ase.Atoms("PtPt", positions=[[0, 0, 0], [0, 0, 3]])
    atoms.set_array("posterior", np.array([[0.1, 0.9], [0.2, 0.8]]))
    errors = model_errors(atoms, sigma=1)
    assert "which species its columns stand for" in errors.remarks[0]
    assert errors.only_positions
    atoms.info["posterior_species"] = "Pt"
    with pytest.raises(InputError, match="2 chemical symbols"):
        model_errors(atoms, sigma=1)


def test_what_is_no_uncertainty_is_refused() -> None:
    atoms = ase.Atoms("Ta2", positions=[[0, 0, 0], [0, 0, 3]])
    with pytest.raises(InputError, match=r"found none in the model; .*aet detect.*--sigma PM"):
        model_errors(atoms)
    with pytest.raises(InputError, match="sigma"):
        model_errors(atoms, sigma=-1)
    atoms.set_array("p_exists", np.array([0.5, 1.5]))
    with pytest.raises(InputError, match="p_exists"):
        model_errors(atoms, sigma=1)
    atoms.arrays["p_exists"][:] = 0
    with pytest.raises(InputError, match="no atom in draw 0"):
        model_errors(atoms, sigma=1).draw(atoms, 0, 0)
    del atoms.arrays["p_exists"]
    for name in ("sigma_x", "sigma_y", "sigma_z"):
        atoms.set_array(name, np.array([0.1, 0.1]))
    assert model_errors(atoms).remarks == ()
    assert "replaces the position errors" in model_errors(atoms, sigma=3).remarks[0]
    atoms.set_array("covariance_xy", np.array([0.005, 0.02]))  # above 0.1 x 0.1
    with pytest.raises(InputError, match="a covariance of atom 1"):
        model_errors(atoms)
    atoms.arrays["sigma_x"][0] = np.nan
    with pytest.raises(InputError, match="NaN"):
        model_errors(atoms)
