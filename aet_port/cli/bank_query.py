"""``aet mdb queries`` and ``aet mdb query``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

import mdb
from aet_port.cli.bank_options import BankFile
from aet_port.cli.options import Json, settings_options
from aet_port.cli.table_form import TableForm, table_options
from aet_port.core.console import print_json
from aet_port.core.errors import InputError
from aet_port.core.terminal import print_line
from mdb.queries import named_queries
from mdb.query_settings import QuerySettings

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
        print_line(f"{one.name}: {one.description}")
        usage = [parameter.usage() for parameter in one.parameters]
        wide = max((len(how) for how, _ in usage), default=0)
        for how, what in usage:
            print_line(f"    {how:{wide}}  {what}")
        if one.notes:
            print_line(f"    {one.notes}")


@settings_options()
@table_options
def query(
    sql: Annotated[
        str, typer.Argument(help="A SELECT, or the name of a query that `aet mdb queries` lists.")
    ],
    bank: BankFile,
    limits: QuerySettings,
    form: TableForm,
    settings: Setting = None,
) -> None:
    """Run SQL or a named query on a bank.

    Queries cannot change the bank, attach databases or read files. Of columns of one name, JSON and
    Parquet number the second and further ones.
    """
    named = re.fullmatch(r"[A-Za-z]\w*(-\w+)*", sql) is not None
    if settings and not named:
        raise InputError("--set", "a query in SQL", "the name of a query; see `aet mdb queries`")
    with mdb.Bank(bank, read_only=True, limits=limits) as opened:
        # One word is no SQL, so a misspelt name gets the list of names.
        if named:
            form.give(opened.query(sql, **parse_settings(settings or ())).to_reader())
            return
        with opened.stream(sql) as answer:
            form.give(answer)


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
