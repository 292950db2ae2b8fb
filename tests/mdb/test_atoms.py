"""Models come back from the bank as they went in, with the results of their analysis."""

from __future__ import annotations

import ase
import numpy as np
import pytest

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.structure import analyze
from mdb import Bank, BankError, Details, deposit
from tests.mdb.samples import alloy, particle
from tests.structure.samples import shaken_box


def laden() -> ase.Atoms:
    """Atoms with arrays of every kind."""
    rng = np.random.default_rng(0)
    atoms = shaken_box(2, repeat=2)
    n = len(atoms)
    atoms.set_pbc([True, False, True])
    atoms.set_celldisp([0.1, -1 / 3, 2.0])
    atoms.info = {"energy": -3.25, "words": ["a", "b"]}
    atoms.numbers[::3] = 29
    arrays = {
        "type": np.arange(n) % 3,
        "confidence": np.where(np.arange(n) % 4, rng.random(n), np.nan),
        "b_factor": rng.random(n),
        "flag": np.array(["", "added by 'hand'", "é"])[np.arange(n) % 3],
        "momenta": rng.normal(size=(n, 3)),
        "stress": rng.normal(size=(n, 2, 3)).astype(np.float32),
        "tags": np.arange(n, dtype=np.int32) - 2**30,
        "fixed": np.arange(n) % 2 == 0,
        "label": np.array([f"name {k}" for k in range(n)]),
        "odd": np.array([np.nan, np.inf, -0.0, 5e-324] * n)[:n],
    }
    for name, values in arrays.items():
        atoms.set_array(name, values)
    return atoms


def test_a_model_comes_back_bit_by_bit(bank: Bank) -> None:
    atoms = laden()
    deposit(bank, AtomicModel(atoms, name="laden"))
    back = bank.atoms("CuTa00001")
    assert set(back.arrays) == set(atoms.arrays)
    for name, values in atoms.arrays.items():
        assert back.arrays[name].dtype == values.dtype
        assert back.arrays[name].tobytes() == values.tobytes()
    assert np.asarray(back.cell).tobytes() == np.asarray(atoms.cell).tobytes()
    np.testing.assert_array_equal(back.pbc, atoms.pbc)
    np.testing.assert_array_equal(back.get_celldisp(), atoms.get_celldisp())
    assert back.info == atoms.info
    assert not deposit(bank, AtomicModel(back, name="again")).new


@pytest.mark.parametrize("name", ["momenta", "label", "flag", "fixed", "confidence"])
def test_any_other_array_is_another_model(bank: Bank, name: str) -> None:
    atoms = laden()
    deposit(bank, AtomicModel(atoms))
    other = atoms.copy()
    other.arrays[name][1] = other.arrays[name][2]
    assert deposit(bank, AtomicModel(other)).id == "CuTa00002"
    del other.arrays[name]
    assert deposit(bank, AtomicModel(other)).id == "CuTa00003"


def test_results_of_an_analysis_are_arrays(bank: Bank) -> None:
    model, found = particle(2, radius=8)
    deposit(bank, model, analysis=found)
    wide = analyze(model.atoms, cutoff=4.0, delta=0.3)
    deposit(bank, model, analysis=wide)
    assert found.order is not None
    assert found.packing is not None
    back = bank.atoms("TaXX00001", analysis=1)
    order = found.order
    np.testing.assert_array_equal(back.arrays["q6"], order.bonds.q6)
    np.testing.assert_array_equal(back.arrays["density"], order.density)
    np.testing.assert_array_equal(back.arrays["surface"], order.surface)
    closed = order.voronoi.closed
    np.testing.assert_array_equal(back.arrays["cn"][closed], order.voronoi.coordination[closed])
    assert (back.arrays["cn"][~closed] == -1).all()
    corners = np.zeros(len(model), dtype=np.int64)
    for fold, caps, ring in zip(
        found.motifs.fold, found.motifs.caps, found.motifs.ring, strict=True
    ):
        corners[[*caps, *ring[ring >= 0]]] |= 1 << int(fold)
    np.testing.assert_array_equal(back.arrays["folds"], corners)
    filling = found.packing.filling
    np.testing.assert_array_equal(back.arrays["sites"][filling.atom], filling.sites)
    assert back.arrays["sites"].sum() == filling.sites.sum() > 0
    newest = bank.atoms("TaXX00001")
    assert (newest.arrays["folds"] != corners).any()  # those of the wider analysis
    assert "q6" not in bank.atoms("TaXX00001", analysis=None).arrays
    with pytest.raises(BankError, match=r"no analysis 3 of TaXX00001 .*one of 1, 2"):
        bank.atoms("TaXX00001", analysis=3)


def test_deposited_arrays_are_not_replaced_by_results(bank: Bank) -> None:
    model, found = particle()
    mine = np.full(len(model), 9.0)
    model.atoms.set_array("q6", mine)
    deposit(bank, model, analysis=found)
    np.testing.assert_array_equal(bank.atoms("TaXX00001").arrays["q6"], mine)


def test_models_that_are_not_there(bank: Bank) -> None:
    deposit(bank, alloy("Fe5"))
    assert len(bank.atoms("FeXX00001")) == 5
    with pytest.raises(BankError, match="no model 'FeXX00002'"):
        bank.atoms("FeXX00002")
    with pytest.raises(BankError, match=r"no analysis 1 of FeXX00001 .*analyse it first"):
        bank.atoms("FeXX00001", analysis=1)


@pytest.mark.parametrize(
    ("name", "values", "match"),
    [
        ("tags", np.full(5, 2**60), "array tags: found int64"),
        ("thing", np.array([None] * 5), "array thing: found object"),
        ("phase", np.ones(5, complex), "array phase: found complex"),
        ("flag", np.ones(5), "flag: found float64.*a text per atom"),
        ("confidence", np.array(["a"] * 5), "confidence: found <U1"),
        ("b_factor", np.ones((5, 2)), "b_factor: found float64"),
        ("type", np.full(5, 70_000), "a small integer per atom"),
    ],
)
def test_arrays_that_cannot_be_stored(
    bank: Bank, name: str, values: np.ndarray, match: str
) -> None:
    model = alloy("Fe5")
    model.atoms.set_array(name, values)
    with pytest.raises(InputError, match=match):
        deposit(bank, model)
    assert bank.sql("FROM model").num_rows == 0


def test_cells_species_and_texts_that_cannot_be_stored(bank: Bank) -> None:
    def refused(match: str, atoms: ase.Atoms, **given: object) -> None:
        with pytest.raises(InputError, match=match):
            deposit(bank, AtomicModel(atoms, name="model"), **given)  # type: ignore[arg-type]

    for number in (300, -3):
        atoms = alloy("Fe5").atoms
        atoms.numbers[2] = number
        refused(f"species: found atomic number {number}", atoms)
    atoms = alloy("Fe5").atoms
    atoms.set_cell([np.nan, 1, 1])
    refused("model: cell: found NaN", atoms)
    atoms = alloy("Fe5").atoms
    atoms.set_celldisp([np.inf, 0, 0])
    refused("model: origin: found NaN", atoms)
    atoms = alloy("Fe5").atoms
    atoms.arrays["short"] = np.ones(4)
    refused(r"array short: found shape \(4,\); expected a row for each of 5", atoms)
    atoms = alloy("Fe5").atoms
    atoms.set_array("type", np.array([1, np.nan, 1, 1, 1]))
    refused("a small integer per atom", atoms)
    refused("UTF-8 can't encode", alloy("Fe5").atoms, sample="bad \ud800")
    refused("info: found .*surrogates", alloy("Fe5").atoms, details=Details(info={"a": "\ud800"}))
    atoms = alloy("Fe5").atoms
    atoms.set_array("label", np.array(["\ud800"] * 5))
    refused("UTF-8 can't encode", atoms)
    with pytest.raises(InputError, match="licence: found 10000000 characters"):
        Details(licence="x" * 10_000_000)
    assert bank.sql("FROM model").num_rows == 0


def test_remarks_without_a_form_become_text_and_long_ones_are_refused(bank: Bank) -> None:
    model = alloy("Fe5")
    model.atoms.info = {"spacegroup": object, "e": float("nan")}
    deposit(bank, model, details=Details(info={"microscope": "one"}))
    assert bank.atoms("FeXX00001").info == {
        "spacegroup": "<class 'object'>",
        "e": "nan",
        "microscope": "one",
    }
    other = alloy("Fe4")
    other.atoms.info = {"comment": "x" * 10_000_000}
    with pytest.raises(InputError, match=r"text of Fe4: found 100000\d\d characters"):
        deposit(bank, other)
