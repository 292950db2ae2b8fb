"""Content of a report on an entry of a bank."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import ase
import numpy as np

from aet_port.core.errors import InputError
from aet_port.reporting.bank_networks import read_networks
from aet_port.reporting.bank_structure import read_structure, reals
from aet_port.reporting.content import Convergence, Fact, ReportContent, Table
from aet_port.reporting.memory import check_report
from aet_port.reporting.plausibility import plausibility_tables
from mdb.bank import Bank
from mdb.database import stored_record
from mdb.entry_remarks import measure_reasons, model_warnings

MOST = 8  # largest number of ids listed in an error
NO_IMAGES = "a bank holds no images; the report of the run folder shows them"
NO_VOLUME = "a bank holds no volumes; the report of the run folder shows it"

_HEAD = """
SELECT model.*, sample.name AS sample, algorithm, reconstruction.parameters AS parameters,
       r_mean, r_global, tilt_series.* EXCLUDE (sample_id, name), tilt_series.name AS series,
       run.name AS md_run, engine, potential, cooling_rate, step,
       md_snapshot.temperature AS md_temperature,
       (SELECT sha256 FROM checksum WHERE entry = 'model' AND id = model_id) AS checksum
FROM model JOIN sample USING (sample_id) LEFT JOIN reconstruction USING (reconstruction_id)
LEFT JOIN tilt_series USING (tilt_series_id) LEFT JOIN md_snapshot USING (model_id)
LEFT JOIN md_run AS run USING (md_run_id)
WHERE model_id = $model
"""
_TILTS = """
SELECT theta, r1 FROM projection JOIN reconstruction USING (tilt_series_id)
JOIN model USING (reconstruction_id) WHERE model_id = $model AND r1 IS NOT NULL ORDER BY projection
"""
_FITS = "SELECT species, type, height, b_factor FROM species_fit WHERE model_id = $model"
_FILES = """
SELECT role, file_name, CASE verified WHEN true THEN 'yes' WHEN false THEN 'no record' ELSE '' END,
       sha256
FROM provenance WHERE model_id = $model ORDER BY role, file_name
"""
_EDITS = """
SELECT edit, action, atom, species, reason, author FROM atom_edit
WHERE model_id = $model ORDER BY edit
"""
_ANALYSES = """
SELECT analysis_id, status, cutoff, delta, n_tetrahedra, n_motifs, code_version, deposited, reason,
       content_hash
FROM analysis WHERE model_id = $model ORDER BY analysis_id
"""


def read_entry_report(
    path: str | Path, model: str | None = None, analysis: int | None = None
) -> ReportContent:
    """Read the report content of a model of a bank, for :func:`~aet_port.reporting.write_report`.

    Parameters
    ----------
    path
        The bank.
    model
        Id of the model; may be omitted if the bank holds a single one.
    analysis
        Number of the analysis to show; the newest that passed unless given.

    Raises
    ------
    BankError
        If there is no such bank, or it can't be read.
    InputError
        If the bank has no such model or analysis, or holds several models and none was named; if
        more memory is needed than is left.
    """
    with Bank(path, read_only=True) as bank, bank.held():
        chosen = _model_id(bank, model)
        rows = bank.sql(_HEAD, {"model": chosen}).to_pylist()
        if not rows:
            raise InputError(f"model of bank {path}", repr(chosen), _known(bank))
        head = rows[0]
        analyses = bank.sql(_ANALYSES, {"model": chosen}).to_pylist()
        number = _analysis(path, chosen, analyses, analysis)
        check_report(head["n_atoms"])
        atoms = bank.atoms(chosen, None)
        missing = {"projections": NO_IMAGES, "volume": NO_VOLUME}
        tilts = bank.sql(_TILTS, {"model": chosen})
        convergence = None
        if tilts.num_rows:
            r1 = {"reconstruction": reals(tilts, "r1")}
            convergence = Convergence(None, reals(tilts, "theta"), r1)
        else:
            missing["convergence"] = "the entry has no R factors of individual projections"
        structure = None
        if number is None:
            missing["structure"] = _without(analyses)
        else:
            structure = replace(
                read_structure(bank, number, len(atoms)),
                centres=read_networks(bank, number, atoms),
            )
            if structure.orders is None:
                missing["orders"] = "this analysis did not search for medium-range order"
        return ReportContent(
            title=f"{chosen}: {head['sample']}",
            subtitle=f"Entry of the materials data bank {Path(path).name}",
            metadata=_metadata(head, atoms),
            atoms=atoms,
            agreement=_agreement(bank, chosen, head),
            provenance=_provenance(bank, chosen, head, analyses),
            settings=_settings(bank, head),
            convergence=convergence,
            structure=structure,
            missing=missing,
        )


def _model_id(bank: Bank, model: str | None) -> str:
    if model is not None:
        return model
    known = bank.sql("SELECT model_id FROM current_model")["model_id"].to_pylist()
    if len(known) != 1:
        found = "none" if known else "none, and an empty bank"
        raise InputError(f"model of bank {bank.path}", found, _known(bank))
    return known[0]


def _known(bank: Bank) -> str:
    known = bank.sql("SELECT model_id FROM model ORDER BY 1")["model_id"].to_pylist()
    if not known:
        return "a bank with models; `aet mdb deposit` stores one"
    more = f" and {len(known) - MOST} more that `aet mdb list` shows" if len(known) > MOST else ""
    return f"one of {', '.join(known[:MOST])}{more}"


def _analysis(
    path: str | Path, model: str, analyses: list[dict[str, Any]], asked: int | None
) -> int | None:
    passed = [one["analysis_id"] for one in analyses if one["status"] == "passed"]
    if asked is None:
        return passed[-1] if passed else None
    if asked not in passed:
        known = ", ".join(map(str, passed))
        expected = f"one that passed: {known}" if known else "an analysed model"
        raise InputError(f"analysis of {model} in bank {path}", str(asked), expected)
    return asked


def _without(analyses: list[dict[str, Any]]) -> str:
    if not analyses:
        return "the model has not been analysed (`aet analyze --bank`)"
    reasons = "; ".join(str(one["reason"] or one["status"]) for one in analyses)
    return f"no analysis of the model passed ({reasons})"


def _metadata(head: Mapping[str, Any], atoms: ase.Atoms) -> list[Fact]:
    symbols = atoms.get_chemical_symbols()
    rows: list[Fact] = [
        ("model", head["model_id"]),
        ("version of the entry", head["version"]),
        ("sample", head["sample"]),
        ("source", head["name"]),
        ("kind", head["kind"]),
        ("atoms", len(atoms)),
        ("by species", {symbol: symbols.count(symbol) for symbol in sorted(set(symbols))}),
        ("extent x, y, z (Å)", [float(one) for one in np.ptp(atoms.positions, axis=0)]),
    ]
    if atoms.pbc.any():
        rows.append(("periodic cell, lengths (Å)", [float(one) for one in atoms.cell.lengths()]))
    optional = {
        "temperature": "temperature (K)",
        "optimization_type": "optimised",
        "md_run": "molecular dynamics",
        "engine": "engine",
        "potential": "potential",
        "cooling_rate": "cooling rate (K/s)",
        "md_temperature": "thermostat (K)",
        "step": "time step of the snapshot",
        "series": "tilt series",
        "n_projections": "projections",
        "pixel_size": "pixel size (Å)",
        "doi": "publication",
        "licence": "licence",
    }
    rows += [(text, head[key]) for key, text in optional.items() if head[key] is not None]
    if head["tilt_min"] is not None:
        rows.append(("tilt range (degrees)", f"{head['tilt_min']:.1f} to {head['tilt_max']:.1f}"))
    return rows


def _agreement(bank: Bank, model: str, head: Mapping[str, Any]) -> list[Fact]:
    names = {
        "r_mean": "R1 of the reconstruction, mean over projections",
        "r_global": "R1 of the reconstruction, one scale for all",
        "r1_mean": "R1 of the model, mean over projections",
        "r1_global": "R1 of the model, one scale for all",
    }
    rows: list[Fact] = [
        (text, f"{100 * head[key]:.2f} %") for key, text in names.items() if head[key] is not None
    ]
    for fit in bank.sql(_FITS, {"model": model}).to_pylist():
        kind = fit["species"] if fit["type"] is None else f"{fit['species']}, type {fit['type']}"
        if fit["height"] is not None:
            rows.append((f"height H of {kind}", fit["height"]))
        if fit["b_factor"] is not None:
            rows.append((f"B factor of {kind} (Å²)", fit["b_factor"]))
    return rows


def _provenance(
    bank: Bank, model: str, head: Mapping[str, Any], analyses: list[dict[str, Any]]
) -> list[Table]:
    files = [tuple(row.values()) for row in bank.sql(_FILES, {"model": model}).to_pylist()]
    entry = [
        ("bank", bank.path.name),
        ("content hash", head["content_hash"]),
        ("checksum of all rows", head["checksum"]),
        ("deposited with aet-port", head["code_version"]),
        ("deposited (UTC)", f"{head['deposited']:%Y-%m-%d %H:%M}"),
    ]
    tables = [
        *plausibility_tables(model_warnings(bank, model)),
        Table("The entry", ("", ""), entry),
    ]
    if files:
        columns = ("role", "file", "as recorded", "SHA-256")
        tables.append(Table("Files it was made from", columns, files))
    if analyses:
        heads = ("analysis", "status", "cut-off (Å)", "distortion", "tetrahedra", "motifs")
        keys = ("analysis_id", "status", "cutoff", "delta", "n_tetrahedra", "n_motifs")
        rows = [(*(one[key] for key in keys), one["content_hash"]) for one in analyses]
        tables.append(Table("Analyses of the model", (*heads, "content hash"), rows))
    reasons = [tuple(row.values()) for row in measure_reasons(bank, model)]
    if reasons:
        titles = ("analysis", "figure", "reason")
        tables.append(Table("Figures not stated, or with a remark", titles, reasons))
    edits = [tuple(row.values()) for row in bank.sql(_EDITS, {"model": model}).to_pylist()]
    if edits:
        heads = ("edit", "action", "atom", "species", "reason", "author")
        tables.append(Table("Manual edits", heads, edits))
    return tables


def _settings(bank: Bank, head: Mapping[str, Any]) -> str:
    parts = {}
    for key, name in (("parameters", head["algorithm"]), ("info", "remarks")):
        if head[key] is not None:
            parts[str(name)] = stored_record(bank.path, head[key])
    return json.dumps(parts, indent=1, ensure_ascii=False) if parts else ""
