"""The ``aet mdb`` commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import mdb
from aet_port.cli.bank_options import (
    BankFile,
    Doi,
    Kind,
    Licence,
    ModelId,
    Sample,
    Temperature,
)
from aet_port.cli.model_notes import noted
from aet_port.cli.numbers import number
from aet_port.cli.options import Json, Model, settings_options
from aet_port.cli.table_form import AS_TEXT, TableForm, table_options
from aet_port.core.console import print_facts, print_json, print_rows
from aet_port.core.errors import InputError
from aet_port.core.files import check_target
from aet_port.core.limits import LARGEST_NUMBER
from aet_port.core.terminal import print_line
from aet_port.io.settings import ModelReadSettings
from mdb.records import OPTIMIZATION_TYPES

LIST = """
SELECT model_id, kind, name, n_atoms, count(analysis_id) AS analyses
FROM current_model LEFT JOIN analysis USING (model_id) GROUP BY ALL ORDER BY model_id
"""
FACTS = """
SELECT model.* EXCLUDE (sample_id, reconstruction_id, cell) RENAME (name AS source),
       sample.name AS sample, algorithm, r_mean AS r_reconstruction, run.name AS md_run, step,
       (SELECT count(*) FROM atom_edit AS e WHERE e.model_id = model.model_id) AS manual_edits,
       (SELECT list(role || ' ' || file_name ORDER BY role) FROM provenance AS p
        WHERE p.model_id = model.model_id AND NOT starts_with(role, 'output of ')) AS made_from
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
    """Create an empty bank, or bring the schema of an existing one up to date."""
    with mdb.Bank(bank) as opened:
        print_line(f"{bank}: schema version {opened.version}")


@settings_options()
def deposit_command(
    model: Model,
    bank: BankFile,
    model_reading: ModelReadSettings,
    kind: Kind = "experiment",
    sample: Sample = None,
    temperature: Temperature = None,
    r1_mean: Annotated[
        float | None, number("Mean R1 of the model against its projections.", "--r1", ge=0, le=100)
    ] = None,
    optimization_type: Annotated[
        str | None,
        typer.Option(
            "--optimization",
            help=f"Structure optimisation in OPTIMADE's terms: {', '.join(OPTIMIZATION_TYPES)}.",
        ),
    ] = None,
    doi: Doi = None,
    licence: Licence = None,
    corrects: Annotated[
        str | None, typer.Option(help="Id of the model that this one replaces as a new version.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Store a model in a bank.

    A model that the bank already holds is recognised and not stored twice.
    """
    from aet_port.io import read_model

    atoms = noted(read_model(model, **dict(model_reading)))
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


@table_options
def list_models(bank: BankFile, form: TableForm = AS_TEXT) -> None:
    """List the models of a bank, the newest version of each."""
    with mdb.Bank(bank, read_only=True) as opened:
        found = opened.sql(LIST)
    form.give(found.to_reader())


@table_options
def show(model: ModelId, bank: BankFile, form: TableForm = AS_TEXT) -> None:
    """Show what a bank holds of a model: facts, warnings, and analyses with their motifs.

    CSV and Parquet hold the analyses.
    """
    from mdb.entry_remarks import measure_reasons, model_warnings, verified_files

    with mdb.Bank(bank, read_only=True) as opened:
        facts = opened.sql(FACTS, {"model": model}).to_pylist()
        if not facts:
            expected = "a model id that `aet mdb list` shows"
            raise InputError(f"model of bank {bank}", repr(model), expected)
        analyses = opened.sql(ANALYSES, {"model": model})
        warnings, reasons = model_warnings(opened, model), measure_reasons(opened, model)
        facts[0]["files_verified"] = verified_files(opened, model)
    known = {name: value for name, value in facts[0].items() if value is not None}
    if form.as_csv or form.parquet is not None:
        form.give(analyses.to_reader())
    elif form.as_json:
        found = {"warnings": warnings, "analyses": analyses.to_pylist(), "reasons": reasons}
        print_json(known | found)
    else:
        print_rows(("", ""), list(known.items()), f"aet mdb show {model}")
        if warnings:
            rows = [(one["kind"], one["atoms"] or "", one["text"]) for one in warnings]
            print_rows(("warning", "atoms", ""), rows, "when it was deposited")
        if analyses.num_rows:
            form.give(analyses.to_reader())
        if reasons:
            print_rows(
                ("analysis", "figure", "reason"),
                [tuple(one.values()) for one in reasons],
                "not stated, or with a remark",
            )


def export(
    what: Annotated[
        str,
        typer.Argument(
            metavar="FOLDER|MODEL",
            help="New folder for the Parquet files of the whole bank, or with --output a model id.",
        ),
    ],
    bank: BankFile,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="File for the atoms of one model: .extxyz, .csv, .parquet or LAMMPS .dump.",
        ),
    ] = None,
    analysis: Annotated[
        int | None,
        number(
            "Number of the analysis whose results each atom gets; the newest.",
            ge=1,
            le=LARGEST_NUMBER,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Export a bank as Parquet files, or one model with every quantity of each atom.

    The Parquet files are partitioned by model and analysis; `aet mdb import` reads them.
    """
    if output is not None:
        print_facts(as_json, "aet mdb export", _export_model(bank, what, output, analysis))
        return
    if analysis is not None:
        raise InputError("--analysis", f"{analysis} without --output", "-o FILE for a model")
    from mdb.parquet_export import bank_hash, export_bank

    with mdb.Bank(bank, read_only=True) as opened:
        made = export_bank(opened, Path(what), show_progress=not as_json)
        facts = {"folder": str(made), "bank_hash": bank_hash(opened)}
    print_facts(as_json, "aet mdb export", facts)


def _export_model(bank: Path, model: str, output: Path, analysis: int | None) -> dict[str, Any]:
    from aet_port.io.models.atom_files import ATOM_SUFFIXES, write_atoms

    check_target(output, ATOM_SUFFIXES)
    with mdb.Bank(bank, read_only=True) as opened:
        found = opened.atoms(model, "newest" if analysis is None else analysis)
    names = [name for name in found.arrays if name not in ("numbers", "positions")]
    return {"file": str(write_atoms(output, found)), "atoms": len(found), "quantities": names}
