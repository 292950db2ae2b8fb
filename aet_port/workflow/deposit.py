"""Storing the model of a run in a bank, with everything known about it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import mdb
from aet_port.core.data import TiltSeries
from aet_port.core.records import read_json
from aet_port.tracing.edits import Edit
from aet_port.workflow.config import RunConfig
from aet_port.workflow.model_projections import refined_r1
from aet_port.workflow.model_stages import takes_refined
from aet_port.workflow.output_record import StageOutputs, check_run
from aet_port.workflow.pipeline import Run
from aet_port.workflow.run_folder import RunFolder, areas_of
from aet_port.workflow.series import measured_series, refined_series
from mdb.records import OUTPUT


def deposit_run(bank: mdb.Bank, run: Run) -> mdb.Deposit:
    """Store a run's model, analysis, reconstruction and the hashes of its inputs.

    Parameters
    ----------
    bank
        A bank opened for writing.
    run
        A run with a model; its structure analysis may be missing.

    Returns
    -------
    Where it is stored.

    Raises
    ------
    AetError
        If there is no model, a file of the run is not what its stage wrote, or the bank refuses
        it.
    """
    made = check_run(run.folder)
    config = run.config
    series = measured_series(config, run.folder, areas_of(config)[0])
    return mdb.deposit(
        bank,
        run.model,
        kind=config.sample.kind,
        sample=config.sample.name,
        reconstruction=reconstruction_of(run, series),
        analysis=run.structure,
        details=details_of(run),
        edits=[_logged(edit) for edit in run.edits],
        provenance=[*read_files(config, run.folder), *_made_files(made)],
        expected=expected_of(run, recomputed_r1(run)),
    )


def read_files(config: RunConfig, folder: RunFolder) -> list[mdb.Provenance]:
    """The files that a run read, with the hashes that were recorded then.

    One that is another file now is told in a warning.
    """
    record = read_json(folder.path("run.json")) if folder.path("run.json").exists() else {}
    known = record.get("inputs") if isinstance(record, dict) else None
    found = []
    for role, path in config.inputs().items():
        now = mdb.Provenance.of(role, path)
        stated = known.get(role) if isinstance(known, dict) else None
        if not isinstance(stated, list) or len(stated) != 2:
            found.append(replace(now, verified=False))
            continue
        same = stated[1] == now.sha256
        if not same:
            warnings.warn(
                f"{path}: no longer the file that the run read ({role}); the bank gets the hash of "
                "that one",
                stacklevel=3,
            )
        found.append(mdb.Provenance(role, now.file_name, str(stated[1]), same))
    return found


def _made_files(made: Mapping[str, StageOutputs]) -> list[mdb.Provenance]:
    """The files that the stages of a run made, which have been checked."""
    return [
        mdb.Provenance(f"{OUTPUT}{stage}", Path(name).name, digest, not one.found)
        for stage, one in made.items()
        for name, digest in one.outputs.items()
    ]


def reconstruction_of(run: Run, series: TiltSeries | None = None) -> mdb.Reconstruction:
    """How the model of a run was found, as the bank stores it.

    Parameters
    ----------
    run
        A run with R factors of its projections.
    series
        The projections, as measured.
    """
    config = run.config
    return mdb.Reconstruction(
        "counts" if config.from_counts else "RESIRE",
        (config.detect if config.from_counts else config.reconstruct).plain(),
        run.r_mean,
        series,
        r_factors=run.projection_r[areas_of(config)[0]],
    )


def expected_of(run: Run, r1: float | None) -> mdb.Expected:
    """What the model of a run ought to agree with: its species, and the R1 of its images.

    Parameters
    ----------
    run
        A run with a model.
    r1
        :func:`recomputed_r1`; None if the images are not at hand. For atoms found in the counts it
        is the mean of the recorded R1 of the projections.
    """
    mean = run.r_mean if run.detection is not None else r1
    return mdb.Expected(species=run.config.species, r1=mean)


def recomputed_r1(run: Run) -> float | None:
    """Mean R1 of the refined model of a run, computed anew from the model and the images.

    None if the run has no refined model or does not go on with it.
    """
    settings = run.config.refine
    if settings is None or run.refinement is None or not takes_refined(run.config, run.folder):
        return None
    series = refined_series(run.config, settings, run.folder)
    return refined_r1(run.config, series, run.model, run.refinement)


def _logged(edit: Edit) -> mdb.Edit:
    """An edit as the bank stores it; an atom not yet classified has no symbol there."""
    facts = asdict(edit)
    return mdb.Edit(**facts | {"species": None if edit.species == "X" else edit.species})


def details_of(run: Run) -> mdb.Details | None:
    """Results of a run's refinement, as the bank stores them."""
    if run.detection is not None:
        heights = run.detection["heights_electrons"]
        fitted = ("deviance_per_pixel", "expected_position_error_pm", "probe", "noise", "warnings")
        return mdb.Details(
            r1_mean=run.detection["r1"],
            species=[mdb.SpeciesFit(symbol, height=height) for symbol, height in heights.items()],
            info={"detection": {key: run.detection[key] for key in fitted}},
        )
    found = run.refinement
    if found is None:
        return None
    kept = (
        *("r_work", "r_free_start", "r_free", "evaluations", "converged", "warnings"),
        *("at_bound", "objections", "taken_over"),
    )
    told = {"refinement": {key: found[key] for key in kept if key in found}}
    if not takes_refined(run.config, run.folder):
        # Heights and R factors are not those of the model that is stored.
        return mdb.Details(info=told)
    fits = [
        mdb.SpeciesFit(symbol, height=height, b_factor=found["b_factors"][symbol])
        for symbol, height in found["heights"].items()
    ]
    return mdb.Details(
        r1_mean=found["r1"],
        r1_global=found["r1_global"],
        species=fits,
        info=told,
    )
