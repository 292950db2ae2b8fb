"""``aet demo``: a synthetic sample through the whole chain."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aet_port.cli.options import Resume, Threads, settings_options
from aet_port.cli.table_form import AS_TEXT, TableForm, table_options
from aet_port.core.console import print_rows, print_stages
from aet_port.core.terminal import print_line
from aet_port.simulation.settings import Acquisition
from aet_port.workflow.sections import DEMO_SPECIES, SyntheticSettings

MOTIFS = {
    3: "triplets",
    4: "quadrilateral bipyramids",
    5: "pentagonal bipyramids",
    6: "hexagonal bipyramids",
}
SQL = "SELECT fold, count(*) AS motifs FROM motif GROUP BY fold ORDER BY fold"


@settings_options(leave_out={"noise": set(Acquisition.model_fields) - {"dose"}})
@table_options
def demo_command(
    sample: SyntheticSettings,
    noise: Acquisition,
    out: Annotated[Path, typer.Option(help="Run folder.")] = Path("demo"),
    resume: Resume = False,
    threads: Threads = None,
    species: Annotated[
        str, typer.Option(help="Chemical symbol, or several, lightest first: Co,Pd,Pt.")
    ] = DEMO_SPECIES,
    form: TableForm = AS_TEXT,
) -> None:
    """Run the whole chain on a synthetic particle: tilt series, atoms, bank and picture."""
    from aet_port.workflow.demo_run import make_demo

    result = make_demo(
        out,
        atoms=sample.atoms,
        dose=noise.dose,
        seed=sample.seed,
        species=species,
        threads=threads,
        resume=resume,
        progress=form.for_people,
    )
    picture, bank = out / result.picture.name, out / result.bank.name
    matching, found, true = result.matching, result.structure, result.truth_structure
    sizes = [", ".join(map(str, one.networks[5].size[:5])) for one in (true, found)]
    rows = [
        ("atoms", matching.n_truth, matching.n_found),
        ("  matched within 1.5 A", "", matching.matched),
        ("  missed, spurious", "", f"{len(matching.missed)}, {len(matching.spurious)}"),
        ("RMSD", "", f"{matching.rmsd_pm:.1f} pm"),
        ("R1 of the model", "", f"{100 * result.run.model_r:.2f} %"),
        *((MOTIFS[fold], true.counts[fold], found.counts[fold]) for fold in MOTIFS),
        ("largest pentagonal networks", *sizes),
    ]
    content = result.summary() | {"picture": str(picture), "bank": str(bank)}
    records = [{"quantity": str(name).strip(), "true": t, "found": f} for name, t, f in rows]
    if form.taken(records, content):
        return
    print_rows(("", "true", "found"), rows, f"aet demo: a {result.run.config.sample.name}")
    print_stages(result.run.timings)
    print_line(f"picture: {picture}")
    print_line(f"bank:    {bank}")
    print_line(f'query:   aet mdb query "{SQL}" --bank {bank}')
