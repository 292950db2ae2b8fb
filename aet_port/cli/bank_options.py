"""Options that several ``aet mdb`` commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

BankFile = Annotated[Path, typer.Option("--bank", help="DuckDB file of the bank.")]
ModelId = Annotated[str, typer.Argument(help="Model id, such as TaXX00001.")]
Species = Annotated[str | None, typer.Option(help="Symbol, where the file has none.")]
Temperature = Annotated[float | None, typer.Option(help="Kelvin.")]
Doi = Annotated[str | None, typer.Option(help="Publication to cite.")]
Licence = Annotated[str | None, typer.Option(help="Of the coordinates.")]
