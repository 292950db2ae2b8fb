"""``aet precision``: how precisely the whole chain finds the atoms of a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aet_port.alignment.settings import RefineAnglesSettings
from aet_port.cli.options import (
    Model,
    Resume,
    Scheduler,
    Threads,
    settings_options,
)
from aet_port.cli.run import end_with
from aet_port.cli.simulate import AnglesOption
from aet_port.cli.table_form import AS_TEXT, TableForm, table_options
from aet_port.core.console import print_rows, print_stages
from aet_port.core.terminal import print_line
from aet_port.detection.settings import DetectSettings
from aet_port.io.settings import ModelReadSettings
from aet_port.refinement.settings import RefineSettings
from aet_port.resire.settings import ReconstructSettings
from aet_port.simulation.settings import SimulateSettings
from aet_port.validation.settings import CompareSettings
from aet_port.workflow.sections import COUNTS, Preset

# Of the chain's many settings, those that most change how precise it is; a configuration with a
# section [simulate] for `aet run` has them all.
_RESIRE = set(ReconstructSettings.model_fields) - {"iterations", "oversampling"}
_REFINE = set(RefineSettings.model_fields) - {"method", "max_evaluations"}
_COUNTS = set(DetectSettings.model_fields) - {"fdr", "angles", "max_rounds"}


@settings_options(
    leave_out={"resire": _RESIRE, "refinement": _REFINE, "counts": _COUNTS},
    defaults={"resire": ReconstructSettings(iterations=150)},
)
@table_options
def precision_command(
    model: Model,
    simulation: SimulateSettings,
    resire: ReconstructSettings,
    refinement: RefineSettings,
    comparison: CompareSettings,
    counts: DetectSettings,
    model_reading: ModelReadSettings,
    preset: Annotated[
        Preset, typer.Option(help="Chain: atoms from counts, or that of the papers.")
    ] = COUNTS,
    out: Annotated[Path, typer.Option(help="Run folder.")] = Path("precision"),
    angles: AnglesOption = None,
    refine_angles: Annotated[
        bool,
        typer.Option("--refine-angles", help="Refine angles and shifts before reconstructing."),
    ] = False,
    resume: Resume = False,
    scheduler: Scheduler = None,
    threads: Threads = None,
    form: TableForm = AS_TEXT,
) -> None:
    """Simulate a tilt series of a model, find its atoms again, and compare.

    The folder is a run folder: `aet report` makes a page of it.
    """
    from aet_port.workflow.round_trip import round_trip_config, run_round_trip

    shifted = simulation.acquisition.shift_error > 0
    config = round_trip_config(
        model,
        out,
        reading=model_reading,
        angles=angles,
        simulate=simulation,
        reconstruct=resire,
        refine=refinement.changed(refine_shifts=shifted),
        refine_angles=RefineAnglesSettings() if refine_angles else None,
        compare=comparison,
        detect=counts.changed(shifts=shifted and not refine_angles),
        preset=preset,
    )
    trip = run_round_trip(
        config,
        out,
        resume=resume,
        threads=threads,
        scheduler=scheduler,
        progress=form.for_people,
    )
    failures = [(one.stage, one.reason) for one in trip.run.failures]
    content = trip.summary() | ({"failed": dict(failures)} if failures else {})
    stages = [{"stage": stage} | one.summary() for stage, one in trip.precision.items()]
    if form.taken(stages, content):
        end_with(failures)
        return
    found = trip.precision.values()
    places = [p.matching for p in found]
    species_right = [
        "" if stage == "traced" else f"{100 * p.species_fraction:.2f} %"
        for stage, p in trip.precision.items()
    ]
    rows = [
        ("atoms", *(m.n_found for m in places)),
        ("  matched", *(m.matched for m in places)),
        ("  missed, spurious", *(f"{len(m.missed)}, {len(m.spurious)}" for m in places)),
        ("recall", *(f"{100 * p.recall:.2f} %" for p in found)),
        ("precision", *(f"{100 * p.precision:.2f} %" for p in found)),
        ("RMSD", *(f"{p.rmsd_pm:.1f} pm" for p in found)),
        ("species right", *species_right),
    ]
    title = f"aet precision: {len(trip.truth)} atoms, {simulation.engine} engine"
    print_rows(("", *trip.precision), rows, title)
    what = "reconstruction" if preset == "papers" else "model"
    print_line(f"R1 of the {what}: {100 * trip.run.r_mean:.2f} %")
    print_stages(trip.run.timings)
    end_with(failures)
