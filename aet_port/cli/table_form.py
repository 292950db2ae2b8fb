"""The options ``--json``, ``--csv`` and ``--parquet`` of commands that print a table."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aet_port.cli.options import Json
from aet_port.core.console import print_facts, print_json
from aet_port.core.errors import InputError
from aet_port.core.files import check_target

if TYPE_CHECKING:
    from aet_port.core.table_output import Rows

Csv = Annotated[bool, typer.Option("--csv", help="Print the table as CSV.")]
Parquet = Annotated[
    Path | None, typer.Option("--parquet", help="Write the table to this Parquet file.")
]


@dataclass(frozen=True)
class TableForm:
    """How a command gives its table: for people, as JSON, as CSV, or in a Parquet file."""

    as_json: bool = False
    as_csv: bool = False
    parquet: Path | None = None

    def __post_init__(self) -> None:
        if self.as_csv and (self.as_json or self.parquet is not None):
            other = "--json" if self.as_json else "--parquet"
            raise InputError("--csv", f"it beside {other}", "one of them")
        if self.parquet is not None:
            check_target(self.parquet, (".parquet",))

    @property
    def for_people(self) -> bool:
        """Whether the command prints text, and progress."""
        return not self.as_json and not self.as_csv

    def give(self, rows: Rows) -> None:
        """Print or write the rows of a query, as they come."""
        from aet_port.core.table_output import print_csv, print_json_rows, print_table

        if self.parquet is not None:
            self._store(rows)
        elif self.as_csv:
            print_csv(rows)
        elif self.as_json:
            print_json_rows(rows)
        else:
            print_table(rows)

    def taken(self, records: Iterable[Mapping[str, Any]], content: Any = None) -> bool:
        """Give the rows of a table to programs; whether this is all that was asked for.

        Parameters
        ----------
        records
            Rows as values by column.
        content
            What ``--json`` prints, if more than the rows.
        """
        if self.parquet is None and not self.as_csv:
            if self.as_json:
                print_json(list(records) if content is None else content)
            return self.as_json
        from aet_port.core.table_output import print_csv, rows_of

        rows = rows_of(records)
        if self.as_csv:
            print_csv(rows)
        else:
            self._store(rows)
        return True

    def _store(self, rows: Rows) -> None:
        from aet_port.core.table_output import write_parquet

        if self.parquet is None:
            raise AssertionError("no file was asked for")
        written = write_parquet(rows, self.parquet)
        print_facts(self.as_json, "", {"table": str(self.parquet), "rows": written})


AS_TEXT = TableForm()


def table_options(command: Callable[..., None]) -> Callable[..., None]:
    """Make options of the parameter of a command that is a :class:`TableForm`."""
    signature = inspect.signature(command, eval_str=True)
    name = next(key for key, one in signature.parameters.items() if one.annotation is TableForm)
    kinds = {"as_json": Json, "as_csv": Csv, "parquet": Parquet}
    keyword = inspect.Parameter.KEYWORD_ONLY
    own = [one.replace(kind=keyword) for key, one in signature.parameters.items() if key != name]
    own += [
        inspect.Parameter(
            key, keyword, default=None if key == "parquet" else False, annotation=hint
        )
        for key, hint in kinds.items()
    ]

    @wraps(command)
    def called(**values: Any) -> None:
        values[name] = TableForm(**{key: values.pop(key) for key in kinds if key in values})
        command(**values)

    called.__signature__ = signature.replace(parameters=own)  # type: ignore[attr-defined]
    called.__annotations__ = {one.name: one.annotation for one in own} | {"return": None}
    del called.__wrapped__
    return called
