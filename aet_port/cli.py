"""The ``aet`` command: every stage on its own, whole runs, the bank."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from aet_port.console import Json, print_json, print_rows, print_stages, report
from aet_port.errors import AetError, InputError
from mdb.commands import app as mdb_app

app = typer.Typer(
    help="Atomic electron tomography: tilt series to atoms, structure and a SQL bank.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
reference_app = typer.Typer(help="The published data of the two papers.", no_args_is_help=True)
app.add_typer(mdb_app, name="mdb")
app.add_typer(reference_app, name="reference")

Threads = Annotated[int | None, typer.Option(help="Threads; all cores unless given.")]
PixelSize = Annotated[float | None, typer.Option(help="Angstrom; needed unless the file says it.")]

BAD_INPUT = 2
MOTIFS = {
    3: "triplets",
    4: "quadrilateral bipyramids",
    5: "pentagonal bipyramids",
    6: "hexagonal bipyramids",
}


def main() -> None:
    """Entry point: exit code 0 done, 1 a check failed, 2 bad input (one line on standard error)."""
    try:
        app()
    except AetError as error:
        print(f"aet: error: {error}", file=sys.stderr)
        sys.exit(BAD_INPUT)


def _resolve(name: str) -> Path:
    from matlab_reference import locate_reference

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
    from aet_port.demo import make_demo

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
        ("  matched within 1.5 A", "", len(matching.found_index)),
        ("  missed, spurious", "", f"{len(matching.missed)}, {len(matching.spurious)}"),
        ("RMSD", "", f"{matching.rmsd_pm:.1f} pm"),
        ("R factor (R1)", "", f"{100 * result.run.r_mean:.2f} %"),
        *((MOTIFS[fold], true.counts[fold], found.counts[fold]) for fold in MOTIFS),
        ("largest pentagonal networks", *sizes),
    ]
    print_rows(("", "true", "found"), rows, "aet demo: a synthetic amorphous Ta particle")
    print_stages(figures["stages"])
    sql = "SELECT fold, count(*) AS motifs FROM motif GROUP BY fold ORDER BY fold"
    print(
        f'picture: {result.picture}\nbank:    {bank}\nask it:  aet mdb query "{sql}" --bank {bank}'
    )


def _deposit_demo(bank: Path, run: Any, truth: Any, structure: Any) -> None:
    import mdb

    with mdb.Bank(bank) as opened:
        _deposit_run(opened, run)
        mdb.deposit(
            opened,
            truth,
            kind="synthetic",
            sample=f"{run.config.sample.name}, truth",
            analysis=structure,
        )


def _deposit_run(bank: Any, run: Any) -> Any:
    """Store a finished run's model, analysis, reconstruction and the hashes of its inputs."""
    from dataclasses import asdict

    import mdb
    from aet_port.pipeline import read_series

    config = run.config
    first = config.input.areas[0] if config.input.areas else 0
    return mdb.deposit(
        bank,
        run.model,
        kind=config.sample.kind,
        sample=config.sample.name,
        reconstruction=mdb.Reconstruction(
            "RESIRE", asdict(config.reconstruct), run.r_mean, read_series(config, first)
        ),
        analysis=run.structure,
        provenance=[mdb.Provenance.of(role, path) for role, path in config.inputs().items()],
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
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """The whole chain on your own data: tilt series in, atoms and their structure in the bank."""
    import mdb
    from aet_port.config import load_config
    from aet_port.pipeline import run

    result = run(
        load_config(config, _resolve),
        out,
        resume=resume,
        threads=threads,
        scheduler=scheduler,
        progress=not as_json,
    )
    target = bank or out / "bank.duckdb"
    with mdb.Bank(target) as opened:
        stored = _deposit_run(opened, result)
    rows = {
        "R factor (R1)": round(result.r_mean, 6),
        "R factors by area": {str(k): round(v, 7) for k, v in result.r_factors.items()},
        "peaks": result.n_peaks,
        "atoms": len(result.model),
        **result.structure.summary(),
        "bank": str(target),
        "model": stored.id,
        "already there": not stored.new,
    }
    report(as_json, f"aet run {config}", rows)
    if not as_json:
        print_stages(result.stages)


@app.command(context_settings={"allow_extra_args": True})
def reconstruct(
    context: typer.Context,
    projections: Annotated[Path, typer.Argument(help=".mat, .npy, .mrc or .tif of images.")],
    angles: Annotated[Path, typer.Argument(help=".mat, .npy, .txt or .tlt of Euler angles.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Volume: .npy, .mrc, .mat or .tif.")
    ],
    iterations: Annotated[int, typer.Option(help="Steps of gradient descent.")] = 200,
    oversampling: Annotated[str, typer.Option(help="One ratio, or three: X Y Z.")] = "3",
    step: Annotated[float, typer.Option(help="Normalised step, 1 to 3.")] = 2.0,
    extended: Annotated[
        bool, typer.Option("--extended", help="A film wider than the images.")
    ] = False,
    thickness: Annotated[int | None, typer.Option(help="Voxels along the beam.")] = None,
    support: Annotated[Path | None, typer.Option(help="Volume, zero where nothing can be.")] = None,
    mask: Annotated[Path | None, typer.Option(help="Images of weights.")] = None,
    initial: Annotated[Path | None, typer.Option(help="Volume to start from.")] = None,
    method: Annotated[str, typer.Option(help="fourier-slice or radon.")] = "fourier-slice",
    precision: Annotated[
        str, typer.Option(help="single, double, reference-glass, reference-film.")
    ] = "single",
    pixel_size: PixelSize = None,
    keep_extended: Annotated[
        bool, typer.Option("--keep-extended", help="Write the whole slab.")
    ] = False,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Go on from this file after a stop.")
    ] = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """A volume from a tilt series by RESIRE."""
    from aet_port.config import Reconstruct
    from aet_port.io import read_tilt_series, write_volume
    from aet_port.pipeline import reconstruct_with, write_r_factors

    series = read_tilt_series(projections, angles, pixel_size)
    names: dict[str, Any] = {
        role: None if file is None else str(file)
        for role, file in (("support", support), ("mask", mask), ("initial", initial))
    }
    settings = Reconstruct(
        iterations,
        _ratios([oversampling, *context.args]),
        step,
        extended,
        thickness,
        method=method,
        precision=precision,
        **names,
    )
    result = reconstruct_with(
        series, settings, threads=threads, checkpoint=checkpoint, progress=not as_json
    )
    volume = result.volume if keep_extended else result.cropped()
    write_volume(output, volume)
    write_r_factors(output.with_suffix(".r.npz"), result)
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    rows = {
        "volume": str(output),
        "shape": list(volume.shape),
        "R1": result.r_factor,
        "iterations": iterations,
    }
    report(as_json, "aet reconstruct", rows)


def _ratios(words: list[str]) -> float | tuple[float, ...]:
    try:
        numbers = tuple(float(part) for word in words for part in word.split(","))
    except ValueError as error:
        raise InputError(
            "--oversampling", " ".join(words), "one ratio, or three for x, y, z"
        ) from error
    return numbers[0] if len(numbers) == 1 else numbers


@app.command("trace")
def trace_command(
    volume: Annotated[Path, typer.Argument(help=".npy, .mrc, .mat or .tif.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Peaks: .npz, .mat or .xyz.")],
    pixel_size: PixelSize = None,
    upsampling: Annotated[str, typer.Option(help="linear or spline.")] = "linear",
    threshold: Annotated[float, typer.Option(help="Least height of a peak.")] = 0.0,
    minimum_distance: Annotated[float, typer.Option(help="Angstrom.")] = 2.0,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Go on from this file after a stop.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Peaks of a volume by polynomial tracing."""
    from aet_port.config import Trace
    from aet_port.io import read_volume
    from aet_port.pipeline import trace_with, write_peaks

    read = read_volume(volume, pixel_size)
    settings = Trace(upsampling, threshold, minimum_distance)
    peaks = trace_with(read, settings, checkpoint=checkpoint, progress=not as_json)
    write_peaks(output, peaks, read)
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    report(
        as_json,
        "aet trace",
        {"peaks": str(output), "accepted": len(peaks.accepted), "fitted": len(peaks)},
    )


@app.command("analyze")
def analyze_command(
    model: Annotated[Path, typer.Argument(help=".xyz, .extxyz, .cif, LAMMPS data or .mat.")],
    species: Annotated[str | None, typer.Option(help="Symbol, where the file has none.")] = None,
    cutoff: Annotated[
        float | None, typer.Option(help="Angstrom; first valley unless given.")
    ] = None,
    delta: Annotated[list[float] | None, typer.Option(help="Distortion; may be repeated.")] = None,
    bank: Annotated[Path | None, typer.Option(help="Deposit model and analyses here.")] = None,
    as_json: Json = False,
) -> None:
    """Pair distribution, tetrahedra, bipyramids and their networks."""
    import mdb
    from aet_port.io import read_model
    from aet_port.structure import analyze

    atoms = read_model(model, species)
    rows: dict[str, Any] = {"atoms": len(atoms)}
    for value in delta or [0.255]:
        found = analyze(atoms.atoms, cutoff=cutoff, delta=value)
        rows[f"delta {value}"] = found.summary()
        if bank is not None:
            with mdb.Bank(bank) as opened:
                stored = mdb.deposit(
                    opened, atoms, analysis=found, provenance=[mdb.Provenance.of("model", model)]
                )
            rows["model"] = stored.id
    report(as_json, f"aet analyze {model}", rows)


@app.command("compare-models")
def compare_models(
    first: Annotated[Path, typer.Argument(help="Model found.")],
    second: Annotated[Path, typer.Argument(help="Model it is held against.")],
    radius: Annotated[float, typer.Option(help="Largest distance of a pair, angstrom.")] = 1.5,
    as_json: Json = False,
) -> None:
    """Pair the atoms of two models and print RMSD, missed and spurious atoms."""
    from aet_port.io import read_model
    from aet_port.validation import match_models

    matching = match_models(read_model(first).positions, read_model(second).positions, radius)
    rows = {
        "matched": matching.matched,
        "missed": matching.missed,
        "spurious": matching.spurious,
        "RMSD (pm)": round(matching.rmsd_pm, 3),
        "shift (A)": [round(float(s), 4) for s in matching.shift],
    }
    report(as_json, "aet compare-models", rows)


@reference_app.command("locate")
def reference_locate() -> None:
    """Where the published data are looked for, and where they were found."""
    from matlab_reference import locate_reference
    from matlab_reference.locate import candidates

    for folder in candidates():
        print(f"looked in {folder}")
    print(f"found in {locate_reference()}")


if __name__ == "__main__":
    main()
