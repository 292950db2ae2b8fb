"""Stages that make the model: select, classify, refine, analyze."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import DataFileError, InputError
from aet_port.core.records import OWN, parsing, read_record, write_json
from aet_port.io import read_model, read_volume, write_model
from aet_port.refinement.record import refinement_record
from aet_port.refinement.verdict import ADVICE
from aet_port.structure import Intervals, StructureResult, analyze, resample
from aet_port.structure.draws import model_errors
from aet_port.structure.resampling import with_intervals
from aet_port.structure.settings import OF_DRAWS
from aet_port.tracing.edit_replay import completed_edits, replay_edits, retyped_atoms
from aet_port.tracing.edits import Edit
from aet_port.workflow.config import RunConfig
from aet_port.workflow.edit_log import (
    changes_of,
    fingerprint_of,
    unedited_model,
    write_applied,
)
from aet_port.workflow.run_folder import (
    ALIGNED,
    APPLIED,
    CLASSIFIED,
    CLEANED,
    DETECTED,
    MODEL,
    PEAKS,
    PREPROCESSED,
    REFINED,
    REFINEMENT,
    REVIEWED,
    SIMULATED,
    STRUCTURE,
    UNEDITED,
    VOLUME,
    RunFolder,
)
from aet_port.workflow.series import read_pixel_size, refined_series
from aet_port.workflow.stage_functions import classify_model, refine_model, selected_model
from aet_port.workflow.stages import Stage, Work
from aet_port.workflow.volume_stages import whole_peaks

TAKEN_OVER = "taken_over"  # in the record of a refinement: whether the run goes on with its model


def select_atoms(work: Work) -> dict[str, Any]:
    """Select the peaks that are atoms, apply the manual edits and write the model."""
    config, folder = work.config, work.folder
    volume = read_volume(folder.path(VOLUME), read_pixel_size(config, folder))
    peaks = whole_peaks(config, folder)
    settings = config.select
    if len(config.species) > 1 and settings.rule is None:
        settings = settings.changed(rule="support")  # see ClassifySettings
    symbol = config.species[0] if len(config.species) == 1 else "X"
    model = selected_model(
        volume, peaks, settings, symbol, str(folder.root), config.file, work.threads
    )
    changes = changes_of(config, folder)
    if config.select.edits is not None or changes:
        write_model(folder.path(UNEDITED), model, config.sample.name)
        model = replay_edits(read_model(folder.path(UNEDITED)), changes)
        write_applied(folder, changes)
    write_model(folder.path(MODEL), model, config.sample.name)
    return {"peaks": len(peaks), "atoms": len(model)}


def edits_of(config: RunConfig, folder: RunFolder) -> tuple[Edit, ...]:
    """The manual edits of a run that changed its model, complete; empty if there are none."""
    changes = changes_of(config, folder)
    return tuple(completed_edits(unedited_model(config, folder), changes)) if changes else ()


def classify_atoms(work: Work) -> dict[str, Any]:
    """Assign a species to every atom of the model."""
    config, folder = work.config, work.folder
    volume = read_volume(folder.path(VOLUME), read_pixel_size(config, folder))
    model, changes = read_named(config, folder, MODEL), changes_of(config, folder)
    by_hand = retyped_atoms(changes, len(unedited_model(config, folder)) if changes else 0)
    found = classify_model(volume, model, config.species, config.classify, by_hand, work.threads)
    write_model(folder.path(CLASSIFIED), found.model(model.positions, name=model.name))
    return {"species": found.counts}


def refine_atoms(work: Work) -> dict[str, Any]:
    """Refine the model, write its figures of merit and whether the run goes on with it."""
    config, folder, settings = work.config, work.folder, work.config.refine
    if settings is None:
        raise AssertionError("a stage of runs with [refine]")
    series = refined_series(config, settings, folder)
    done, crossed = refine_model(
        series,
        read_named(config, folder, MODEL if len(config.species) == 1 else CLASSIFIED),
        settings,
        threads=work.threads,
        checkpoint=folder.checkpoint(REFINE.name),
        progress=work.progress,
    )
    record = refinement_record(series, done, crossed, settings.max_at_bound)
    taken = not record["objections"] or settings.take_over == "always"
    model = done.model
    if not taken:
        # The file may be copied away from the record beside it.
        model = replace(model, atoms=model.atoms.copy())
        model.atoms.info[TAKEN_OVER] = False
    write_model(folder.path(REFINED), model)
    # Last, because a refined model without a record is not taken over.
    write_json(folder.path(REFINEMENT), record | {TAKEN_OVER: taken})
    return {"r1": record["r1"], TAKEN_OVER: taken}


def analyze_structure(work: Work) -> dict[str, Any]:
    """Analyse the structure of the model."""
    settings = work.config.analyze
    if settings.resample:
        model_errors(final_model(work.config, work.folder).atoms, settings.sigma)  # at once
    found = _analysed(work.config, work.folder)
    if settings.resample:
        found = resample(
            final_model(work.config, work.folder).atoms,
            found,
            settings.resample,
            sigma=settings.sigma,
            seed=settings.seed,
            scheduler=work.scheduler,
            progress=work.progress,
        )
    work.memo["structure"] = found
    summary = found.summary()
    write_json(work.folder.path(STRUCTURE), summary)
    return {"motifs": summary["motifs"]}


def structure_of_run(config: RunConfig, folder: RunFolder) -> StructureResult:
    """Compute the structure analysis of a run's model; intervals are those that the run made."""
    found, path = _analysed(config, folder), folder.path(STRUCTURE)
    if not config.analyze.resample or not path.exists():
        return found
    stored = read_record(path).get("intervals")
    if stored is None:
        return found
    with parsing(path, "intervals", OWN):
        return with_intervals(found, Intervals.from_summary(stored))


def _analysed(config: RunConfig, folder: RunFolder) -> StructureResult:
    model = final_model(config, folder)
    return analyze(model.atoms, **config.analyze.model_dump(exclude=set(OF_DRAWS)))


def takes_refined(config: RunConfig, folder: RunFolder) -> bool:
    """Whether a run has a refined model and goes on with it, see :func:`refused_because`."""
    record = _refinement(config, folder)
    # Runs of earlier versions went on with it in any case.
    return record is not None and bool(record.get(TAKEN_OVER, True))


def refused_because(config: RunConfig, folder: RunFolder) -> str | None:
    """Why a run does not go on with its refined model, and what to do.

    None if it does, or has none.
    """
    record = _refinement(config, folder)
    if record is None or record.get(TAKEN_OVER, True):
        return None
    return (
        "the refined model is not taken over, the model it started from stays: "
        f"{'; '.join(record['objections'])}. {ADVICE}; take_over = 'always' in [refine] takes it"
        " over all the same"
    )


def _refinement(config: RunConfig, folder: RunFolder) -> dict[str, Any] | None:
    """Record of the refinement; None if the run has none, or it is not finished."""
    path = folder.path(REFINEMENT)
    if config.refine is None or not path.exists() or not folder.path(REFINED).exists():
        return None
    record = read_record(path)
    objections = record.setdefault("objections", [])
    if not isinstance(objections, list) or not all(isinstance(one, str) for one in objections):
        raise DataFileError(path, "objections that are no texts", "the record that the run wrote")
    return record


def final_model(config: RunConfig, folder: RunFolder) -> AtomicModel:
    """The model of the last stage that made a sound one: refined, classified, or as traced.

    Raises
    ------
    InputError
        If there is none.
    """
    made = (REVIEWED, DETECTED) if config.from_counts else (CLASSIFIED, MODEL)
    for name in (REFINED, *made) if takes_refined(config, folder) else made:
        if folder.path(name).exists():
            return read_named(config, folder, name)
    raise InputError(f"run folder {folder.root}", "no model", "a run that found atoms")


def read_named(config: RunConfig, folder: RunFolder, name: str) -> AtomicModel:
    """Read a model of the run folder and name it after the sample."""
    return replace(read_model(folder.path(name)), name=config.sample.name)


def changes_asked(work: Work) -> str:
    """Fingerprint of what ``edits.csv`` of the run asks for."""
    return fingerprint_of(work.config, work.folder)


_SAMPLE = ("sample.name", "sample.species", "sample.pixel_size")
SELECT = Stage(
    "select",
    ("select", *_SAMPLE),
    (VOLUME, PEAKS),
    (MODEL,),
    select_atoms,
    extras=(UNEDITED, APPLIED),
    follows=changes_asked,
)
CLASSIFY = Stage(
    "classify",
    ("classify", "select.edits", *_SAMPLE),
    (VOLUME, MODEL),
    (CLASSIFIED,),
    classify_atoms,
    follows=changes_asked,
)
REFINE = Stage(
    "refine",
    ("refine", "input.background", *_SAMPLE),
    (SIMULATED, PREPROCESSED, ALIGNED, CLEANED, MODEL, CLASSIFIED),
    (REFINED, REFINEMENT),
    refine_atoms,
)
ANALYZE = Stage(
    "analyze",
    ("analyze", "sample.name"),
    (MODEL, CLASSIFIED, REFINED, DETECTED, REVIEWED),
    (STRUCTURE,),
    analyze_structure,
    optional=(REFINED, REVIEWED),
)
