"""The ``aet mdb`` commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pyarrow as pa
import typer

import mdb
from aet_port.cli.bank_options import BankFile, Doi, Licence, ModelId, Species, Temperature
from aet_port.cli.options import Json
from aet_port.core.console import print_facts, print_json, print_rows
from aet_port.core.errors import InputError
from aet_port.io import read_model
from mdb.parquet_export import bank_hash, export_bank

LIST = """
SELECT model_id, kind, name, n_atoms, count(analysis_id) AS analyses
FROM current_model LEFT JOIN analysis USING (model_id) GROUP BY ALL ORDER BY model_id
"""
FACTS = """
SELECT model.* EXCLUDE (sample_id, reconstruction_id, cell) RENAME (name AS source),
       sample.name AS sample, algorithm, r_mean AS r_reconstruction, run.name AS md_run, step,
       (SELECT count(*) FROM atom_edit AS e WHERE e.model_id = model.model_id) AS manual_edits,
       (SELECT list(role || ' ' || file_name ORDER BY role) FROM provenance AS p
        WHERE p.model_id = model.model_id) AS made_from
FROM model JOIN sample USING (sample_id) LEFT JOIN reconstruction USING (reconstruction_id)
LEFT JOIN md_snapshot USING (model_id) LEFT JOIN md_run AS run USING (md_run_id)
WHERE model_id = $model
"""
ANALYSES = """
SELECT analysis_id, status, cutoff, delta, fold, count(motif) AS motifs
FROM analysis LEFT JOIN motif USING (analysis_id)
WHERE model_id = $model GROUP BY ALL ORDER BY analysis_id, fold
"""


def init(bank: BankFile) -> None:
    """Make an empty bank, or bring one up to date."""
    with mdb.Bank(bank) as opened:
        print(f"{bank}: schema version {opened.version}")


def deposit_command(
    model: Annotated[Path, typer.Argument(help=".xyz, .extxyz, .cif, LAMMPS data or .mat.")],
    bank: BankFile,
    species: Species = None,
    kind: Annotated[str, typer.Option(help="experiment, md_snapshot or synthetic.")] = "experiment",
    sample: Annotated[str | None, typer.Option(help="Name; that of the file unless given.")] = None,
    temperature: Temperature = None,
    r1_mean: Annotated[float | None, typer.Option("--r1", help="R factor of the model.")] = None,
    optimization_type: Annotated[
        str | None, typer.Option("--optimization", help="Of OPTIMADE: experimental, local, ...")
    ] = None,
    doi: Doi = None,
    licence: Licence = None,
    corrects: Annotated[
        str | None, typer.Option(help="Id of the entry that this is the next version of.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Store a model; the same model twice is recognised, a correction is a new version."""
    atoms = read_model(model, species)
    details = mdb.Details(
        temperature=temperature,
        r1_mean=r1_mean,
        optimization_type=optimization_type,
        doi=doi,
        licence=licence,
    )
    with mdb.Bank(bank) as opened:
        source = [mdb.Provenance.of("model", model)]
        stored = mdb.deposit(
            opened,
            atoms,
            kind=kind,
            sample=sample,
            provenance=source,
            details=details,
            corrects=corrects,
        )
    print_facts(as_json, "aet mdb deposit", {"model": stored.id, "new": stored.new})


def list_models(bank: BankFile, as_json: Json = False) -> None:
    """The models of a bank, the newest version of each."""
    with mdb.Bank(bank, read_only=True) as opened:
        _print(opened.sql(LIST), as_json)


def show(model: ModelId, bank: BankFile, as_json: Json = False) -> None:
    """What is known of a model, and its analyses with their motifs."""
    with mdb.Bank(bank, read_only=True) as opened:
        facts = opened.sql(FACTS, {"model": model}).to_pylist()
        if not facts:
            expected = "an id that `aet mdb list` shows"
            raise InputError(f"model of bank {bank}", repr(model), expected)
        analyses = opened.sql(ANALYSES, {"model": model})
    known = {name: value for name, value in facts[0].items() if value is not None}
    if as_json:
        print_json(known | {"analyses": analyses.to_pylist()})
        return
    print_rows(("", ""), list(known.items()), f"aet mdb show {model}")
    if analyses.num_rows:
        _print(analyses, as_json)


def export(
    folder: Annotated[Path, typer.Argument(help="Folder to make.")],
    bank: BankFile,
    as_json: Json = False,
) -> None:
    """Write every table as Parquet, partitioned by model and analysis."""
    with mdb.Bank(bank, read_only=True) as opened:
        made = export_bank(opened, folder, show_progress=not as_json)
        facts = {"folder": str(made), "bank_hash": bank_hash(opened)}
    print_facts(as_json, "aet mdb export", facts)


def _print(result: pa.Table, as_json: bool) -> None:
    rows = result.to_pylist()
    if as_json:
        print_json(rows)
    else:
        print_rows(result.column_names, [list(row.values()) for row in rows])
