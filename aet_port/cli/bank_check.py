"""``aet mdb check``."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Annotated

import typer

import mdb
from aet_port.cli.bank_options import BankFile
from aet_port.cli.table_form import AS_TEXT, TableForm, table_options
from aet_port.core.console import print_rows
from aet_port.core.terminal import print_line

CHECK_FAILED = 1


@table_options
def check(
    bank: BankFile,
    no_hashes: Annotated[
        bool, typer.Option("--no-hashes", help="Skip the hashes, for which every row is read.")
    ] = False,
    form: TableForm = AS_TEXT,
) -> None:
    """Verify the hashes, counts, links and value ranges of a bank without changing it.

    The exit code is 1 if a check failed.
    """
    from mdb.checks import check as verify

    with mdb.Bank(bank, read_only=True) as opened:
        found = verify(opened, hashes=not no_hashes, show_progress=form.for_people)
    tally = Counter(one.status for one in found)
    checks = [asdict(one) for one in found]
    counts = {name.replace(" ", "_"): tally[name] for name in ("passed", "failed", "not attempted")}
    if not form.taken(checks, {"checks": checks, **counts}):
        rows = [(one.name, one.status, one.found, ", ".join(one.ids)) for one in found]
        print_rows(("check", "status", "found", "entries"), rows, f"aet mdb check {bank}")
        print_line(
            f"{tally['passed']} passed, {tally['failed']} failed, "
            f"{tally['not attempted']} not attempted"
        )
    if tally["failed"]:
        raise typer.Exit(CHECK_FAILED)
