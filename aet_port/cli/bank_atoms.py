"""``aet mdb atoms``: the atoms of a model of a bank as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import mdb
from aet_port.cli.bank_options import BankFile, ModelId
from aet_port.cli.numbers import number
from aet_port.cli.options import Json
from aet_port.core.console import print_facts
from aet_port.core.files import check_target
from aet_port.core.limits import LARGEST_NUMBER

MODEL_SUFFIXES = (".xyz", ".lammps", ".data")


def atoms(
    model: ModelId,
    bank: BankFile,
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", help="Model: .extxyz, .csv, .parquet, .dump, .xyz or LAMMPS data."
        ),
    ],
    analysis: Annotated[
        int | None,
        number(
            "Number of an analysis whose results for each atom are added.", ge=1, le=LARGEST_NUMBER
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the atoms of a model, with everything that the bank knows of each, to a file.

    Error bars and probabilities of each atom are columns of .extxyz, .csv, .parquet and LAMMPS
    .dump; the other formats hold species and positions only.
    """
    from aet_port.io import write_atoms, write_model
    from aet_port.io.models.atom_files import ATOM_SUFFIXES

    check_target(output, (*ATOM_SUFFIXES, *MODEL_SUFFIXES))
    with mdb.Bank(bank, read_only=True) as opened:
        found = opened.atoms(model, analysis)
    write = write_model if output.suffix.lower() in MODEL_SUFFIXES else write_atoms
    written = write(output, found)
    print_facts(as_json, "aet mdb atoms", {"model": str(written), "atoms": len(found)})
