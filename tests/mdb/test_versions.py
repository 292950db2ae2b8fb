"""Versions of entries, what is said of a model, nested transactions."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import mdb
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries
from aet_port.core.errors import InputError
from mdb import Bank, BankError, Deposit, Details, deposit
from mdb.entries import read_entry
from mdb.hashing import entry_digest
from mdb.ids import version_id
from mdb.invariants import KINDS
from tests.mdb.samples import alloy, assert_whole, particle


def moved(model: AtomicModel, by: float) -> AtomicModel:
    atoms = model.atoms.copy()
    atoms.positions[0, 0] += by
    return AtomicModel(atoms, name=f"{model.name} moved")


def test_a_correction_is_the_next_version_and_the_first_stays(bank: Bank) -> None:
    first = alloy("Fe5")
    assert deposit(bank, first).id == "FeXX00001"
    assert deposit(bank, moved(first, 0.1), corrects="FeXX00001").id == "FeXX00001v2"
    assert deposit(bank, moved(first, 0.2), corrects="FeXX00001").id == "FeXX00001v3"
    assert deposit(bank, alloy("Fe4")).id == "FeXX00002"
    assert deposit(bank, moved(alloy("Fe4Pt"), 1), corrects="FeXX00002").id == "FeXX00002v2"
    found = bank.sql("SELECT model_id, entry_id, version FROM model ORDER BY 1").to_pylist()
    assert [tuple(row.values()) for row in found] == [
        ("FeXX00001", "FeXX00001", 1),
        ("FeXX00001v2", "FeXX00001", 2),
        ("FeXX00001v3", "FeXX00001", 3),
        ("FeXX00002", "FeXX00002", 1),
        ("FeXX00002v2", "FeXX00002", 2),
    ]
    current = bank.sql("SELECT model_id FROM current_model ORDER BY 1")["model_id"].to_pylist()
    assert current == ["FeXX00001v3", "FeXX00002v2"]
    np.testing.assert_array_equal(bank.atoms("FeXX00001").positions, first.positions)
    assert version_id("FeXX00001", 1) == "FeXX00001"
    assert_whole(bank)


def test_details_alone_may_be_corrected_and_each_version_has_its_analyses(bank: Bank) -> None:
    model, found = particle()
    deposit(bank, model, analysis=found, details=Details(doi="10.1/1"))
    again = deposit(
        bank, model, analysis=found, details=Details(doi="10.1/2"), corrects="TaXX00001"
    )
    assert again == Deposit("TaXX00001v2", True, 2, True)
    # What is deposited without a version belongs to the newest that has these atoms.
    assert deposit(bank, model, analysis=found) == Deposit("TaXX00001v2", False, 2, False)
    assert bank.sql("SELECT doi FROM model ORDER BY version")["doi"].to_pylist() == [
        "10.1/1",
        "10.1/2",
    ]
    assert_whole(bank)


def test_details_that_would_be_lost_are_refused(bank: Bank) -> None:
    model = alloy("Fe5")
    given = Details(temperature=300.0, doi="10.1/1", species=[mdb.SpeciesFit("Fe", None, 1.0)])
    deposit(bank, model, details=given)
    assert not deposit(bank, model).new
    assert not deposit(bank, model, details=given).new
    for other, name in [
        (Details(temperature=301.0), "temperature"),
        (Details(licence="CC0"), "licence"),
        (Details(species=[mdb.SpeciesFit("Fe", None, 2.0)]), "species_fit"),
    ]:
        with pytest.raises(InputError, match=rf"{name}: found.*corrects='FeXX00001'"):
            deposit(bank, model, details=other)
    with pytest.raises(InputError, match="atom_edit"):
        deposit(bank, model, edits=[mdb.Edit("move", 1)])
    assert bank.sql("FROM model").num_rows == 1


def test_corrections_of_nothing_and_of_another(bank: Bank) -> None:
    with pytest.raises(InputError, match="corrects: found 'FeXX00001'"):
        deposit(bank, alloy("Fe5"), corrects="FeXX00001")
    deposit(bank, alloy("Fe5"))
    deposit(bank, alloy("Fe4"))
    with pytest.raises(InputError, match="the atoms of FeXX00002"):
        deposit(bank, alloy("Fe4"), corrects="FeXX00001")
    assert bank.sql("FROM model").num_rows == 2


@pytest.mark.parametrize(
    ("details", "match"),
    [
        ({"temperature": -1.0}, "temperature: found -1.0"),
        ({"r1_mean": float("nan")}, "r1_mean: found nan"),
        ({"optimization_type": "guess"}, "optimization_type: found 'guess'"),
    ],
)
def test_details_out_of_range(details: dict[str, float], match: str) -> None:
    with pytest.raises(InputError, match=match):
        Details(**details)  # type: ignore[arg-type]


SERIES = TiltSeries(np.ones((2, 4, 4)), np.array([-10.0, 10.0]), 0.5)
NAN = float("nan")


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"details": Details(species=[mdb.SpeciesFit("Qq")])}, r"species_fit \(model FeXX00001"),
        ({"details": Details(species=[mdb.SpeciesFit("Fe", height=NAN)])}, "species_fit"),
        ({"edits": [mdb.Edit("move", 1, "Qq")]}, "atom_edit"),
        ({"edits": [mdb.Edit("move", 1, "Fe", (0, NAN, 0))]}, "atom_edit"),
        ({"edits": [mdb.Edit("remove", -1)]}, "atom_edit"),
        ({"provenance": [mdb.Provenance("model", "a.xyz", "abc")]}, "provenance .*role model"),
        ({"reconstruction": mdb.Reconstruction("R", r_mean=-0.1)}, "reconstruction"),
        (
            {"reconstruction": mdb.Reconstruction("R", tilt_series=SERIES, scales=[1, -1])},
            "projection .*projection 1",
        ),
        (
            {"reconstruction": mdb.Reconstruction("R", tilt_series=SERIES, r_factors=[1, NAN])},
            "projection",
        ),
    ],
)
def test_senseless_values_are_refused_whole(bank: Bank, given: dict, match: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(InputError, match=match):
        deposit(bank, alloy("Fe5"), **given)
    for confidence in (1.5, -0.1):
        model = alloy("Fe5")
        model.atoms.set_array("confidence", np.array([1, 1, 1, confidence, 1]))
        with pytest.raises(InputError, match=r"atom_fit \(model FeXX00001, atom 3\)"):
            deposit(bank, model)
    assert bank.sql("FROM model").num_rows == bank.sql("FROM sample").num_rows == 0


@pytest.mark.parametrize(
    "given", [{"cooling_rate": -1.0}, {"time_step": 0.0}, {"potential_sha256": "x"}]
)
def test_senseless_runs_are_refused(bank: Bank, given: dict) -> None:  # type: ignore[type-arg]
    run = mdb.MdRun("q", "Ta", "LAMMPS", "EAM", {}, 2, pa.table({"step": [0]}))
    with pytest.raises(InputError, match="md_run"):
        mdb.deposit_run(bank, replace(run, **given))
    with pytest.raises(InputError, match="md_thermo"):
        mdb.deposit_run(bank, replace(run, thermo=pa.table({"step": [0], "volume": [NAN]})))
    assert bank.sql("FROM md_run").num_rows == 0


def test_species_twice_and_snapshots_of_another_kind(bank: Bank) -> None:
    with pytest.raises(InputError, match="species: found Fe of type None twice"):
        Details(species=[mdb.SpeciesFit("Fe"), mdb.SpeciesFit("Fe")])
    with pytest.raises(InputError, match="kind: found 'experiment' of a snapshot"):
        deposit(bank, alloy("Fe5"), snapshot=mdb.Snapshot(1, 0, 300.0))


def test_edits_are_checked() -> None:
    with pytest.raises(InputError, match="action: found 'paint'"):
        mdb.Edit("paint", 1)
    for action, atom in (("add", 3), ("move", None)):
        with pytest.raises(InputError, match=f"atom of '{action}'"):
            mdb.Edit(action, atom)


def test_a_read_entry_has_the_checksum_it_was_stored_with(everything: Path, tmp_path: Path) -> None:
    with Bank(shutil.copy(everything, tmp_path / "some.bank")) as bank:
        rows = bank.sql("FROM checksum").to_pylist()
        assert {row["entry"] for row in rows} == set(KINDS)
        total = sum(bank.sql(f"FROM {kind}").num_rows for kind in KINDS)
        assert len(rows) == total
        with bank.transaction() as connection:
            for row in rows:
                key = row["id"] if row["entry"] == "model" else int(row["id"])
                assert entry_digest(read_entry(connection, row["entry"], key)) == row["sha256"]


def test_every_table_belongs_to_an_entry(bank: Bank) -> None:
    tables = bank.sql("SELECT table_name AS t FROM duckdb_tables()")["t"].to_pylist()
    around = {"sample", "tilt_series", "projection", "reconstruction", "md_snapshot"}
    owned = {part for parts in KINDS.values() for part in parts}
    assert set(tables) == {*KINDS, *owned, *around, "checksum", "schema_version"}


def test_a_failed_analysis_is_told_once(bank: Bank) -> None:
    deposit(bank, alloy("Fe5"))
    now = datetime(2026, 1, 1)
    first = mdb.deposit_failure(
        bank, "FeXX00001", {"cutoff": 4.0}, "too few atoms", started=now, finished=now
    )
    assert mdb.deposit_failure(bank, "FeXX00001", {"cutoff": 4.0}, "too few atoms") == first
    (row,) = bank.sql("FROM analysis").to_pylist()
    assert (row["status"], row["reason"], row["started"]) == ("failed", "too few atoms", now)
    assert row["n_motifs"] is None
    with pytest.raises(InputError, match="model: found 'FeXX00009'"):
        mdb.deposit_failure(bank, "FeXX00009", {}, "none")
    with pytest.raises(InputError, match="status: found 'passed'"):
        mdb.deposit_failure(bank, "FeXX00001", {}, "none", status="passed")
    assert_whole(bank)


def test_deposits_within_a_transaction_are_kept_together(bank: Bank) -> None:
    with bank.transaction():
        deposit(bank, alloy("Fe5"))
        deposit(bank, alloy("Fe4"))
        assert bank.sql("FROM model").num_rows == 0  # not yet, for whoever asks
    assert bank.sql("FROM model").num_rows == 2

    def two_of_three(catch: bool) -> None:
        with bank.transaction():
            deposit(bank, alloy("Pt5"))
            try:
                other = mdb.Snapshot(99, 0, 300.0)
                deposit(bank, alloy("Pt4"), kind="md_snapshot", snapshot=other)
            except InputError:
                if not catch:
                    raise
            deposit(bank, alloy("Pt3"))

    with pytest.raises(InputError, match="run: found 99"):
        two_of_three(catch=False)
    with pytest.raises(BankError, match="a deposit of this transaction failed"):
        two_of_three(catch=True)
    assert bank.sql("FROM model").num_rows == 2
    assert deposit(bank, alloy("Pt5")).new
    assert_whole(bank)


def test_runs_are_recognised_and_checked(bank: Bank) -> None:
    thermo = pa.table({"step": [0, 5], "volume": [18.0, 18.1]})
    run = mdb.MdRun("quench", "Ta", "LAMMPS", "EAM", {"rate": 1e13}, 2000, thermo)
    assert mdb.deposit_run(bank, run) == mdb.deposit_run(bank, run) == 1
    assert bank.sql("FROM md_thermo").num_rows == 2
    other = mdb.MdRun("quench", "Ta", "LAMMPS", "EAM", {"rate": 1e12}, 2000, thermo)
    assert mdb.deposit_run(bank, other) == 2
    for columns in ({"step": [0], "colour": [1.0]}, {"volume": [1.0]}):
        wrong = mdb.MdRun("q", "Ta", "LAMMPS", "EAM", {}, 1, pa.table(columns))
        with pytest.raises(InputError, match="thermo: found columns"):
            mdb.deposit_run(bank, wrong)
    assert_whole(bank)


def test_a_bank_is_entered_once(bank: Bank) -> None:
    with pytest.raises(BankError, match="already open"):
        bank.__enter__()
    # and stays usable
    assert bank.sql("FROM model").num_rows == 0
