"""Depositing a model with its analysis: in one transaction, once; a correction is a new version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import datetime
from typing import Any

import ase
import duckdb
import numpy as np
import pyarrow as pa
from ase.data import chemical_symbols

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel, as_model
from aet_port.core.code import code_version
from aet_port.core.errors import InputError
from aet_port.structure import StructureResult
from mdb.analysis_rows import analysis_hash, analysis_tables, check_belongs
from mdb.bank import Bank
from mdb.entries import (
    model_heads,
    one,
    read_entry,
    write_checksum,
    write_entry,
    write_entry_rows,
)
from mdb.hashing import canonical_json, digest, entry_digest, model_hash, table_digest
from mdb.ids import next_id, prefix
from mdb.model_rows import (
    array_tables,
    atom_columns,
    atom_tables,
    detail_tables,
    further_arrays,
    origin_tables,
    remarks,
    row,
    short,
)
from mdb.plausibility import Expected, implausible
from mdb.plausibility_rows import warning_tables
from mdb.records import KINDS, Deposit, Details, Edit, Provenance, Reconstruction, Snapshot
from mdb.schema import utc_now
from mdb.versions import next_version, stored_model


@checked
def deposit(
    bank: Bank,
    model: AtomicModel | ase.Atoms,
    *,
    kind: str = "experiment",
    sample: str | None = None,
    reconstruction: Reconstruction | None = None,
    analysis: StructureResult | None = None,
    started: datetime | None = None,
    finished: datetime | None = None,
    provenance: Sequence[Provenance] = (),
    details: Details | None = None,
    edits: Sequence[Edit] = (),
    snapshot: Snapshot | None = None,
    corrects: str | None = None,
    expected: Expected | None = None,
) -> Deposit:
    """Store a model, and its analysis if given, whole or not at all.

    The same model (kind, cell, periodicity, and all that is stored per atom) is recognised by its
    content hash and keeps its first names, reconstruction and provenance; a further analysis of it
    is added beside those it has. Nothing is updated in place: to change what is known of a model,
    or its atoms, deposit it once more as the next version of its entry (``corrects``).

    Parameters
    ----------
    bank
        Open for writing.
    model
        The atoms, positions in angstrom. Arrays ``type`` (integer), ``confidence``, ``b_factor``
        (angstrom^2), ``flag`` (text) and the uncertainties of :mod:`aet_port.core.uncertainty` have
        columns of their own (``probability`` as ``p_species``); all others are stored beside them.
    kind
        ``"experiment"``, ``"md_snapshot"`` or ``"synthetic"``.
    sample
        Name of the sample, the model's name unless given.
    reconstruction
        How the volume was made that the model was traced in.
    analysis
        Its structure, of :func:`aet_port.analyze`.
    started, finished
        When the analysis was computed, UTC.
    provenance
        Files that the model was made from.
    details
        What else is known of it.
    edits
        Manual changes of atoms that led to this model, in order.
    snapshot
        Where in a run that is in the bank the model was taken.
    corrects
        Id of any version of the entry that this is the next version of.
    expected
        What the model ought to agree with. What speaks against it (:mod:`mdb.plausibility`) is
        stored with it and hinders nothing.

    Returns
    -------
    Id of the model, number of the analysis, and whether each of them was new.

    Raises
    ------
    InputError
        For another kind, NaN, dummy species, arrays that can't be stored, an analysis of other
        atoms, parameters without a JSON form; for a model that is in the bank with other details,
        or that corrects none.
    BankError
        If the bank cannot be written.

    Notes
    -----
    MATLAB: none; the papers' models are single files

    Examples
    --------
    >>> import ase
    >>> import mdb
    >>> pair = ase.Atoms("TaPd", [[0, 0, 0], [0, 0, 2.8]])
    >>> with mdb.Bank("bank.duckdb") as bank:
    ...     stored = mdb.deposit(bank, pair, kind="synthetic", sample="dimers")
    ...     print(stored.id, bank.atoms(stored.id).get_chemical_formula())
    PdTa00001 PdTa
    """
    model = as_model(model)
    if kind not in KINDS:
        raise InputError("kind", f"{kind!r}", f"one of {', '.join(KINDS)}")
    if snapshot is not None and kind != "md_snapshot":
        raise InputError("kind", f"{kind!r} of a snapshot", "'md_snapshot'")
    details = details or Details()
    letters = prefix(_symbol(number) for number in np.unique(model.atoms.numbers))
    places = {"cell": model.atoms.cell.array, "origin": model.atoms.get_celldisp()}
    for what, values in {"positions": model.positions, **places}.items():
        if not np.isfinite(values).all():
            found = "NaN or infinite values"
            raise InputError(f"{model.name}: {what}", found, "finite numbers only")
    if analysis is not None:
        check_belongs(analysis, model)
    columns, arrays = atom_columns(model), further_arrays(model)
    try:
        content = model_hash(model, kind, {**columns, **arrays})
        tables = {
            "sample": row({"name": short("sample", sample or model.name)}),
            "model": row(_head(model, kind, content, details)),
            **atom_tables(model, columns),
            **array_tables(arrays),
            **origin_tables(reconstruction),
            **detail_tables(details, provenance, edits),
        }
    except UnicodeEncodeError as error:
        found = f"text that UTF-8 can't encode ({error.object[:80]!r})"
        raise InputError(f"model {model.name!r}"[:100], found, "valid Unicode") from error
    # What is computed beside DuckDB comes in the order in which it's needed.
    with ThreadPoolExecutor(1) as beside, bank.transaction() as connection:
        rows = None if analysis is None else beside.submit(analysis_tables, analysis)
        if snapshot is not None:
            tables["md_snapshot"] = _snapshot(connection, snapshot)
        known = False
        if corrects is None:
            stored, version, last = stored_model(connection, content, letters)
            if stored is not None and version is not None:
                known, model_id, number = True, stored, version
                _agrees(connection, model_id, details, tables)
            else:
                model_id = entry = next_id(letters, last)
                number = 1
        else:
            model_id, entry, number = next_version(connection, corrects, content)
        if analysis is not None:
            own = content if number == 1 else digest([content.encode(), b"%d" % number])
            own_hash = beside.submit(analysis_hash, analysis, own)
        if not known:
            (head,) = tables["model"].to_pylist()
            tables["model"] = row({**head, "version": number, "deposited": utc_now()})
            late = beside.submit(_warned, tables, model, details, reconstruction, expected)
            run = None if snapshot is None else snapshot.run
            heads = model_heads(connection, model_id, entry, tables, run)
            write_entry_rows(connection, "model", model_id, tables, heads)
        key, added = None, False
        if analysis is not None and rows is not None:
            facts = _analysis_facts(analysis, own, own_hash.result(), started, finished)
            key, added = _write_analysis(connection, model_id, facts, rows.result(), beside)
        if not known:
            warnings, checksum = late.result()
            write_entry_rows(connection, "model", model_id, warnings, {})
            write_checksum(connection, "model", model_id, checksum)
    return Deposit(model_id, not known, key, added)


@checked
def deposit_failure(
    bank: Bank,
    model_id: str,
    parameters: Mapping[str, Any],
    reason: str,
    *,
    status: str = "failed",
    started: datetime | None = None,
    finished: datetime | None = None,
) -> int:
    """Store that an analysis of a model failed or was not attempted.

    The same failure twice is stored once.

    Parameters
    ----------
    bank
        Open for writing.
    model_id
        Id of the model, such as ``"TaXX00001"``.
    parameters
        Of the analysis, with a JSON form.
    reason
        Why.
    status
        ``"failed"`` or ``"not attempted"``.
    started, finished
        When it was tried, UTC.

    Returns
    -------
    Number of the analysis.

    Raises
    ------
    InputError
        For a model that is not in the bank, or another status.
    BankError
        If the bank cannot be written.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> import ase
    >>> import mdb
    >>> with mdb.Bank("bank.duckdb") as bank:
    ...     stored = mdb.deposit(bank, ase.Atoms("TaPd", [[0, 0, 0], [0, 0, 2.8]]))
    ...     number = mdb.deposit_failure(bank, stored.id, {"delta": 0.255}, "too few atoms")
    ...     print(bank.sql("SELECT status, reason FROM analysis").to_pylist())
    [{'status': 'failed', 'reason': 'too few atoms'}]
    """
    if status not in ("failed", "not attempted"):
        raise InputError("status", repr(status), "'failed' or 'not attempted'")
    text = canonical_json(parameters)
    with ThreadPoolExecutor(1) as beside, bank.transaction() as connection:
        content = one(connection, "SELECT content_hash FROM model WHERE model_id = ?", model_id)
        if content is None:
            raise InputError("model", repr(model_id), f"a model of bank {bank.path}")
        own = digest([str(part).encode() for part in (content, model_id, text, status, reason)])
        return _write_analysis(
            connection,
            model_id,
            {
                "content_hash": own,
                "parameters": text,
                "status": status,
                "reason": short("reason", reason),
                "inputs": canonical_json({"model": content}),
                "started": started,
                "finished": finished,
            },
            {},
            beside,
        )[0]


def _symbol(number: int) -> str:
    if not 0 <= number < len(chemical_symbols):
        raise InputError("species", f"atomic number {number}", "1 to 118")
    return chemical_symbols[number]


def _head(model: AtomicModel, kind: str, content: str, details: Details) -> dict[str, Any]:
    """The model's own row, but for its version and time."""
    origin = np.asarray(model.atoms.get_celldisp(), dtype=np.float64).ravel()
    return {
        "kind": kind,
        "name": short("model name", model.name),
        "content_hash": content,
        "n_atoms": len(model),
        "cell": np.asarray(model.atoms.cell).ravel().tolist(),
        "pbc": model.atoms.pbc.tolist(),
        "origin": origin.tolist() if origin.any() else None,
        "info": remarks(model, details),
        "code_version": code_version(),
        **details.facts(),
    }


def _agrees(
    connection: duckdb.DuckDBPyConnection,
    model_id: str,
    details: Details,
    tables: Mapping[str, pa.Table],
) -> None:
    """Refuse details that differ from those stored: they would be lost."""
    compared = ("species_fit", "atom_edit", "md_snapshot")
    stored = read_entry(connection, "model", model_id, only=("model", *compared))
    (facts,) = stored["model"].to_pylist()
    advice = f"deposit it with corrects={model_id!r} for a new version"
    for name, value in details.facts().items():
        if facts[name] != value:
            raise InputError(
                name, f"{value!r}, but {model_id} is stored with {facts[name]!r}", advice
            )
    for name in compared:
        given = tables.get(name)
        if given is not None and table_digest({name: given}) != table_digest({name: stored[name]}):
            raise InputError(name, f"other rows than {model_id} is stored with", advice)


def _snapshot(connection: duckdb.DuckDBPyConnection, snapshot: Snapshot) -> pa.Table:
    run = one(connection, "SELECT content_hash FROM md_run WHERE md_run_id = ?", snapshot.run)
    if run is None:
        raise InputError("snapshot: run", repr(snapshot.run), "the number of a run in the bank")
    return row(
        {
            "step": snapshot.step,
            "time": snapshot.time,
            "temperature": float(snapshot.temperature),
            "run": run,
        }
    )


def _warned(
    tables: Mapping[str, pa.Table],
    model: AtomicModel,
    details: Details,
    reconstruction: Reconstruction | None,
    expected: Expected | None,
) -> tuple[dict[str, pa.Table], str]:
    """Rows of what speaks against a model, and the checksum of these and its other tables."""
    warnings = warning_tables(implausible(model, details, reconstruction, expected))
    return warnings, entry_digest({**tables, **warnings})


def _analysis_facts(
    found: StructureResult,
    model: str,
    content: str,
    started: datetime | None,
    finished: datetime | None,
) -> dict[str, Any]:
    """The row of an analysis that passed, given the hashes of its model and of itself."""
    return {
        "content_hash": content,
        "parameters": canonical_json(found.parameters),
        "cutoff": found.cutoff,
        "delta": found.delta,
        "inputs": canonical_json({"model": model}),
        "started": started,
        "finished": finished,
        "status": "passed",
        "n_tetrahedra": len(found.tetrahedra),
        "n_face_pairs": len(found.face_pairs),
        "n_motifs": len(found.motifs),
    }


def _write_analysis(
    connection: duckdb.DuckDBPyConnection,
    model_id: str,
    facts: Mapping[str, Any],
    rows: Mapping[str, pa.Table],
    beside: Executor,
) -> tuple[int, bool]:
    """Number of the analysis, and whether it was stored now."""
    known, number = connection.execute(
        "SELECT any_value(analysis_id) FILTER (content_hash = ?), "
        "coalesce(max(analysis_id), 0) + 1 FROM analysis",
        [facts["content_hash"]],
    ).fetchall()[0]
    if known is not None:
        return int(known), False
    head = row({**facts, "code_version": code_version(), "deposited": utc_now()})
    tables = {**rows, "analysis": head}
    heads = {"analysis": {"analysis_id": number, "model_id": model_id}}
    write_entry(connection, "analysis", number, tables, heads, beside)
    return number, True
