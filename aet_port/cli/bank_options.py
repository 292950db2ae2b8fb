"""Options that several ``aet mdb`` commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from aet_port.cli.numbers import number
from aet_port.core.limits import LARGEST_TEMPERATURE

BankFile = Annotated[Path, typer.Option("--bank", help="DuckDB file of the bank.")]
ModelId = Annotated[str, typer.Argument(help="Model id, such as TaXX00001.")]
Kind = Annotated[
    Literal["experiment", "md_snapshot", "synthetic"], typer.Option(help="Origin of the model.")
]
Sample = Annotated[
    str | None, typer.Option(help="Name of the sample; the name of the file unless given.")
]
Temperature = Annotated[
    float | None, number("Temperature of the sample (kelvin).", ge=0, le=LARGEST_TEMPERATURE)
]
Doi = Annotated[str | None, typer.Option(help="DOI of the publication to cite.")]
Licence = Annotated[str | None, typer.Option(help="Licence of the coordinates, such as CC-BY-4.0.")]
