"""``aet mdb``: what is refused, in one line and without a change to the bank."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

import mdb
from aet_port.io import read_model, write_model
from aet_port.simulation import amorphous_particle
from mdb.errors import BankError
from tests.cli.samples import Aet, Refused, Sample
from tests.mdb.samples import uncertainties


@pytest.fixture(scope="module")
def made(original: Sample, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bank with the sample's model; to be read only."""
    path = tmp_path_factory.mktemp("bank") / "bank.duckdb"
    with mdb.Bank(path) as opened:
        assert mdb.deposit(opened, original.model, kind="synthetic").id == "TaXX00001"
    return path


@pytest.fixture
def bank(sample: Sample, made: Path) -> Path:
    """The same in the test's own folder."""
    return Path(shutil.copy(made, sample.folder))


@pytest.mark.parametrize(
    ("sql", "parts"),
    [
        ("SELEC 1", ("syntax error", "correct the query")),
        ("SELECT nothing FROM atom", ("nothing", "correct the query")),
        ("SELECT * FROM nowhere", ("nowhere", "correct the query")),
        ("", ("found no statement", "only one SELECT")),
        ("SELECT 1; SELECT 2", ("SELECT, SELECT", "only one SELECT")),
        ("DELETE FROM atom", ("DELETE", "only one SELECT")),
        ("INSERT INTO schema_version VALUES (9, 'x', now())", ("INSERT", "only one SELECT")),
        ("DROP TABLE atom", ("DROP", "only one SELECT")),
        ("CREATE TABLE mine (a INT)", ("CREATE", "only one SELECT")),
        ("COPY atom TO '{folder}/atoms.csv'", ("COPY", "only one SELECT")),
        ("ATTACH '{folder}/other.duckdb'", ("ATTACH", "only one SELECT")),
        ("SET memory_limit = '1GB'", ("SET", "only one SELECT")),
        ("SELECT * FROM read_text('{folder}/angles.txt')", ("disabled", "correct the query")),
    ],
)
def test_queries_that_are_refused(
    bank: Path, refused: Refused, sql: str, parts: tuple[str, ...]
) -> None:
    before = bank.read_bytes()
    files = sorted(bank.parent.iterdir())
    refused("mdb", "query", sql.format(folder=bank.parent), "--bank", bank, parts=(bank, *parts))
    assert bank.read_bytes() == before
    assert sorted(bank.parent.iterdir()) == files


@pytest.mark.parametrize(
    "words", [("list",), ("show", "TaXX00001"), ("query", "SELECT 1")], ids=lambda w: w[0]
)
def test_no_bank(sample: Sample, refused: Refused, words: tuple[str, ...]) -> None:
    absent, text = sample.folder / "absent.duckdb", sample.folder / "angles.txt"
    refused("mdb", *words, "--bank", absent, parts=(absent, "no such file", "deposit a model"))
    assert not absent.exists()
    refused("mdb", *words, "--bank", text, parts=(text, "not a DuckDB file", "path of a bank"))


def test_other_databases(sample: Sample, refused: Refused) -> None:
    other = sample.folder / "other.duckdb"
    duckdb.connect(str(other)).close()
    refused("mdb", "list", "--bank", other, parts=(other, "without the tables of a bank"))
    refused("mdb", "init", "--bank", other, parts=(other, "without the tables of a bank"))
    blocked = sample.folder / "angles.txt" / "bank.duckdb"
    refused("mdb", "init", "--bank", blocked, parts=(blocked, "choose another place"))


@pytest.mark.parametrize("model", ["TaXX00002", "'; DROP TABLE atom; --", "x' OR 'a'='a", ""])
def test_models_that_are_not_there(bank: Path, refused: Refused, model: str) -> None:
    refused("mdb", "show", model, "--bank", bank, parts=(bank, "`aet mdb list` shows"))


def test_atoms_of_a_model_as_a_file(
    bank: Path, asked: Callable[..., Any], refused: Refused, tmp_path: Path
) -> None:
    model = amorphous_particle(30, "Pt", seed=2)
    for name, values in uncertainties(30).items():
        model.atoms.set_array(name, values)
    with mdb.Bank(bank) as opened:
        mdb.deposit(opened, model)
        kept = opened.atoms("PtXX00001", None)
    table, full = tmp_path / "atoms.csv", tmp_path / "atoms.extxyz"
    facts = asked("mdb", "atoms", "PtXX00001", "--bank", bank, "-o", table)
    assert facts == {"model": str(table), "atoms": 30}
    with table.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    for name in uncertainties(30):
        np.testing.assert_array_equal([float(row[name]) for row in rows], kept.arrays[name])
    asked("mdb", "atoms", "PtXX00001", "--bank", bank, "-o", full)
    with mdb.Bank(bank) as opened:
        assert not mdb.deposit(opened, read_model(full)).new
    refused(
        *("mdb", "atoms", "PtXX00009", "--bank", bank, "-o", table),
        parts=("no model 'PtXX00009'",),
    )
    refused(
        *("mdb", "atoms", "PtXX00001", "--bank", bank, "-o", table, "--analysis", 7),
        parts=("no analysis 7",),
    )
    refused(
        *("mdb", "atoms", "PtXX00001", "--bank", bank, "-o", tmp_path / "atoms.txt"),
        parts=("atoms.txt", ".csv"),
    )


def test_a_bank_in_use(bank: Path, refused: Refused, monkeypatch: object) -> None:
    assert isinstance(monkeypatch, pytest.MonkeyPatch)

    def locked(*_: object, **options: object) -> None:
        raise duckdb.IOException("Could not set lock on file: held in python (PID 17)")

    monkeypatch.setattr(duckdb, "connect", locked)
    monkeypatch.setattr("mdb.bank.WAIT", 0.1)
    refused("mdb", "list", "--bank", bank, parts=(bank, "in use by process 17", "wait"))


def test_errors_of_the_bank_are_ours() -> None:
    error = BankError("some.duckdb", "broken", "mend it")
    assert str(error) == "bank some.duckdb: broken; mend it"


def test_what_speaks_against_a_model_is_shown(
    bank: Path, aet: Aet, asked: Callable[..., Any], tmp_path: Path
) -> None:
    """In both forms, with the reasons for figures that are not stated; it is no failure."""
    model = amorphous_particle(150, "Pt", seed=2)
    model.atoms.symbols[:12] = "Ta"  # too few below the surface for Warren-Cowley parameters
    model.positions[7] = model.positions[8] + [0.4, 0, 0]
    write_model(tmp_path / "near.xyz", model)
    named = ("--bank", bank)
    assert asked("analyze", tmp_path / "near.xyz", "--cutoff", 4, *named)["model"] == "TaPt00001"
    shown = asked("mdb", "show", "TaPt00001", *named)
    (warning,) = shown["warnings"]
    assert (warning["kind"], warning["atoms"], warning["first_atom"]) == ("clash", 2, 7)
    assert warning["value"] == pytest.approx(0.4, abs=1e-6)  # digits of the file
    names = {one["name"] for one in shown["reasons"]}
    assert "warren_cowley Ta-Ta" in names
    assert shown["files_verified"] == "not recorded (1 files)"
    text = aet("mdb", "show", "TaPt00001", *named).out
    assert "clash" in text
    assert "central atoms, fewer than 10" in text
    checks = asked("mdb", "check", *named)
    assert checks["failed"] == 0
    (told,) = [one for one in checks["checks"] if one["name"].startswith("plausibility")]
    assert told["ids"] == ["TaPt00001"]
