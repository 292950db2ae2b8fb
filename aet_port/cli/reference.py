"""The ``aet reference`` commands: the published data and the reference's functions."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from aet_port.cli.options import Json
from aet_port.cli.table_form import AS_TEXT, TableForm, table_options
from aet_port.core.console import print_json, print_rows
from aet_port.core.errors import DataFileError, InputError
from aet_port.core.terminal import print_line, print_note
from matlab_reference import download as fetching
from matlab_reference.download import missing, select
from matlab_reference.functions import KINDS, REPOS, count_by_status, read_functions
from matlab_reference.golden_files import fetch_golden, golden_source
from matlab_reference.locate import (
    ADVICE,
    cache,
    candidates,
    data_folders,
    golden_folder,
    holds_data,
)
from matlab_reference.registry import COMMITS, GOLDEN, GOLDEN_TABLE, PublishedFile, read_registry

CHECK_FAILED = 1
SHOWN = 10  # names of a list that are printed; --json has them all

Only = Annotated[
    list[str] | None,
    typer.Option(help="Only files whose path matches, such as '*Ta_film*'; may be repeated."),
]
Code = Annotated[bool, typer.Option("--code", help="Include source and compiled code.")]
Small = Annotated[
    bool, typer.Option("--small", help="Leave out the large files (about 4 MB and more).")
]


@table_options
def functions_command(
    status: Annotated[
        str | None,
        typer.Option(
            help="Only files that are: ported, ported-without-output, library or not-needed."
        ),
    ] = None,
    repo: Annotated[
        str | None, typer.Option(help="Only one paper's code: mg (glass paper) or am (film paper).")
    ] = None,
    form: TableForm = AS_TEXT,
) -> None:
    """List the source files of the papers' code with their counterparts and tests here."""
    kind = None if status is None else status.replace("-", " ")
    if kind not in (None, *KINDS):
        expected = "ported, ported-without-output, library or not-needed"
        raise InputError("--status", repr(status), expected)
    if repo not in (None, *REPOS):
        raise InputError("--repo", repr(repo), " or ".join(REPOS))
    every = read_functions()
    rows = [r for r in every if kind in (None, r.kind) and repo in (None, r.repo)]
    counts = count_by_status(every)
    records = [asdict(row) for row in rows]
    if form.taken(records, {"counts": counts, "rows": records}):
        return
    print_rows(
        ("file", "status", "here", "test"),
        [(row.name, row.status, row.symbol, row.test) for row in rows],
        "aet reference functions",
    )
    print_rows(
        ("repository", *KINDS, "files"),
        [
            (REPOS.get(name, name), *numbers.values(), sum(numbers.values()))
            for name, numbers in counts.items()
        ],
        "files by status",
    )


@table_options
def locate_command(
    check: Annotated[
        bool, typer.Option("--check", help="Also verify every checksum (takes seconds).")
    ] = False,
    form: TableForm = AS_TEXT,
) -> None:
    """Show where the published data are searched for and found, and what is missing.

    Folders that hold parts of the data add up: several may be named in AET_REFERENCE, separated as
    in PATH.
    """
    places = candidates()
    looked = [{"folder": str(folder), "found": holds_data(folder)} for folder in places]
    found = data_folders()
    files = select(read_registry(), code=False)
    states = [_state(found, name, files, check) for name in COMMITS] if found else []
    golden = golden_folder()
    content = {"looked": looked, "found": [str(folder) for folder in found]}
    content |= {"repositories": states, "golden": None if golden is None else str(golden)}
    taken = form.taken(states, content)
    if not taken:
        for one in looked:
            print_line(f"looked in {one['folder']}: {'found' if one['found'] else 'not there'}")
        print_line(f"golden outputs: {golden or 'not there (aet reference fetch --golden-from)'}")
    if not found:
        raise DataFileError(places[0], "no reference data", ADVICE)
    if not taken:
        print_line(f"found in {' and '.join(map(str, found))}")
        heads = ("repository", "data files", "there", "missing", "of these large", "damaged")
        rows = [
            (
                state["repository"],
                state["files"],
                state["there"],
                len(state["missing"]),
                state["missing_large"],
                len(state["damaged"]) if check else "not checked (--check)",
            )
            for state in states
        ]
        print_rows(heads, rows, "published data files")
        if any(state["missing"] for state in states):
            print_line(f"aet reference fetch --to {found[0]}   gets what is missing")
    if any(state["damaged"] for state in states):
        names = [name for state in states for name in state["damaged"]]
        print_note(f"aet: not as published: {_some(names)}")
        raise typer.Exit(CHECK_FAILED)


def _state(
    folders: Sequence[Path], repository: str, files: Sequence[PublishedFile], check: bool
) -> dict[str, Any]:
    own = [one for one in files if one.repository == repository]
    places = {
        one.name: path
        for one in own
        for folder in reversed(folders)  # the first folder's copy is the one that is used
        if (path := folder / one.name).is_file()
    }
    there = [one for one in own if one.name in places]
    absent = [one for one in own if one.name not in places]
    return {
        "repository": repository,
        "commit": COMMITS[repository],
        "files": len(own),
        "there": len(there),
        "missing": [one.name for one in absent],
        "missing_large": sum(one.is_large for one in absent),
        "damaged": [one.name for one in there if check and one.problem(places[one.name])],
    }


def fetch_command(
    to: Annotated[
        Path | None, typer.Option(help="Target folder; the user's cache unless given.")
    ] = None,
    only: Only = None,
    small: Small = False,
    code: Code = False,
    golden: Annotated[
        bool,
        typer.Option("--golden", help="Fetch the golden outputs of the papers' code instead."),
    ] = False,
    golden_from: Annotated[
        str | None,
        typer.Option(
            help="Source of the golden outputs: a clone of aet-port, its archive or its URL."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be fetched.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Download the papers' public data at the recorded commits.

    An interrupted download continues when the command is run again. Every file is verified by its
    SHA-256, the large ones by their git hash, before it gets its name. An installed package holds
    no golden outputs, which tests and a part of `aet validate` need: --golden-from gets them from a
    clone of aet-port.
    """
    folder = cache() if to is None else to
    source = golden_source(golden_from) if golden or golden_from else None
    files = read_registry(GOLDEN_TABLE) if source else read_registry()
    files = select(files, only, code=code, small=small)
    wanted = missing(files, folder)
    plan = {
        "folder": str(folder),
        "files": len(files),
        "to_fetch": len(wanted),
        "known_bytes": sum(one.size or 0 for one in wanted),
        "of_unknown_size": sum(one.is_large for one in wanted),
    }
    if not as_json:
        print_line(_plan(plan, dry_run))
    if dry_run:
        if as_json:
            print_json(plan | {"names": [one.name for one in wanted]})
        return
    if source:
        done = fetch_golden(source, folder, wanted, show_progress=not as_json)
    else:
        done = fetching.fetch(wanted, folder, host=fetching.HOST, show_progress=not as_json)
    if as_json:
        print_json(
            plan
            | {"fetched": [one.name for one in done.fetched], "bytes": done.size}
            | {"present": len(files) - len(wanted), "failed": done.failed}
        )
    else:
        print_line(f"{len(done.fetched)} files fetched, {done.size / 1e6:.1f} MB")
        now: list[Path] = data_folders()
        # Naming a folder replaces the folders beside the checkout, so those found are named too.
        named = os.pathsep.join(str(one) for one in dict.fromkeys([folder.absolute(), *now]))
        used = folder in candidates()
        if source:
            now = [one for one in (golden_folder(),) if one is not None]
            used = now == [folder / GOLDEN]
        told = f"found now: {' and '.join(map(str, now)) or 'none'}"
        if not used:
            print_line(f"set AET_REFERENCE={named} to use them; {told}")
    if done.failed:
        reasons = [f"{name} ({reason})" for name, reason in done.failed.items()]
        print_note(f"aet: not fetched: {_some(reasons)}")
        raise typer.Exit(CHECK_FAILED)


def _plan(plan: dict[str, Any], dry_run: bool) -> str:
    large = plan["of_unknown_size"]
    return (
        f"{plan['files']} files in {plan['folder']}: {plan['files'] - plan['to_fetch']} there, "
        f"{plan['to_fetch']} {'would be fetched' if dry_run else 'to fetch'}, "
        f"{plan['known_bytes'] / 1e6:.1f} MB"
        + (f" and {large} large files, about 4 MB each and more, of unknown size" if large else "")
    )


def _some(names: Sequence[str]) -> str:
    more = len(names) - SHOWN
    return "; ".join(names[:SHOWN]) + (f"; and {more} more" if more > 0 else "")
