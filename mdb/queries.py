"""Named queries: questions to a bank as files of SQL, their parameters checked before they run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from aet_port.core.errors import InputError
from mdb.query_parameters import Parameter, Value, parse_parameter, shown

# What a parameter names must be in the bank: no rows for a slip of the pen would mislead.
_THERE = {
    "model": (
        "SELECT 1 FROM model WHERE model_id = $model",
        "an id that `aet mdb list` shows",
    ),
    "analysis": (
        "SELECT 1 FROM analysis WHERE analysis_id = $analysis AND status = 'passed'",
        "the number of an analysis that passed",
    ),
    "network": (
        "SELECT 1 FROM network WHERE analysis_id = $analysis AND network = $network",
        "a network of that analysis, such as `largest-networks` shows",
    ),
    "run": (
        "SELECT 1 FROM md_run WHERE md_run_id = $run",
        "the number of a run of molecular dynamics",
    ),
}
# A model that must be given is compared with others by its analysis.
_ANALYSED = (
    "SELECT 1 FROM analysis WHERE model_id = $model AND status = 'passed'",
    "a model with an analysis that passed",
)


class Answering(Protocol):
    """What answers SQL: an open :class:`mdb.Bank`."""

    path: Path

    def held(self) -> AbstractContextManager[Any]:
        """Context in which all queries see the same entries."""

    def sql(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        """Answer of one SELECT."""


@dataclass(frozen=True)
class NamedQuery:
    """A question to a bank.

    Attributes
    ----------
    name
        Its name, such as ``motif-fractions``.
    description
        What it answers.
    notes
        How, where that needs words; may be empty.
    parameters
        What it can be given.
    sql
        The SELECT, with ``$name`` for each parameter.
    """

    name: str
    description: str
    notes: str
    parameters: tuple[Parameter, ...]
    sql: str


@cache
def _packaged() -> dict[str, NamedQuery]:
    folder = resources.files("mdb").joinpath("queries")
    found = [
        parse(entry.name.removesuffix(".sql"), entry.read_text(encoding="utf-8"))
        for entry in folder.iterdir()
        if entry.name.endswith(".sql")
    ]
    return {query.name: query for query in sorted(found, key=lambda query: query.name)}


def named_queries() -> dict[str, NamedQuery]:
    """The packaged queries, ``queries/name.sql``, by name."""
    return dict(_packaged())


def parse(name: str, text: str) -> NamedQuery:
    """A query from its SQL.

    It begins with lines of comment: what it answers; one for each parameter
    (:func:`mdb.query_parameters.parse_parameter`); any further notes.

    Raises
    ------
    InputError
        If the comment is missing, or a parameter in it is written in another way.
    """
    head = []
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        head.append(line.removeprefix("--").strip())
    if not head or head[0].startswith("$"):
        raise InputError(f"query {name}", "no description", "a comment that says what it answers")
    parameters, notes = [], []
    for line in head[1:]:
        if line.startswith("$"):
            parameters.append(parse_parameter(name, line))
        else:
            notes.append(line)
    return NamedQuery(name, head[0], " ".join(notes), tuple(parameters), text)


def run(bank: Answering, name: str, /, **parameters: Value | None) -> pa.Table:
    """Answer of a named query; :meth:`mdb.Bank.query` as a function.

    Parameters
    ----------
    bank
        An open bank.
    name
        One of :func:`named_queries`.
    parameters
        Values by name, as Python values or as texts; None counts as not given.

    Returns
    -------
    Rows with the units that the tables of the bank have.

    Raises
    ------
    InputError
        For a query or parameter that does not exist, a required one that is missing, a value that
        is not of its type, or one that names nothing in the bank.
    BankError
        If the bank cannot be read.
    """
    query = _packaged().get(name)
    if query is None:
        raise InputError("query", shown(name), f"one of {', '.join(_packaged())}")
    values = check_parameters(query, parameters)
    # One view of the bank for the checks and the answer, so that no deposit comes in between.
    with bank.held():
        for parameter in query.parameters:
            if values[parameter.name] is not None:
                _check_there(bank, parameter, values)
        return bank.sql(query.sql, values)


def _check_there(bank: Answering, parameter: Parameter, values: Mapping[str, Value | None]) -> None:
    """Refuse a value that names nothing in the bank."""
    checks = [_THERE[parameter.name]] if parameter.name in _THERE else []
    if parameter.name == "model" and parameter.required:
        checks.append(_ANALYSED)
    for sql, expected in checks:
        named = {name: values[name] for name in re.findall(r"\$(\w+)", sql)}
        if not bank.sql(sql, named).num_rows:
            subject = f"{parameter.name} of bank {bank.path}"
            raise InputError(subject, shown(values[parameter.name]), expected)


def check_parameters(query: NamedQuery, given: Mapping[str, Any]) -> dict[str, Value | None]:
    """A value for every parameter of a query: the given one checked, or the default.

    Raises
    ------
    InputError
        For a parameter that the query does not have, a required one that is missing, or a value
        that is not of its type.
    """
    known = {parameter.name: parameter for parameter in query.parameters}
    for name in given:
        if name not in known:
            expected = f"one of {', '.join(known)}" if known else "none"
            raise InputError(f"parameter of {query.name}", shown(name), expected)
    values: dict[str, Value | None] = {}
    for name, parameter in known.items():
        value = given.get(name)
        if value is not None:
            values[name] = parameter.check(value)
        elif parameter.required:
            raise InputError(
                f"parameter {name} of {query.name}", "nothing", f"{parameter.expected}, always"
            )
        else:
            values[name] = parameter.default
    return values
