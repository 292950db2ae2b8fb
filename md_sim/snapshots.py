"""Snapshots of a quench in a bank: each a model of its run, each analysed once."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import mdb
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.structure import analyze
from aet_port.structure.settings import DEFAULTS, OF_DRAWS, AnalyzeSettings
from aet_port.structure.voronoi.tetrahedra import ALPHA
from md_sim.lammps_loop import snapshot_name
from md_sim.output_journal import is_recorded
from md_sim.quenches import Quench, Snapshot
from mdb.hashing import canonical_json, model_hash
from mdb.model_rows import atom_columns, further_arrays
from mdb.schema import utc_now

KIND = "md_snapshot"
BANK_WAIT = 600.0  # seconds that a worker waits for others to deposit
LONGEST_REASON = 500  # characters

# The newest version of a model by its content, and the run that it is a snapshot of.
_KNOWN = """
SELECT model_id, md_run_id, engine, potential_sha256, md_run.protocol,
    (SELECT max(t.step) FROM md_thermo AS t WHERE t.md_run_id = md_run.md_run_id) AS last
FROM model LEFT JOIN md_snapshot USING (model_id) LEFT JOIN md_run USING (md_run_id)
WHERE model.content_hash = $content ORDER BY version DESC LIMIT 1
"""
_ANALYSED = """
SELECT analysis_id, parameters FROM analysis WHERE model_id = $model AND status = 'passed'
AND analysis_id IN (SELECT analysis_id FROM packing) ORDER BY analysis_id DESC
"""


@dataclass(frozen=True)
class SnapshotTask:
    """A snapshot to analyse, with all that a worker needs.

    Attributes
    ----------
    quench, step
        Where it is read from.
    model
        Its id in the bank.
    bank
        The bank.
    settings
        Of the analysis; those of draws are not used.
    """

    quench: Quench
    step: int
    model: str
    bank: Path
    settings: AnalyzeSettings


def _model(quench: Quench, snapshot: Snapshot) -> AtomicModel:
    name = f"{quench.folder.name}, step {snapshot.step}"
    return AtomicModel(snapshot.atoms, name=name)


def register_snapshot(
    bank: mdb.Bank,
    quench: Quench,
    snapshot: Snapshot,
    run: int,
    sample: str,
    remarks: list[str],
) -> str:
    """Id of a snapshot's model, which is deposited as one of the run if the bank lacks it.

    Parameters
    ----------
    run, sample
        Number of the run in the bank, and name of the sample.
    remarks
        Is told if the snapshot is one of another run, too.

    Raises
    ------
    InputError
        For atoms that can't be stored, such as NaN.
    BankError
        If the bank can't be written.
    """
    model = _model(quench, snapshot)
    content = model_hash(model, KIND, {**atom_columns(model), **further_arrays(model)})
    corrects = None
    for known in bank.sql(_KNOWN, {"content": content}).to_pylist():
        other = known["md_run_id"]
        if other not in (None, run) and not _beginning(known, quench):
            where = f"{known['model_id']}, a snapshot of run {other} too, and stays there"
            remarks.append(f"{snapshot.temperature:.0f} K: {where}")
            return str(known["model_id"])
        corrects = None if other == run else known["model_id"]
    return mdb.deposit(
        bank,
        model,
        kind=KIND,
        sample=sample,
        details=mdb.Details(temperature=snapshot.temperature, optimization_type="none"),
        snapshot=mdb.Snapshot(run, snapshot.step, snapshot.temperature, snapshot.time),
        corrects=corrects,
        provenance=[_provenance(quench, snapshot)],
        expected=mdb.Expected(
            species=(quench.protocol.element,),
            n_atoms=quench.protocol.n_atoms(quench.settings["potential"]["lattice"]),
        ),
    ).id


def _provenance(quench: Quench, snapshot: Snapshot) -> mdb.Provenance:
    """The file of a snapshot, and whether the run recorded its hash when it wrote it."""
    name = snapshot_name(snapshot.step)
    known = is_recorded(quench.folder, name)
    return replace(mdb.Provenance.of("snapshot", quench.folder / name), verified=known)


def _beginning(known: dict[str, Any], quench: Quench) -> bool:
    """Whether a run of the bank is this one, when it had got less far."""
    settings = quench.settings
    return (
        known["engine"] == settings["engine"]
        and known["potential_sha256"] == settings["potential"]["sha256"]
        and known["protocol"] == canonical_json(quench.protocol.plain())
        and known["last"] < quench.thermo["step"].max(initial=0)
    )


def known_analysis(bank: mdb.Bank, model: str, settings: AnalyzeSettings) -> int | None:
    """Number of the newest analysis of a model that has all that these settings ask for, if any."""
    for row in bank.sql(_ANALYSED, {"model": model}).to_pylist():
        if _has_all(json.loads(row["parameters"]), settings):
            return int(row["analysis_id"])
    return None


def _has_all(parameters: Mapping[str, Any], settings: AnalyzeSettings) -> bool:
    """Whether an analysis with these parameters is one by the settings, further measures aside."""
    asked: dict[str, Any] = {
        "delta": settings.delta,
        "cutoff_from": "first valley" if settings.cutoff is None else "given",
        "chemical_radius": settings.chemical_radius,
        "solute": None,
        "atoms": None,
    }
    if settings.cutoff is not None:
        asked["cutoff"] = settings.cutoff
    if settings.rings:
        asked["rings"] = settings.rings
    if settings.voids != DEFAULTS.voids:
        asked["voids"] = settings.voids
    if settings.templates:
        asked["template_rmsd"] = settings.template_rmsd
        asked["lattice_spacing"] = settings.lattice_spacing
        asked["templates_reason"] = None  # not without OVITO
    usual = ALPHA * parameters.get("cutoff", math.nan)
    return math.isclose(parameters.get("alpha", math.nan), usual) and all(
        parameters.get(name) == value for name, value in asked.items()
    )


def analyse_snapshot(task: SnapshotTask) -> tuple[int | None, str]:
    """Analyse a snapshot and deposit what was found, which is too large to be handed back.

    Returns
    -------
    Number of the analysis; or None, and why it failed.

    Raises
    ------
    DataFileError
        If the snapshot can't be read.
    BankError
        If the bank can't be written.
    """
    snapshot = task.quench.snapshot(task.step)
    started = utc_now()
    try:
        found = analyze(snapshot.atoms, **task.settings.model_dump(exclude=set(OF_DRAWS)))
    except InputError as error:
        reason = str(error)[:LONGEST_REASON]
        further = task.settings.model_dump(exclude=set(OF_DRAWS), exclude_defaults=True)
        asked = {"cutoff": task.settings.cutoff, "delta": task.settings.delta, **further}
        with mdb.Bank(task.bank, wait=BANK_WAIT) as bank:
            mdb.deposit_failure(bank, task.model, asked, reason, started=started)
        return None, reason
    finished = utc_now()
    with mdb.Bank(task.bank, wait=BANK_WAIT) as bank:
        done = mdb.deposit(
            bank,
            _model(task.quench, snapshot),
            kind=KIND,
            analysis=found,
            started=started,
            finished=finished,
        )
    return done.analysis, ""
