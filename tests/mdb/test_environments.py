"""Structure types and local chemical order in the bank: stored, given back, asked for, reported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import mdb
from aet_port.core.atomic_model import AtomicModel
from aet_port.reporting.bank_structure import read_structure
from aet_port.reporting.content import structure_of
from aet_port.reporting.surroundings_sections import surroundings_section
from aet_port.structure import StructureResult, analyze, atom_quantities
from aet_port.structure.bonds.templates import NOT_ASKED, STRUCTURES
from mdb import Bank
from mdb.parquet_export import export_bank
from mdb.parquet_import import import_bank
from tests.mdb.samples import assert_whole, structure_types
from tests.structure.samples import close_packed


@pytest.fixture(scope="module")
def alloy() -> tuple[AtomicModel, StructureResult]:
    """A small particle of two species with structure types that OVITO could have found."""
    atoms = close_packed(3, radius=8.0)
    atoms.numbers[np.random.default_rng(0).random(len(atoms)) < 0.4] = 29
    found = analyze(atoms, cutoff=4.0)
    types = structure_types(len(atoms), seed=2)
    asked = found.parameters | {"template_rmsd": 0.1}
    return AtomicModel(atoms, name="alloy"), replace(found, types=types, parameters=asked)


def test_arrays_come_back(bank: Bank, alloy: tuple[AtomicModel, StructureResult]) -> None:
    model, found = alloy
    stored = mdb.deposit(bank, model, analysis=found)
    assert_whole(bank)
    back = bank.atoms(stored.id).arrays
    expected = atom_quantities(model, found).arrays
    assert {*expected} <= {*back}
    for name, values in expected.items():
        np.testing.assert_array_equal(back[name], values, err_msg=name)


def test_fractions_and_strains(bank: Bank, alloy: tuple[AtomicModel, StructureResult]) -> None:
    model, found = alloy
    assert found.types is not None
    mdb.deposit(bank, model, analysis=found)
    rows = bank.query("structure-types").to_pylist()
    counts = {
        (method, name): number
        for method, numbers in found.types.counts().items()
        for name, number in numbers.items()
    }
    assert {(row["method"], row["structure"]): row["atoms"] for row in rows} == counts
    fcc = next(row for row in rows if (row["method"], row["structure"]) == ("ptm", "fcc"))
    of = found.types.ptm == STRUCTURES.index("fcc")
    assert fcc["strain_shear"] == pytest.approx(found.types.strain_shear[of].mean(), rel=1e-12)
    assert fcc["unstrained_spacing"] == 2.8
    hcp = next(row for row in rows if (row["method"], row["structure"]) == ("ptm", "hcp"))
    assert hcp["reason"] == "3 atoms, fewer than 10"


def test_without_ovito_rows_say_so(bank: Bank, alloy: tuple[AtomicModel, StructureResult]) -> None:
    model, found = alloy
    why = "needs an optional library; install it with: pip install 'aet-port[ovito]'"
    asked = found.parameters | {"templates_reason": why}
    lacking = replace(found, types=None, parameters=asked)
    number = mdb.deposit(bank, model, analysis=lacking).analysis
    assert number is not None
    assert_whole(bank)
    rows = bank.sql("FROM structure_fraction").to_pylist()
    assert len(rows) == 8 + 5
    assert all(row["fraction"] is row["atoms"] is None and row["reason"] == why for row in rows)
    assert bank.sql("FROM structure_type").num_rows == 0
    here = read_structure(bank, number, len(model)).surroundings
    assert list(here.reasons) == list(structure_of(lacking).surroundings.reasons) == [why]


def test_not_asked_for_and_one_species(bank: Bank) -> None:
    atoms = close_packed(0, radius=7.0)
    found = analyze(atoms, cutoff=4.0)
    number = mdb.deposit(bank, AtomicModel(atoms, name="ball"), analysis=found).analysis
    assert number is not None
    for table in ("structure_type", "structure_fraction", "local_chemistry"):
        assert bank.sql(f"FROM {table}").num_rows == 0
    here = read_structure(bank, number, len(atoms)).surroundings
    there = structure_of(found).surroundings
    for one in (here, there):
        assert (one.fractions, list(one.strains), list(one.local)) == (None, [], [])
        assert list(one.reasons) == [NOT_ASKED]


@pytest.mark.parametrize("typed", [False, True])
def test_a_report_from_the_bank_is_that_of_the_analysis(
    bank: Bank, alloy: tuple[AtomicModel, StructureResult], typed: bool
) -> None:
    model, found = alloy
    if typed:
        atoms = model.atoms.copy()
        atoms.set_array("type", np.arange(len(atoms)) % 3 + 1)
        model = AtomicModel(atoms, name="typed")
        found = replace(analyze(atoms, cutoff=4.0), types=found.types)
    number = mdb.deposit(bank, model, analysis=found).analysis
    assert number is not None
    here = read_structure(bank, number, len(model)).surroundings
    there = structure_of(found).surroundings
    assert here.fractions == there.fractions
    assert here.reasons == there.reasons
    for one, other in ((here.strains, there.strains), (here.local, there.local)):
        assert [row[:2] for row in one] == [row[:2] for row in other]
        # A summary is rounded to six digits.
        np.testing.assert_allclose([r[2:] for r in one], [r[2:] for r in other], atol=1e-6)
    assert len(here.local) == (9 if typed else 4)
    assert len(surroundings_section(here).parts) == 6


def test_an_analysis_with_types_is_another(
    bank: Bank, alloy: tuple[AtomicModel, StructureResult]
) -> None:
    model, found = alloy
    assert found.types is not None
    plain = replace(found, types=None)
    assert mdb.deposit(bank, model, analysis=plain).new_analysis
    assert mdb.deposit(bank, model, analysis=found).new_analysis
    assert not mdb.deposit(bank, model, analysis=found).new_analysis


def test_through_parquet(tmp_path: Path, alloy: tuple[AtomicModel, StructureResult]) -> None:
    model, found = alloy
    with Bank(tmp_path / "one.bank") as bank:
        mdb.deposit(bank, model, analysis=found)
        export_bank(bank, tmp_path / "folder")
    import_bank(tmp_path / "two.bank", tmp_path / "folder")
    with Bank(tmp_path / "one.bank") as one, Bank(tmp_path / "two.bank") as two:
        assert_whole(two, hashes=True)
        for table in ("structure_type", "structure_fraction", "local_chemistry"):
            sql = f"FROM {table} ORDER BY ALL"
            first: pa.Table = one.sql(sql)
            assert first.num_rows > 0
            assert first.equals(two.sql(sql))
