from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
import typer
from typer.testing import CliRunner

import aet_port.cli.bank_check
from aet_port.core.errors import InputError
from mdb import Bank, validity
from mdb.checks import MOST, Check, check
from mdb.entries import write_rows
from mdb.hashing import table_digest
from mdb.invariants import KEYS, KINDS, RANGES, SPECIES, UNBOUND, WORDS
from mdb.schema import migrations
from mdb.validity import expected_schema, real_columns, refuse_senseless
from mdb.value_rules import rules
from tests.mdb.samples import failed
from tests.mdb.spoilt_rows import COUNTS, ORPHANS, Expected
from tests.mdb.spoilt_values import RANGE

SCHEMA = {"schema: tables and columns", "schema: constraints"}


@pytest.fixture(scope="module")
def loose(everything: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same rows without keys and constraints, so that any row can be spoilt."""
    path = tmp_path_factory.mktemp("loose") / "loose.bank"
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"ATTACH '{everything}' AS old (READ_ONLY)")
        for table in (*KEYS, "schema_version"):
            connection.execute(f"CREATE TABLE {table} AS FROM old.{table}")
        connection.execute("CREATE VIEW current_model AS FROM model")
    return path


@pytest.fixture
def bank_path(everything: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(everything, tmp_path / "some.bank"))


@pytest.fixture
def loose_path(loose: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(loose, tmp_path / "loose.bank"))


def spoil(path: Path, *statements: str) -> None:
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)


def verify(path: Path, hashes: bool = True) -> list[Check]:
    """All checks of a bank, whose bytes stay as they are."""
    before = path.read_bytes()
    with Bank(path, read_only=True) as bank:
        found = check(bank, hashes=hashes)
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.glob(f"*{path.name}*")] == [path.name]
    return found


PLAUSIBILITY = "plausibility: warnings of models"  # never fails: a bank may hold such models


def broken(checks: Iterable[Check]) -> Expected:
    return {one.name: set(one.ids) for one in failed(checks)}


def test_a_good_bank_passes_everything(bank_path: Path) -> None:
    found = verify(bank_path)
    assert {one.status for one in found} == {"passed"}
    told = {one.name: one.ids for one in found if one.ids}
    # The samples of these tests are no sound models, which is told and fails nothing.
    assert {*told} == {PLAUSIBILITY}
    assert "CuTa00001" in told[PLAUSIBILITY]
    names = [one.name for one in found]
    assert len(names) == len(set(names))
    with Bank(bank_path, read_only=True) as bank:
        for table in KEYS:  # nothing passes for want of rows
            assert bank.sql(f"FROM {table} LIMIT 1").num_rows == 1, table
        tables = bank.sql("SELECT table_name FROM duckdb_tables() WHERE NOT internal")
    assert {*tables["table_name"].to_pylist()} == {*KEYS, "schema_version"}


def test_an_empty_bank_passes_everything(tmp_path: Path) -> None:
    with Bank(tmp_path / "new.bank") as bank:  # for writing too
        found = check(bank)
    assert {one.status for one in found} == {"passed"}


def test_without_hashes(bank_path: Path) -> None:
    spoil(bank_path, "UPDATE atom SET x = x + 1e-9 WHERE model_id = 'FeXX00001' AND atom = 3")
    found = verify(bank_path, hashes=False)
    assert failed(found) == []
    assert [one.name for one in found if one.status == "not attempted"] == ["hashes"]


def test_a_flipped_digit_is_found(bank_path: Path) -> None:
    spoil(bank_path, "UPDATE atom SET x = x + 1e-9 WHERE model_id = 'FeXX00001' AND atom = 3")
    found = {"FeXX00001"}
    assert broken(verify(bank_path)) == {
        "hashes: checksums of model": found,
        "hashes: atoms of models": found,
    }


def test_what_only_hashes_tell(bank_path: Path) -> None:
    spoil(
        bank_path,
        "UPDATE atom_value SET value = -value WHERE name = 'momenta' AND atom = 3 "
        "AND component = 1 AND model_id = 'CuTa00001v2'",
        "UPDATE projection SET theta = 1 WHERE projection = 1",
        "UPDATE model SET content_hash = repeat('0', 64) WHERE model_id = 'FeXX00001'",
        "DELETE FROM checksum WHERE id = 'TaXX00001'",
        "UPDATE tetrahedron SET volume = volume + 1e-9 WHERE analysis_id = 2 AND atom_1 = 3",
        "UPDATE analysis SET reason = 'other' WHERE analysis_id = 3",
        "UPDATE checksum SET sha256 = repeat('0', 64) WHERE entry = 'analysis' AND id = '1'",
        "UPDATE md_thermo SET temperature = 291 WHERE step = 10",
        "UPDATE validation_row SET computed = 3.2 WHERE place = 0",
    )
    found = verify(bank_path)
    assert broken(found) == {
        "hashes: checksums of model": {"CuTa00001", "CuTa00001v2", "FeXX00001", "TaXX00001"},
        "hashes: atoms of models": {"CuTa00001v2", "FeXX00001"},
        "hashes: checksums of analysis": {"analysis 1", "analysis 2", "analysis 3"},
        "hashes: checksums of md_run": {"md run 1"},
        "hashes: checksums of validation": {"validation 1"},
    }
    (models,) = [one.found for one in found if one.name == "hashes: checksums of model"]
    assert models == "4 of 4 entries; first: CuTa00001 other rows than its checksum says"


def test_rows_that_make_no_model_are_told(bank_path: Path) -> None:
    spoil(
        bank_path,
        "UPDATE atom SET species = 'Qq' WHERE model_id = 'FeXX00001' AND atom = 2",
        "UPDATE atom_array SET dtype = 'none' WHERE model_id = 'CuTa00001v2' AND name = 'label'",
    )
    models = {"FeXX00001", "CuTa00001v2"}
    assert broken(verify(bank_path)) == {
        "ranges: atom": {"FeXX00001"},
        "relations: ids and species of models": {"FeXX00001"},
        "hashes: checksums of model": models,
        "hashes: atoms of models": models,
    }


def test_entries_of_older_banks_have_no_checksum(bank_path: Path) -> None:
    spoil(
        bank_path,
        "DELETE FROM checksum WHERE entry = 'model' AND id <> 'FeXX00001'",
        "UPDATE schema_version SET applied = '2999-01-01'",
    )
    (found,) = [one for one in verify(bank_path) if one.status != "passed"]
    assert (found.name, found.status) == ("hashes: checksums of model", "not attempted")
    assert found.found.startswith("3 of 4 entries")
    assert found.ids == ("CuTa00001", "CuTa00001v2", "TaXX00001")


def test_the_checks_name_ten_entries_and_how_many_more(loose_path: Path) -> None:
    spoil(
        loose_path,
        "INSERT INTO provenance SELECT 'None' || k, 'model', 'a.xyz', 'no hash', NULL "
        "FROM range(10, 25) AS r (k)",
    )
    found = {one.name: one for one in failed(verify(loose_path, hashes=False))}
    assert {*found} == SCHEMA | {"orphans: provenance.model_id without model", "ranges: provenance"}
    one = found["ranges: provenance"]
    assert one.ids == tuple(f"None{k}" for k in range(10, 20))
    assert "15 rows; first: None10, role model, file_name a.xyz, expected regexp" in one.found
    assert one.found.endswith("5 more ids")


def test_what_a_missing_table_keeps_from_running(bank_path: Path) -> None:
    spoil(bank_path, "DROP TABLE bond_angle", "ALTER TABLE packing DROP COLUMN population")
    found = verify(bank_path)
    assert broken(found) == {
        "schema: tables and columns": {
            *("bond_angle.analysis_id", "bond_angle.angle", "bond_angle.density"),
            "packing.population",
        },
        "schema: constraints": {"bond_angle"},
    }
    assert {one.name for one in found if one.status == "not attempted"} == {
        "duplicates: bond_angle",
        "orphans: bond_angle.analysis_id without analysis",
        "ranges: bond_angle",
        "ranges: packing",
        "whole: analyses that did not pass",
        "whole: tables that go together",
        "hashes: checksums of analysis",
    }
    reasons = [one.found for one in found if one.status == "not attempted"]
    assert all("bond_angle" in reason or "population" in reason for reason in reasons)


@pytest.mark.parametrize("spoilt", [ORPHANS, COUNTS], ids=["orphans", "counts"])
def test_what_is_broken_and_nothing_else_fails(
    loose_path: Path, spoilt: list[tuple[str, Expected]]
) -> None:
    spoil(loose_path, *(statement for statement, _ in spoilt))
    expected: Expected = {}
    for _, found in spoilt:
        for name, ids in found.items():
            expected.setdefault(name, set()).update(ids)
    checks = verify(loose_path, hashes=False)
    wrong = broken(checks)
    assert {*wrong} >= SCHEMA
    assert {*wrong} - SCHEMA == {*expected}
    for name, ids in expected.items():
        # A check names ten entries at most.
        assert wrong[name] == ids or (len(wrong[name]) == MOST and wrong[name] < ids), name


def test_every_range(loose_path: Path) -> None:
    def finds(table: str, setting: str, row: int) -> set[str]:
        connection.begin()
        connection.execute(f"UPDATE {table} SET {setting} WHERE rowid = {row}")
        found = connection.execute(rule[f"ranges: {table}"].broken).fetchall()
        connection.rollback()
        return {words for *_, words in found}

    with duckdb.connect(str(loose_path)) as connection:
        columns, _ = expected_schema(migrations())
        reals = real_columns(columns)
        rule = {one.name: one for one in rules(reals)}
        for table, setting, expected in RANGE:
            row = 3 if table == "model" else 0  # one without children of its own
            found = finds(table, setting, row)
            assert len(found) == 1, (table, setting)
            assert found.pop().startswith(expected), (table, setting)
        for table, names in reals.items():
            for name, is_list in names.items():
                for value in ("nan", "inf", "-inf"):
                    other = f"[0, '{value}'::DOUBLE, 0, 0, 0, 0, 0, 0, 0]"
                    if is_list and (table, name) == ("model", "origin"):
                        other = f"[0, '{value}'::DOUBLE, 0]"
                    setting = f"{name} = {other}" if is_list else f"{name} = '{value}'::DOUBLE"
                    (words,) = finds(table, setting, 0) or {"passes"}
                    passes = table in UNBOUND
                    assert (words == "passes") if passes else words.startswith("isfinite("), name
    # Nothing is left out: JSON can't be spoilt, DuckDB reads it when it is stored.
    tried = {(table, expected) for table, _, expected in RANGE}
    for table, conditions in RANGES.items():
        for one in conditions:
            words = WORDS.get(one, one)
            assert words.startswith("json_valid") or any(
                table == known and words.startswith(start) for known, start in tried
            ), (table, words)


def test_senseless_rows_are_refused_before_they_are_stored(bank_path: Path) -> None:
    every: dict[str, tuple[str, str | int]] = {
        **{table: ("model_id", "CuTa00001") for table in ("model", *KINDS["model"])},
        **{table: ("analysis_id", 2) for table in ("analysis", *KINDS["analysis"])},
        **{table: ("tilt_series_id", 1) for table in ("tilt_series", "projection")},
        **{"reconstruction": ("reconstruction_id", 1), "sample": ("sample_id", 1)},
    }
    with duckdb.connect(str(bank_path)) as connection:
        refuse_senseless(connection, every)
        refuse_senseless(connection, {})
        connection.execute(
            "UPDATE atom_fit SET confidence = 2 WHERE atom = 3 AND model_id = 'CuTa00001'"
        )
        with pytest.raises(InputError, match=r"atom_fit \(model CuTa00001, atom 3\)"):
            refuse_senseless(connection, every)
        refuse_senseless(connection, {"atom_fit": ("model_id", "CuTa00001v2")})  # good rows
        connection.execute("UPDATE atom_fit SET confidence = 1")
        connection.execute("UPDATE projection SET shift_x = 'nan' WHERE projection = 2")
        with pytest.raises(InputError, match=r"projection 2\): .* expected isfinite\(shift_x\)"):
            refuse_senseless(connection, every)


def test_a_value_out_of_range_fails_one_check(bank_path: Path) -> None:
    spoil(bank_path, "UPDATE voronoi SET volume = -1 WHERE analysis_id = 2 AND atom = 3")
    found = failed(verify(bank_path, hashes=False))
    assert found == [
        Check(
            "ranges: voronoi",
            "failed",
            "1 rows; first: analysis 2, atom 3, expected volume >= 0",
            ("analysis 2",),
        )
    ]


def test_every_check_is_seen_to_fail(bank_path: Path) -> None:
    seen = {name for spoilt in (ORPHANS, COUNTS) for _, found in spoilt for name in found}
    seen |= {f"ranges: {table}" for table, _, _ in RANGE} | SCHEMA
    names = {one.name for one in verify(bank_path, hashes=False)}
    assert names - {"hashes", PLAUSIBILITY} == seen


def test_a_damaged_file_is_told(bank_path: Path) -> None:
    content = bytearray(bank_path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 200_000] = bytes(200_000)
    bank_path.write_bytes(content)
    found = verify(bank_path)
    wrong = failed(found)
    assert wrong
    assert any("can't be read" in one.found for one in wrong)
    assert len(found) > 100


@pytest.fixture
def command() -> typer.Typer:
    app = typer.Typer()
    app.command()(aet_port.cli.bank_check.check)
    return app


def test_the_command(command: typer.Typer, bank_path: Path) -> None:
    run = CliRunner().invoke(command, ["--bank", str(bank_path)])
    assert run.exit_code == 0
    assert "hashes: checksums of model" in run.output
    assert " passed, 0 failed, 0 not attempted" in run.output
    spoil(bank_path, "UPDATE voronoi SET volume = -1 WHERE analysis_id = 2 AND atom = 3")
    run = CliRunner().invoke(command, ["--bank", str(bank_path), "--no-hashes", "--json"])
    assert run.exit_code == 1
    found = json.loads(run.stdout)
    assert (found["failed"], found["not_attempted"]) == (1, 1)
    (wrong,) = [one for one in found["checks"] if one["status"] == "failed"]
    assert (wrong["name"], wrong["ids"]) == ("ranges: voronoi", ["analysis 2"])
    assert found["passed"] + 2 == len(found["checks"])


def test_conditions_on_columns_without_values_are_left_out_only_where_null_is_fine() -> None:
    for table in (*RANGES, "atom"):
        for condition, columns, holds in validity._conditions(migrations(), table):
            assert columns, condition
            # Written with all of its columns NULL, a row breaks exactly those that don't hold.
            names = ", ".join(f"NULL::{_kind(table, name)} AS {name}" for name in columns)
            ((broken,),) = duckdb.sql(f"SELECT NOT ({condition}) FROM (SELECT {names})").fetchall()
            assert bool(broken) is not holds, condition


def _kind(table: str, column: str) -> str:
    rows = expected_schema(migrations())[0].to_pylist()
    kinds = {(row["table_name"], row["column_name"]): row["data_type"] for row in rows}
    return str(kinds[table, column])


def test_rows_at_hand_are_refused_as_those_in_the_bank(bank_path: Path) -> None:
    with duckdb.connect(str(bank_path)) as connection:
        changes = {"sigma_x = -1": "atom_fit", "confidence = 2": "atom_fit"}
        changes |= {"species = 'Xx'": "atom", "x = 'inf'": "atom"}
        for value, table in changes.items():
            sql = f"SELECT * EXCLUDE (model_id) FROM {table} WHERE model_id = 'CuTa00001'"
            where: dict[str, tuple[str, str | int]] = {table: ("model_id", "CuTa00001")}
            refuse_senseless(connection, where, {table: connection.sql(sql).to_arrow_table()})
            connection.begin()
            connection.execute(f"UPDATE {table} SET {value} WHERE atom = 3")
            with pytest.raises(InputError, match=rf"{table} \(model CuTa00001, atom 3\)"):
                refuse_senseless(connection, where, {table: connection.sql(sql).to_arrow_table()})
            connection.rollback()


def test_values_of_a_dictionary_are_looked_at_once_each() -> None:
    species = pa.DictionaryArray.from_arrays([0, 1, 0], ["Ta", "Pd"])
    assert validity._holds(SPECIES, frozenset({"species"}), pa.table({"species": species}))
    wrong = pa.DictionaryArray.from_arrays([0, None, 1], ["Ta", "Xx"])
    for column in (wrong, wrong.cast(pa.string()), species.cast(pa.string())):
        rows = pa.table({"species": column})
        assert not validity._holds(SPECIES, frozenset({"species"}), rows)
    # Of two columns, the values are not enough.
    assert not validity._holds("species <> flag", frozenset({"species", "flag"}), None)


@pytest.mark.parametrize("symbol", ["Ta", "Xx"])
def test_species_of_a_dictionary_are_refused_as_texts_are(bank_path: Path, symbol: str) -> None:
    sql = "SELECT * EXCLUDE (model_id) FROM atom WHERE model_id = 'CuTa00001'"
    where: dict[str, tuple[str, str | int]] = {"atom": ("model_id", "CuTa00001")}
    spoil(bank_path, f"UPDATE atom SET species = '{symbol}' WHERE atom = 3")
    with duckdb.connect(str(bank_path), read_only=True) as connection:
        rows = connection.sql(sql).to_arrow_table()
        place = rows.column_names.index("species")
        rows = rows.set_column(place, "species", rows["species"].dictionary_encode())
        text = r"atom \(model CuTa00001, atom 3\): .* expected a chemical symbol"
        with pytest.raises(InputError, match=text) if symbol == "Xx" else contextlib.nullcontext():
            refuse_senseless(connection, where, {"atom": rows})


def test_a_single_row_is_written_like_many(loose: Path, tmp_path: Path) -> None:
    with duckdb.connect(str(shutil.copy(loose, tmp_path / "loose.bank"))) as connection:
        for table in KEYS:
            rows = connection.sql(f"FROM {table}").to_arrow_table()
            connection.execute(f"TRUNCATE {table}")
            for k in range(rows.num_rows)[:20]:
                write_rows(connection, table, {}, rows[k : k + 1])
            back = connection.sql(f"FROM {table}").to_arrow_table()
            assert table_digest({table: back}) == table_digest({table: rows[:20]})
