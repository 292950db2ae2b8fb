"""Depositing runs of molecular dynamics and comparisons with published figures."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from aet_port.core.arguments import checked
from aet_port.core.code import code_version
from aet_port.core.errors import InputError
from aet_port.validation.published_table import Row
from mdb.bank import Bank
from mdb.entries import next_number, one, sample_number, write_entry
from mdb.hashing import canonical_json, digest, table_digest
from mdb.model_rows import row, short
from mdb.records import MdRun
from mdb.schema import utc_now

_THERMO = {
    "step": pa.int64(),
    "time": pa.float64(),
    "temperature": pa.float64(),
    "pressure": pa.float64(),
    "potential_energy": pa.float64(),
    "volume": pa.float64(),
}


@checked
def deposit_run(bank: Bank, run: MdRun) -> int:
    """Store a run of molecular dynamics; the same run twice is stored once.

    Parameters
    ----------
    bank
        Open for writing.
    run
        The run.

    Returns
    -------
    Its number, for :class:`mdb.Snapshot`; also if the same run is there already.

    Raises
    ------
    InputError
        For a protocol without JSON form or a thermodynamic table of other columns.
    BankError
        If the bank cannot be written.

    Notes
    -----
    MATLAB: none; the simulations of the papers are not public

    Examples
    --------
    >>> import pyarrow as pa
    >>> import mdb
    >>> thermo = pa.table({"step": [0, 100], "temperature": [5200.0, 5190.0]})
    >>> run = mdb.MdRun("quench", "Ta", "LAMMPS", "ravelo-ta", {"seed": 1}, 1024, thermo)
    >>> with mdb.Bank("bank.duckdb") as bank:
    ...     print(mdb.deposit_run(bank, run), mdb.deposit_run(bank, run))
    1 1
    """
    protocol = canonical_json(run.protocol, "protocol")
    unknown = [name for name in run.thermo.column_names if name not in _THERMO]
    if unknown or "step" not in run.thermo.column_names:
        found = f"columns {', '.join(run.thermo.column_names)}"
        raise InputError("thermo", found, f"step and any of {', '.join(list(_THERMO)[1:])}")
    thermo = pa.table(
        {name: run.thermo[name].cast(_THERMO[name]) for name in run.thermo.column_names}
    )
    parts = [run.engine, run.potential, run.potential_sha256 or "", protocol]
    own = digest([*(part.encode() for part in parts), table_digest({"md_thermo": thermo}).encode()])
    head = {
        "name": short("run", run.name),
        "content_hash": own,
        "engine": run.engine,
        "potential": run.potential,
        "potential_sha256": run.potential_sha256,
        "potential_doi": run.potential_doi,
        "protocol": protocol,
        "n_atoms": run.n_atoms,
        "cooling_rate": run.cooling_rate,
        "time_step": run.time_step,
        "glass_transition": run.glass_transition,
        "started": run.started,
        "finished": run.finished,
        "code_version": code_version(),
        "deposited": utc_now(),
    }
    with bank.transaction() as connection:
        known = one(connection, "SELECT md_run_id FROM md_run WHERE content_hash = ?", own)
        if known is not None:
            return int(known)
        number = next_number(connection, "md_run")
        tables = {
            "md_run": row(head),
            "md_thermo": thermo,
            "sample": pa.table({"name": [short("sample", run.sample)]}),
        }
        heads = {
            "md_run": {"md_run_id": number, "sample_id": sample_number(connection, run.sample)}
        }
        write_entry(connection, "md_run", number, tables, heads)
    return number


@checked
def deposit_validation(bank: Bank, rows: Sequence[Row]) -> int:
    """Store a comparison with published figures; the same one twice is stored once.

    Parameters
    ----------
    bank
        Open for writing.
    rows
        Of :func:`aet_port.validation.published_table.build_report`.

    Returns
    -------
    Number of the comparison; also if it is there already.

    Raises
    ------
    BankError
        If the bank cannot be written.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> import mdb
    >>> from aet_port.validation.published_table import Computed, build_report
    >>> from matlab_reference.published import read_published
    >>> published = read_published()
    >>> same = Computed(published["mg.face_fractions"].values, tolerance=0.0, why="a copy")
    >>> rows = build_report(published, {"mg.face_fractions": same})
    >>> with mdb.Bank("bank.duckdb") as bank:
    ...     print(mdb.deposit_validation(bank, rows))
    1
    """
    places = [(line, place) for line in rows for place in range(len(line.published))]
    columns = {
        "figure": [line.id for line, _ in places],
        "place": pa.array([place for _, place in places], pa.int16()),
        "sample": [line.sample for line, _ in places],
        "quantity": [line.quantity for line, _ in places],
        "unit": [line.unit for line, _ in places],
        "published": pa.array([line.published[k] for line, k in places], pa.float64()),
        "computed": pa.array(
            [line.computed[k] if line.computed else None for line, k in places], pa.float64()
        ),
        "tolerance": pa.array([line.tolerance for line, _ in places], pa.float64()),
        "status": ["reproduced" if line.agrees else line.status for line, _ in places],
        "mode": [line.mode for line, _ in places],
        "remark": [_remark(line) for line, _ in places],
    }
    table = pa.table(columns)
    own = table_digest({"validation_row": table})
    with bank.transaction() as connection:
        known = one(connection, "SELECT validation_id FROM validation WHERE content_hash = ?", own)
        if known is not None:
            return int(known)
        number = next_number(connection, "validation")
        head = {"content_hash": own, "code_version": code_version(), "deposited": utc_now()}
        tables = {"validation": row(head), "validation_row": table}
        write_entry(
            connection, "validation", number, tables, {"validation": {"validation_id": number}}
        )
    return number


def _remark(line: Row) -> str:
    """Class of agreement where it is not the status itself, recipe and reason."""
    kind = f"{line.status}: " if line.agrees else ""
    return f"{kind}{line.remark}"
