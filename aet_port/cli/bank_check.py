"""``aet mdb check``."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Annotated

import typer

import mdb
from aet_port.cli.bank_options import BankFile
from aet_port.cli.options import Json
from aet_port.core.console import print_json, print_rows

CHECK_FAILED = 1


def check(
    bank: BankFile,
    no_hashes: Annotated[
        bool, typer.Option("--no-hashes", help="Skip the hashes, for which every row is read.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Verify the hashes, counts, links and value ranges of a bank without changing it.

    The exit code is 1 if a check failed.
    """
    from mdb.checks import check as verify

    with mdb.Bank(bank, read_only=True) as opened:
        found = verify(opened, hashes=not no_hashes, show_progress=not as_json)
    tally = Counter(one.status for one in found)
    if as_json:
        print_json(
            {
                "checks": [asdict(one) for one in found],
                "passed": tally["passed"],
                "failed": tally["failed"],
                "not_attempted": tally["not attempted"],
            }
        )
    else:
        rows = [(one.name, one.status, one.found, ", ".join(one.ids)) for one in found]
        print_rows(("check", "status", "found", "entries"), rows, f"aet mdb check {bank}")
        print(
            f"{tally['passed']} passed, {tally['failed']} failed, "
            f"{tally['not attempted']} not attempted"
        )
    if tally["failed"]:
        raise typer.Exit(CHECK_FAILED)
