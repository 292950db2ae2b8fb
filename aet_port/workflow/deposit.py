"""Storing the model of a run in a bank, with everything known about it."""

from __future__ import annotations

from dataclasses import asdict

import mdb
from aet_port.tracing.edits import Edit
from aet_port.workflow.model_stages import takes_refined
from aet_port.workflow.output_record import check_run
from aet_port.workflow.pipeline import Run
from aet_port.workflow.run_folder import areas_of
from aet_port.workflow.series import measured_series


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
    check_run(run.folder)
    config = run.config
    first = areas_of(config)[0]
    return mdb.deposit(
        bank,
        run.model,
        kind=config.sample.kind,
        sample=config.sample.name,
        reconstruction=mdb.Reconstruction(
            "counts" if config.from_counts else "RESIRE",
            (config.detect if config.from_counts else config.reconstruct).plain(),
            run.r_mean,
            measured_series(config, run.folder, first),
            r_factors=run.projection_r[first],
        ),
        analysis=run.structure,
        details=_details(run),
        edits=[_logged(edit) for edit in run.edits],
        provenance=[mdb.Provenance.of(role, path) for role, path in config.inputs().items()],
    )


def _logged(edit: Edit) -> mdb.Edit:
    """An edit as the bank stores it; an atom not yet classified has no symbol there."""
    facts = asdict(edit)
    return mdb.Edit(**facts | {"species": None if edit.species == "X" else edit.species})


def _details(run: Run) -> mdb.Details | None:
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
