"""The ``aet`` command: every stage on its own, whole runs, the bank."""

from __future__ import annotations

import sys
import warnings
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

import mdb
from aet_port.cli.angles import refine_angles_command
from aet_port.cli.bank import app as mdb_app
from aet_port.cli.bank_import import published_command
from aet_port.cli.classify import classify_command
from aet_port.cli.compare_models import compare_models
from aet_port.cli.md import app as md_app
from aet_port.cli.precision import precision_command
from aet_port.cli.preprocess import preprocess_command, scoreboard_command
from aet_port.cli.reference import app as reference_app
from aet_port.cli.refine import refine
from aet_port.cli.report import report_command
from aet_port.cli.simulate import simulate_command
from aet_port.cli.stages import Model, Species, Threads, reconstruct, trace, view
from aet_port.cli.validate import validate_command
from aet_port.core.console import Json, print_json, print_rows, print_stages, report
from aet_port.core.data import AtomicModel
from aet_port.core.errors import AetError
from aet_port.core.files import check_target
from aet_port.io import read_model
from aet_port.reporting.bank import read_entry_report
from aet_port.structure import StructureResult, analyze
from aet_port.tracing.edits import Edit
from aet_port.workflow.config import load_config
from aet_port.workflow.pipeline import Run, run
from aet_port.workflow.run_folder import measured_series
from matlab_reference import golden_path, locate_reference
from matlab_reference.published import read_published, read_reproduced
from md_sim.published_quench import quench_figures
from mdb.schema import utc_now

app = typer.Typer(
    help="Atomic electron tomography: tilt series to atoms, structure and a SQL bank.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

BAD_INPUT = 2
MOTIFS = {
    3: "triplets",
    4: "quadrilateral bipyramids",
    5: "pentagonal bipyramids",
    6: "hexagonal bipyramids",
}


def main() -> None:
    """Entry point: exit code 0 done, 1 a check failed, 2 bad input (one line on standard error)."""
    with warnings.catch_warnings():
        warnings.showwarning = _tell_warning
        try:
            app()
        except AetError as error:
            print(f"aet: error: {' '.join(str(error).split())}", file=sys.stderr)
            sys.exit(BAD_INPUT)


def _tell_warning(
    message: Warning | str, category: type[Warning], *_: object, **__: object
) -> None:
    """A warning on one line, without the line of code that gave it."""
    print(f"aet: warning: {' '.join(str(message).split())}", file=sys.stderr)


def _resolve(name: str) -> Path:
    """The file that ``reference:name`` stands for in a configuration."""
    return locate_reference(*Path(name).parts)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder to make.")] = Path("demo"),
    atoms: Annotated[int, typer.Option(help="Atoms of the synthetic particle.")] = 1000,
    dose: Annotated[
        float, typer.Option(help="Electrons per square angstrom, whole series.")
    ] = 8.2e5,
    seed: Annotated[int, typer.Option(help="Of sample and noise.")] = 0,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Synthetic sample, tilt series, reconstruction, tracing, structure, bank and picture."""
    from aet_port.workflow.demo_run import make_demo  # Matplotlib, which no other command needs

    bank = out / "bank.duckdb"
    result = make_demo(
        out,
        atoms=atoms,
        dose=dose,
        seed=seed,
        threads=threads,
        progress=not as_json,
        deposit=lambda run, truth, structure: _deposit_demo(bank, run, truth, structure),
    )
    figures = result.summary()
    if as_json:
        print_json(figures | {"picture": str(result.picture), "bank": str(bank)})
        return
    matching, found, true = result.matching, result.run.structure, result.truth_structure
    sizes = [", ".join(map(str, one.networks[5].size[:5])) for one in (true, found)]
    rows = [
        ("atoms", matching.n_truth, matching.n_found),
        ("  matched within 1.5 A", "", matching.matched),
        ("  missed, spurious", "", f"{len(matching.missed)}, {len(matching.spurious)}"),
        ("RMSD as traced", "", f"{result.traced.rmsd_pm:.1f} pm"),
        ("RMSD refined", "", f"{matching.rmsd_pm:.1f} pm"),
        ("R1 of the volume", "", f"{100 * result.run.r_mean:.2f} %"),
        ("R1 of the model", "", f"{100 * result.run.model_r:.2f} %"),
        *((MOTIFS[fold], true.counts[fold], found.counts[fold]) for fold in MOTIFS),
        ("largest pentagonal networks", *sizes),
    ]
    print_rows(("", "true", "found"), rows, "aet demo: a synthetic amorphous Ta particle")
    print_stages(figures["stages"])
    sql = "SELECT fold, count(*) AS motifs FROM motif GROUP BY fold ORDER BY fold"
    print(
        f'picture: {result.picture}\nbank:    {bank}\nask it:  aet mdb query "{sql}" --bank {bank}'
    )


def _deposit_demo(bank: Path, run: Run, truth: AtomicModel, structure: StructureResult) -> None:
    """Store what was found and, beside it, the truth."""
    with mdb.Bank(bank) as opened:
        _deposit_run(opened, run)
        named = replace(truth, name=f"{run.config.sample.name}, truth")
        mdb.deposit(opened, named, kind="synthetic", analysis=structure)


def _deposit_run(bank: mdb.Bank, run: Run) -> mdb.Deposit:
    """Store a finished run's model, analysis, reconstruction and the hashes of its inputs."""
    config = run.config
    first = config.input.areas[0] if config.input.areas else 0
    return mdb.deposit(
        bank,
        run.model,
        kind=config.sample.kind,
        sample=config.sample.name,
        reconstruction=mdb.Reconstruction(
            "RESIRE",
            asdict(config.reconstruct),
            run.r_mean,
            measured_series(config, run.folder, first),
            r_factors=run.projection_r[first],
        ),
        analysis=run.structure,
        details=_details(run),
        edits=[_logged(edit) for edit in run.edits],
        provenance=[mdb.Provenance.of(role, path) for role, path in config.inputs().items()],
    )


def _logged(edit: Edit) -> mdb.Edit:
    """An edit as the bank keeps it, where an atom not yet classified has no symbol."""
    facts = asdict(edit)
    return mdb.Edit(**facts | {"species": None if edit.species == "X" else edit.species})


def _details(run: Run) -> mdb.Details | None:
    """What the refinement of a run found, as the bank keeps it."""
    found = run.refinement
    if found is None:
        return None
    fits = [
        mdb.SpeciesFit(symbol, height=height, b_factor=found["b_factors"][symbol])
        for symbol, height in found["heights"].items()
    ]
    kept = ("r_work", "r_free_start", "r_free", "evaluations", "converged", "warnings")
    return mdb.Details(
        r1_mean=found["r1"],
        r1_global=found["r1_global"],
        species=fits,
        info={"refinement": {key: found[key] for key in kept if key in found}},
    )


@app.command("run")
def run_command(
    config: Annotated[Path, typer.Argument(help="TOML file; see examples/ta_film.toml.")],
    out: Annotated[Path, typer.Option(help="Run folder.")] = Path("run"),
    bank: Annotated[
        Path | None, typer.Option(help="Bank; bank.duckdb in the run folder unless given.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Take up a run that was stopped.")
    ] = False,
    scheduler: Annotated[str | None, typer.Option(help="Dask scheduler for the sub-areas.")] = None,
    checkpoint_interval: Annotated[
        float, typer.Option(help="Least seconds between two saves of a reconstruction.")
    ] = 20.0,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """The whole chain on your own data: tilt series in, atoms and their structure in the bank."""
    try:
        result = run(
            load_config(config, _resolve),
            out,
            resume=resume,
            threads=threads,
            scheduler=scheduler,
            checkpoint_interval=checkpoint_interval,
            progress=not as_json,
        )
    except KeyboardInterrupt:
        print("aet: stopped; --resume takes it up", file=sys.stderr)
        raise
    target = bank or out / "bank.duckdb"
    with mdb.Bank(target) as opened:
        stored = _deposit_run(opened, result)
    rows: dict[str, Any] = {
        "r_factor": round(result.r_mean, 6),
        "peaks": result.n_peaks,
        "atoms": len(result.model),
        **({} if result.refinement is None else {"refinement": result.refinement}),
        **result.structure.summary(),
        "bank": str(target),
        "model": stored.id,
        "new": stored.new,
    }
    if result.config.input.areas:
        rows["r_factors"] = {str(area): round(r, 6) for area, r in result.r_factors.items()}
    report(as_json, f"aet run {config}", rows)
    if not as_json:
        print_stages(result.stages)


def analyze_command(
    model: Model,
    species: Species = None,
    cutoff: Annotated[
        float | None, typer.Option(help="Angstrom; first valley unless given.")
    ] = None,
    delta: Annotated[list[float] | None, typer.Option(help="Distortion; may be repeated.")] = None,
    bank: Annotated[Path | None, typer.Option(help="Deposit model and analyses here.")] = None,
    kind: Annotated[
        str, typer.Option(help="In the bank: experiment, md_snapshot or synthetic.")
    ] = "experiment",
    types: Annotated[
        Path | None,
        typer.Option(help=".mat of types 1, 2, ...; --species then lists a symbol for each: Ni,Pd"),
    ] = None,
    solute: Annotated[
        str | None, typer.Option(help="Species whose medium-range order is searched (minutes).")
    ] = None,
    figures: Annotated[
        Path | None, typer.Option(help="Folder for the papers' figures of this model.")
    ] = None,
    figure_format: Annotated[str, typer.Option(help="png or svg.")] = "png",
    as_json: Json = False,
) -> None:
    """Short-range order, tetrahedra, bipyramids and their networks."""
    if figures is not None:
        check_target(figures / f"pdf.{figure_format}", (".png", ".svg"))
    symbols = species.split(",") if types is not None and species is not None else species
    atoms = read_model(model, symbols, types=types)
    deltas = delta or [0.255]
    analyses: list[StructureResult] = []
    times = [utc_now()]
    for one in deltas:
        # What delta does not change is computed once.
        first = analyses[0] if analyses else None
        used = cutoff if first is None else first.cutoff
        analyses.append(analyze(atoms.atoms, cutoff=used, delta=one, solute=solute, earlier=first))
        times.append(utc_now())
    facts: dict[str, Any] = {"atoms": len(atoms)}
    if bank is not None:
        facts |= {
            "bank": str(bank),
            "model": _deposit_file(bank, model, atoms, kind, analyses, times),
        }
    if figures is not None:
        written = _draw(analyses[0], figures, figure_format)
        facts["figures"] = [str(path) for path in written]
    summaries = [found.summary() for found in analyses]
    if as_json:
        print_json(facts | {"analyses": summaries})
        return
    report(False, f"aet analyze {model}", facts)
    order = [summary.pop("short_range_order") for summary in summaries][-1]
    solutes = [summary.pop("medium_range_order", None) for summary in summaries][-1]
    flat = [summary | summary.pop("packing") for summary in summaries]
    rows = [(key, *(summary[key] for summary in flat)) for key in flat[0]]
    print_rows(("", *(f"delta {found.delta:g}" for found in analyses)), rows)
    report(False, "short-range order", order)
    if solutes is not None:
        report(False, "medium-range order", solutes)


def _draw(found: StructureResult, folder: Path, form: str) -> list[Path]:
    # Matplotlib, slow to import
    from aet_port.figures.order import write_order_figures
    from aet_port.figures.packing import write_packing_figures

    if found.order is None:
        raise AssertionError("analyze() computes the order unless told otherwise")
    return [
        *write_order_figures(found.order, folder, form),
        *write_packing_figures(found, folder, form),
    ]


def _deposit_file(
    bank: Path,
    file: Path,
    atoms: AtomicModel,
    kind: str,
    analyses: list[StructureResult],
    times: list[datetime],
) -> str:
    """Store a model from a file with its analyses, all or nothing; its id in the bank."""
    source = [mdb.Provenance.of("model", file)]
    with mdb.Bank(bank) as opened, opened.transaction():
        for found, started, finished in zip(analyses, times[:-1], times[1:], strict=True):
            stored = mdb.deposit(
                opened,
                atoms,
                kind=kind,
                analysis=found,
                started=started,
                finished=finished,
                provenance=source,
            )
    return stored.id


app.command(context_settings={"allow_extra_args": True})(reconstruct)
app.command("refine-angles")(refine_angles_command)
app.command()(trace)
app.command("classify", context_settings={"allow_extra_args": True})(classify_command)
app.command()(refine)
app.command("preprocess")(preprocess_command)
app.command("simulate")(simulate_command)
app.command("precision")(precision_command)
app.command("scoreboard")(scoreboard_command)
app.command()(view)
app.command("report")(report_command(read_entry_report, _resolve))
app.command("analyze")(analyze_command)
app.command("validate")(
    validate_command(locate_reference, golden_path, read_published, read_reproduced, quench_figures)
)
app.command("compare-models")(compare_models)
mdb_app.command("import-published")(
    published_command(locate_reference, golden_path, read_published)
)
app.add_typer(mdb_app, name="mdb")
app.add_typer(md_app, name="md")
app.add_typer(reference_app, name="reference")

if __name__ == "__main__":
    main()
