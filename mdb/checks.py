"""Verifying a bank: schema, counts, numbering, orphans, ranges, hashes. Nothing is ever changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import duckdb
import pyarrow as pa

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import AetError, InputError
from aet_port.core.progress import Reporter, progress_bar
from mdb.bank import Bank
from mdb.database import one_line
from mdb.entries import read_entry
from mdb.errors import BankError
from mdb.hashing import entry_digest, model_hash
from mdb.ids import prefix
from mdb.invariants import KEYS, KINDS
from mdb.model_rows import atom_columns, further_arrays
from mdb.schema import migrations
from mdb.validity import COLUMNS, CONSTRAINTS, expected_schema, real_columns
from mdb.value_rules import Rule, rules

Status = Literal["passed", "failed", "not attempted"]
MOST = 10  # ids that a failed check names
_TOGETHER = 8  # rules in one query, which is quicker than eight
_FIRST_CHECKSUMS = 5  # the migration that added them

_ENTRIES = """
SELECT {kind}_id AS id, sha256,
       deposited < (SELECT max(applied) FROM schema_version WHERE version = $first) AS older
FROM {kind} LEFT JOIN checksum ON entry = '{kind}' AND checksum.id = {kind}_id::VARCHAR
ORDER BY {kind}_id
"""
_ARRAYS = "SELECT name FROM atom_array WHERE model_id = $id"
# What reading rows that make no sense may raise.
_SENSELESS = (duckdb.Error, AetError, ArithmeticError, LookupError, TypeError, ValueError)


@dataclass(frozen=True)
class Check:
    """One thing that was verified.

    Attributes
    ----------
    name
        Group and subject, such as ``"counts: atoms of a model"``.
    status
        ``"passed"``, ``"failed"`` or ``"not attempted"``.
    found
        What was looked at, what is wrong, or why it was not attempted.
    ids
        At most ten of the entries concerned: ``"TaXX00001"``, ``"analysis 3"``; of the schema
        ``"table.column"``.
    """

    name: str
    status: Status
    found: str
    ids: tuple[str, ...] = ()


def check(bank: Bank, hashes: bool = True, show_progress: bool = False) -> list[Check]:
    """Verify everything that must hold in a bank; what fails does not keep the rest from running.

    Parameters
    ----------
    bank
        Open; nobody can write to it meanwhile.
    hashes
        Also compute every hash anew, entry by entry, in the memory that one of them takes.
    show_progress
        Report on standard error.

    Returns
    -------
    Every check, whatever came of it; those of the schema first, those of hashes last.

    Raises
    ------
    BankError
        If the bank is not open.
    """
    columns, constraints = expected_schema(migrations())
    every = list(rules(real_columns(columns)))
    with bank.held():
        there = bank.sql(COLUMNS)
        found = [
            _compare("schema: tables and columns", columns, there),
            _compare("schema: constraints", constraints, bank.sql(CONSTRAINTS)),
        ]
        whole, sizes = found[0].status == "passed", _sizes(bank, there)
        jobs: list[tuple[str, Callable[[str, Reporter], Check]]] = [
            ("relations: ids and species of models", partial(_prefixes, bank)),
            ("plausibility: warnings of models", partial(_warnings, bank)),
        ]
        if hashes:
            jobs += [
                (f"hashes: checksums of {kind}", partial(_checksums, bank, kind)) for kind in KINDS
            ]
            jobs.append(("hashes: atoms of models", partial(_contents, bank)))
        entries = sum(sizes.get(kind, 0) for kind in (*KINDS, "model")) if hashes else 0
        total = len(every) + len(jobs) + entries
        with progress_bar("aet mdb check", total, enabled=show_progress) as reporter:
            for start in range(0, len(every), _TOGETHER):
                batch = every[start : start + _TOGETHER]
                found += _judge_all(bank, batch, sizes, whole)
                reporter.advance(len(batch), note=batch[-1].name)
            for name, job in jobs:
                found.append(_attempt(name, partial(job, name, reporter), whole))
                reporter.advance(note=name)
    if not hashes:
        found.append(Check("hashes", "not attempted", "left out as asked"))
    return found


def _attempt(name: str, job: Callable[[], Check], whole: bool) -> Check:
    """What a check came to, or why it could not be made."""
    try:
        return job()
    except (BankError, duckdb.Error) as error:
        cause = error if isinstance(error, duckdb.Error) else error.__cause__
        if isinstance(cause, duckdb.ProgrammingError) and not whole:
            return Check(name, "not attempted", one_line(cause))
        if isinstance(cause, duckdb.ProgrammingError) or not isinstance(cause, duckdb.Error):
            raise
        return Check(name, "failed", f"the file can't be read: {one_line(cause)}")


def _compare(name: str, expected: pa.Table, there: pa.Table) -> Check:
    """Rows that describe the schema, against those of a new bank."""
    wanted, given = ({tuple(row.values()) for row in t.to_pylist()} for t in (expected, there))
    other = sorted(wanted ^ given, key=str)
    if not other:
        return Check(name, "passed", f"{len(given)} as in a new bank")
    first = other[0]
    what = "missing or other than it should be" if first in wanted else "unknown"
    words = ", ".join(str(part) for part in first)
    ids = dict.fromkeys(".".join(row[:2]) if len(row) > 2 else row[0] for row in other)
    return _failure(name, f"{len(other)} differ; {what}: {words}", [*ids])


def _judge_all(
    bank: Bank, batch: Sequence[Rule], sizes: Mapping[str, int], whole: bool
) -> list[Check]:
    """Whether rows break some rules, asked in one query; those that may be broken one by one."""
    sql = " UNION ALL ".join(
        f"SELECT {place} AS rule WHERE EXISTS (FROM ({rule.broken}))"
        for place, rule in enumerate(batch)
    )
    try:
        suspects = {*bank.sql(sql)["rule"].to_pylist()}
    except BankError:  # which one can't be asked is told below
        suspects = {*range(len(batch))}
    return [
        _attempt(rule.name, partial(_judge, bank, rule, sizes.get(rule.table, 0)), whole)
        if place in suspects
        else Check(rule.name, "passed", f"{sizes[rule.table]} rows")
        for place, rule in enumerate(batch)
    ]


def _judge(bank: Bank, rule: Rule, rows: int) -> Check:
    """Whether some of a table's rows break a rule, and which."""
    name = rule.name
    first = bank.sql(f"SELECT * FROM ({rule.broken}) ORDER BY ALL LIMIT 1")
    key = first.column_names[0]
    if not first.num_rows:
        return Check(name, "passed", f"{rows} rows")
    sql = f'SELECT "{key}" AS id, count(*) AS n FROM ({rule.broken}) GROUP BY 1 ORDER BY 1'
    broken = bank.sql(sql)
    ids = [_id(key, value) for value in broken["id"].to_pylist()]
    facts = [_id(key, first[key][0].as_py())]
    facts += [f"{fact} {value}" for fact, value in list(first.to_pylist()[0].items())[1:]]
    return _failure(name, f"{sum(broken['n'].to_pylist())} rows; first: {', '.join(facts)}", ids)


def _id(key: str, value: object) -> str:
    """An id that says of what it is: those of models do, numbers don't."""
    kind = key.removesuffix("_id")
    return str(value) if kind in ("model", "entry", "id") else f"{kind.replace('_', ' ')} {value}"


def _failure(name: str, found: str, ids: Sequence[str]) -> Check:
    more = f"; {len(ids) - MOST} more ids" if len(ids) > MOST else ""
    return Check(name, "failed", found + more, tuple(ids[:MOST]))


def _sizes(bank: Bank, columns: pa.Table) -> dict[str, int]:
    """Number of rows of each table that is there."""
    tables = sorted({*columns["table_name"].to_pylist()} & KEYS.keys())
    counted = ", ".join(f"(SELECT count(*) FROM {table}) AS {table}" for table in tables)
    return dict(bank.sql(f"SELECT {counted}").to_pylist()[0]) if tables else {}


def _prefixes(bank: Bank, name: str, reporter: Reporter) -> Check:
    """Whether the ids of entries begin with the elements of their first version."""
    sql = """SELECT model_id, list(DISTINCT species ORDER BY species) AS species
        FROM model JOIN atom USING (model_id) WHERE version = 1 GROUP BY 1 ORDER BY 1"""
    models = bank.sql(sql).to_pylist()
    wrong = {}
    for model in models:
        try:
            letters = prefix(model["species"])
        except InputError:
            letters = "other species"
        if not model["model_id"].startswith(letters):
            wrong[model["model_id"]] = f"is of {', '.join(model['species'])}"
    return (
        _wrong(name, wrong, len(models))
        if wrong
        else Check(name, "passed", f"{len(models)} models")
    )


def _warnings(bank: Bank, name: str, reporter: Reporter) -> Check:
    """Which models were deposited with warnings: told, because a bank may hold such models."""
    sql = """SELECT model_id, min_by(text, warning) AS text, count(*) AS n FROM model_warning
        GROUP BY 1 ORDER BY 1"""
    models = bank.sql(sql).to_pylist()
    if not models:
        return Check(name, "passed", "none")
    told = f"{sum(one['n'] for one in models)} of {len(models)} models; first: {models[0]['text']}"
    ids = [one["model_id"] for one in models]
    more = f"; {len(ids) - MOST} more ids" if len(ids) > MOST else ""
    return Check(name, "passed", told + more, tuple(ids[:MOST]))


def _checksums(bank: Bank, kind: str, name: str, reporter: Reporter) -> Check:
    """Whether all rows of each entry give the checksum that was stored with them."""
    older, wrong = [], {}
    entries = bank.sql(_ENTRIES.format(kind=kind), {"first": _FIRST_CHECKSUMS}).to_pylist()
    for entry in entries:
        shown = _id(f"{kind}_id", entry["id"])
        if entry["sha256"] is not None:
            problem = _differs(bank, kind, entry["id"], entry["sha256"])
        elif entry["older"]:
            older.append(shown)
            problem = None
        else:
            problem = "has no checksum"
        if problem is not None:
            wrong[shown] = problem
        reporter.advance(note=shown)
    if wrong:
        return _wrong(name, wrong, len(entries))
    if older:
        text = f"{len(older)} of {len(entries)} entries are older than checksums; the rest agree"
        return Check(name, "not attempted", text, tuple(older[:MOST]))
    return Check(name, "passed", f"{len(entries)} entries")


def _contents(bank: Bank, name: str, reporter: Reporter) -> Check:
    """Whether the atoms of each model give the hash that it is recognised by."""
    wrong = {}
    models = bank.sql("SELECT model_id, kind, content_hash FROM model ORDER BY 1").to_pylist()
    for model in models:
        try:
            atoms = AtomicModel(bank.atoms(model["model_id"], None))
            names = bank.sql(_ARRAYS, {"id": model["model_id"]})["name"].to_pylist()
            columns = atom_columns(atoms, names) | further_arrays(atoms, names)
            if model_hash(atoms, model["kind"], columns) != model["content_hash"]:
                wrong[model["model_id"]] = "other atoms than its hash says"
        except _SENSELESS as error:
            wrong[model["model_id"]] = f"no atoms can be made of its rows: {one_line(error)}"
        reporter.advance(note=model["model_id"])
    if wrong:
        return _wrong(name, wrong, len(models))
    return Check(name, "passed", f"{len(models)} models")


def _differs(bank: Bank, kind: str, key: str | int, stored: str) -> str | None:
    try:
        with bank.connected() as connection:
            same = entry_digest(read_entry(connection, kind, key)) == stored
    except _SENSELESS as error:
        if isinstance(error, duckdb.ProgrammingError):
            raise
        return f"its rows can't be read: {one_line(error)}"
    return None if same else "other rows than its checksum says"


def _wrong(name: str, wrong: Mapping[str, str], entries: int) -> Check:
    shown, problem = next(iter(wrong.items()))
    return _failure(name, f"{len(wrong)} of {entries} entries; first: {shown} {problem}", [*wrong])
