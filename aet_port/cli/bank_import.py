"""The commands ``aet mdb import`` and ``aet mdb import-published``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from aet_port.cli.bank_options import BankFile, Doi, Licence, Sample, Temperature
from aet_port.cli.numbers import number
from aet_port.cli.options import settings_options
from aet_port.cli.table_form import AS_TEXT, TableForm, table_options
from aet_port.core.console import print_rows
from aet_port.core.errors import InputError
from aet_port.core.terminal import print_line
from aet_port.io.settings import ModelReadSettings
from matlab_reference import golden_path, locate_reference

if TYPE_CHECKING:
    from mdb.model_import import ImportedFile
    from mdb.published import Published, PublishedDeposit


@settings_options()
@table_options
def import_command(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Model files (.xyz, .extxyz, LAMMPS .dump or .data, .cif, POSCAR, .pdb, .csv, "
            ".mat or .db), or one folder written by `aet mdb export`."
        ),
    ],
    bank: BankFile,
    model_reading: ModelReadSettings,
    kind: Annotated[
        Literal["experiment", "md_snapshot", "synthetic"] | None,
        typer.Option(
            help="Origin of the models; unless given, md_snapshot for LAMMPS dumps, "
            "experiment for other files."
        ),
    ] = None,
    sample: Sample = None,
    temperature: Temperature = None,
    doi: Doi = None,
    licence: Licence = None,
    analyze: Annotated[
        bool, typer.Option("--analyze", help="Also analyse the structure of each model.")
    ] = False,
    cutoff: Annotated[
        float | None,
        number(
            "Distance up to which two atoms are neighbours (angstrom), for --analyze; the "
            "first valley of each model's pair distribution unless given.",
            gt=0,
            le=100,
        ),
    ] = None,
    form: TableForm = AS_TEXT,
) -> None:
    """Import models from files, or a bank that was exported as Parquet.

    All frames of a file are stored unless --frame chooses one; either all of them or none.
    """
    from mdb.model_import import import_models
    from mdb.parquet_import import import_bank
    from mdb.records import Details

    folders = [file for file in files if file.is_dir()]
    if folders:
        own = {**dict(model_reading), "kind": kind, "sample": sample, "temperature": temperature}
        own |= {"doi": doi, "licence": licence, "cutoff": cutoff, "analyze": analyze or None}
        unused = [f"--{name.replace('_', '-')}" for name, value in own.items() if value is not None]
        if len(files) > 1 or unused:
            found = f"{folders[0]} beside {unused[0] if unused else f'{len(files) - 1} more'}"
            raise InputError("folder", found, "one exported bank, without options for model files")
        facts = asdict(import_bank(bank, folders[0], show_progress=form.for_people))
        if not form.taken([facts], facts):
            print_rows(("", ""), list(facts.items()), "aet mdb import")
        return
    done = import_models(
        bank,
        files,
        reading=model_reading,
        kind=kind,
        sample=sample,
        details=Details(temperature=temperature, doi=doi, licence=licence),
        with_analysis=analyze,
        cutoff=cutoff,
        show_progress=form.for_people,
    )
    records = [{"file": str(one.file), **asdict(model)} for one in done for model in one.models]
    if form.taken(records, [_plain(one) for one in done]):
        return
    rows = [(str(one.file), len(one.models), one.new, _range(one)) for one in done]
    print_rows(("file", "models", "new", "ids"), rows, "aet mdb import")


def _plain(done: ImportedFile) -> dict[str, Any]:
    return {"file": str(done.file), "models": [asdict(model) for model in done.models]}


def _range(done: ImportedFile) -> str:
    """First and last id of a file's models."""
    first, last = done.models[0].id, done.models[-1].id
    return first if len(done.models) == 1 else f"{first} to {last}"


@table_options
def published_command(
    bank: BankFile,
    sample: Annotated[
        list[str] | None, typer.Option(help="Import only this sample; may be repeated.")
    ] = None,
    validate: Annotated[
        bool, typer.Option(help="Also store the comparison that `aet validate` makes.")
    ] = True,
    quick: Annotated[
        bool, typer.Option("--quick", help="Skip the medium-range order, which takes minutes.")
    ] = False,
    form: TableForm = AS_TEXT,
) -> None:
    """Import the published models of both papers and analyse their structure."""
    from matlab_reference.published import read_published
    from mdb.published import import_published

    result = import_published(
        bank,
        locate_reference,
        golden_path,
        read_published(),
        sample,
        validate=validate,
        quick=quick,
        show_progress=form.for_people,
    )
    plain = asdict(result)
    if not form.taken(plain["models"], plain):
        _print_published(result)


def _print_published(result: Published) -> None:
    rows = [
        (one.deposit.id, one.sample, one.name, one.n_atoms, one.deposit.analysis or "", _news(one))
        for one in result.models
    ]
    heads = ("id", "sample", "model", "atoms", "analysis", "")
    print_rows(heads, rows, "aet mdb import-published")
    for what, why in {**result.missing, **result.left_out}.items():
        print_line(f"not imported: {what}: {why}")
    if result.validation is not None:
        print_line(f"published and computed values: validation {result.validation}")


def _news(one: PublishedDeposit) -> str:
    return "new" if one.deposit.new or one.deposit.new_analysis else "known"
