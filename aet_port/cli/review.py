"""``aet review``: a page in the browser on which a person looks at every atom."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aet_port.cli.model_notes import noted
from aet_port.cli.numbers import number
from aet_port.cli.options import Json, PixelSize, VolumeVariable, settings_options
from aet_port.core.console import print_facts
from aet_port.core.errors import InputError
from aet_port.core.files import check_target
from aet_port.core.limits import LARGEST_NUMBER
from aet_port.core.terminal import print_note
from aet_port.io.settings import ModelReadSettings

if TYPE_CHECKING:
    from aet_port.reviewing import Session

BANKS = (".duckdb", ".db")
EDITS, MODELS = (".csv", ".jsonl"), (".xyz", ".extxyz")
LOCK = ".review.lock"


@settings_options()
def review_command(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="RUN|VOLUME|BANK",
            help="Run folder, file of a volume, or DuckDB file of a bank.",
        ),
    ],
    model: Annotated[
        str | None,
        typer.Argument(help="Model file beside a volume; id such as TaXX00001 in a bank."),
    ] = None,
    series: Annotated[
        Path | None, typer.Option(help="Projections beside a volume, to compare with the atoms.")
    ] = None,
    angles: Annotated[
        Path | None, typer.Option(help="Tilt angles of --series; those of its file unless given.")
    ] = None,
    edits: Annotated[
        Path | None,
        typer.Option(
            help="File of the edits beside a volume: .csv or .jsonl; MODEL_edits.csv unless given."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="Edited model of a volume, written at the end: .xyz or .extxyz."
        ),
    ] = None,
    author: Annotated[
        str | None, typer.Option(help="Your name in the file of edits; that of the login if none.")
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Show everything, change nothing.")
    ] = False,
    at: Annotated[
        int | None,
        number("Number of the atom to begin with, from 0.", ge=0, le=LARGEST_NUMBER),
    ] = None,
    port: Annotated[
        int, number("Port of this machine; 0 for any that is free.", ge=0, le=65535)
    ] = 0,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")
    ] = True,
    pixel_size: PixelSize = None,
    variable: VolumeVariable = None,
    *,
    model_reading: ModelReadSettings,
    as_json: Json = False,
) -> None:
    """Look at every doubtful atom in the browser: keep, remove, add, move, relabel, comment.

    Each action is written at once to edits.csv of the run, which `aet run --resume` replays. The
    page is on this machine only, and ends with Ctrl-C.
    """
    from aet_port.core.errors import MissingDependencyError

    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError("aet review", "review") from error
    from contextlib import ExitStack

    from aet_port.core.locks import one_at_a_time
    from aet_port.reviewing.server import Gate, free_socket, serve

    name = (author or os.environ.get("USER") or os.environ.get("USERNAME") or "").strip()
    beside = {"--series": series, "--angles": angles, "--edits": edits, "--output": output}
    with ExitStack() as stack:
        if source.is_dir() and not _is_volume(source):
            _refuse(beside, f"the run folder {source}")
            if model is not None:
                raise InputError("MODEL", f"{model} for the run folder {source}", "none")
            if not read_only:
                advice = "its page, or --read-only"
                work = "a review that is going on"
                stack.enter_context(one_at_a_time(source, LOCK, work, advice))
            from aet_port.reviewing.opening_runs import open_run_folder

            session = open_run_folder(source, read_only=read_only, author=name, at=at)
        elif source.suffix.lower() in BANKS:
            _refuse(beside, f"the bank {source}")
            from aet_port.reviewing.opening_runs import open_bank_entry

            session = open_bank_entry(source, model, at=at)
        else:
            if model is None:
                raise InputError("MODEL", "none", f"the file of the model beside {source}")
            session = _of_files(
                source, Path(model), series, angles, None if read_only else edits, output,
                pixel_size, variable, model_reading, read_only, name, at,
            )  # fmt: skip
        session.start()
        try:
            listening = free_socket(port)
        except OSError as error:
            found = f"{port}: {error.strerror}"
            raise InputError("--port", found, "another one, or 0 for any that is free") from error
        gate = Gate(listening.getsockname()[1])
        facts = {
            "page": gate.url,
            "edits": None if session.log.path is None else str(session.log.path),
            "atoms": len(session.shown),
        }
        print_facts(as_json, f"aet review {source}", facts)
        if browser:
            import webbrowser

            webbrowser.open(gate.url)
        if not as_json:
            print_note("Ctrl-C ends the page; everything done on it is in the file of edits.")
        serve(session, gate, listening)
        _written(session, output)


def _written(session: Session, output: Path | None) -> None:
    if output is not None:
        from aet_port.io import write_model
        from aet_port.tracing.edit_replay import replay_edits

        write_model(output, replay_edits(session.log.model, session.log.rows))
        print_note(f"aet: wrote {output}")
    if session.log.changes and session.hint:
        number = session.log.changes
        changes = "1 change" if number == 1 else f"{number} changes"
        print_note(f"aet: {changes} in {session.log.path}; {session.hint}")


def _refuse(options: dict[str, Path | None], source: str) -> None:
    for name, value in options.items():
        if value is not None:
            raise InputError(name, f"{value} for {source}", "a volume and a model, or none")


def _is_volume(path: Path) -> bool:
    from aet_port.core.files import is_data_file

    return is_data_file(path)


def _of_files(
    volume: Path,
    model: Path,
    series: Path | None,
    angles: Path | None,
    edits: Path | None,
    output: Path | None,
    pixel_size: float | None,
    variable: str | None,
    reading: ModelReadSettings,
    read_only: bool,
    author: str,
    at: int | None,
) -> Session:
    from aet_port.io import read_model, read_tilt_series
    from aet_port.reviewing.opening import open_files

    if output is not None:
        check_target(output, MODELS)
    target = edits
    if target is None and not read_only:
        target = model.with_name(f"{model.stem}_edits.csv")
    if target is not None:
        check_target(target, EDITS)
    if angles is not None and series is None:
        raise InputError("--angles", f"{angles} without --series", "both, or neither")
    images = None if series is None else read_tilt_series(series, angles, pixel_size)
    size = pixel_size if images is None or pixel_size is not None else images.pixel_size
    return open_files(
        volume, noted(read_model(model, **dict(reading))), edits=target, voxel_size=size,
        variable=variable, series=images, author=author, at=at,
        hint=f"aet classify VOLUME {model} --edits {target} takes them over",
    )  # fmt: skip
