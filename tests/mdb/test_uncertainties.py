"""How sure each atom is: stored, checked, given back, and asked for by `doubtful-atoms`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

import mdb
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.core.files import sha256
from aet_port.core.uncertainty import COVARIANCES, P_SPECIES, SIGMAS
from aet_port.io import read_model, write_model
from mdb import Bank, deposit
from mdb.checks import check
from mdb.database import create, opened
from mdb.entries import write_rows
from mdb.hashing import table_digest
from mdb.invariants import KINDS
from mdb.model_rows import array_tables, atom_tables, row
from mdb.parquet_export import MANIFEST, export_bank
from mdb.parquet_import import import_bank
from mdb.schema import migrations
from mdb.validity import expected_schema, real_columns
from mdb.value_rules import range_rule
from tests.mdb.samples import alloy, assert_whole, uncertainties

COLUMNS = (
    *("sigma_x", "sigma_y", "sigma_z", "covariance_xy", "covariance_xz", "covariance_yz"),
    *("sigma_height", "p_exists", "p_species"),
)


def with_errors(formula: str = "Fe4Pt", seed: int = 0) -> AtomicModel:
    model = alloy(formula)
    for name, values in uncertainties(len(model), seed).items():
        model.atoms.set_array(name, values)
    return model


def of(bank: Bank, model_id: str, *columns: str) -> dict[str, NDArray[Any]]:
    rows = bank.sql(
        f"SELECT {', '.join(columns)} FROM atom_fit WHERE model_id = $id ORDER BY atom",
        {"id": model_id},
    )
    return {name: rows[name].to_numpy() for name in columns}


def test_the_columns_hold_the_arrays_and_give_them_back(bank: Bank) -> None:
    model = with_errors()
    stored = deposit(bank, model)
    found = of(bank, stored.id, *COLUMNS)
    for name in COLUMNS:
        array = P_SPECIES if name == "p_species" else name
        np.testing.assert_array_equal(found[name], model.atoms.arrays[array])
        np.testing.assert_array_equal(bank.atoms(stored.id).arrays[array], found[name])
    assert bank.sql("FROM atom_array").num_rows == 0
    assert_whole(bank, hashes=True)
    assert not deposit(bank, model).new


def test_nothing_known_is_null(bank: Bank) -> None:
    model = with_errors()
    # The sign bit of NaN is no content: NULL keeps none.
    model.atoms.arrays["sigma_z"][:] = -np.float64("nan")
    model.atoms.arrays["p_exists"][1] = -np.float64("nan")
    del model.atoms.arrays["sigma_height"]
    for name in COVARIANCES:
        del model.atoms.arrays[name]
    stored = deposit(bank, model)
    nulls = ", ".join(f"count(*) - count({name}) AS {name}" for name in COLUMNS)
    (found,) = bank.sql(f"SELECT {nulls} FROM atom_fit").to_pylist()
    absent = {"sigma_z", "sigma_height", *COVARIANCES}
    assert found == {name: 5 * (name in absent) + (name == "p_exists") for name in COLUMNS}
    assert absent.isdisjoint(bank.atoms(stored.id).arrays)
    assert np.flatnonzero(np.isnan(bank.atoms(stored.id).arrays["p_exists"])).tolist() == [1]
    assert deposit(bank, alloy("Fe5")).new  # as a refined model, which has none of them
    assert set(bank.atoms("FeXX00001").arrays) == {"numbers", "positions"}
    assert_whole(bank, hashes=True)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"sigma_y": -0.1}, "sigma_y >= 0"),
        ({"sigma_x": np.inf}, r"isfinite\(sigma_x\)"),
        ({"p_exists": 1.01}, "p_exists BETWEEN 0 AND 1"),
        ({"probability": -0.01}, "p_species BETWEEN 0 AND 1"),
        ({"sigma_x": 0.1, "sigma_z": 0.1, "covariance_xz": 0.011}, r"abs\(covariance_xz\)"),
        ({"sigma_x": 0.0, "covariance_xy": 1e-9}, r"abs\(covariance_xy\)"),
        ({"sigma_z": np.nan}, "covariance_xz IS NULL OR "),
        (
            dict.fromkeys(SIGMAS, 1.0) | dict(zip(COVARIANCES, (0.9, 0.9, -0.9), strict=True)),
            "a positive semidefinite covariance matrix",
        ),
    ],
)
def test_values_that_make_no_sense_are_refused(
    bank: Bank, changes: dict[str, float], expected: str
) -> None:
    model = with_errors()
    for name, value in changes.items():
        model.atoms.arrays[name][3] = value
    with pytest.raises(InputError, match=rf"atom_fit \(model FePt00001, atom 3\).*{expected}"):
        deposit(bank, model)
    assert bank.sql("FROM model").num_rows == 0


def test_the_rule_of_covariances_is_that_of_eigenvalues(bank: Bank) -> None:
    # Random symmetric matrices with a unit diagonal: about half are positive semidefinite.
    rng = np.random.default_rng(1)
    correlation = rng.uniform(-1, 1, (400, 3))
    table = np.broadcast_to(np.eye(3), (400, 3, 3)).copy()
    for k, (i, j) in enumerate(COVARIANCES.values()):
        table[:, i, j] = table[:, j, i] = correlation[:, k]
    lowest = np.linalg.eigvalsh(table)[:, 0]
    clear = np.abs(lowest) > 1e-3  # beyond what the rule leaves to rounding
    scales = 10.0 ** rng.uniform(-3, 1, (400, 3))
    sigmas = dict(zip(SIGMAS, scales.T, strict=True))
    with bank.transaction() as connection:
        model = alloy("Fe400")
        for name, values in sigmas.items():
            model.atoms.set_array(name, values)
        for k, (name, (i, j)) in enumerate(COVARIANCES.items()):
            model.atoms.set_array(name, correlation[:, k] * scales[:, i] * scales[:, j])
        columns = {name: model.atoms.arrays[name] for name in (*SIGMAS, *COVARIANCES)}
        rows = atom_tables(model, columns)["atom_fit"]
        write_rows(connection, "atom_fit", {"model_id": "FeXX00001"}, rows)
    rule = range_rule("atom_fit", real_columns(expected_schema(migrations())[0])["atom_fit"])
    broken = set(bank.sql(rule.broken)["atom"].to_pylist())
    assert {*np.flatnonzero(clear & (lowest < 0)).tolist()} <= broken
    assert broken.isdisjoint(np.flatnonzero(clear & (lowest > 0)).tolist())
    assert 50 < len(broken) < 350


def test_perfectly_correlated_errors_pass(bank: Bank) -> None:
    # Rank 1, rounded to single precision as some programs write it.
    model = alloy("Fe5")
    roots = np.random.default_rng(2).normal(0, 0.1, (5, 3))
    for k, name in enumerate(SIGMAS):
        model.atoms.set_array(name, np.abs(roots[:, k]).astype(np.float32))
    for name, (i, j) in COVARIANCES.items():
        model.atoms.set_array(name, (roots[:, i] * roots[:, j]).astype(np.float32))
    deposit(bank, model)
    assert_whole(bank, hashes=True)


def test_an_array_that_is_no_number_per_atom_is_refused(bank: Bank) -> None:
    model = alloy("Fe5")
    model.atoms.set_array("probability", np.ones((5, 2)))
    with pytest.raises(InputError, match=r"probability: found .* expected a number per atom"):
        deposit(bank, model)


def test_check_finds_a_changed_value(bank: Bank) -> None:
    deposit(bank, with_errors())
    with bank.transaction() as connection:
        connection.execute("UPDATE atom_fit SET p_exists = 1.5 WHERE atom = 2")
    wrong = {one.name for one in check(bank) if one.status == "failed"}
    assert wrong == {
        "ranges: atom_fit",
        "hashes: checksums of model",
        "hashes: atoms of models",
    }


# What the version before the columns computed for `earlier_model`.
EARLIER_HASH = "fface630f00cf092e8b0d3c70298d92715fc13e2615ca48bd339e44777db46f6"


def earlier_arrays() -> dict[str, NDArray[np.float64]]:
    k = np.arange(5)
    return {
        "sigma_x": 0.01 * (k + 1),
        "sigma_y": 0.02 * (k + 1),
        "sigma_z": 0.04 + 0.01 * k,
        "covariance_xy": 1e-4 * k,
        "covariance_xz": -1e-5 * (k + 1.0),
        "covariance_yz": 2e-4 * (k + 1.0),
        "sigma_height": 0.5 + k,
        "p_exists": 1 - 0.1 * k,
        "probability": np.array([1, 0.5, 0.75, 0.9, 0.6]),
        "height": 10.0 + k,
        "posterior": np.stack([k / 5, 1 - k / 5], axis=1),
    }


def earlier_model(arrays: dict[str, NDArray[Any]]) -> AtomicModel:
    model = alloy("Fe4Pt")
    for name, values in arrays.items():
        model.atoms.set_array(name, values)
    return model


def earlier_bank(path: Path, arrays: dict[str, NDArray[Any]], content: str) -> None:
    """A bank of the fifth schema that holds ``earlier_model`` as that version stored it."""
    create(path, upto=5)
    model = alloy("Fe4Pt")
    head = {"version": 1, "kind": "experiment", "name": "Fe4Pt", "content_hash": content}
    head |= {"n_atoms": 5, "cell": [0.0] * 9, "pbc": [False] * 3, "code_version": "0.1"}
    tables = {
        "sample": row({"name": "iron"}),
        "model": row({**head, "deposited": mdb.schema.utc_now()}),
        **atom_tables(model, {}),
        **array_tables(arrays),
    }
    own = {"model_id": "FePt00001"}
    with opened(path) as connection:
        write_rows(connection, "sample", {"sample_id": 1}, tables["sample"])
        keys = {**own, "entry_id": "FePt00001", "sample_id": 1, "reconstruction_id": None}
        write_rows(connection, "model", keys, tables["model"])
        for name in KINDS["model"]:
            if name in tables:
                write_rows(connection, name, own, tables[name])
        values = ["model", "FePt00001", table_digest(tables)]
        connection.execute("INSERT INTO checksum VALUES (?, ?, ?)", values)


def test_an_earlier_bank_keeps_its_hashes_and_answers(tmp_path: Path) -> None:
    path, arrays = tmp_path / "old.bank", earlier_arrays()
    earlier_bank(path, arrays, EARLIER_HASH)
    with Bank(path) as bank:
        assert bank.version == migrations()[-1].version
        assert {one.status for one in check(bank)} == {"passed"}
        for name, values in arrays.items():
            np.testing.assert_array_equal(bank.atoms("FePt00001").arrays[name], values)
        stored = deposit(bank, earlier_model(arrays))
        assert (stored.id, stored.new) == ("FePt00001", False)
        assert bank.query("doubtful-atoms")["atom"].to_pylist() == [4, 3, 2, 1, 0]
        assert bank.sql("FROM atom_fit").num_rows == 0


def test_doubtful_atoms_of_earlier_and_of_newer_models(tmp_path: Path) -> None:
    arrays, newer = earlier_arrays(), with_errors("Fe3")
    earlier_bank(tmp_path / "old.bank", arrays, EARLIER_HASH)
    with Bank(tmp_path / "old.bank") as bank:
        with bank.transaction() as connection:  # a confidence, which had a column already
            connection.execute(
                "INSERT INTO atom_fit (model_id, atom, confidence) "
                "SELECT model_id, atom, 0.9 FROM atom"
            )
        deposit(bank, newer)
        found = bank.query("doubtful-atoms").to_pylist()
    expected = {("FePt00001", k): value for k, value in enumerate(arrays["p_exists"])}
    expected |= {("FeXX00001", k): v for k, v in enumerate(newer.atoms.arrays["p_exists"])}
    assert {(one["model_id"], one["atom"]): one["p_exists"] for one in found} == expected
    assert all(one["x"] == 3.0 * one["atom"] for one in found)


def test_what_had_no_column_before_verifies_whatever_it_is(tmp_path: Path) -> None:
    # Of another precision, of another shape, and all NaN: none of it could stand in a column.
    arrays = earlier_arrays()
    arrays["sigma_x"] = arrays["sigma_x"].astype(np.float32)
    arrays["probability"] = np.ones((5, 2))
    arrays["p_exists"] = np.full(5, np.nan)
    path = tmp_path / "old.bank"
    content = mdb.hashing.model_hash(alloy("Fe4Pt"), "experiment", arrays)
    earlier_bank(path, arrays, content)
    with Bank(path) as bank:
        assert {one.status for one in check(bank)} == {"passed"}
        found = bank.query("doubtful-atoms")
        assert found["p_exists"].null_count == found["p_species"].null_count == 5


def test_exports_of_the_earlier_schema_are_read(tmp_path: Path) -> None:
    earlier_bank(tmp_path / "old.bank", earlier_arrays(), EARLIER_HASH)
    with Bank(tmp_path / "old.bank") as bank:
        folder = export_bank(bank, tmp_path / "export")
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["schema"] = 5  # and its files without the tables and columns that later ones added
    added = {"model_warning", "measure_reason"}
    manifest["files"] = [one for one in manifest["files"] if one["table"] not in added]
    for entry in manifest["files"]:
        later = {"provenance": ["verified"]}.get(entry["table"])
        if later is not None:
            file = folder / entry["file"]
            pq.write_table(pq.read_table(file, partitioning=None).drop_columns(later), file)
            entry["sha256"] = sha256(file)
    (folder / MANIFEST).write_text(json.dumps(manifest))
    assert import_bank(tmp_path / "new.bank", folder).new == 1
    with Bank(tmp_path / "new.bank", read_only=True) as bank:
        assert {one.status for one in check(bank)} == {"passed"}


def test_parquet_keeps_the_columns(bank: Bank, tmp_path: Path) -> None:
    model = with_errors()
    deposit(bank, model)
    folder = export_bank(bank, tmp_path / "export")
    import_bank(tmp_path / "new.bank", folder)
    before = of(bank, "FePt00001", *COLUMNS)
    with Bank(tmp_path / "new.bank", read_only=True) as back:
        for name, values in of(back, "FePt00001", *COLUMNS).items():
            np.testing.assert_array_equal(values, before[name])
        assert_whole(back, hashes=True)
    manifest = json.loads((folder / MANIFEST).read_text())
    assert "angstrom" in manifest["tables"]["atom_fit"]["columns"]["sigma_x"]


def test_a_file_keeps_what_is_known(bank: Bank, tmp_path: Path) -> None:
    model = with_errors()
    first = deposit(bank, model)
    back = read_model(write_model(tmp_path / "atoms.extxyz", bank.atoms(first.id)))
    assert deposit(bank, back) == mdb.Deposit(first.id, False, None, False)


def expected_order(models: dict[str, AtomicModel]) -> list[tuple[str, int]]:
    """The order of the query, by sorting in Python."""
    rows = []
    for name, model in models.items():
        arrays = model.atoms.arrays
        for k in range(len(model)):
            error = np.sqrt(sum(arrays[sigma][k] ** 2 for sigma in SIGMAS))
            p = arrays["p_exists"][k] if "p_exists" in arrays else np.inf
            rows.append(((p, arrays["probability"][k], -error), (name, k)))
    return [place for _, place in sorted(rows)]


def test_doubtful_atoms_are_in_order(bank: Bank) -> None:
    models = {"FePt00001": with_errors(), "FeXX00001": with_errors("Fe30", 1)}
    # Equal probabilities, so that the later criteria decide; and a model without existence.
    models["FeXX00001"].atoms.arrays["p_exists"][5:] = 0.5
    models["FeXX00001"].atoms.arrays["probability"][10:] = 0.9
    models["PtXX00001"] = with_errors("Pt7", 2)
    del models["PtXX00001"].atoms.arrays["p_exists"]
    for name, model in models.items():
        assert deposit(bank, model).id == name
    deposit(bank, alloy("Cu3"))  # of which nothing is known
    found = bank.query("doubtful-atoms", n=100)
    places = list(zip(found["model_id"].to_pylist(), found["atom"].to_pylist(), strict=True))
    assert places == expected_order(models)
    chosen = models["FePt00001"].atoms.arrays
    for row_ in found.to_pylist():
        if row_["model_id"] == "FePt00001":
            k = row_["atom"]
            assert row_["p_species"] == chosen["probability"][k]
            error = np.sqrt(sum(chosen[sigma][k] ** 2 for sigma in SIGMAS))
            assert row_["position_error"] == pytest.approx(error, rel=1e-14)  # rounding
    some = bank.query("doubtful-atoms", n=3, model="FeXX00001")
    assert some["atom"].to_pylist() == [k for name, k in places if name == "FeXX00001"][:3]
    below = bank.query("doubtful-atoms", n=100, threshold=0.7)
    kept = [
        (name, k)
        for name, k in places
        if models[name].atoms.arrays["probability"][k] < 0.7
        or (
            "p_exists" in models[name].atoms.arrays
            and models[name].atoms.arrays["p_exists"][k] < 0.7
        )
    ]
    assert 0 < len(kept) < len(places)
    got = zip(below["model_id"].to_pylist(), below["atom"].to_pylist(), strict=True)
    assert list(got) == kept
    with pytest.raises(InputError, match="threshold"):
        bank.query("doubtful-atoms", threshold=1.5)
    with pytest.raises(InputError, match="parameter n"):
        bank.query("doubtful-atoms", n=0)


def test_doubtful_atoms_of_the_newest_version(bank: Bank) -> None:
    deposit(bank, with_errors())
    deposit(bank, with_errors(seed=3), corrects="FePt00001")
    assert set(bank.query("doubtful-atoms")["model_id"].to_pylist()) == {"FePt00001v2"}
    old = bank.query("doubtful-atoms", model="FePt00001")
    assert set(old["model_id"].to_pylist()) == {"FePt00001"}
