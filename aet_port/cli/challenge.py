"""``aet challenge``: blind cases, and the scores of entries."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aet_port.cli.numbers import number
from aet_port.cli.options import Json, settings_options
from aet_port.cli.table_form import AS_TEXT, TableForm, table_options
from aet_port.cli.two_models import ONLY_MAT, is_mat, read_one
from aet_port.core.console import print_facts, print_json, print_rows
from aet_port.core.errors import InputError
from aet_port.core.files import check_target, write_whole
from aet_port.core.limits import LARGEST_SEED
from aet_port.core.terminal import print_line, print_note
from aet_port.io.settings import ModelReadSettings
from aet_port.validation.settings import ScoreSettings

if TYPE_CHECKING:
    from aet_port.core.atomic_model import AtomicModel

CHECK_FAILED = 1


@table_options
def list_command(form: TableForm = AS_TEXT) -> None:
    """List the cases that can be made."""
    from aet_port.validation.challenge_cases import CASES

    records = [
        {
            "case": case.name,
            "about": case.about,
            "species": list(case.species),
            "atoms": case.atoms,
            "tilts": len(case.tilts),
            "dose": case.settings.acquisition.dose,
            "pixel_size": case.settings.pixel_size,
            "seed": case.seed,
            "extra": case.extra,
        }
        for case in CASES.values()
    ]
    if form.taken(records):
        return
    heads = ("case", "species", "atoms", "tilts", "dose", "what it is")
    rows = [
        (
            one.name,
            " ".join(one.species),
            one.atoms,
            len(one.tilts),
            f"{one.settings.acquisition.dose:.2g}",
            one.about + (f" (needs the extra {one.extra})" if one.extra else ""),
        )
        for one in CASES.values()
    ]
    print_rows(
        heads,
        rows,
        "aet challenge list: atoms to within 5 %, dose in electrons per square angstrom",
    )


def make_command(
    case: Annotated[str, typer.Argument(help="Name of a case, see `aet challenge list`.")],
    out: Annotated[Path, typer.Option(help="Public folder, which must not exist.")],
    truth: Annotated[
        Path | None,
        typer.Option(help="Folder for the sealed truth; OUT-truth unless given."),
    ] = None,
    seed: Annotated[
        int | None,
        number(
            "Seed of sample and noise; a secret random one unless given.", ge=0, le=LARGEST_SEED
        ),
    ] = None,
    standard: Annotated[
        bool,
        typer.Option(
            "--standard", help="Use the seed of the recipe: everybody can make this version."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a blind case: images for everybody, and the sealed truth.

    The public folder has images, angles, what is known, and the SHA-256 of the truth, but not the
    seed.
    """
    from aet_port.validation.challenge_cases import challenge_case
    from aet_port.validation.challenge_files import make_challenge

    recipe = challenge_case(case)
    if standard and seed is not None:
        raise InputError("--seed", f"{seed} beside --standard", "one of them")
    made = make_challenge(recipe, out, truth, recipe.seed if standard else seed)
    facts = {"case": recipe.name, **{name: str(path) for name, path in made.items()}}
    print_facts(as_json, "aet challenge make", facts)
    if not as_json:
        print_line(f"Give away {made['folder']}; keep {made['truth']} until all entries are in.")


@settings_options(leave_out={"settings": ("radius", "field", "bins")})
def score_entries_command(
    folder: Annotated[Path, typer.Argument(help="Public folder of the case.")],
    entries: Annotated[
        list[str], typer.Argument(help="Entries as NAME=FILE, or only the file.", metavar="ENTRY")
    ],
    truth: Annotated[Path, typer.Option(help="The sealed truth, truth.zip.")],
    settings: ScoreSettings,
    model_reading: ModelReadSettings,
    html: Annotated[
        Path | None, typer.Option(help="Page with the table; FOLDER-scores.html unless given.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(help="Table for programs; FOLDER-scores.csv unless given.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Score the entries of several programs to a case, after a check of the truth's hash.

    How to read models applies to every entry that needs it. The exit code is 1 if an entry can't
    be scored.
    """
    from aet_port.io.models.atom_tables import write_rows
    from aet_port.validation.challenge_files import read_case, read_truth
    from aet_port.validation.challenge_table import (
        BRIEF,
        csv_rows,
        heads,
        html_table,
        score_entries,
    )
    from aet_port.validation.evaluation import atoms_in_field

    public = folder.resolve()
    page = html or public.with_name(f"{public.name}-scores.html")
    table = csv or public.with_name(f"{public.name}-scores.csv")
    check_target(page, (".html",))
    check_target(table, (".csv",))
    case = read_case(folder)
    model, _ = read_truth(truth, case)
    if model_reading.species is None and len(case.species) == 1:
        model_reading = model_reading.changed(species=case.species[0])
    read: dict[str, AtomicModel | InputError] = {}
    for text in entries:
        name, file = _named(text)
        if name in read:
            raise InputError("entry", f"{name!r} twice", "a name for each: NAME=FILE")
        read[name] = _read(file, model_reading)
    rows = score_entries(case, model, read, settings)
    text = html_table(case, atoms_in_field(model, case.field), rows)
    write_whole(page, lambda partial: partial.write_text(text, encoding="utf-8"))
    write_rows(table, *csv_rows(rows))
    if as_json:
        content = {"case": case.case, "entries": [row.plain() for row in rows]}
        print_json(content | {"html": str(page), "csv": str(table)})
    else:
        print_rows(heads(BRIEF), [row.words(BRIEF) for row in rows], f"case {case.case}")
        print_line(f"All columns: {page}, {table}")
        for row in rows:
            for remark in row.remarks:
                print_note(f"aet: {row.name}: {remark}")
    if not all(row.scored for row in rows):
        raise typer.Exit(CHECK_FAILED)


def _named(text: str) -> tuple[str, Path]:
    name, mark, file = text.partition("=")
    return (name, Path(file)) if mark and name and file else (Path(text).stem, Path(text))


def _read(file: Path, reading: ModelReadSettings) -> AtomicModel | InputError:
    """An entry, or why it can't be read: the others are scored nevertheless."""
    try:
        if not is_mat(file):
            reading = reading.changed(**dict.fromkeys(ONLY_MAT))
        return read_one(file, reading)
    except InputError as error:
        return error
