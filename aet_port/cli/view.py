"""``aet view``: an image of the largest networks of a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aet_port.cli.model_notes import noted
from aet_port.cli.numbers import number
from aet_port.cli.options import Json, Model, settings_options
from aet_port.core.console import print_facts
from aet_port.core.files import check_target
from aet_port.io.settings import ModelReadSettings
from aet_port.structure.settings import OF_DRAWS, ON_REQUEST, AnalyzeSettings


@settings_options(leave_out={"settings": (*OF_DRAWS, *ON_REQUEST)})
def view_command(
    model: Model,
    output: Annotated[Path, typer.Option("-o", "--output", help="Image file: .png.")],
    settings: AnalyzeSettings,
    model_reading: ModelReadSettings,
    fold: Annotated[int, number("Symmetry of the bipyramids: 4, 5 or 6-fold.", ge=4, le=6)] = 5,
    networks: Annotated[int, number("Number of networks to draw in colour.", ge=1, le=1000)] = 5,
    pixels: Annotated[
        int, number("Width and height of the image (pixels).", ge=16, le=8000)
    ] = 1600,
    as_json: Json = False,
) -> None:
    """Draw the largest bipyramid networks of a model."""
    from aet_port.figures.bipyramid_networks import draw_networks
    from aet_port.io import read_model
    from aet_port.structure import analyze

    check_target(output, (".png",))
    atoms = noted(read_model(model, **dict(model_reading))).atoms
    found = analyze(atoms, cutoff=settings.cutoff, delta=settings.delta, order=False)
    draw_networks(output, atoms, found, fold=fold, number=networks, pixels=pixels)
    sizes = found.networks[fold].size[:networks].tolist()
    facts = {"picture": str(output), "cutoff": found.cutoff, "sizes": sizes}
    if found.motifs_reason is not None:
        facts |= {"sizes": None, "motifs_reason": found.motifs_reason}
    print_facts(as_json, "aet view", facts)
