"""``aet mdb queries`` and ``aet mdb query``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

import mdb
from aet_port.cli.bank_options import BankFile
from aet_port.cli.options import Json
from aet_port.core.console import print_json, print_rows
from aet_port.core.errors import InputError
from mdb.queries import named_queries

Setting = Annotated[
    list[str] | None,
    typer.Option("--set", help="Parameter of a named query (name=value); may be repeated."),
]


def queries(as_json: Json = False) -> None:
    """List the named queries, what they answer and their parameters."""
    known = named_queries().values()
    if as_json:
        print_json([{k: v for k, v in asdict(one).items() if k != "sql"} for one in known])
        return
    for one in known:
        print(f"{one.name}: {one.description}")
        usage = [parameter.usage() for parameter in one.parameters]
        wide = max((len(how) for how, _ in usage), default=0)
        for how, what in usage:
            print(f"    {how:{wide}}  {what}")
        if one.notes:
            print(f"    {one.notes}")


def query(
    sql: Annotated[
        str, typer.Argument(help="A SELECT, or the name of a query that `aet mdb queries` lists.")
    ],
    bank: BankFile,
    settings: Setting = None,
    as_json: Json = False,
) -> None:
    """Run SQL or a named query on a bank.

    Queries cannot change the bank, attach databases or read files.
    """
    named = re.fullmatch(r"[A-Za-z]\w*(-\w+)*", sql) is not None
    if settings and not named:
        raise InputError("--set", "a query in SQL", "the name of a query; see `aet mdb queries`")
    with mdb.Bank(bank, read_only=True) as opened:
        # One word is no SQL, so a misspelt name gets the list of names.
        found = opened.query(sql, **parse_settings(settings or ())) if named else opened.sql(sql)
    rows = found.to_pylist()
    if as_json:
        print_json(rows)
    else:
        print_rows(found.column_names, [list(row.values()) for row in rows])


def parse_settings(settings: Sequence[str]) -> dict[str, str]:
    """Texts ``name=value`` as values by name.

    Raises
    ------
    InputError
        For a text without ``=``, or a name given twice.
    """
    values: dict[str, str] = {}
    for setting in settings:
        name, sign, value = setting.partition("=")
        if not sign or not name:
            raise InputError("--set", repr(setting), "name=value, such as model=TaXX00001")
        if name in values:
            raise InputError("--set", f"{name!r} twice", "each parameter once")
        values[name] = value
    return values
