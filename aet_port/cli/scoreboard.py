"""``aet scoreboard``: simulated raw frames to atoms, at one dose after another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aet_port.cli.numbers import number
from aet_port.cli.options import Resume, Threads, settings_options
from aet_port.cli.table_form import AS_TEXT, TableForm, table_options
from aet_port.core.console import print_rows
from aet_port.core.files import check_target
from aet_port.core.limits import LARGEST_DOSE
from aet_port.preprocessing.settings import PreprocessSettings
from aet_port.resire.settings import ReconstructSettings
from aet_port.workflow.dose_settings import DOSES, DoseSeriesSettings

_OWN = {"atoms", "species", "seed", "doses", "calibrated", "preset"}


@settings_options(
    leave_out={
        "series": set(DoseSeriesSettings.model_fields) - (_OWN - {"doses"}),
        "steps": set(PreprocessSettings.model_fields) - {"denoise"},
        "resire": set(ReconstructSettings.model_fields) - {"iterations"},
    },
    defaults={"resire": DoseSeriesSettings().reconstruct},
)
@table_options
def scoreboard_command(
    series: DoseSeriesSettings,
    steps: PreprocessSettings,
    resire: ReconstructSettings,
    dose: Annotated[
        list[float] | None,
        number(
            "Electron dose of the whole series (electrons per square angstrom); may be repeated.",
            gt=0,
            le=LARGEST_DOSE,
            show_default=", ".join(f"{one:g}" for one in DOSES),
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder in which each dose has a run folder.")] = Path(
        "scoreboard"
    ),
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="File for the results: .json.")
    ] = None,
    resume: Resume = False,
    threads: Threads = None,
    form: TableForm = AS_TEXT,
) -> None:
    """Simulate raw frames and find the atoms: recall, spurious atoms and RMSD against the dose.

    Also printed is the error of each step: drift and alignment in pixels (rms), shear before and
    after it was refined with the atoms, background (largest of a tilt, relative to the peak).
    """
    from aet_port.core.records import write_json
    from aet_port.workflow.dose_series import COLUMNS, run_dose_series, score_rows

    if output is not None:
        check_target(output, (".json",))
    changes = {} if dose is None else {"doses": tuple(dose)}
    settings = series.changed(preprocess=steps, reconstruct=resire, **changes)
    scores = run_dose_series(
        settings, out, resume=resume, threads=threads, progress=form.for_people
    )
    facts = {
        "atoms": settings.atoms,
        "seed": settings.seed,
        "doses": [item.summary() for item in scores],
    }
    if output is not None:
        write_json(output, facts, sort_keys=False)
    if not form.taken([item.summary() for item in scores], facts):
        print_rows(COLUMNS, score_rows(scores), f"{settings.atoms} {settings.species} atoms")
