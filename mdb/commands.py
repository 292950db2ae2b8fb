"""The ``aet mdb`` commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pyarrow as pa
import typer

import mdb
from aet_port.console import Json, print_json, print_rows, report
from aet_port.errors import InputError
from aet_port.io import read_model

app = typer.Typer(help="The materials data bank (DuckDB).", no_args_is_help=True)

BankFile = Annotated[Path, typer.Option("--bank", help="DuckDB file of the bank.")]
Model = Annotated[Path, typer.Argument(help=".xyz, .extxyz, .cif, LAMMPS data or .mat.")]
Species = Annotated[str | None, typer.Option(help="Symbol, where the file has none.")]

LIST = """
SELECT model_id, kind, name, n_atoms, count(analysis_id) AS analyses
FROM model LEFT JOIN analysis USING (model_id) GROUP BY ALL ORDER BY model_id
"""
KNOWN = "SELECT 1 FROM model WHERE model_id = '{}'"
SHOW = """
SELECT analysis_id, cutoff, delta, fold, count(*) AS motifs
FROM analysis JOIN motif USING (analysis_id)
WHERE model_id = '{}' GROUP BY ALL ORDER BY analysis_id, fold
"""


@app.command()
def init(bank: BankFile) -> None:
    """Make an empty bank, or bring one up to date."""
    with mdb.Bank(bank) as opened:
        print(f"{bank}: schema version {opened.version}")


@app.command()
def deposit(
    model: Model,
    bank: BankFile,
    species: Species = None,
    kind: Annotated[str, typer.Option(help="experiment, md_snapshot or synthetic.")] = "experiment",
    as_json: Json = False,
) -> None:
    """Store a model; the same model twice is recognised."""
    atoms = read_model(model, species)
    with mdb.Bank(bank) as opened:
        source = [mdb.Provenance.of("model", model)]
        stored = mdb.deposit(opened, atoms, kind=kind, provenance=source)
    report(as_json, "aet mdb deposit", {"model": stored.id, "new": stored.new})


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help="A SELECT.")], bank: BankFile, as_json: Json = False
) -> None:
    """Answer SQL; it cannot write, attach or read files."""
    _print(_ask(bank, sql), as_json)


@app.command("list")
def list_models(bank: BankFile, as_json: Json = False) -> None:
    """The models of a bank."""
    _print(_ask(bank, LIST), as_json)


@app.command()
def show(
    model: Annotated[str, typer.Argument(help="Model id, such as TaXX00001.")],
    bank: BankFile,
    as_json: Json = False,
) -> None:
    """The motifs of a model, by analysis."""
    # The bank takes no parameters beside SQL, so the id is checked before it goes in.
    if not model.isalnum() or not _ask(bank, KNOWN.format(model)).num_rows:
        raise InputError(f"model of bank {bank}", repr(model), "an id that `aet mdb list` shows")
    _print(_ask(bank, SHOW.format(model)), as_json)


def _ask(bank: Path, sql: str) -> pa.Table:
    with mdb.Bank(bank, read_only=True) as opened:
        return opened.query(sql)


def _print(result: pa.Table, as_json: bool) -> None:
    rows = result.to_pylist()
    if as_json:
        print_json(rows)
    else:
        print_rows(result.column_names, [list(row.values()) for row in rows])
