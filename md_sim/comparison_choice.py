"""Which analyses of a bank a comparison of an experiment with a quench is about."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from aet_port.core.errors import InputError
from md_sim.comparison_measures import Measured
from md_sim.quenches import read_settings
from mdb import Bank
from mdb.database import stored_record

_SAME = 1e-6  # relative: parameters that differ by rounding only
_ANALYSE = "a run whose snapshots `aet md analyze` deposited"

_SNAPSHOTS = """
SELECT model_id, step, s.temperature AS temperature, analysis_id, status, reason, delta,
    (parameters->>'alpha')::DOUBLE / cutoff AS alpha,
    analysis_id IN (SELECT analysis_id FROM packing) AS packed
FROM md_snapshot AS s LEFT JOIN analysis USING (model_id)
WHERE md_run_id = $run AND model_id IN (SELECT model_id FROM current_model)
ORDER BY temperature, step, model_id, analysis_id DESC
"""
_SPECIES = "SELECT list(DISTINCT species ORDER BY species) AS species FROM atom WHERE model_id = "
_EXPERIMENTS = f"""
SELECT model_id, ({_SPECIES} m.model_id) AS species FROM current_model AS m
WHERE kind = 'experiment' AND model_id IN (SELECT model_id FROM analysis WHERE status = 'passed')
ORDER BY deposited DESC, model_id DESC
"""
_RUNS = f"""
SELECT md_run_id, any_value(({_SPECIES} s.model_id)) AS species
FROM md_snapshot AS s JOIN analysis USING (model_id)
WHERE status = 'passed' AND model_id IN (SELECT model_id FROM current_model)
GROUP BY ALL ORDER BY md_run_id DESC
"""


def newest_experiment(bank: Bank, run: int) -> str:
    """The newest analysed experimental model of the species of a run.

    Raises
    ------
    InputError
        If the bank has none, or no analysed snapshot of the run.
    """
    species = check_analysed(bank, run)
    for row in bank.sql(_EXPERIMENTS).to_pylist():
        if row["species"] == species:
            return str(row["model_id"])
    raise InputError(
        f"bank {bank.path}",
        f"no analysed experimental model of {', '.join(species)}",
        "one, such as `aet mdb import-published` deposits, or --model",
    )


def check_analysed(bank: Bank, run: int) -> list[str]:
    """Symbols of the species of a run, which must have an analysed snapshot.

    Raises
    ------
    InputError
        If the bank has no such run, or no analysed snapshot of it.
    """
    _check_run(bank, run)
    species = {row["md_run_id"]: row["species"] for row in bank.sql(_RUNS).to_pylist()}
    if run not in species:
        raise InputError(f"run {run}", "no analysed snapshot", _ANALYSE)
    return list(species[run])


def run_of_folder(bank: Bank, folder: str | Path) -> int:
    """Number in a bank of the run that a folder of a quench holds.

    It is known by its protocol, its engine and the hash of its potential; of several, the newest
    with snapshots.

    Raises
    ------
    DataFileError
        If the folder holds no quench.
    InputError
        If it was not deposited.
    """
    settings = read_settings(folder)
    sql = """SELECT md_run_id, protocol FROM md_run
             WHERE potential_sha256 = $sha256 AND engine = $engine
             ORDER BY md_run_id IN (SELECT md_run_id FROM md_snapshot) DESC, md_run_id DESC"""
    known = {"sha256": settings["potential"].get("sha256"), "engine": settings.get("engine")}
    for row in bank.sql(sql, known).to_pylist():
        stored = stored_record(bank.path, row["protocol"])
        if stored == settings["protocol"]:
            return int(row["md_run_id"])
    found = f"no run in bank {bank.path} with its protocol, engine and potential"
    raise InputError(f"run folder {folder}", found, "`aet md analyze` of the folder with --bank")


def experiment_analysis(bank: Bank, model_id: str, analysis: int | None) -> int:
    """Number of the analysis of an experiment: the one given, or its newest that passed.

    Raises
    ------
    InputError
        If the bank has no such model or analysis, the model is a snapshot of a simulation, or the
        analysis lacks the polytetrahedral order.
    """
    sql = "SELECT kind FROM model WHERE model_id = $model"
    kinds = bank.sql(sql, {"model": model_id})["kind"].to_pylist()
    if not kinds:
        expected = "an id that `aet mdb list` shows"
        raise InputError(f"model of bank {bank.path}", repr(model_id), expected)
    if kinds[0] == "md_snapshot":
        raise InputError(f"model {model_id}", "a snapshot of a simulation", "an experiment")
    sql = """SELECT analysis_id, analysis_id IN (SELECT analysis_id FROM packing) AS packed
             FROM analysis WHERE model_id = $model AND status = 'passed' ORDER BY analysis_id"""
    passed = {r["analysis_id"]: r["packed"] for r in bank.sql(sql, {"model": model_id}).to_pylist()}
    if not passed:
        raise InputError(f"model {model_id}", "no analysis that passed", "an analysed model")
    number = max(passed) if analysis is None else analysis
    if number not in passed:
        expected = f"one of {', '.join(map(str, passed))}"
        raise InputError(f"analysis of {model_id} that passed", str(analysis), expected)
    if not passed[number]:
        found = f"analysis {number} without polytetrahedral order"
        raise InputError(f"model {model_id}", found, "an analysis with it, as by default")
    return number


def newest_run(bank: Bank, model_id: str) -> int:
    """The newest run with analysed snapshots of the species of a model.

    Raises
    ------
    InputError
        If the bank has none.
    """
    known = {row["md_run_id"]: row["species"] for row in bank.sql(_RUNS).to_pylist()}
    own = bank.sql(f"{_SPECIES} $model", {"model": model_id})["species"][0].as_py()
    for number, species in known.items():
        if species == own:
            return int(number)
    found = f"no run with analysed snapshots of {', '.join(own)}"
    raise InputError(f"bank {bank.path}", found, _known(known))


def _check_run(bank: Bank, run: int) -> None:
    known = bank.sql("SELECT md_run_id FROM md_run ORDER BY 1")["md_run_id"].to_pylist()
    if run not in known:
        raise InputError(f"run of bank {bank.path}", f"{run}", _known(known))


def _known(runs: Iterable[int]) -> str:
    numbers = ", ".join(map(str, sorted(runs)))
    return f"one of {numbers}" if numbers else _ANALYSE


def snapshot_analyses(
    bank: Bank, run: int, experiment: Measured
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The analysis of each snapshot that is compared, by temperature; the others, and why.

    Of each snapshot the newest that passed with the polytetrahedral order counts.

    Returns
    -------
    Rows with ``model_id``, ``step``, ``temperature`` and ``analysis_id``; reasons by model.

    Raises
    ------
    InputError
        For a run that the bank doesn't have, without analysed snapshots or of one temperature
        only, or an analysis with another delta or alpha than the experiment's.
    """
    _check_run(bank, run)
    chosen: dict[str, dict[str, Any]] = {}
    left_out: dict[str, str] = {}
    for row in bank.sql(_SNAPSHOTS, {"run": run}).to_pylist():  # the newest analysis first
        name = row["model_id"]
        if row["status"] == "passed" and row["packed"]:
            chosen.setdefault(name, row)
        else:
            passed = row["status"] == "passed"
            why = "no polytetrahedral order" if passed else row["reason"] or "not analysed"
            left_out.setdefault(name, why)
    left_out = {name: why for name, why in left_out.items() if name not in chosen}
    if not chosen:
        why = next(iter(left_out.values()), "no snapshots")
        raise InputError(f"run {run}", f"no analysed snapshot ({why})", _ANALYSE)
    for row in chosen.values():
        for name, own in (
            ("delta", experiment.delta),
            ("alpha over the cut-off", experiment.alpha),
        ):
            other = row[name.split()[0]]
            if not np.isclose(own, other, rtol=_SAME, atol=0):
                raise InputError(
                    f"{name} of analysis {row['analysis_id']}, {row['temperature']:g} K",
                    f"{other:g}",
                    f"{own:g}, that of analysis {experiment.analysis} of {experiment.model_id}",
                )
    rows = list(chosen.values())
    if len({row["temperature"] for row in rows}) < 2:
        found = f"one temperature only, {rows[0]['temperature']:g} K"
        raise InputError(f"run {run}", found, "analysed snapshots of at least two")
    return rows, left_out
